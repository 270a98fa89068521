"""Parts of the worker that need the loaded library, or a session file, but no server."""

import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest

from waziterm.domain.jid import Jid
from waziterm.worker.logs import FAILURE_NODE, LibraryLog
from waziterm.worker.sessionfile import (
    SessionBusyError,
    SessionFileError,
    check_path,
    check_resumable,
)

OWN = Jid("628123456789", 3)


def test_the_root_key_is_replaced_once_and_only_once() -> None:
    printed = _in_a_process("""
        from waziterm.worker.client import trust_lab
        from waziterm.worker.library import load
        from waziterm.worker.rootkey import RootKeyError, WHATSAPP_ROOT_KEY, replace_root_key

        binder = load()
        key = bytes(range(32))
        for bad in (b"short", key):
            try:
                replace_root_key(binder.gocode._name, bad, old=key)
            except RootKeyError as error:
                print(error)
        trust_lab(binder, key.hex())
        print("trusted")
        try:
            trust_lab(binder, key.hex())
        except RootKeyError as error:
            print(error)
        replace_root_key(binder.gocode._name, WHATSAPP_ROOT_KEY, old=key)
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


def test_what_may_fork_has_not_started_the_library_and_nothing_else_of_neonize_is_loaded() -> None:
    printed = _in_a_process("""
        import sys, threading
        from pathlib import Path
        from waziterm.worker import desk, library

        def loaded():
            return "neonize-linux" in Path("/proc/self/maps").read_text()

        print(loaded(), threading.active_count(), len(list(Path("/proc/self/task").iterdir())))
        library.load()
        print(loaded())
        print(*{"PIL", "bs4", "magic", "linkpreview", "neonize.client"} & set(sys.modules))
    """)
    assert printed == ["False 1 1", "True", ""]


def test_library_records_become_lines() -> None:
    lines: list[str] = []
    log = LibraryLog(lines.append)
    log.take("INFO", "paired 628123456789:3@s.whatsapp.net")
    log.take("ERROR", "two\nlines <failure reason='1'/>")
    assert lines[0] == "paired +6281••••6789:3@s.whatsapp.net"
    assert lines[1].startswith("error: two lines")
    assert log.evidence(FAILURE_NODE) == "<failure reason='1'/>"


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
