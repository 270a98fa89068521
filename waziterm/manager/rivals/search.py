"""Who has it? The search for whoever else uses a session on this machine.

It reads the process table and /proc, so it belongs in a thread. Our own processes are left out.
psutil is loaded with the first search: its 10 ms are none of the first paint's.
"""

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from waziterm.domain import moments
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.details import search_detail
from waziterm.domain.text import plain
from waziterm.manager.rivals.connections import Address

if TYPE_CHECKING:
    import psutil

_PROJECT = ("package.json", "go.mod", "pyproject.toml", "docker-compose.yml", "compose.yaml")
"""What lies where a program is at home."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a search found.

    holder: a process that has the session file open for writing, or reads it and talks to
    WhatsApp, for the operator, or "".
    suspects: processes that do one of both, and read; they prove nothing.
    unread: how many processes of other users could not be looked into.
    """

    holder: str = ""
    suspects: tuple[str, ...] = ()
    unread: int = 0

    @property
    def summary(self) -> str:
        """One sentence for the operator."""
        return search_detail(self.holder, self.suspects, self.unread)


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that a process has open. identity: its device and inode."""

    pid: int
    descriptor: str
    identity: tuple[int, int]

    def is_written(self) -> bool:
        """Whether it is open for writing: the access mode of open(2), see proc_pid_fdinfo(5).
        Raises PermissionError when the process has become somebody else's."""
        try:
            told = Path(f"/proc/{self.pid}/fdinfo/{self.descriptor}").read_text(encoding="ascii")
        except (FileNotFoundError, ProcessLookupError):
            # It has been closed since.
            return False
        flags = next(line for line in told.splitlines() if line.startswith("flags:"))
        return int(flags.removeprefix("flags:"), 8) & os.O_ACCMODE != os.O_RDONLY


@dataclass(frozen=True, slots=True)
class SearchFor:
    """What to look for. paths: the session's files. addresses: what the instance's own worker was
    connected to. ours: the workers, which may be nobody's children when their zygote died."""

    paths: tuple[Path, ...]
    addresses: frozenset[Address] = frozenset()
    ours: frozenset[int] = frozenset()


def search(wanted: SearchFor) -> SearchResult:
    """Look for another process that has the session open or talks to the same addresses."""
    import psutil  # noqa: PLC0415

    ours = wanted.ours | _ours()
    files, addresses = _identities(wanted.paths), wanted.addresses
    holder, suspects, unread = "", [], 0
    for process in psutil.process_iter():
        if process.pid in ours:
            continue
        try:
            used = [each for each in opened(process.pid) if each.identity in files] if files else []
            writes = any(each.is_written() for each in used)
            talks = bool(addresses and not writes) and not addresses.isdisjoint(_addresses(process))
            if writes or (used and talks):
                holder = holder or _described(process)
            elif used:
                suspects.append(f"{_described(process)} reads the session file")
            elif talks:
                suspects.append(_described(process))
        except (psutil.AccessDenied, PermissionError):
            unread += 1
        except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            continue
    return SearchResult(holder, tuple(suspects), unread)


def holders_of(files: Mapping[str, tuple[Path, ...]], ours: frozenset[int]) -> dict[str, str]:
    """By name, the first process of somebody else that has one of these files open for writing.

    files: by name, the session's files. ours: workers, beside this process and its children.
    """
    import psutil  # noqa: PLC0415

    names = {identity: name for name, paths in files.items() for identity in _identities(paths)}
    ours |= _ours()
    found: dict[str, str] = {}
    for process in psutil.process_iter() if names else ():
        if process.pid in ours:
            continue
        try:
            for each in opened(process.pid):
                name = names.get(each.identity)
                if name is not None and name not in found and each.is_written():
                    found[name] = _described(process)
        except (psutil.Error, PermissionError, FileNotFoundError, ProcessLookupError):
            continue
    return found


