"""Copies of databases that may be in use: whole, consistent, and looked at before they count."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from waziterm.store.errors import StoreError, from_sqlite

_PATIENCE_S = 10.0
"""How long a writer is waited for."""


def copy_live(path: Path, target: Path) -> None:
    """Write a copy of a database, which others may be writing to, into a new file with mode 0600.

    What lies beside it, a journal or a log, is in the copy. Raises StoreError when it cannot be
    read, or when the copy is damaged, which the database is then too.
    """
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW, 0o600))
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror}") from error
    uri = f"{path.absolute().as_uri()}?mode=rw"
    try:
        with (
            closing(sqlite3.connect(uri, uri=True, timeout=_PATIENCE_S)) as source,
            closing(sqlite3.connect(target, isolation_level=None)) as copy,
        ):
            # In one step: no writer comes in between.
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
            finding = str(copy.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        raise from_sqlite(error, path) from error
    if finding != "ok":
        raise StoreError(f"{path} is damaged", "see `waziterm check`")
