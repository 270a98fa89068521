"""Checks of a session file that the library itself does not make, before it opens the file."""

import sqlite3
from contextlib import closing
from pathlib import Path

from waziterm.domain.jid import Jid

BUSY_WAIT_S = 5.0
_UNSAFE = "?#%\0"


class SessionFileError(Exception):
    """The file cannot serve; the message is one line."""


class SessionBusyError(Exception):
    """Another process holds the file just now; the message is one line."""


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
    """Make sure that the file is a whatsmeow store that holds this device.

    The library would create a missing file anew and crash on a device that is not in it.
    The file is opened for writing because SQLite must be free to roll back a hot journal.
    Raises SessionFileError or SessionBusyError.
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
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (
            sqlite3.SQLITE_BUSY,
            sqlite3.SQLITE_LOCKED,
        ):
            raise SessionBusyError("the session file is in use by another process") from error
        raise SessionFileError(f"the session file cannot be read: {error}") from error
    if row is None:
        raise SessionFileError("the session file does not hold this device")
