"""What `waziterm doctor` looks at: one function for each property of the machine."""

import locale
import os
import platform
import shutil
import socket
import stat
import subprocess
import sys
from enum import StrEnum
from pathlib import Path

from waziterm.domain.care.host import FULL_DISK_BYTES, LOW_DISK_BYTES, instances_within
from waziterm.domain.errors import FleetError
from waziterm.domain.frozen import dataclass
from waziterm.domain.text import plain
from waziterm.domain.version import VersionChoice, day_text, said
from waziterm.manager.descriptors import descriptors as allowed_descriptors
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.files.listener import LONGEST_PATH
from waziterm.manager.version.kept import KEPT, Kept, chosen
from waziterm.store.peek import peek_meta
from waziterm.worker.library_file import LibraryFileError, compiled_number, installed

FLEET = 200

SMALLEST_TERMINAL = (80, 24)
SERVER = ("web.whatsapp.com", 443)
REACH_S = 5.0
LOAD_S = 60.0

_MAGIC = "import pylibmagic, magic; magic.Magic(mime=True).from_buffer(b'text'); print('loads')"
_NEONIZE = (
    "import pylibmagic, importlib.metadata as m, neonize; print(m.version('neonize') + ' loads')"
)


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor. act: what to do, "" when nothing is."""

    check: str
    status: Status
    detail: str
    act: str = ""


def python() -> Check:
    """The interpreter's version; an older one than 3.11 does not even start the program."""
    detail = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return Check("python", Status.OK, detail)


def libmagic() -> Check:
    """Whether the libmagic that pylibmagic brings can be loaded."""
    act = "install the program again: `pip install --force-reinstall pylibmagic python-magic`"
    return _loads("libmagic", _MAGIC, act)


def neonize() -> Check:
    """Whether neonize's native library loads; in a process of its own, as a worker loads it."""
    act = "install the program again; neonize needs 64-bit Linux or macOS, on x86 or ARM"
    return _loads("neonize", _NEONIZE, act)


def _loads(check: str, code: str, act: str) -> Check:
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LOAD_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Check(check, Status.FAIL, f"not loaded after {LOAD_S:.0f} s", act)
    if done.returncode == 0:
        return Check(check, Status.OK, _last_line(done.stdout))
    why = _last_line(done.stderr) or f"its process ended with {done.returncode}"
    return Check(check, Status.FAIL, why, act)


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return plain(lines[-1], 200) if lines else ""


def version(data: DataDir, choice: VersionChoice, now: float) -> Check:
    """The version that the library tells WhatsApp, its age and its end. now: UTC seconds."""
    name, upgrade = "version", "upgrade neonize, then start waziterm again"
    kept = Kept.parse(peek_meta(data.database, KEPT))
    try:
        used = chosen(compiled_number(installed()), choice, kept, now)
    except LibraryFileError as error:
        act = "it cannot be replaced here when WhatsApp refuses it: keep neonize new"
        return Check(name, Status.WARN, f"not known: {error}", act)
    if kept.refused is not None and used.number <= kept.refused:
        return Check(name, Status.FAIL, f"WhatsApp refuses {used.text} (405)", upgrade)
    detail = said(used.text, used.origin, used.age_days(now), day_text(used.refusals_from))
    if now < used.warned_from:
        return Check(name, Status.OK, detail)
    return Check(name, Status.WARN, detail, upgrade)


def descriptors() -> Check:
    """How many instances the limit of open files allows, which a manager raises as it may."""
    limit = allowed_descriptors()
    if limit is None:
        return Check("open files", Status.OK, "no limit")
    allowed = instances_within(limit)
    detail = f"limit {limit}, enough for about {allowed} instances"
    if allowed >= FLEET:
        return Check("open files", Status.OK, detail)
    act = "raise the hard limit (`ulimit -Hn`), or LimitNOFILE= in a systemd unit"
    return Check("open files", Status.WARN if allowed else Status.FAIL, detail, act)


