"""Looking at database files from outside, as another program would; and attempts in short."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from waziterm.domain.fleet.history import AttemptKind
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.store.records import AttemptEnd, Change
from waziterm.store.store import Store


def contents(directory: Path) -> dict[str, bytes]:
    """All files of a directory with their bytes."""
    return {file.name: file.read_bytes() for file in directory.iterdir()}


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """Run one statement with the standard library's driver, in autocommit mode."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        return db.execute(sql).fetchall()


def as_after_a_crash(path: Path, sql: str, target: Path) -> Path:
    """A copy of the database in which `sql` was committed to the write-ahead log alone."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(sql)
        wal = path.with_name(path.name + "-wal")
        assert wal.stat().st_size
        target.mkdir()
        for file in (path, wal):
            shutil.copyfile(file, target / file.name)
    return target / path.name


async def begin_attempt(store: Store, name: str, at: float, kind: AttemptKind) -> int:
    """Store that an instance begins an attempt; its number."""
    change = Change(Instance(name, 1.0, id=name), "Dialling", at, begins=kind)
    number = (await store.record(change)).attempt
    assert number is not None
    return number


async def end_attempt(store: Store, name: str, number: int, at: float, ok: bool | None) -> None:
    """Store that an instance has come to the end of an attempt."""
    reason = Reason.ONLINE if ok else Reason.CONFLICT
    instance = Instance(name, 1.0, id=name, reason=reason)
    await store.record(Change(instance, "Ended", at, ends=AttemptEnd(number, ok)))


KILLED = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA cache_size = 1")
db.execute("BEGIN")
db.execute("UPDATE whatsmeow_device SET jid = 'half'")
db.execute("CREATE TABLE filler (data)")
db.executemany("INSERT INTO filler VALUES (randomblob(3000))", [()] * 50)
os._exit(9)
"""


def leave_unfinished(session: Path) -> Path:
    """Leave a session file as a worker does that is killed in a transaction; the journal."""
    subprocess.run([sys.executable, "-c", KILLED, str(session)], timeout=30, check=False)
    journal = session.with_name(session.name + "-journal")
    assert journal.stat().st_size > 0
    return journal
