"""A look at what is remembered, without opening the database as its owner."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from waziterm.domain.lifecycle.instance import OwnKey, OwnValue


def peek_meta(path: Path, key: str) -> str | None:
    """A single remembered value of the database at `path`, as it was committed last; None when it
    is not set, or cannot be read. Makes no file and takes no lock that somebody would wait for."""
    return _peeked(path, "SELECT value FROM meta WHERE key = ?", key)


def peek_id(path: Path, name: str) -> str | None:
    """The id of the instance with this name, see `peek_meta`; None as well in a database of before
    instances had ids."""
    return _peeked(path, "SELECT id FROM instances WHERE name = ? AND typeof(id) = 'text'", name)


def peek_own(path: Path) -> dict[str, dict[OwnKey, OwnValue]]:
    """What a person has set of instances that the config knows too, by their names, see
    `peek_meta`; nothing as well in a database of before that."""
    sql = (
        "SELECT name, proxy, device_name, isolate, receipts FROM instances"
        " WHERE typeof(name) = 'text'"
    )
    found: dict[str, dict[OwnKey, OwnValue]] = {}
    for name, proxy, device_name, isolate, receipts in _rows(path, sql):
        own: dict[OwnKey, OwnValue] = {
            OwnKey.PROXY: proxy if isinstance(proxy, str) else None,
            OwnKey.DEVICE_NAME: device_name if isinstance(device_name, str) else None,
            OwnKey.ISOLATE: None if isolate is None else bool(isolate),
            OwnKey.RECEIPTS: None if receipts is None else bool(receipts),
        }
        if any(value is not None for value in own.values()):
            found[name] = own
    return found


def _peeked(path: Path, sql: str, value: str) -> str | None:
    row = next(iter(_rows(path, sql, value)), None)
    return None if row is None else str(row[0])


def _rows(path: Path, sql: str, *values: str) -> list[tuple[Any, ...]]:
    try:
        if not path.is_file():
            return []
        # SQLite reads a write-ahead log only beside an index, which it would have to make here.
        mode = "mode=ro" if path.with_name(path.name + "-shm").exists() else "mode=ro&immutable=1"
        uri = f"{path.absolute().as_uri()}?{mode}"
        with closing(sqlite3.connect(uri, uri=True, timeout=1.0)) as db:
            return db.execute(sql, values).fetchall()
    except (OSError, sqlite3.Error):
        return []
