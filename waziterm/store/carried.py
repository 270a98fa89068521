"""The history of one instance as it goes along to another data directory: a line of JSON a row."""

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

from waziterm.domain.errors import FleetError
from waziterm.domain.text import plain
from waziterm.store.sound import SOUND

TABLES = ("transitions", "attempts", "sends", "lines", "patterns")
"""What goes along. What was counted of it is counted anew there."""
_NUMBERED = "id"
_LONGEST = 4096


def history_of(db: sqlite3.Connection, identity: str) -> bytes:
    """All rows of an instance in these tables."""
    return b"".join(_lines(db, identity))


def _lines(db: sqlite3.Connection, identity: str) -> Iterator[bytes]:
    for table in TABLES:
        columns = _columns(db, table)
        rows = db.execute(
            f"SELECT {', '.join(columns)} FROM {table}"
            f" WHERE instance = ? AND {SOUND[table]} ORDER BY {_order(table)}",
            (identity,),
        )
        for row in rows:
            told = {"table": table, "row": dict(zip(columns, row, strict=True))}
            yield json.dumps(told).encode() + b"\n"


def take_history(db: sqlite3.Connection, identity: str, history: bytes) -> None:
    """Write such rows for an instance of which there are none yet; where there are, they stay and
    nothing is written. Raises FleetError for what is none of ours, and then nothing is written."""
    if any(_has(db, table, identity) for table in TABLES):
        return
    known = {table: _columns(db, table) for table in TABLES}
    for line in history.splitlines():
        table, row = _row(line, known)
        names = ", ".join(row)
        try:
            db.execute(
                f"INSERT INTO {table} (instance, {names}) VALUES (?{', ?' * len(row)})",
                (identity, *row.values()),
            )
        except (sqlite3.IntegrityError, OverflowError) as error:
            raise _strange() from error
    for table in TABLES:
        db.execute(f"DELETE FROM {table} WHERE instance = ? AND NOT {SOUND[table]}", (identity,))


def _row(line: bytes, known: dict[str, tuple[str, ...]]) -> tuple[str, dict[str, Any]]:
    try:
        told = json.loads(line)
        table, row = told["table"], told["row"]
        columns = known[table]
        # A newer program's column is left out.
        kept = {key: _value(value) for key, value in row.items() if key in columns}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _strange() from error
    if not kept:
        raise _strange()
    return table, kept


def _value(value: Any) -> Any:
    if isinstance(value, str):
        return plain(value, _LONGEST)
    if value is None or isinstance(value, int | float):
        return value
    raise TypeError


def _columns(db: sqlite3.Connection, table: str) -> tuple[str, ...]:
    """Those that say something of the row itself."""
    named = (row[1] for row in db.execute(f"PRAGMA table_info({table})"))
    return tuple(each for each in named if each not in (_NUMBERED, "instance"))


def _order(table: str) -> str:
    return {"lines": "seq", "patterns": "hour"}.get(table, _NUMBERED)


def _has(db: sqlite3.Connection, table: str, identity: str) -> bool:
    row = db.execute(f"SELECT 1 FROM {table} WHERE instance = ? LIMIT 1", (identity,)).fetchone()
    return row is not None


def _strange() -> FleetError:
    return FleetError("it is none of ours: its history cannot be read", "nothing was changed")
