"""Reading what lies in a folder of somebody else's: nothing in it is trusted, or changed.

Links are not followed, what is no regular file is not opened, sizes and counts are bounded, and the
times of reading are left alone where the system allows it.
"""

import json
import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from waziterm.domain.frozen import dataclass
from waziterm.domain.phrase import Phrase
from waziterm.domain.text import safe_line

MOST_BYTES = 4_000_000
"""Of one file of JSON."""
MOST_STORE_BYTES = 2_000_000_000
"""Of one SQLite file."""
SPARE_BYTES = 100_000_000
"""What stays free where a store is copied to: others write there too."""
MOST_FILES = 20_000
MOST_FOLDER_BYTES = 400_000_000
"""Of all files of JSON in one folder."""
_QUIET = getattr(os, "O_NOATIME", 0)
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK = 1 << 20
_EMPTY_TRIES, _EMPTY_S = 5, 0.1


class SourceError(ValueError):
    """A source cannot be read; said: one line for a person, without secrets."""

    def __init__(self, said: Phrase) -> None:
        super().__init__(said)
        self.said = said


@dataclass(frozen=True, slots=True)
class FileMark:
    """By which it shows that a file was changed. times: of its content, nanoseconds."""

    path: Path
    inode: int
    size: int
    changed_ns: int


def json_in(path: Path) -> object:
    """The JSON of a file. Raises SourceError."""
    data = _read(path, MOST_BYTES)
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise SourceError(Phrase("{file} holds no JSON", file=_shown(path))) from error


def filled_json_in(path: Path) -> object:
    """The same of a file that is empty for moments while its program writes it."""
    for _ in range(_EMPTY_TRIES):
        if _marked(path).size:
            return json_in(path)
        time.sleep(_EMPTY_S)
    said = Phrase("{file} is empty: its program may be writing it", file=_shown(path))
    raise SourceError(said)


def names_in(folder: Path) -> tuple[str, ...]:
    """What lies in a folder, by name. Raises SourceError."""
    found: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if len(found) == MOST_FILES:
                    name = _shown(folder)
                    raise SourceError(
                        Phrase("{file} holds more than {most} files", file=name, most=MOST_FILES)
                    )
                found.append(entry.name)
    except OSError as error:
        raise _unreadable(folder, error.strerror) from error
    return tuple(sorted(found))


def marks_of(paths: Iterator[Path] | tuple[Path, ...]) -> tuple[FileMark, ...]:
    """The marks of files, those that are gone or no files left out."""
    found = []
    for path in paths:
        with suppress(SourceError):
            found.append(_marked(path))
    return tuple(found)


def begins_with(path: Path, size: int) -> bytes:
    """The first bytes of a file; none of what is no regular file, or cannot be read."""
    try:
        with _descriptor(path) as descriptor:
            return os.read(descriptor, size)
    except SourceError:
        return b""


def is_folder(path: Path) -> bool:
    """Whether it is a folder, and no link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def is_file(path: Path) -> bool:
    """Whether it is a regular file, and no link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def copy_store(path: Path, folder: Path, most: int = MOST_STORE_BYTES) -> Path:
    """Copy a SQLite file and what lies beside it into a folder of ours, byte by byte; the copy.

    It is for a store that nobody has open: what is in its write-ahead log, or is to be rolled back,
    comes with it. most: bytes of each file. Raises SourceError, before anything is written of what
    is too large or has no room, and OSError.
    """
    target = folder / "store.db"
    for end in ("", "-wal", "-journal"):
        source = path.with_name(path.name + end)
        # What lies there and cannot be read holds rows that would be missed.
        if end and not os.path.lexists(source):
            continue
        with _descriptor(source) as descriptor:
            size = os.fstat(descriptor).st_size
            if size > most:
                raise _too_large(source, most)
            if shutil.disk_usage(folder).free < size + SPARE_BYTES:
                raise SourceError(
                    Phrase(
                        "there is no room for a copy of {file} ({size} MB)",
                        file=_shown(source),
                        size=size // 1_000_000,
                    )
                )
            with (folder / f"store.db{end}").open("wb") as out:
                os.fchmod(out.fileno(), 0o600)
                while data := os.read(descriptor, _CHUNK):
                    if out.tell() + len(data) > size:
                        said = Phrase("{file} grows: its program is running", file=_shown(source))
                        raise SourceError(said)
                    out.write(data)
    return target


def _read(path: Path, limit: int) -> bytes:
    with _descriptor(path) as descriptor:
        data = bytearray()
        while len(data) <= limit and (more := os.read(descriptor, limit + 1 - len(data))):
            data += more
    if len(data) > limit:
        raise _too_large(path, limit)
    return bytes(data)


def _marked(path: Path) -> FileMark:
    try:
        found = os.lstat(path)
    except OSError as error:
        raise _unreadable(path, error.strerror) from error
    if not stat.S_ISREG(found.st_mode):
        raise _no_file(path, is_link=stat.S_ISLNK(found.st_mode))
    return FileMark(path, found.st_ino, found.st_size, found.st_mtime_ns)


@contextmanager
def _descriptor(path: Path) -> Iterator[int]:
    """A regular file, open to be read. Raises SourceError."""
    try:
        try:
            descriptor = os.open(path, _FLAGS | _QUIET)
        except PermissionError:
            # Not to leave a time behind is for its owner alone.
            descriptor = os.open(path, _FLAGS)
    except OSError as error:
        why = Phrase("it is a symlink") if path.is_symlink() else error.strerror
        raise _unreadable(path, why) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _no_file(path, is_link=False)
        yield descriptor
    except OSError as error:
        raise _unreadable(path, error.strerror) from error
    finally:
        os.close(descriptor)


def _unreadable(path: Path, why: str | None) -> SourceError:
    said = Phrase("{file} cannot be read: {why}", file=_shown(path), why=why or "")
    return SourceError(said)


def _too_large(path: Path, most: int) -> SourceError:
    size = most // 1_000_000
    return SourceError(Phrase("{file} is larger than {size} MB", file=_shown(path), size=size))


def _no_file(path: Path, *, is_link: bool) -> SourceError:
    if is_link:
        return SourceError(Phrase("{file} is a symlink", file=_shown(path)))
    return SourceError(Phrase("{file} is no file", file=_shown(path)))


def _shown(path: Path) -> str:
    return safe_line(path.name, 120)
