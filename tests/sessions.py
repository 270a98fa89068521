"""Where the session of an instance lies: its file is named by its id."""

import sqlite3
from contextlib import closing
from pathlib import Path


def id_of(root: Path, name: str) -> str:
    """The id of the instance with this name, or of one that had it, in a data directory."""
    database = root / "waziterm.db"
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as db:
        row = db.execute(
            "SELECT names.id FROM names LEFT JOIN instances USING (id) WHERE names.name = ?"
            " ORDER BY instances.id IS NULL LIMIT 1",
            (name,),
        ).fetchone()
    assert row is not None, f"there was never a {name}"
    return str(row[0])


def session_of(root: Path, name: str) -> Path:
    """The session file of the instance with this name, in a data directory."""
    return root / "sessions" / f"{id_of(root, name)}.db"
