"""Opening the file: look at it without changing a byte, then create, migrate and tune it.

A file of an older version is copied before it is migrated, see `store.copying`. Everything here
blocks, and runs on the connection's own thread.
"""

import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from waziterm.domain.text import plain
from waziterm.store.copying import copy_before
from waziterm.store.errors import MOVE_AWAY, StoreError, UnwritableStoreError, from_sqlite
from waziterm.store.migrations import FLEET, migrate, version_of
from waziterm.store.schema import Schema
from waziterm.store.scratch import scratch

_BUSY_TIMEOUT_S = 5.0
_SMALLEST_PAGE = 512
_SPARE_BYTES = 1_000_000
_PREFIX = "waziterm-look-"
_IN_MEMORY = Path("/dev/shm")
_MOST_IN_MEMORY = 256_000_000
_SMALL = 16_000_000
"""A copy of so many bytes is made in memory, a larger one on the disk of the temporary files."""


def open_database(path: Path, schema: Schema = FLEET) -> sqlite3.Connection:
    """A connection to the database at `path`, in WAL mode and at the newest schema.

    A missing file is created with mode 0600; its directory has to exist. The connection is in
    autocommit mode. Raises StoreError; a file that is refused stays as it is, byte for byte. One
    of an older version is refused too when it cannot be copied before it is migrated.
    """
    path = _resolved(path)
    try:
        found = _create_or_look(path, schema)
        copy = copy_before(path, found) if 0 < found < len(schema.migrations) else None
        db = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
    except OSError as error:
        raise UnwritableStoreError(
            f"{path} cannot be opened: {error.strerror}",
            "check that its directory exists, and the owner and the permissions of both",
        ) from error
    except sqlite3.Error as error:
        raise from_sqlite(error, path) from error
    try:
        mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise StoreError(
                f"the file system of {path} cannot hold a database in WAL mode",
                "name a directory on a local disk with --data-dir",
            )
        for pragma in schema.pragmas:
            db.execute(f"PRAGMA {pragma}")
        migrate(db, schema.migrations)
    except sqlite3.Error as error:
        db.close()
        if copy is not None and look(path, schema) == found:
            # Nothing was changed, and a service may be started again and again.
            copy.unlink()
        raise from_sqlite(error, path) from error
    except BaseException:
        db.close()
        raise
    return db


def open_copy(path: Path, schema: Schema = FLEET) -> sqlite3.Connection:
    """A connection to a copy of the database at `path`, at the newest schema; to an empty one when
    there is none. A small copy is in memory, a large one in a file that ends with the connection.

    For a look at what cannot be opened to be written, on a read-only or a full disk. What is
    written to it is lost. Raises StoreError.
    """
    path = _resolved(path)
    db = sqlite3.connect(":memory:", isolation_level=None)
    try:
        if path.exists():
            look(path, schema)
            if path.stat().st_size > _SMALL:
                db.close()
                db = _copy_on_disk(path)
            else:
                with (
                    _readable(path) as uri,
                    closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as source,
                ):
                    source.backup(db)
        migrate(db, schema.migrations)
    except sqlite3.Error as error:
        db.close()
        raise from_sqlite(error, path) from error
    except OSError as error:
        db.close()
        raise StoreError(
            f"{path} cannot be read: {error.strerror}", "see the owner and the mode of the file"
        ) from error
    except BaseException:
        db.close()
        raise
    return db


def _copy_on_disk(path: Path) -> sqlite3.Connection:
    """A connection to a copy whose file has no name any more. Raises OSError, sqlite3.Error and
    StoreError."""
    with _copied(path, *_sidecars(path, "-wal", "-journal")) as copy:
        db = sqlite3.connect(copy, isolation_level=None)
        try:
            # Whatever SQLite needs beside it would have a name.
            db.execute("PRAGMA journal_mode = MEMORY").fetchone()
        except BaseException:
            db.close()
            raise
    return db


def _resolved(path: Path) -> Path:
    """Where a path leads. Raises StoreError for a link that leads to itself."""
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:
        # Python tells of a loop by the one or by the other, as its version has it.
        raise StoreError(f"{path} cannot be opened: it is a link to itself", MOVE_AWAY) from error


@contextmanager
def _readable(path: Path) -> Iterator[str]:
    """The URI by which all that was committed can be read, without a change at `path`. Raises
    OSError."""
    unfinished = _sidecars(path, "-wal", "-journal")
    if not unfinished:
        yield f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        return
    with _copied(path, *unfinished) as copy:
        yield copy.as_uri()


