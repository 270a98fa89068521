"""What a whatsmeow store says about itself; read-only, and only while no worker holds it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from waziterm.store.errors import from_sqlite


def devices_in(path: Path) -> tuple[tuple[str, str], ...]:
    """The JID and the LID ("" when unknown) of each device that the file holds keys for.

    Raises StoreError when it cannot be read as a whatsmeow store.
    """
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
            known = db.execute(
                "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'whatsmeow_device'"
            ).fetchone()
            if known is None:
                return ()
            rows = db.execute("SELECT jid, coalesce(lid, '') FROM whatsmeow_device").fetchall()
    except sqlite3.Error as error:
        raise from_sqlite(error, path) from error
    return tuple((str(jid), str(lid)) for jid, lid in rows)
