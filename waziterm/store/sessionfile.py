"""What a whatsmeow store says about itself, and how a damaged one is rebuilt.

A look never writes, and leaves no file beside the store, whoever has it open.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from waziterm.domain.phrase import Phrase, as_it_is
from waziterm.domain.text import plain
from waziterm.store.errors import StoreError, from_sqlite

if TYPE_CHECKING:
    from waziterm.domain.care.evidence import Device, SessionLook

SHORT_S = 2.0
"""For how long a look may keep a worker from writing, which gives up after 5 seconds."""
LONG_S = 60.0
_MOST_IN_MEMORY = 256_000_000
_BUSY_S = 0.5
_STEPS = 10_000

_MEMORY = ":memory:"

_LOCKED = ("SQLITE_BUSY", "SQLITE_LOCKED")
_LATE = "SQLITE_INTERRUPT"
_FULL = "SQLITE_FULL"
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR", "SQLITE_SCHEMA", "SQLITE_FORMAT")
_UNFINISHED = "it was not closed cleanly, or is in use"


def devices_in(path: Path) -> tuple[Device, ...]:
    """The devices that a file of ours holds keys for, before it is used: see `_using`. Raises
    StoreError when it cannot be read as a whatsmeow store."""
    with _using(path) as db:
        return _devices(db)


def device_key(path: Path, jid: str) -> bytes | None:
    """What only this file has of a device: its noise key, a secret. None when it is not in it. The
    file is ours, and about to be used: see `_using`. Raises StoreError."""
    with _using(path) as db:
        return _key(db, jid)


@contextmanager
def _using(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a store that a worker will open next. What a killed worker left unfinished in
    it is rolled back, as that worker's successor would do: a reader must not, and would be refused.
    Nothing else is written. Raises StoreError."""
    try:
        refuse_others(path)
        uri = f"{path.absolute().as_uri()}?mode=rw"
        with _limited(sqlite3.connect(uri, uri=True, timeout=SHORT_S), SHORT_S) as db:
            db.execute("PRAGMA query_only = ON")
            yield db
    except sqlite3.Error as error:
        raise from_sqlite(error, path) from error
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error


def _key(db: sqlite3.Connection, jid: str) -> bytes | None:
    row = db.execute("SELECT noise_key FROM whatsmeow_device WHERE jid = ?", (jid,)).fetchone()
    return bytes(row[0]) if row is not None and isinstance(row[0], bytes) and row[0] else None


def look_at(path: Path, limit_s: float = LONG_S) -> SessionLook | None:
    """What a session file is like; None when there is none.

    limit_s: seconds for which nobody else can write to it at most; SHORT_S when a worker may
    have it open.
    """
    from waziterm.domain.care.evidence import Condition, SessionLook  # noqa: PLC0415 - not before the first paint

    try:
        refuse_others(path)
        # SQLite tells only that it could not open it, not why.
        path.open("rb").close()
        with _reading(path, limit_s) as db:
            return _judged(db, path, limit_s)
    except FileNotFoundError:
        return None
    except OSError as error:
        return SessionLook(Condition.UNREADABLE, as_it_is(plain(error.strerror or str(error))))
    except sqlite3.Error as error:
        return _failed(error, path)


def rebuild(path: Path, target: Path) -> None:
    """Write a new store with the content of a damaged one; sound, and on disk when this returns.

    target: must not exist. Nobody may use `path` meanwhile, which stays as it is. Raises
    StoreError when not all of the content can be read; what was written to `target` is then
    worth nothing.
    """
    from waziterm.domain.care.evidence import Condition, SessionLook  # noqa: PLC0415 - as above

    if any(side.stat().st_size for side in _sidecars(path)):
        raise StoreError(f"{path} was not closed cleanly, so it is left as it is")
    try:
        with _reading(path, LONG_S) as db:
            before = _devices(db)
            _rebuild_into(db, path, str(target), LONG_S)
        target.chmod(stat.S_IMODE(path.stat().st_mode))
        look = look_at(target)
        sync(target)
    except sqlite3.Error as error:
        raise from_sqlite(error, path) from error
    except OSError as error:
        raise StoreError(f"{path} cannot be rebuilt: {error.strerror}") from error
    if look != SessionLook(Condition.SOUND, devices=before):
        raise StoreError(f"{path} cannot be rebuilt: not all of it can be read")


