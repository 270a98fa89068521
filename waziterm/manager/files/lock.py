"""Ownership of a data directory: an OS lock that the kernel releases when its holder dies."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from waziterm.domain.errors import FleetError

_WAIT_S = 0.5
_PAUSE_S = 0.02


@contextmanager
def owned(lock: Path, *, wait_s: float = _WAIT_S) -> Iterator[None]:
    """Own the directory of this lock file while the context lasts.

    wait_s: how long another may keep it, in seconds; a verb on the files has it for a moment.

    Raises FleetError with exit code 3, naming the owner's pid, when another process owns it.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not flocked(descriptor, wait_s=wait_s):
            raise owned_by(_pid(descriptor), lock.parent)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def unowned(lock: Path) -> Iterator[None]:
    """Keep a manager from starting while the context lasts, without keeping other readers out.

    Raises FleetError with exit code 3 when one has the directory.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FleetError(
                f"a manager (pid {_pid(descriptor) or 'unknown'}) has just started"
                f" on {lock.parent}",
                "run the verb again",
                code=3,
            ) from None
        yield
    finally:
        os.close(descriptor)


def owned_by(pid: int | None, root: Path) -> FleetError:
    """The refusal for whoever wants a directory that a manager owns. pid: None when unknown."""
    return FleetError(
        f"another manager (pid {pid or 'unknown'}) owns {root}",
        "use its verbs, end it, or name another directory with --data-dir",
        code=3,
    )


def flocked(descriptor: int, *, wait_s: float) -> bool:
    """Take the exclusive lock of an open file, if it gets free within `wait_s` seconds.

    Even a lock that nobody keeps is held for an instant, by a verb that looks for the owner.
    """
    end = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(_PAUSE_S)
        else:
            return True


def lock_owner(lock: Path) -> int | None:
    """The pid of the live process that holds the lock file; None when nobody does."""
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _pid(descriptor) or -1
        return None
    finally:
        os.close(descriptor)


def _pid(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
    return int(text) if text.isdigit() else None
