"""What a session knows of messages, by their secrets."""

import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from waziterm.domain.messages.sending import NoTraceError, Trace
from waziterm.store.errors import StoreError
from waziterm.store.message_secrets import traces_in

JID, OTHER = "628111:3@s.whatsapp.net", "628222:1@s.whatsapp.net"
SENT, UNSENT, ELSEWHERE = "ab" * 32, "cd" * 32, "ef" * 32
CHAT = "9123@lid"

# As whatsmeow makes them (`store/sqlstore/upgrades`).
_SCHEMA = """
CREATE TABLE whatsmeow_device (jid TEXT PRIMARY KEY);
CREATE TABLE whatsmeow_message_secrets (
    our_jid TEXT, chat_jid TEXT, sender_jid TEXT, message_id TEXT, key bytea NOT NULL,
    PRIMARY KEY (our_jid, chat_jid, sender_jid, message_id),
    FOREIGN KEY (our_jid) REFERENCES whatsmeow_device(jid) ON DELETE CASCADE
);
"""
_INSERT = "INSERT INTO whatsmeow_message_secrets VALUES (?, ?, ?, ?, ?)"

# More than its cache holds, so that pages of a transaction lie in the file when it is killed.
_KILLED = f"""
import os, signal, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA cache_size = 1")
db.execute("BEGIN IMMEDIATE")
for number in range(2000):
    db.execute("{_INSERT}", ("{JID}", "x@lid", "y", str(number), os.urandom(32)))
db.execute("{_INSERT}", ("{JID}", "{CHAT}", "y", "HALF", bytes.fromhex("{UNSENT}")))
for number in range(2000, 4000):
    db.execute("{_INSERT}", ("{JID}", "x@lid", "y", str(number), os.urandom(32)))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def session(tmp_path: Path) -> Path:
    path = tmp_path / "session.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(_SCHEMA)
        db.executemany("INSERT INTO whatsmeow_device VALUES (?)", [(JID,), (OTHER,)])
        db.execute(_INSERT, (JID, CHAT, "628111@s.whatsapp.net", "3EB0A", bytes.fromhex(SENT)))
        db.execute(_INSERT, (OTHER, CHAT, "y", "3EB0B", bytes.fromhex(ELSEWHERE)))
    return path


def test_only_what_this_device_was_about_to_send_is_found(session: Path) -> None:
    found = traces_in(session, JID, {SENT, UNSENT, ELSEWHERE})
    assert found == {SENT: Trace("3EB0A", CHAT)}


def test_many_are_looked_up_at_once(session: Path) -> None:
    many = {f"{number:064x}" for number in range(2000)} | {SENT}
    assert set(traces_in(session, JID, many)) == {SENT}


def test_what_a_killed_worker_left_is_taken_back_first(session: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(session)], check=False)
    assert killed.returncode == -signal.SIGKILL
    journal = session.with_name("session.db-journal")
    assert journal.stat().st_size, "the journal is hot"
    copy = session.with_name("copy.db")
    for path in (session, journal):
        shutil.copy(path, copy.with_name(path.name.replace("session", "copy")))
    with (
        closing(sqlite3.connect(f"{copy.as_uri()}?mode=ro", uri=True)) as db,
        pytest.raises(sqlite3.OperationalError),
    ):
        db.execute("SELECT * FROM whatsmeow_message_secrets").fetchone()
    assert set(traces_in(session, JID, {SENT, UNSENT})) == {SENT}
    assert not journal.exists() or not journal.stat().st_size


def test_a_device_that_is_gone_took_its_secrets_along(session: Path) -> None:
    with closing(sqlite3.connect(session)) as db, db:
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("DELETE FROM whatsmeow_device WHERE jid = ?", (JID,))
    with pytest.raises(NoTraceError):
        traces_in(session, JID, {SENT})


@pytest.mark.parametrize("damage", ["gone", "empty", "no database", "a folder", "locked"])
def test_nothing_is_assumed_of_what_cannot_be_read(session: Path, damage: str) -> None:
    locking = sqlite3.connect(session, isolation_level=None)
    with closing(locking):
        match damage:
            case "gone":
                session.unlink()
            case "empty":
                session.write_bytes(b"")
            case "no database":
                session.write_bytes(b"x" * 8192)
            case "a folder":
                session.unlink()
                session.mkdir()
            case _:
                locking.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError):
            traces_in(session, JID, {SENT})
