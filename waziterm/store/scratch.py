"""Folders for copies that are needed for a moment, and end even after a process that was killed."""

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STAGING = "moving-"
"""How the folders begin in which what moves in or out is put together, in a data directory."""


@contextmanager
def scratch(prefix: str, where: Path) -> Iterator[Path]:
    """A folder of mode 0700 in `where`, for the time of a `with` block.

    Whoever has it holds a lock on it, which the kernel releases when the process dies: what a
    killed process of this user left under the same prefix in `where` is deleted first. Raises
    OSError.
    """
    sweep(prefix, where)
    folder, held = _made(prefix, where)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _made(prefix: str, where: Path) -> tuple[Path, int]:
    """A new folder, and the descriptor that holds its lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=where))
        try:
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            # Another one swept it before it was locked.
            continue
        with contextlib.suppress(OSError):
            # A file system without locks: then nobody sweeps either.
            fcntl.flock(held, fcntl.LOCK_EX)
        if folder.exists():
            return folder, held
        os.close(held)


def sweep(prefix: str, where: Path) -> None:
    """Delete what nobody holds any more; what cannot be deleted stays."""
    for folder in where.glob(f"{prefix}*"):
        try:
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
                continue
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            # Fails where somebody has it, or where the file system knows no locks.
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue
        finally:
            os.close(held)
