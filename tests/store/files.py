"""Looking at database files from outside, as another program would."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any


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
