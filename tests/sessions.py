"""Where the session of an instance lies: its file is named by its id; and what else lies there."""

import sqlite3
from contextlib import closing
from pathlib import Path, PurePosixPath

from waziterm.manager.files.belongings import INBOX, SESSION, SHARED


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


def strangers(root: Path) -> list[str]:
    """The files of a data directory that neither belong to an instance nor to the fleet."""
    with closing(sqlite3.connect(f"{(root / 'waziterm.db').as_uri()}?mode=ro", uri=True)) as db:
        ids = [row[0] for row in db.execute("SELECT id FROM instances")]
        remembered = [row[0] for row in db.execute("SELECT id FROM names")]
    known = {each.where.format(id=identity) for each in SESSION for identity in ids}
    # What a removed one has got is taken before it is deleted.
    known |= {each.where.format(id=identity) for each in INBOX for identity in remembered}
    there = [path.relative_to(root) for path in root.rglob("*") if not path.is_dir()]
    return sorted(str(path) for path in there if str(path) not in known and not _is_shared(path))


def _is_shared(path: Path) -> bool:
    parts = PurePosixPath(path)
    return any(
        len(parts.parts) == len(PurePosixPath(each).parts) and parts.match(each) for each in SHARED
    )
