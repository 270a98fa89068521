"""Stores and rows of other programs, made of what is at hand."""

import json
import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any


def aged(*paths: Path, by_s: float = 3600.0) -> None:
    """Let files and folders, and all in them, have been changed so long ago."""
    then = time.time() - by_s
    for path in paths:
        for each in (path, *path.rglob("*")):
            os.utime(each, (then, then), follow_symlinks=False)


def state_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    """The bytes of all files in a folder, and when they were changed."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def merged(target: Path, stores: Sequence[Path], *, wal: bool = False) -> None:
    """One whatsmeow store with the devices of several, as programs with many devices have it."""
    with closing(sqlite3.connect(target, isolation_level=None)) as db:
        if wal:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA wal_autocheckpoint = 0")
        for store in stores:
            db.execute("ATTACH ? AS one", (str(store),))
            made = db.execute(
                "SELECT name, sql FROM one.sqlite_schema WHERE type = 'table' AND sql NOT NULL"
            ).fetchall()
            for name, sql in made:
                db.execute(sql.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1))
                if name != "whatsmeow_version" or store is stores[0]:
                    db.execute(f"INSERT OR IGNORE INTO main.{name} SELECT * FROM one.{name}")
            db.execute("DETACH one")


def evolution_row(auth: Path, identity: str, name: str) -> tuple[dict[str, Any], dict[str, str]]:
    """A row of Evolution's table `Session`, and what Redis has of its keys."""
    creds = (auth / "creds.json").read_text()
    keys = {
        path.stem: path.read_text() for path in auth.glob("*.json") if path.name != "creds.json"
    }
    row = {
        "id": "cm1",
        "sessionId": identity,
        "creds": json.dumps(creds),
        "Instance": {"id": identity, "name": name},
    }
    return row, keys
