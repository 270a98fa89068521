"""The copy of a database that is made before a newer program changes its schema.

It is what an older program can still open, should the upgrade be taken back. Nothing of the program
ever overwrites one; the janitor deletes those of `messages.db` when their texts have rested enough.
"""

import contextlib
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from waziterm.store.errors import StoreError
from waziterm.store.sessionfile import sync

_SPARE_BYTES = 10_000_000
"""What has to stay free beside the copy: the migration itself writes too."""
_PART = ".part"


def copy_before(path: Path, version: int) -> Path:
    """Copy the database at `path` to `NAME.before-VERSION`, with mode 0600; the copy's path.

    Where that name is taken, by a copy from before an upgrade that was taken back, a number is
    added. What is only in the write-ahead log is in the copy too. path: opened by nobody of ours.
    Raises StoreError, and then neither the database nor its directory has changed.
    """
    part = path.with_name(f"{path.name}.before-{version}{_PART}")
    index = path.with_name(path.name + "-shm")
    had_index = index.exists()
    try:
        _refuse_without_room(path, version)
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        _copy(path, part)
        sync(part)
        copy = _free_name(path, version)
        part.rename(copy)
        sync(path.parent)
    except (OSError, sqlite3.Error) as error:
        for made in (part, *_beside(part), *(() if had_index else (index,))):
            with contextlib.suppress(OSError):
                made.unlink(missing_ok=True)
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _refusal(path, version, why) from error
    return copy


def _refuse_without_room(path: Path, version: int) -> None:
    files = (path, *_beside(path))
    needed = sum(file.stat().st_size for file in files if file.exists()) + _SPARE_BYTES
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        needs = f"{free / 1e6:.0f} MB are free, and {needed / 1e6:.0f} MB are needed"
        raise _refusal(path, version, needs)


def _copy(path: Path, part: Path) -> None:
    # A reader leaves every byte as it is, and one that is told that nobody writes makes no file
    # beside it; but only a writer can roll back what a journal holds.
    journal, wal, _index = (each.exists() and each.stat().st_size for each in _beside(path))
    how = "mode=rw" if journal else "mode=ro" if wal else "mode=ro&immutable=1"
    with (
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True)) as source,
        closing(sqlite3.connect(part, isolation_level=None)) as target,
    ):
        source.backup(target)
        # One file, whole by itself: without this, whoever opens it makes files beside it.
        target.execute("PRAGMA journal_mode = DELETE")


def _free_name(path: Path, version: int) -> Path:
    name, number = f"{path.name}.before-{version}", 1
    while (copy := path.with_name(name if number == 1 else f"{name}.{number}")).exists():
        number += 1
    return copy


def _beside(path: Path) -> tuple[Path, Path, Path]:
    """What SQLite keeps beside a database."""
    journal, wal, index = (path.with_name(path.name + end) for end in ("-journal", "-wal", "-shm"))
    return journal, wal, index


def _refusal(path: Path, version: int, why: str) -> StoreError:
    return StoreError(
        f"{path} was not upgraded: it cannot be copied to {path.name}.before-{version} ({why})",
        "free some space, or see the directory's mode; the file was left as it is",
    )
