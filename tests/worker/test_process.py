"""The worker as a process: what it does without a WhatsApp, and how the manager holds it."""

import asyncio
import os
import select
import signal
import socket
import stat
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from tests.worker.hand import NAME, Hand, spawned
from waziterm.domain.lifecycle import events as ev
from waziterm.manager.workers.child import NOT_SEEN, exit_cause
from waziterm.manager.workers.process import (
    LINES_PER_S,
    OutputLimit,
    OutputLine,
    WorkerGoneError,
    WorkerProcess,
)
from waziterm.worker.protocol import Connect, Heartbeat, PairByCode, Probe, Ready, encode

CLOSED_PROXY = "http://127.0.0.1:1"


async def test_is_ready_and_beats_and_dies_by_kill() -> None:
    async with spawned() as hand:
        ready = await hand.wait_for(Ready)
        assert ready.pid == hand.process.pid
        assert ready.library.startswith("0.5")
        await hand.wait_for(Heartbeat)
        await hand.process.kill()
        assert exit_cause(await hand.process.wait()) == "signal 9 (SIGKILL)"
        await hand.process.kill()
        with pytest.raises(WorkerGoneError):
            await hand.probe()


async def test_leaves_no_process_and_no_file_open() -> None:
    async with spawned():
        pass
    before = _open_fds()
    pids = []
    for _ in range(2):
        async with spawned() as hand:
            pids.append(hand.process.pid)
    assert _open_fds() == before
    for pid in pids:
        assert not psutil.pid_exists(pid)


async def test_only_its_manager_ends_it() -> None:
    async with spawned() as hand:
        os.kill(hand.process.pid, signal.SIGINT)
        os.kill(hand.process.pid, signal.SIGHUP)
        assert "does not hold" in (await hand.probe()).error
        os.kill(hand.process.pid, signal.SIGTERM)
        assert exit_cause(await hand.end()) == "signal 15 (SIGTERM)"


async def test_the_first_dial_fails(tmp_path: Path) -> None:
    async with spawned() as hand:
        session = tmp_path / "session.db"
        await hand.tell(Connect(NAME, str(session), proxy="http://me:secret@127.0.0.1:1"))
        failed = await hand.wait_for(ev.DialFailed)
        assert "connection refused" in failed.detail
        assert "\n" not in failed.detail
        assert stat.S_IMODE(session.stat().st_mode) == 0o600
        await hand.process.kill()
        assert not [line for line in hand.lines if "secret" in line]


async def test_a_proxy_that_is_none(tmp_path: Path) -> None:
    async with spawned() as hand:
        proxy = "gopher://me:secret@127.0.0.1:1"
        await hand.tell(Connect(NAME, str(tmp_path / "session.db"), proxy=proxy))
        failed = await hand.wait_for(ev.DialFailed)
        assert "gopher" in failed.detail
        assert "secret" not in failed.detail


@pytest.mark.parametrize(
    ("name", "content", "detail"),
    [
        ("missing.db", None, "missing"),
        ("broken.db", b"not a database" * 100, "not a database"),
        ("other.db", b"", "no such table"),
        ("a%20b.db", b"", "must not contain"),
    ],
)
async def test_a_session_that_cannot_be_resumed(
    tmp_path: Path, name: str, content: bytes | None, detail: str
) -> None:
    session = tmp_path / name
    if content is not None:
        session.write_bytes(content)
    async with spawned() as hand:
        await hand.tell(Connect(NAME, str(session), "628123456789:3@s.whatsapp.net", CLOSED_PROXY))
        assert detail in (await hand.wait_for(ev.SessionBroken)).detail
        assert session.exists() == (content is not None)


async def test_a_new_device_in_a_broken_file(tmp_path: Path) -> None:
    session = tmp_path / "session.db"
    session.write_bytes(b"not a database" * 100)
    async with spawned() as hand:
        await hand.tell(Connect(NAME, str(session), proxy=CLOSED_PROXY))
        assert "not a database" in (await hand.wait_for(ev.SessionBroken)).detail


async def test_starts_nothing_after_an_instance_that_is_to_be_alone(tmp_path: Path) -> None:
    async with spawned() as hand:
        await hand.tell(Connect(NAME, str(tmp_path / "a.db"), proxy=CLOSED_PROXY))
        await hand.wait_for(ev.DialFailed)
        position = hand.position
        await hand.tell(Connect("shop-2", str(tmp_path / "b.db"), proxy=CLOSED_PROXY))
        refused = await hand.wait_for(ev.NotStarted, position)
        assert refused.detail == "this worker starts nothing any more"
        assert not (tmp_path / "b.db").exists()
        await hand.tell(Connect(NAME, str(tmp_path / "a.db"), proxy=CLOSED_PROXY))
        await hand.wait_for_line("already holds shop-1")


