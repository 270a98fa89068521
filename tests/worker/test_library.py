"""Parts of the worker that need the loaded library, or a session file, but no server."""

import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest

from waziterm.domain.jid import Jid
from waziterm.worker.sessionfile import (
    SessionBusyError,
    SessionFileError,
    check_path,
    check_resumable,
)

OWN = Jid("628123456789", 3)


def test_the_root_key_is_replaced_once_and_only_once() -> None:
    printed = _in_a_process("""
        from waziterm.worker.client import gocode, trust_lab
        from waziterm.worker.rootkey import RootKeyError, WHATSAPP_ROOT_KEY, replace_root_key

        key = bytes(range(32))
        for bad in (b"short", key):
            try:
                replace_root_key(gocode._name, bad, old=key)
            except RootKeyError as error:
                print(error)
        trust_lab(key.hex())
        print("trusted")
        try:
            trust_lab(key.hex())
        except RootKeyError as error:
            print(error)
        replace_root_key(gocode._name, WHATSAPP_ROOT_KEY, old=key)
        print("taken back")
    """)
    assert [line.split(":")[0] for line in printed] == [
        "a Noise root key has 32 bytes, not 5",
        "the lab's Noise root key was not set",
        "trusted",
        "the lab's Noise root key was not set",
        "taken back",
    ]
    assert all("stands 0 times" in printed[index] for index in (1, 3))


def test_each_attempt_has_an_id_of_its_own_and_nothing_stops_it_later() -> None:
    printed = _in_a_process("""
        from waziterm.domain.jid import Jid
        from waziterm.worker.client import Client

        def client(jid):
            nothing = lambda *args: None
            made = Client("/tmp/x.db", jid, on_device=nothing, on_code=nothing,
                          on_status=nothing, on_event=nothing, on_lost=nothing)._client
            assert made._stop_finalizer.alive is False
            assert made.uuid == made.contact.uuid == made.chat_settings.uuid
            assert made.new_device is (jid is None)
            return made.uuid

        jid = Jid("628123456789", 3)
        ids = {client(jid), client(jid), client(None), client(None)}
        print(len(ids), any(b"628123456789" in each for each in ids))
    """)
    assert printed == ["4 False"]


def test_the_library_logs_at_info_to_one_handler() -> None:
    printed = _in_a_process("""
        import logging
        from waziterm.worker.client import neonize, quiet_library
        from waziterm.worker.logs import LibraryLog

        log = LibraryLog(print)
        quiet_library(log)
        print(logging.getLogger().handlers == [log], neonize.client.log.level == logging.INFO)
        logging.getLogger("whatsmeow.Client").debug("a node")
        logging.getLogger("whatsmeow.Client").info("paired 628123456789:3@s.whatsapp.net")
        logging.getLogger("whatsmeow.Client").error("two\\nlines")
    """)
    assert printed == [
        "True True",
        "paired +6281••••6789:3@s.whatsapp.net",
        "error: two lines",
    ]


@pytest.mark.parametrize(
    "path", ["/x/a?.db", "/x/#.db", "/x/100%.db", "/x/a\0b", "postgres", "a.db"]
)
def test_paths_that_the_library_would_misread(path: str) -> None:
    with pytest.raises(SessionFileError):
        check_path(path)


def test_a_session_file_in_use_is_not_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = tmp_path / "session.db"
    with closing(sqlite3.connect(session)) as holder:
        holder.execute("CREATE TABLE whatsmeow_device (jid TEXT)")
        holder.execute("INSERT INTO whatsmeow_device VALUES (?)", (str(OWN),))
        holder.commit()
        check_resumable(str(session), OWN)
        with pytest.raises(SessionFileError, match="does not hold this device"):
            check_resumable(str(session), Jid(OWN.user, 4))
        holder.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr("waziterm.worker.sessionfile.BUSY_WAIT_S", 0.0)
        with pytest.raises(SessionBusyError, match="in use"):
            check_resumable(str(session), OWN)


def _in_a_process(script: str) -> list[str]:
    """The lines that a script prints: the library starts a Go runtime, not fit for a test's own."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