@contextmanager
def _reading(path: Path, limit_s: float) -> Iterator[sqlite3.Connection]:
    """A connection that only reads, for so many seconds at most."""
    refuse_others(path)
    connection = sqlite3.connect(_uri(path), uri=True, timeout=_BUSY_S, isolation_level=None)
    with _limited(connection, limit_s) as db:
        yield db


@contextmanager
def _limited(connection: sqlite3.Connection, limit_s: float) -> Iterator[sqlite3.Connection]:
    """A connection to a file that may be damaged, for so many seconds at most."""
    with closing(connection) as db:
        _limit(db, limit_s)
        # What a damaged file holds for text need not be UTF-8.
        db.text_factory = lambda raw: raw.decode(errors="replace")
        try:
            yield db
        except UnicodeDecodeError as error:
            # Neither need SQLite's own complaint, which names what it found; the driver then
            # raises this in the place of it.
            damage = sqlite3.DatabaseError("database disk image is malformed")
            damage.sqlite_errorname = "SQLITE_CORRUPT"
            raise damage from error


def _uri(path: Path) -> str:
    """The URI by which the store at `path` is read, and nothing else. Raises OSError, and
    OperationalError as `_is_wal`."""
    # In WAL mode even a reader makes files beside it, unless it is told that nobody writes.
    options = "mode=ro&immutable=1" if _is_wal(path) else "mode=ro"
    return f"{path.absolute().as_uri()}?{options}"


def _limit(db: sqlite3.Connection, limit_s: float) -> None:
    """Let what is asked of a connection end after so many seconds, all of it together."""
    end = time.monotonic() + limit_s
    db.set_progress_handler(lambda: time.monotonic() > end, _STEPS)


def refuse_others(path: Path) -> None:
    """Raises OSError where it, or what SQLite keeps beside it, is no regular file: whoever opens a
    pipe would wait for ever."""
    for each in (path, *_sidecars(path)):
        if not stat.S_ISREG(each.stat().st_mode):
            whose = "it" if each == path else each.name
            raise OSError(errno.EINVAL, f"{whose} is no file", str(each))


def _is_wal(path: Path) -> bool:
    """Whether it is in WAL mode, as whatsmeow leaves none. Raises OperationalError when a part
    of it is in its write-ahead log."""
    with path.open("rb") as stream:
        wal = stream.read(20)[18:20] == b"\x02\x02"
    if wal and any(side.stat().st_size for side in _sidecars(path)):
        raise sqlite3.OperationalError(_UNFINISHED)
    return wal


def _sidecars(path: Path) -> list[Path]:
    sides = (path.with_name(path.name + suffix) for suffix in ("-journal", "-wal"))
    return [side for side in sides if side.exists()]


def _devices(db: sqlite3.Connection) -> tuple[Device, ...]:
    known = db.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'whatsmeow_device'"
    ).fetchone()
    if known is None:
        return ()
    # Of a damaged file the tables are read, never an index.
    rows = db.execute("SELECT jid, coalesce(lid, '') FROM whatsmeow_device NOT INDEXED").fetchall()
    return tuple(sorted((str(jid), str(lid)) for jid, lid in rows))


