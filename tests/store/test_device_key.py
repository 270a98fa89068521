"""The key by which managers recognise a device: read from its file, however that was left."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from waziterm.store.errors import StoreError
from waziterm.store.sessionfile import device_key

JID, KEY = "628123456789:1@s.whatsapp.net", bytes(range(32))
KILLED = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA cache_size = 1")
db.execute("BEGIN")
db.execute("UPDATE whatsmeow_device SET noise_key = x'00'")
db.execute("UPDATE filler SET data = randomblob(3000)")
os._exit(9)
"""


@pytest.fixture
def session(folder: Path) -> Path:
    path = folder / "a #%?.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE whatsmeow_device (jid TEXT, lid TEXT, noise_key BLOB)")
        db.execute("INSERT INTO whatsmeow_device VALUES (?, '', ?)", (JID, KEY))
        db.execute("INSERT INTO whatsmeow_device VALUES ('odd', '', 'text')")
        db.execute("CREATE TABLE filler (data)")
        db.executemany("INSERT INTO filler VALUES (?)", [(bytes(3000),)] * 50)
    return path


@pytest.mark.parametrize("in_use", [True, False])
def test_of_a_device_in_the_file_and_of_none(session: Path, in_use: bool) -> None:
    assert device_key(session, JID, in_use=in_use) == KEY
    assert device_key(session, "odd", in_use=in_use) is None
    assert device_key(session, "another", in_use=in_use) is None
    assert list(session.parent.iterdir()) == [session]
    session.write_bytes(b"no database" * 100)
    with pytest.raises(StoreError):
        device_key(session, JID, in_use=in_use)
    session.unlink()
    with pytest.raises(StoreError):
        device_key(session, JID, in_use=in_use)
    assert not session.exists()


def test_what_a_killed_worker_left_is_taken_back_before_a_dial(session: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(session)], timeout=30, check=False)
    journal = session.with_name(session.name + "-journal")
    assert journal.stat().st_size > 0
    with pytest.raises(StoreError):
        device_key(session, JID, in_use=False)
    assert device_key(session, JID, in_use=True) == KEY
    assert not journal.exists()
