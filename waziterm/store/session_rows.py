"""The rows of whatsmeow's store: written into an empty one, and read out of any.

A store is written where nobody has it open, and a foreign one is read as a copy: SQLite would make
files beside it.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import fields
from pathlib import Path

from waziterm.domain.frozen import dataclass
from waziterm.domain.moving.rows import (
    DeviceRow,
    DeviceRows,
    IdentityRow,
    LidRow,
    PreKeyRow,
    SenderKeyRow,
    SessionRow,
    SyncKeyRow,
    TokenRow,
)
from waziterm.store.errors import StoreError, from_sqlite
from waziterm.store.sessionfile import sync

Value = str | bytes | int | float | None
Row = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of whatsmeow's store. owner: the column with the device's JID, "" where a row is
    nobody's."""

    name: str
    owner: str


_DEVICE = _Table("whatsmeow_device", "jid")
_OF_ROWS: Mapping[type, _Table] = {
    DeviceRow: _DEVICE,
    PreKeyRow: _Table("whatsmeow_pre_keys", "jid"),
    SessionRow: _Table("whatsmeow_sessions", "our_jid"),
    IdentityRow: _Table("whatsmeow_identity_keys", "our_jid"),
    SenderKeyRow: _Table("whatsmeow_sender_keys", "our_jid"),
    SyncKeyRow: _Table("whatsmeow_app_state_sync_keys", "jid"),
    LidRow: _Table("whatsmeow_lid_map", ""),
    TokenRow: _Table("whatsmeow_privacy_tokens", "our_jid"),
}
_COPIED = (
    _Table("whatsmeow_app_state_version", "jid"),
    _Table("whatsmeow_app_state_mutation_macs", "jid"),
    _Table("whatsmeow_contacts", "our_jid"),
    _Table("whatsmeow_chat_settings", "our_jid"),
    _Table("whatsmeow_message_secrets", "our_jid"),
    _Table("whatsmeow_nct_salt", "our_jid"),
)
"""What else a whatsmeow store has of a device and can be carried as it is: the library reads it as
plain values. What holds texts of messages is left out: they are sent again if they are missed."""
_MOST_ROWS = 1_000_000
_LIMIT_STEPS = 200_000_000


@dataclass(frozen=True, slots=True)
class ForeignDevice:
    """A device in a foreign store, as it lies there: nothing of it is checked yet. jid: as it
    stands in the store. rows: by the class of the rows, but for the device's own; those that are
    nobody's are the same tuple in each device of a store."""

    jid: str
    device: Row
    rows: Mapping[type, tuple[Row, ...]]


@dataclass(frozen=True, slots=True)
class CopiedFrom:
    """Whence `write_rows` copies what it carries as it is: a copy of the store, and the device's
    JID as it stands there."""

    store: Path
    jid: str


def schema_version(path: Path) -> int:
    """The version of a store's schema, 0 where it tells none. Raises StoreError."""
    with _opened(path) as db:
        if "whatsmeow_version" not in _tables(db):
            return 0
        row = db.execute("SELECT max(version) FROM whatsmeow_version").fetchone()
        return row[0] if row is not None and isinstance(row[0], int) else 0


def foreign_devices(path: Path, keys: Path | None) -> tuple[ForeignDevice, ...]:
    """The devices in a copy of a whatsmeow store. keys: a copy of the second store in which the
    program keeps their keys, if it has one. Raises StoreError."""
    with _opened(path) as db, _opened(keys or path) as other:
        if _DEVICE.name not in _tables(db):
            raise StoreError(f"{path.name} is no whatsmeow store")
        there, beside = _tables(db), _tables(other)
        nobodys: dict[type, tuple[Row, ...]] = {}

        def rows_of(kind: type, table: _Table, jid: str) -> tuple[Row, ...]:
            held = _rows(db, there, table, kind, jid)
            return held if keys is None else (*held, *_rows(other, beside, table, kind, jid))

        found = []
        for device in _rows(db, there, _DEVICE, DeviceRow, None):
            jid = device.get("jid")
            if not isinstance(jid, str):
                continue
            rows = {}
            for kind, table in _OF_ROWS.items():
                if kind is DeviceRow:
                    continue
                if table.owner:
                    rows[kind] = rows_of(kind, table, jid)
                else:
                    # There are many of them, the same for each device.
                    rows[kind] = nobodys[kind] = nobodys.get(kind) or rows_of(kind, table, jid)
            found.append(ForeignDevice(jid, device, rows))
        return tuple(found)


_NAMED = (
    ("users", "jid", ("name",)),
    ("devices", "jid", ("display_name", "name", "device_id", "id")),
)
"""Where programs keep a name beside a device's JID: wuzapi's `users`, GOWA's `devices`."""


def names_in(path: Path) -> dict[str, str]:
    """By JID, the name that the program has for it, from a copy of its database; none where it has
    no such table."""
    found: dict[str, str] = {}
    try:
        with _opened(path) as db:
            tables = _tables(db)
            for table, owner, columns in _NAMED:
                there = tables.get(table, frozenset())
                named = next((each for each in columns if each in there), None)
                if owner in there and named is not None:
                    chosen = f'SELECT "{owner}", "{named}" FROM "{table}" LIMIT 10000'
                    for jid, name in db.execute(chosen):
                        if isinstance(jid, str) and isinstance(name, str) and jid and name:
                            found.setdefault(jid, name)
    except StoreError:
        return found
    return found