def _judged(db: sqlite3.Connection, path: Path, limit_s: float) -> SessionLook:
    from waziterm.domain.care.evidence import Condition, SessionLook  # noqa: PLC0415 - as above

    try:
        # The quick one does not compare the indexes with their tables.
        finding = str(db.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        if not _name(error).startswith("SQLITE_CORRUPT"):
            raise
        finding = str(error)
    finding = finding.removeprefix("*** in database main ***")
    if finding == "ok":
        return SessionLook(Condition.SOUND, devices=_devices(db))
    detail = _damage(finding)
    try:
        # The rehearsal of a rebuild, in memory.
        _rebuild_into(db, path, _MEMORY, limit_s)
        return SessionLook(Condition.DAMAGED, detail, _devices(db), is_rebuildable=True)
    except sqlite3.DatabaseError as error:
        if _name(error).startswith((*_LOCKED, _LATE)):
            raise
        if _name(error) == _FULL:
            return SessionLook(
                Condition.UNREADABLE,
                Phrase("{what}, and is too large to be looked at in memory", what=detail),
            )
        return SessionLook(Condition.DAMAGED, detail)


def _rebuild_into(db: sqlite3.Connection, path: Path, target: str, limit_s: float) -> None:
    """Write all rows of the store at `path` into a new one, and compare that with its indexes.

    The rows come from the tables: VACUUM copies the pages of an index as they are, damaged ones
    too. db: reads the store. target: a path, or ":memory:". Raises sqlite3.DatabaseError when not
    all of it can be read, or when it does not fit together.
    """
    made = db.execute(
        "SELECT name, sql, type = 'table' FROM sqlite_schema"
        " WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    ).fetchall()
    counts = db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'").fetchall()
    tables = [str(name) for name, _, is_table in made if is_table]
    with closing(sqlite3.connect(target, uri=True, timeout=_BUSY_S, isolation_level=None)) as new:
        _limit(new, limit_s)
        for name in ("page_size", "encoding", "application_id", "user_version"):
            value = db.execute(f"PRAGMA {name}").fetchone()[0]
            new.execute(f"PRAGMA {name} = '{value}'")
        if target == _MEMORY:
            page = new.execute("PRAGMA page_size").fetchone()[0]
            new.execute(f"PRAGMA max_page_count = {_MOST_IN_MEMORY // page}")
        for _, sql, is_table in made:
            if is_table:
                new.execute(sql)
        new.execute("ATTACH ? AS old", (_uri(path),))
        new.execute("BEGIN")
        for table in (*tables, *(["sqlite_sequence"] if counts else [])):
            name = table.replace('"', '""')
            new.execute(f'DELETE FROM main."{name}"')
            # With a condition, as without one SQLite copies pages here too.
            new.execute(f'INSERT INTO main."{name}" SELECT * FROM old."{name}" NOT INDEXED WHERE 1')
        new.execute("COMMIT")
        new.execute("DETACH old")
        for _, sql, is_table in made:
            if not is_table:
                new.execute(sql)
        finding = new.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if finding != "ok":
        raise sqlite3.DatabaseError(str(finding))


def _failed(error: sqlite3.Error, path: Path) -> SessionLook:
    from waziterm.domain.care.evidence import Condition, SessionLook  # noqa: PLC0415 - as above

    name = _name(error)
    if name.startswith(_LOCKED):
        return SessionLook(Condition.BUSY, Phrase("somebody keeps it locked"))
    if name == _LATE:
        said = Phrase("it is too large to be looked at while it is in use")
        return SessionLook(Condition.BUSY, said)
    # A journal that is still to be rolled back, which a reader must not do.
    unfinished = name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")) and any(_sidecars(path))
    if unfinished or not name:
        return SessionLook(Condition.BUSY, Phrase(_UNFINISHED))
    if name.startswith(_DAMAGED):
        return SessionLook(Condition.DAMAGED, _damage(str(error)))
    return SessionLook(Condition.UNREADABLE, Phrase("SQLite cannot read it ({name})", name=name))


def _damage(finding: str) -> Phrase:
    """What SQLite has found, in a sentence of ours."""
    return Phrase("it is damaged ({finding})", finding=plain(finding, 120))


def _name(error: sqlite3.Error) -> str:
    return getattr(error, "sqlite_errorname", "")


def sync(path: Path) -> None:
    """Return when the disk has a file, or what a folder names. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
