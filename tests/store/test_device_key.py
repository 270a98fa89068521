"""The devices of a session file, and the key by which managers recognise one: read from the file,
however that was left."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.store.files import leave_unfinished
from waziterm.store.errors import StoreError
from waziterm.store.sessionfile import device_key, devices_in

JID, KEY = "628123456789:1@s.whatsapp.net", bytes(range(32))


@pytest.fixture
def session(folder: Path) -> Path:
    path = folder / "a #%?.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE whatsmeow_device (jid TEXT, lid TEXT, noise_key BLOB)")
        db.execute("INSERT INTO whatsmeow_device VALUES (?, '', ?)", (JID, KEY))
        db.execute("INSERT INTO whatsmeow_device VALUES ('odd', '', 'text')")
    return path


def test_of_a_device_in_the_file_and_of_none(session: Path) -> None:
    assert device_key(session, JID) == KEY
    assert device_key(session, "odd") is None
    assert device_key(session, "another") is None
    assert list(session.parent.iterdir()) == [session]
    session.write_bytes(b"no database" * 100)
    with pytest.raises(StoreError):
        device_key(session, JID)
    session.unlink()
    with pytest.raises(StoreError):
        device_key(session, JID)
    assert not session.exists()


def test_what_a_killed_worker_left_is_taken_back_before_a_dial(session: Path) -> None:
    journal = leave_unfinished(session)
    assert device_key(session, JID) == KEY
    assert not journal.exists()


def test_and_before_its_devices_are_told(session: Path) -> None:
    journal = leave_unfinished(session)
    assert devices_in(session) == ((JID, ""), ("odd", ""))
    assert not journal.exists()