def test_survives_what_is_no_command() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, _worker(theirs) as worker:
        for line in (b"\xff\xfe{", b"[]", b'{"kind": "explode"}', b"x" * 200_000):
            ours.sendall(line + b"\n")
        ours.sendall(encode(Probe(NAME, 1)))
        ours.settimeout(10)
        received = b""
        while b'"answered"' not in received:
            received += ours.recv(4096)
        ours.close()
        assert worker.stderr is not None
        assert worker.stderr.read().decode().splitlines() == [
            "worker: not a command: not JSON",
            "worker: not a command: it must be an object, not list",
            "worker: not a command: it has an unknown kind: 'explode'",
            "worker: not a command: a line of 65537 bytes",
        ]


def test_ends_when_its_manager_hangs_up() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, _worker(theirs) as worker:
        assert b"ready" in ours.recv(4096)
        ours.close()
        assert worker.wait(timeout=2) == 0


def test_ends_when_its_manager_hangs_up_while_it_loads() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, _worker(theirs) as worker:
        ours.close()
        assert worker.wait(timeout=2) == 0


def test_says_what_is_wrong_with_its_fd() -> None:
    command = [sys.executable, "-m", "waziterm.worker", "--fd", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("waziterm.worker: fd 1 is not a socket")
    assert len(done.stderr.splitlines()) == 1


def test_does_not_outlive_a_killed_manager(tmp_path: Path) -> None:
    manager = subprocess.Popen(
        [sys.executable, "-c", _MANAGER, str(tmp_path / "session.db")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert manager.stdout is not None
    with manager.stdout as stdout:
        worker = os.pidfd_open(int(stdout.readline()))
        try:
            manager.kill()
            manager.wait()
            ended, _, _ = select.select([worker], [], [], 2.0)
        finally:
            os.close(worker)
    assert ended


async def test_works_where_stderr_has_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen:
        def fileno(self) -> int:
            return -1

        def write(self, text: str) -> int:
            return len(text)

        def flush(self) -> None: ...

    monkeypatch.setattr(sys, "stderr", Screen())
    monkeypatch.setattr(sys, "stdout", Screen())
    async with spawned() as hand:
        await hand.wait_for(Ready)


async def test_reads_the_ca_file_of_a_lab_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/own/ca.pem")
    _impostor(monkeypatch, tmp_path, "print(os.environ['SSL_CERT_FILE'], flush=True)")
    for ca_file, expected in ((None, "/own/ca.pem"), ("/lab/ca.pem", "/lab/ca.pem")):
        hand = await _run(ca_file)
        assert hand.lines == [expected]
    assert os.environ["SSL_CERT_FILE"] == "/own/ca.pem"


async def test_f44_go_is_bounded_unless_somebody_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`python -m bench phone_history thousand` measures what that is good for."""
    names = ("GOMEMLIMIT", "GOGC", "GOMAXPROCS")
    told = f"print(*(os.environ[name] for name in {names}), flush=True)"
    _impostor(monkeypatch, tmp_path, told)
    for name in names:
        monkeypatch.delenv(name, raising=False)
    assert (await _run(None)).lines == ["100MiB 50 1"]
    monkeypatch.setenv("GOMEMLIMIT", "300MiB")
    assert (await _run(None)).lines == ["300MiB 50 1"]


async def test_shows_what_is_no_report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = r"""
        pipe.sendall(b'\xff\n{"kind": "ready"}\n{"kind": "heartbeat"}\n' + b'x' * 200_000 + b'\n')
        pipe.sendall(b'{"kind": "heartbeat"}\n')
        sys.exit(3)
    """
    _impostor(monkeypatch, tmp_path, script)
    hand = await _run()
    assert len([m for m in hand.said if isinstance(m, Heartbeat)]) == 2
    assert len(hand.lines) == 3
    assert all("not a report" in line for line in hand.lines)
    assert exit_cause(await hand.process.wait()) == "exit 3"


async def test_shows_output_as_inert_lines_without_secrets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = r"""
        print('\x1b[31mred\x1b[0m', '\u202e', 'call 628123456789@s.whatsapp.net', flush=True)
        print('2@' + 'Ab3' * 30 + ',k=', file=sys.stderr, flush=True)
        os.write(1, b'\xff\xfe half a line')
    """
    _impostor(monkeypatch, tmp_path, script)
    hand = await _run()
    assert hand.lines == [
        "red call +6281••••6789@s.whatsapp.net",
        "[QR code]",
        "\ufffd\ufffd half a line",
    ]


async def test_a_flood_of_output_is_cut(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = r"""
        for n in range(20_000):
            print('flood', n)
        print('y' * 1_000_000)
        sys.stdout.flush()
    """
    _impostor(monkeypatch, tmp_path, script)
    hand = await _run()
    shown = [line for line in hand.lines if line.startswith("flood")]
    dropped = [int(line.split()[0]) for line in hand.lines if line.endswith("printed and dropped")]
    long = [line for line in hand.lines if line.startswith("y")]
    assert len(shown) + len(long) + sum(dropped) == 20_001
    assert dropped
    assert all(len(line) <= 500 for line in hand.lines)


async def test_kill_takes_what_the_worker_started_and_a_full_queue(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = r"""
        child = os.fork()
        if child:
            pipe.sendall(b'{"kind": "ready", "pid": %d, "library": "x"}\n' % child)
        while True:
            pipe.sendall(b'{"kind": "heartbeat"}\n')
    """
    _impostor(monkeypatch, tmp_path, script)
    process = await WorkerProcess.spawn(ca_file=None)
    ready = [message async for message in _first(process)]
    child = os.pidfd_open(ready[0].pid)
    try:
        async with asyncio.timeout(5):
            await process.kill()
        ended, _, _ = select.select([child], [], [], 2.0)
    finally:
        os.close(child)
    assert ended
    assert [each async for each in process.messages()] == []


async def test_kill_frees_blocked_senders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _impostor(monkeypatch, tmp_path, "signal.pause()")
    process = await WorkerProcess.spawn(ca_file=None)
    async with asyncio.timeout(5):
        more_than_a_socket_holds = [
            process.send(PairByCode(NAME, number, "1" * 60_000)) for number in range(100)
        ]
        sending = asyncio.gather(*more_than_a_socket_holds, return_exceptions=True)
        await process.kill()
        assert isinstance((await sending)[-1], WorkerGoneError)


def test_output_limit_by_its_clock() -> None:
    now = 0.0
    limit = OutputLimit(lambda: now)
    lines = limit.feed(b"x\n" * (LINES_PER_S + 5))
    assert lines == [OutputLine("x")] * LINES_PER_S
    now = 0.9
    assert limit.feed(b"x\n") == []
    now = 1.0
    assert limit.feed(b"y\n\n") == [
        OutputLine("6 more lines were printed and dropped"),
        OutputLine("y"),
    ]
    assert limit.feed(b"Press Ctrl+C to exit\nz") == []
    assert limit.feed(b"") == [OutputLine("z")]


def test_exit_causes() -> None:
    assert exit_cause(0) == "exit 0"
    assert exit_cause(2) == "exit 2"
    assert exit_cause(-signal.SIGABRT) == "signal 6 (SIGABRT)"
    assert exit_cause(-250) == "signal 250"
    assert exit_cause(NOT_SEEN) == "it ended unseen"


_MANAGER = textwrap.dedent("""
    import asyncio, sys
    from waziterm.manager.workers.process import WorkerProcess
    from waziterm.worker.protocol import Connect, Ready

    async def main():
        process = await WorkerProcess.spawn(ca_file=None)
        async for message in process.messages():
            if isinstance(message, Ready):
                await process.send(Connect("a", sys.argv[1], proxy="http://127.0.0.1:1"))
            if "DialFailed" in str(message):
                print(process.pid, flush=True)

    asyncio.run(main())
""")


def _impostor(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Let this script run in the place of the worker, with its end of the pipe as `pipe`."""
    program = folder / "impostor"
    program.write_text(
        f"#!{sys.executable}\nimport os, signal, socket, sys\n"
        "pipe = socket.socket(fileno=int(sys.argv[-1]))\n" + textwrap.dedent(script)
    )
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))


async def _run(ca_file: str | None = None) -> Hand:
    """A worker process that was read to its end."""
    hand = Hand(await WorkerProcess.spawn(ca_file=ca_file))
    async with asyncio.timeout(10):
        await hand.listen()
    await hand.process.wait()
    await hand.process.kill()
    return hand


async def _first(process: WorkerProcess) -> AsyncIterator[Ready]:
    async for message in process.messages():
        if isinstance(message, Ready):
            yield message
            return


def _worker(theirs: socket.socket) -> subprocess.Popen[bytes]:
    fd = theirs.fileno()
    worker = subprocess.Popen(
        [sys.executable, "-m", "waziterm.worker", "--fd", str(fd)],
        pass_fds=(fd,),
        stderr=subprocess.PIPE,
    )
    theirs.close()
    return worker


def _open_fds() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