@contextmanager
def _copied(path: Path, *unfinished: Path) -> Iterator[Path]:
    """A copy of a database with what lies beside it. Raises as `_room_for` does."""
    with _room_for(path, *unfinished) as folder:
        for file in (path, *unfinished):
            shutil.copyfile(file, folder / file.name)
        yield folder / path.name


@contextmanager
def _room_for(*files: Path) -> Iterator[Path]:
    """A folder for copies of files, in memory where the disk of the temporary files has no room
    for them. Raises OSError; StoreError where neither has."""
    needed = sum(file.stat().st_size for file in files) + _SPARE_BYTES
    if _free(Path(tempfile.gettempdir())) >= needed:
        where = Path(tempfile.gettempdir())
    elif needed <= _MOST_IN_MEMORY:
        where = _IN_MEMORY
    else:
        largest = max(files, key=lambda file: file.stat().st_size)
        raise StoreError(
            f"{largest} is too large to be read: there is no room for a copy"
            f" ({needed // 1_000_000} MB)",
            f"free some space in {tempfile.gettempdir()}, or let TMPDIR name a larger disk",
        )
    with scratch(_PREFIX, where) as folder:
        yield folder


def _free(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0


def _create_or_look(path: Path, schema: Schema) -> int:
    """Make the file, or look whether it may be opened; how many migrations it has behind it."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        _sidecars(path, "-shm")
        found = look(path, schema)
        for file in (path, *_sidecars(path, "-wal", "-shm")):
            if file.stat().st_mode & 0o077:
                file.chmod(0o600)
        return found
    return 0


def look(path: Path, schema: Schema = FLEET) -> int:
    """How many migrations the file has behind it. Raises StoreError unless it is a sound database
    of this version or an older one; what grows in one of this version is not looked through.

    It reads the main file alone when it is complete, without locks and without making a file
    beside it. After a crash, part of the data is in the write-ahead log, which SQLite reads
    only with a writable index beside it: then it looks at a copy in a temporary directory.

    A process must not call it on a file that it has open already: closing the copied file
    would drop SQLite's locks on it.
    """
    kind = path.stat()
    if not stat.S_ISREG(kind.st_mode):
        raise StoreError(f"{path} cannot be opened: it is not a file", MOVE_AWAY)
    if 0 < kind.st_size < _SMALLEST_PAGE:
        # SQLite would take it for an empty database and write over it.
        raise StoreError(f"{path} is not a waziterm database", MOVE_AWAY)
    try:
        with _readable(path) as uri:
            return _inspect(uri, path, schema)
    except sqlite3.Error as error:
        raise from_sqlite(error, path) from error


def _sidecars(path: Path, *suffixes: str) -> list[Path]:
    files = [path.with_name(path.name + suffix) for suffix in suffixes]
    found = [file for file in files if file.exists()]
    for file in found:
        if not file.is_file():
            # SQLite would wait for ever at a pipe.
            raise StoreError(f"{file} cannot be opened: it is not a file", MOVE_AWAY)
    return [file for file in found if file.stat().st_size]


def _inspect(uri: str, path: Path, schema: Schema) -> int:
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as db:
        version = version_of(db)
        newest = len(schema.migrations)
        if version > newest:
            raise StoreError(
                f"{path} was written by a newer waziterm (schema {version}, this one knows"
                f" {newest})",
                "upgrade waziterm, or name another directory with --data-dir;"
                " the file was left as it is",
            )
        owner = db.execute("PRAGMA application_id").fetchone()[0]
        used = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if (version or used) and owner != schema.application_id:
            raise StoreError(f"{path} is another program's database", MOVE_AWAY)
        # What is to be migrated is written anew, and looked through wholly before that.
        if finding := damage(db) if version < newest else _damage_at_start(db, schema):
            raise StoreError(f"{path} is damaged ({finding})", MOVE_AWAY)
        return version


def damage(db: sqlite3.Connection) -> str:
    """What is wrong with the file, as a person may read it; "" when nothing is. It reads all of it,
    which for a year of 200 instances takes a second."""
    return _told(db.execute("PRAGMA quick_check(1)").fetchone()[0])


def _damage_at_start(db: sqlite3.Connection, schema: Schema) -> str:
    """The same without the tables that grow with the past, for which a start would wait."""
    tables = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    for (name,) in tables:
        quoted = name.replace('"', '""')
        if name in schema.growing:
            continue
        # SQLite before 3.33 takes no name, and looks through all.
        if told := _told(db.execute(f'PRAGMA quick_check("{quoted}")').fetchone()[0]):
            return told
    return ""


def _told(finding: str) -> str:
    return "" if finding == "ok" else plain(finding, 120)