def terminal() -> Check:
    """Whether the monitor's screen would fit and be readable here."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return Check(
            "terminal", Status.WARN, "none here", "`waziterm headless` and all verbs need none"
        )
    columns, rows = shutil.get_terminal_size()
    name = os.environ.get("TERM", "")
    encoding = locale.getencoding()
    detail = f"{columns}×{rows}, {name or 'TERM is not set'}, {_colours(name)}, {encoding}"
    if name in ("", "dumb"):
        return Check("terminal", Status.WARN, detail, "set TERM, for example to xterm-256color")
    if encoding.lower().replace("-", "") != "utf8":
        return Check("terminal", Status.WARN, detail, "set LC_ALL to a UTF-8 locale: C.UTF-8")
    if columns < SMALLEST_TERMINAL[0] or rows < SMALLEST_TERMINAL[1]:
        return Check("terminal", Status.WARN, detail, "enlarge it to 80×24 or more")
    return Check("terminal", Status.OK, detail)


def _colours(name: str) -> str:
    if os.environ.get("COLORTERM", "") in ("truecolor", "24bit"):
        return "16 million colours"
    return "256 colours" if "256color" in name or "direct" in name else "16 colours"


def directory(data: DataDir) -> Check:
    """Owner, permissions and path of the data directory, or of where it would be made."""
    root = data.root
    if (bad := [char for char in "?#%" if char in str(root)]) or len(
        os.fsencode(data.socket)
    ) > LONGEST_PATH:
        why = f"its path holds {bad[0]!r}" if bad else "its path is too long for a socket"
        return Check("data directory", Status.FAIL, f"{root}: {why}", "name another: --data-dir")
    try:
        found = root.stat()
    except FileNotFoundError:
        return _owned(data) or _creatable(root)
    except OSError as error:
        return Check("data directory", Status.FAIL, f"{root}: {error.strerror}", "see its parents")
    if not stat.S_ISDIR(found.st_mode):
        return Check("data directory", Status.FAIL, f"{root} is no directory", "move it away")
    if not os.access(root, os.R_OK | os.W_OK | os.X_OK):
        return Check("data directory", Status.FAIL, f"{root}: not ours to write", "chown it")
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        act = f"`chmod 700 {root}`: session files are keys"
        return Check("data directory", Status.WARN, f"{root} is open to others ({mode:o})", act)
    return _owned(data) or Check("data directory", Status.OK, f"{root}")


def _owned(data: DataDir) -> Check | None:
    """Whose directory it is, None for nobody's."""
    try:
        pid = data.owner_pid()
    except FleetError as error:
        return Check("data directory", Status.FAIL, str(error), error.hint)
    said = f"{data.root}, manager pid {pid}"
    return None if pid is None else Check("data directory", Status.OK, said)


def _creatable(root: Path) -> Check:
    parent = _existing(root)
    if os.access(parent, os.W_OK | os.X_OK):
        return Check("data directory", Status.OK, f"{root}, made at the first start")
    act = "name another with --data-dir"
    return Check("data directory", Status.FAIL, f"{parent} is not ours to write", act)


def disk(data: DataDir, free: int | None = None) -> Check:
    """Free space where the data directory is. free: bytes; None asks the system."""
    if free is None:
        try:
            free = shutil.disk_usage(_existing(data.root)).free
        except OSError as error:
            return Check("disk", Status.FAIL, str(error.strerror), "see the data directory")
    detail = f"{free / 1e9:.1f} GB free"
    if free >= LOW_DISK_BYTES:
        return Check("disk", Status.OK, detail)
    status = Status.WARN if free >= FULL_DISK_BYTES else Status.FAIL
    return Check(
        "disk", status, detail, "free some space: a session that cannot be written is lost"
    )


def reach(address: tuple[str, int] = SERVER) -> Check:
    """Whether WhatsApp's server takes a TCP connection."""
    name = "network"
    try:
        with socket.create_connection(address, timeout=REACH_S):
            return Check(name, Status.OK, f"{address[0]} takes connections")
    except OSError as error:
        why = plain(str(error.strerror or error), 100)
        act = "see DNS, firewall and proxy; an instance may have its own proxy (add --proxy)"
        return Check(name, Status.FAIL, f"{address[0]}: {why}", act)


def _existing(path: Path) -> Path:
    while not os.path.exists(path) and path != path.parent:  # noqa: PTH110 - that one can fail
        path = path.parent
    return path
