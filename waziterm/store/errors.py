"""`StoreError`, and how SQLite's errors read for an operator."""

import shutil
import sqlite3
from pathlib import Path

from waziterm.domain.errors import FleetError, UnwritableError
from waziterm.domain.text import plain

AGAIN_S = 5.0
"""The pause before a database that failed is tried again, in seconds."""


class StoreError(FleetError):
    """The database was refused, or could not be read or written. Nothing is half-written."""


class UnwritableStoreError(StoreError, UnwritableError):
    """The disk, or a permission, refuses to have the database written."""


class LockedStoreError(StoreError):
    """Another program keeps the database locked: it can be written when that ends."""


_FULL = "SQLITE_FULL"
_UNWRITABLE = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN")
_SPARE_BYTES = 100_000
_BY_CODE: tuple[tuple[str, str, str], ...] = (
    (
        "SQLITE_FULL",
        "the disk is full, nothing was written to {path}",
        "free some space; what was stored before is safe",
    ),
    (
        "SQLITE_IOERR",
        "the disk refused to read or write {path} ({code})",
        "check the disk, its free space and its quota; what was stored before is safe",
    ),
    (
        "SQLITE_BUSY",
        "another program keeps {path} locked",
        "close the program that has it open (`fuser {path}` names it)",
    ),
    (
        "SQLITE_READONLY",
        "{path} cannot be written",
        "check the owner and the permissions of the file and its directory",
    ),
    (
        "SQLITE_CANTOPEN",
        "{path} cannot be opened",
        "check that its directory exists, and the owner and the permissions of both",
    ),
    ("SQLITE_NOTADB", "{path} is not a waziterm database", "{move}"),
    ("SQLITE_CORRUPT", "{path} is damaged", "{move}"),
)
MOVE_AWAY = "move it away, or name another directory with --data-dir; it was left as it is"


def from_sqlite(error: sqlite3.Error, path: Path) -> StoreError:
    """The same failure as one line that names the file and what to do about it."""
    code = getattr(error, "sqlite_errorname", "")
    if code.startswith(_UNWRITABLE) and _is_full(path.parent):
        code = _FULL
    kind = UnwritableStoreError if code.startswith(_UNWRITABLE) else StoreError
    kind = LockedStoreError if code.startswith("SQLITE_BUSY") else kind
    for prefix, message, hint in _BY_CODE:
        if code.startswith(prefix):
            words = {"path": path, "code": code, "move": MOVE_AWAY}
            return kind(message.format(**words), hint.format(**words))
    return StoreError(f"{path}: {plain(str(error))}")


def _is_full(folder: Path) -> bool:
    """Whether the disk has no room for what SQLite needs beside a database to open it."""
    try:
        return shutil.disk_usage(folder).free < _SPARE_BYTES
    except OSError:
        return False
