"""A look at one remembered value, without opening the database as its owner."""

import sqlite3
from contextlib import closing
from pathlib import Path


def peek_meta(path: Path, key: str) -> str | None:
    """A single remembered value of the database at `path`, as it was committed last; None when it
    is not set, or cannot be read. Makes no file and takes no lock that somebody would wait for."""
    return _peeked(path, "SELECT value FROM meta WHERE key = ?", key)


def peek_id(path: Path, name: str) -> str | None:
    """The id of the instance with this name, see `peek_meta`; None as well in a database of before
    instances had ids."""
    return _peeked(path, "SELECT id FROM instances WHERE name = ? AND typeof(id) = 'text'", name)


def _peeked(path: Path, sql: str, value: str) -> str | None:
    try:
        if not path.is_file():
            return None
        # SQLite reads a write-ahead log only beside an index, which it would have to make here.
        mode = "mode=ro" if path.with_name(path.name + "-shm").exists() else "mode=ro&immutable=1"
        uri = f"{path.absolute().as_uri()}?{mode}"
        with closing(sqlite3.connect(uri, uri=True, timeout=1.0)) as db:
            row = db.execute(sql, (value,)).fetchone()
    except (OSError, sqlite3.Error):
        return None
    return None if row is None else str(row[0])
