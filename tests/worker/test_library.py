"""Parts of the worker that need the loaded library, or a session file, but no server."""

import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest

from waziterm.domain.jid import Jid
from waziterm.domain.lifecycle.events import StoreFault
from waziterm.worker.instance.store_file import (
    SessionFileError,
    StoreFaultError,
    check_path,
    check_resumable,
    file_id,
    standing_fault,
)
from waziterm.worker.neonize.logs import LibraryLog
from waziterm.worker.neonize.phrases import FAILURE_NODE, LoginAccepted, Sign

OWN = Jid("628123456789", 3)


def test_the_root_key_is_replaced_once_and_only_once() -> None:
    printed = _in_a_process("""
        from waziterm.worker.neonize.client import trust_lab
        from waziterm.worker.neonize.library import load
        from waziterm.worker.neonize import rootkey
        from waziterm.worker.neonize.rootkey import RootKeyError, replace_root_key

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
        replace_root_key(binder.gocode._name, rootkey.WHATSAPP_ROOT_KEY, old=key)
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
        from waziterm.worker.instance import desk
        from waziterm.worker.neonize import library

        def loaded():
            return "neonize-linux" in Path("/proc/self/maps").read_text()

        print(loaded(), threading.active_count(), len(list(Path("/proc/self/task").iterdir())))
        library.load()
        print(loaded())
        print(*{"PIL", "bs4", "magic", "linkpreview", "neonize.client"} & set(sys.modules))
    """)
    assert printed == ["False 1 1", "True", ""]


@pytest.mark.parametrize("asked", [None, "other-version.so"], ids=["its own", "a copy"])
def test_a_fork_loads_the_library_that_was_there_when_its_files_are_gone(
    tmp_path: Path, asked: str | None
) -> None:
    path = asked and str(tmp_path / asked)
    printed = _in_a_process(f"""
        import importlib.util, os, shutil, sys
        from pathlib import Path

        here = Path("{tmp_path}/neonize")
        here.mkdir()
        for file in Path(importlib.util.find_spec("neonize").origin).parent.iterdir():
            if file.suffix == ".so":
                shutil.copyfile(file, here / file.name)
                shutil.copyfile(file, here.with_name("other-version.so"))
            else:
                (here / file.name).symlink_to(file)
        sys.path.insert(0, str(here.parent))
        importlib.invalidate_caches()

        from waziterm.worker.instance import desk
        from waziterm.worker.neonize import library
        from waziterm.worker.neonize.rootkey import replace_root_key

        assert library._HOME == here
        load = library.held()
        shutil.rmtree(here)
        pid = os.fork()
        if pid == 0:
            binder = load({path!r})
            assert binder is load({path!r})
            assert {path!r} in (None, binder.gocode._name)
            # A lab's key is found in it as ever.
            replace_root_key(binder.gocode._name, bytes(32))
            os.write(1, binder.gocode.GetVersion() + b"\\n")
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        print(library.LIBRARY_VERSION)
    """)
    assert printed[0] == printed[1] and printed[0]


def test_library_records_become_lines() -> None:
    lines: list[str] = []
    signs: list[Sign] = []
    log = LibraryLog(lines.append, signs.append)
    log.take("INFO", "paired 628123456789:3@s.whatsapp.net")
    log.take("ERROR", "two\nlines <failure reason='1'/>")
    assert lines[0] == "paired +6281••••6789:3@s.whatsapp.net"
    assert lines[1].startswith("error: two lines")
    assert log.evidence(FAILURE_NODE) == "<failure reason='1'/>"
    assert signs == []
    log.take("INFO", "Successfully authenticated")
    assert signs == [LoginAccepted()]


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
        monkeypatch.setattr("waziterm.worker.instance.store_file.BUSY_WAIT_S", 0.0)
        with pytest.raises(StoreFaultError, match="in use") as caught:
            check_resumable(str(session), OWN)
        assert caught.value.fault is StoreFault.LOCKED


def a_store(folder: Path) -> Path:
    """A session file with our own device."""
    session = folder / "session.db"
    with closing(sqlite3.connect(session)) as db, db:
        db.execute("CREATE TABLE whatsmeow_device (jid TEXT)")
        db.execute("INSERT INTO whatsmeow_device VALUES (?)", (str(OWN),))
        db.execute("PRAGMA user_version = 11")
    return session


def test_the_try_to_write_leaves_nothing(tmp_path: Path) -> None:
    session = a_store(tmp_path)
    before = session.read_bytes()
    check_resumable(str(session), OWN)
    assert session.read_bytes() == before and list(tmp_path.iterdir()) == [session]
    assert standing_fault(str(session), file_id(str(session))) is None


def test_a_file_on_a_read_only_mount_or_a_full_disk_is_not_connected(tmp_path: Path) -> None:
    """F41, in a mount namespace of its own: a mode alone does not stop root."""
    full, locked = tmp_path / "full", tmp_path / "read-only"
    full.mkdir()
    locked.mkdir()
    a_store(locked)
    script = f"""
        import shutil
        from pathlib import Path
        from waziterm.domain.jid import Jid
        from waziterm.worker.instance import store_file
        from waziterm.worker.instance.store_file import check_resumable, standing_fault

        def told(session):
            try:
                check_resumable(str(session), Jid({OWN.user!r}, {OWN.device}))
            except store_file.StoreFaultError as error:
                return error.fault.value
            return "none"

        session = Path({str(locked)!r}) / "session.db"
        print(told(session), standing_fault(str(session), None)[0].value)
        copy = Path({str(full)!r}) / "session.db"
        shutil.copy(session, copy)
        print(told(copy))
        try:
            with (copy.parent / "filler").open("wb") as filler:
                while True:
                    filler.write(bytes(4096))
                    filler.flush()
        except OSError:
            print(told(copy))
    """
    mounts = (
        f"mount --bind {locked} {locked} && mount -o remount,ro,bind {locked}"
        f" && mount -t tmpfs -o size=256k tmpfs {full}"
    )
    shell = ["sh", "-c", f'{mounts} && exec "$@"', "sh"]
    try:
        probe = subprocess.run(
            ["unshare", "-m", *shell, "true"], capture_output=True, timeout=30, check=False
        )
    except FileNotFoundError:
        pytest.skip("no `unshare` here")
    if probe.returncode:
        pytest.skip(f"no mount namespace here: {probe.stderr.decode().strip()}")
    assert _in_a_process(script, "unshare", "-m", *shell) == ["read_only read_only", "none", "full"]


def _in_a_process(script: str, *around: str) -> list[str]:
    """The lines that a script prints: the library starts a Go runtime, not fit for a test's own.

    around: the command that runs it."""
    done = subprocess.run(
        [*around, sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
