"""Who has it? With a second process that really has it."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.manager.rivals import Rival, a_rival
from waziterm.domain.text import plain
from waziterm.manager.rivals import search as holder
from waziterm.manager.rivals.search import (
    OpenFile,
    SearchFor,
    holders_of,
    search,
)


@pytest.fixture
def rival() -> Iterator[Rival]:
    with a_rival() as running:
        yield running


@pytest.fixture
def session(folder: Path) -> Path:
    path = folder / "shop.db"
    path.write_text("a session")
    return path


def test_nobody_has_it(session: Path) -> None:
    found = search(SearchFor((session,)))
    assert (found.holder, found.suspects) == ("", ())
    assert found.summary.startswith("nobody on this machine")


@pytest.mark.parametrize("through", ["path", "symlink", "hard link", "removed name"])
def test_a_process_that_has_the_file_open_is_named(
    rival: Rival, session: Path, through: str
) -> None:
    opened = session.with_name("else.db")
    match through:
        case "path":
            opened = session
        case "symlink":
            opened.symlink_to(session)
        case _:
            opened.hardlink_to(session)
    rival.do("open", str(opened))
    if through == "removed name":
        opened.unlink()
    found = search(SearchFor((session,)))
    assert found.holder.startswith(f"pid {rival.pid}: ") and ", since " in found.holder
    assert plain(" ".join(psutil.Process(rival.pid).cmdline()), 60) in found.holder
    assert found.summary == f"held by {found.holder}"


def test_f46_a_process_that_only_reads_the_file_is_a_suspect_and_no_holder(
    rival: Rival, session: Path
) -> None:
    """A backup, or a shell's `sleep 60 < FILE`, is no client of WhatsApp."""
    rival.do("read", str(session))
    found = search(SearchFor((session,)))
    assert found.holder == ""
    (suspect,) = found.suspects
    assert f"pid {rival.pid}: " in suspect and suspect.endswith(" reads the session file")
    assert found.summary == f"suspect: {suspect}"
    assert holders_of({"shop": (session,)}, frozenset()) == {}
    rival.do("open", str(session))
    found = search(SearchFor((session,)))
    assert f"pid {rival.pid}: " in found.holder and found.suspects == ()
    assert holders_of({"shop": (session,)}, frozenset()) == {"shop": found.holder}


def test_f46_a_reader_that_talks_to_whatsapp_is_a_holder(rival: Rival, session: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        rival.do("read", str(session))
        rival.do("call", *server.getsockname())
        found = search(SearchFor((session,), frozenset({server.getsockname()})))
    assert f"pid {rival.pid}: " in found.holder and found.suspects == ()


def test_a_process_that_talks_to_the_same_address_is_a_suspect_and_no_holder(
    rival: Rival, session: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        rival.do("call", *address)
        found = search(SearchFor((session,), frozenset({address})))
        assert found.holder == ""
        assert [f"pid {rival.pid}:" in each for each in found.suspects] == [True]
        assert found.summary.startswith("suspect: ")
        assert search(SearchFor((session,), frozenset({("127.0.0.1", 1)}))).suspects == ()


def test_our_own_processes_are_left_out(session: Path) -> None:
    with (
        session.open(),
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()),
        session.open() as inherited,
        subprocess.Popen(
            [sys.executable, "-c", "print('up', flush=True); input()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(inherited.fileno(),),
        ) as child,
    ):
        assert child.stdout is not None and child.stdout.readline() == b"up\n"
        found = search(SearchFor((session,), frozenset({server.getsockname()})))
        child.communicate(b"\n")
    assert (found.holder, found.suspects) == ("", ())


def test_processes_that_cannot_be_looked_into_are_counted_and_said(
    rival: Rival, session: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = holder.opened

    def refused(pid: int) -> Iterator[OpenFile]:
        if pid == rival.pid:
            raise PermissionError(13, "Permission denied")
        return look(pid)

    rival.do("open", str(session))
    monkeypatch.setattr(holder, "opened", refused)
    found = search(SearchFor((session,)))
    assert found.holder == "" and found.unread >= 1
    assert f"{found.unread} process" in found.summary and "looked into" in found.summary


def test_a_process_that_ends_meanwhile_and_a_file_that_is_gone_are_no_trouble(
    session: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with pytest.raises(psutil.NoSuchProcess):
        psutil.Process(gone.pid)
    session.unlink()
    assert search(SearchFor((session,))).holder == ""
    process = psutil.Process(os.getpid())
    process._pid = gone.pid  # type: ignore[attr-defined]
    monkeypatch.setattr(psutil, "process_iter", lambda: iter([process]))
    assert search(SearchFor((session.parent,), frozenset({("127.0.0.1", 1)}))).unread == 0