def write_rows(path: Path, rows: DeviceRows, copied: CopiedFrom | None = None) -> None:
    """Write a device into an empty store, in one transaction; it is on disk when this returns.

    copied: whence what is carried as it is comes. Raises StoreError when the store does not take
    it, and then `path` is worth nothing.
    """
    try:
        with closing(sqlite3.connect(_uri(path, "rw"), uri=True, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous = OFF")
            db.execute("PRAGMA trusted_schema = OFF")
            if copied is not None:
                db.execute("ATTACH ? AS source", (_uri(copied.store, "ro"),))
            db.execute("BEGIN")
            jid = rows.device.jid
            _insert(db, jid, (rows.device,))
            for each in (
                *(rows.pre_keys, rows.sessions, rows.identities, rows.sender_keys),
                *(rows.sync_keys, rows.lids, rows.tokens),
            ):
                _insert(db, jid, each)
            if copied is not None:
                _copy(db, copied.jid, jid)
            if db.execute("PRAGMA foreign_key_check").fetchone() is not None:
                raise StoreError("rows of nobody were about to be written")
            db.execute("COMMIT")
            if copied is not None:
                db.execute("DETACH source")
            told = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
            if told != "ok":
                raise StoreError(f"the new store is damaged: {told}")
        path.chmod(0o600)
        sync(path)
    except sqlite3.Error as error:
        raise from_sqlite(error, path) from error
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error


def _insert(db: sqlite3.Connection, jid: str, rows: Iterable[object]) -> None:
    for each in rows:
        table = _OF_ROWS[type(each)]
        values: dict[str, Value] = {
            field.name: getattr(each, field.name)
            for field in fields(each)  # type: ignore[arg-type]
        }
        if table.owner and table is not _DEVICE:
            values[table.owner] = jid
        columns = ", ".join(values)
        places = ", ".join("?" * len(values))
        db.execute(
            f"INSERT INTO {table.name} ({columns}) VALUES ({places})", tuple(values.values())
        )


def _copy(db: sqlite3.Connection, theirs: str, jid: str) -> None:
    """Copy what is carried as it is; a row that the tables do not take is left out."""
    there = _tables(db, "source")
    for table in _COPIED:
        if table.name not in there:
            continue
        columns = [
            str(row[1])
            for row in db.execute(f"PRAGMA main.table_info({table.name})")
            if str(row[1]) in there[table.name] and str(row[1]) != table.owner
        ]
        if table.owner not in there[table.name]:
            continue
        named = "".join(f', "{each}"' for each in columns)
        db.execute(
            f"INSERT OR IGNORE INTO main.{table.name} ({table.owner}{named})"
            f" SELECT ?{named} FROM source.{table.name} WHERE {table.owner} = ?"
            f" LIMIT {_MOST_ROWS}",
            (jid, theirs),
        )
    # The macs of a version that was not taken.
    db.execute(
        "DELETE FROM main.whatsmeow_app_state_mutation_macs WHERE (jid, name) NOT IN"
        " (SELECT jid, name FROM main.whatsmeow_app_state_version)"
    )


def _tables(db: sqlite3.Connection, schema: str = "main") -> dict[str, frozenset[str]]:
    """The tables, no views, with their columns."""
    names = [
        str(row[0])
        for row in db.execute(f"SELECT name FROM {schema}.sqlite_schema WHERE type = 'table'")
    ]
    return {
        name: frozenset(
            str(row[1])
            for row in db.execute("SELECT * FROM pragma_table_info(?, ?)", (name, schema))
        )
        for name in names
    }


def _rows(
    db: sqlite3.Connection,
    tables: Mapping[str, frozenset[str]],
    table: _Table,
    kind: type,
    jid: str | None,
) -> tuple[Row, ...]:
    there = tables.get(table.name)
    if there is None:
        return ()
    columns = [field.name for field in fields(kind) if field.name in there]
    chosen = ", ".join(f'"{each}"' for each in columns)
    where, given = (
        ("", ()) if jid is None or not table.owner else (f" WHERE {table.owner} = ?", (jid,))
    )
    found = db.execute(f"SELECT {chosen} FROM {table.name}{where} LIMIT {_MOST_ROWS}", given)
    return tuple(dict(zip(columns, row, strict=True)) for row in found)


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A store to read from, whose content may be anybody's. Raises StoreError."""
    try:
        with closing(sqlite3.connect(_uri(path, "rw"), uri=True, isolation_level=None)) as db:
            db.execute("PRAGMA trusted_schema = OFF")
            db.execute("PRAGMA query_only = ON")
            db.text_factory = lambda raw: raw.decode(errors="replace")
            steps = iter(range(_LIMIT_STEPS // 100_000))
            db.set_progress_handler(lambda: next(steps, None) is None, 100_000)
            yield db
    except sqlite3.Error as error:
        raise from_sqlite(error, path) from error
    except OSError as error:
        raise StoreError(f"{path.name} cannot be read: {os.strerror(error.errno or 0)}") from error


def _uri(path: Path, mode: str) -> str:
    return f"{path.absolute().as_uri()}?mode={mode}"