def working_in(folders: Mapping[str, Path], ours: frozenset[int]) -> dict[str, str]:
    """By name, the first process of somebody else that works in one of these folders, or close
    above it, and talks to somebody.

    A program that opens its files for moments alone, as Baileys does, is found by this. Above a
    folder many programs may work that know nothing of it: one that works there counts where the
    place is a program's own, or the program itself lies there. See `_places`.
    """
    import psutil  # noqa: PLC0415

    places: dict[tuple[int, int], list[tuple[str, bool]]] = {}
    for name, folder in folders.items():
        for path, is_own in _places(folder):
            for each in _identities((path,)):
                places.setdefault(each, []).append((name, is_own))
    ours |= _ours()
    found: dict[str, str] = {}
    for process in psutil.process_iter() if places else ():
        if process.pid in ours:
            continue
        try:
            cwd = Path(f"/proc/{process.pid}/cwd")
            stat = cwd.stat()
            near = places.get((stat.st_dev, stat.st_ino), [])
            names = [name for name, is_own in near if is_own or _lies_in(process, cwd.readlink())]
            if names and next(_addresses(process), None) is not None:
                for name in names:
                    found.setdefault(name, _described(process))
        except (psutil.Error, OSError):
            continue
    return found


def _places(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Where the program of a folder may work, and whether whoever works there is that program: in
    the folder itself; in the one above it, unless that holds many things, as the root's own and a
    home directory do; and two above, or in such a one, only a program that lies there too. Above
    the place of a project nobody is.
    """
    shared = {Path("/"), Path.home(), *Path("/home").glob("*")}
    for depth, path in enumerate((folder, *tuple(folder.parents)[:2])):
        if path in shared:
            return
        is_project = any((path / each).exists() for each in _PROJECT)
        is_top = len(path.parts) == 2
        yield path, depth == 0 or is_project or (depth == 1 and not is_top)
        if is_project:
            return


def _lies_in(process: "psutil.Process", folder: Path) -> bool:
    """Whether a program lies in a folder: its file, or the script that it was called with."""
    called = [process.exe(), *(each for each in process.cmdline()[1:] if each[:1] != "-")][:2]
    paths = [Path(os.path.normpath(folder / each)) for each in called]
    return any(folder in each.parents and each.is_file() for each in paths)


def _ours() -> frozenset[int]:
    import psutil  # noqa: PLC0415

    children = psutil.Process().children(recursive=True)
    return frozenset(process.pid for process in children) | {os.getpid()}


def _identities(paths: tuple[Path, ...]) -> frozenset[tuple[int, int]]:
    """A file is told by device and inode: a path may be a link, or look different in a jail."""
    found = set()
    for path in paths:
        try:
            stat = path.stat()
        except OSError:
            continue
        found.add((stat.st_dev, stat.st_ino))
    return frozenset(found)


def opened(pid: int) -> Iterator[OpenFile]:
    """What a process has open. Raises OSError when it is gone, or belongs to somebody else."""
    with os.scandir(f"/proc/{pid}/fd") as entries:
        for entry in entries:
            try:
                stat = entry.stat()
            except OSError:
                continue
            yield OpenFile(pid, entry.name, (stat.st_dev, stat.st_ino))


def _addresses(process: "psutil.Process") -> Iterator[Address]:
    import psutil  # noqa: PLC0415

    for connection in process.net_connections(kind="tcp"):
        if connection.raddr and connection.status == psutil.CONN_ESTABLISHED:
            yield connection.raddr.ip, connection.raddr.port


def _described(process: "psutil.Process") -> str:
    """Its pid, command and start, inert and short: a command line may be anybody's text. The pid
    comes first, so that a line that is cut still has it."""
    with process.oneshot():
        command = plain(" ".join(process.cmdline()) or process.name(), 60)
        since = moments.stored(time.gmtime(process.create_time()))
    return f"pid {process.pid}: {command}, since {since}"
