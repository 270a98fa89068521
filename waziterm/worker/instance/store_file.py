"""Checks of a session file that the library itself does not make, before it opens the file."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from waziterm.domain.jid import Jid
from waziterm.domain.lifecycle.events import StoreFault

BUSY_WAIT_S = 0.5
"""How long a lock is waited for: the starts of others in the worker wait meanwhile, and whoever
finds the file locked is tried again soon."""
_UNSAFE = "?#%\0"


class SessionFileError(Exception):
    """The file cannot serve; the message is one line."""


class StoreFaultError(Exception):
    """The file is sound, but cannot be written now; the message is one line."""

    def __init__(self, fault: StoreFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


FileId = tuple[int, int]
"""The device and the inode of a file: a path may get another one."""
_FAULTS = {
    sqlite3.SQLITE_BUSY: (StoreFault.LOCKED, "the session file is in use by another process"),
    sqlite3.SQLITE_LOCKED: (StoreFault.LOCKED, "the session file is in use by another process"),
    sqlite3.SQLITE_FULL: (StoreFault.FULL, "the disk of the session file is full"),
    sqlite3.SQLITE_READONLY: (StoreFault.READ_ONLY, "the session file is read-only"),
}
_WRITE_FAULTS = _FAULTS | {
    sqlite3.SQLITE_IOERR: (StoreFault.IO, "the session file cannot be written: disk I/O error"),
    # Its journal cannot be made.
    sqlite3.SQLITE_CANTOPEN: (StoreFault.READ_ONLY, "the folder of the session file is read-only"),
}


def check_path(session: str) -> None:
    """Refuse a path that the library would misread.

    neonize pastes the path into a SQLite URI, and takes a name that starts with `postgres` for
    a PostgreSQL address. Raises SessionFileError.
    """
    if any(char in session for char in _UNSAFE):
        raise SessionFileError("the path of the session file must not contain '?', '#' or '%'")
    if not Path(session).is_absolute():
        raise SessionFileError("the path of the session file must be absolute")


def check_resumable(session: str, jid: Jid) -> None:
    """Make sure that the file is a whatsmeow store that holds this device and can be written.

    The library would create a missing file anew and crash on a device that is not in it. With a
    file that cannot be written it would acknowledge messages and lose them. The file is opened for
    writing because SQLite must be free to roll back a hot journal. Raises SessionFileError or
    StoreFaultError.
    """
    try:
        exists = Path(session).is_file()
    except OSError as error:
        raise SessionFileError(f"the session file cannot be read: {error.strerror}") from error
    if not exists:
        raise SessionFileError("the session file is missing")
    try:
        with closing(
            sqlite3.connect(f"file:{session}?mode=rw", uri=True, timeout=BUSY_WAIT_S)
        ) as database:
            row = database.execute(
                "SELECT 1 FROM whatsmeow_device WHERE jid = ?", (str(jid),)
            ).fetchone()
            _try_to_write(database)
    except sqlite3.Error as error:
        _raise_fault(error, _FAULTS)
        raise SessionFileError(f"the session file cannot be read: {error}") from error
    if row is None:
        raise SessionFileError("the session file does not hold this device")


def file_id(session: str) -> FileId | None:
    """Which file lies at the path now; None for none."""
    try:
        found = Path(session).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def standing_fault(session: str, opened: FileId | None) -> tuple[StoreFault, str] | None:
    """What keeps an open session file from being written, as far as a look at its path tells.

    opened: the file that the library has open. It is not opened here: closing it would take the
    library's locks away (POSIX locks belong to the process).
    """
    now = file_id(session)
    if now is None:
        return StoreFault.MOVED, "the session file is gone from its path"
    if opened is not None and now != opened:
        return StoreFault.MOVED, "another file was put in the session file's place"
    if not os.access(session, os.W_OK):
        return StoreFault.READ_ONLY, "the session file is read-only"
    if not os.access(Path(session).parent, os.W_OK | os.X_OK):
        return StoreFault.READ_ONLY, "the folder of the session file is read-only"
    return None


def _try_to_write(database: sqlite3.Connection) -> None:
    """Change a page and take it back: the journal is written, the file is not. Raises
    StoreFaultError."""
    database.isolation_level = None
    version = database.execute("PRAGMA user_version").fetchone()[0]
    database.execute("PRAGMA synchronous = OFF")
    try:
        database.execute("BEGIN IMMEDIATE")
        database.execute(f"PRAGMA user_version = {int(version)}")
        database.execute("ROLLBACK")
    except sqlite3.Error as error:
        _raise_fault(error, _WRITE_FAULTS)
        raise


def _raise_fault(error: sqlite3.Error, faults: dict[int, tuple[StoreFault, str]]) -> None:
    fault = faults.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
    if fault is not None:
        raise StoreFaultError(*fault) from error
