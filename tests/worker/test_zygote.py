"""Workers that are forked: how they begin and end, and what the zygote's own death means."""

import asyncio
import contextlib
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import NoReturn

import psutil
import pytest
import pytest_asyncio

from tests.worker.hand import DEADLINE_S, NAME, forked
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle import events as ev
from waziterm.lab.client import Lab
from waziterm.manager.workers import zygote_line
from waziterm.manager.workers.child import NOT_SEEN, exit_cause
from waziterm.manager.workers.process import WorkerProcess
from waziterm.manager.workers.zygote_line import Zygote
from waziterm.worker.protocol import PROTOCOL, Connect, Ready

pytestmark = pytest.mark.asyncio(loop_scope="module")

TERMINALS = ("/dev/pts", "/dev/tty", "/dev/ptmx")


@asynccontextmanager
async def run_zygote(ca_file: str | None = None) -> AsyncIterator[Zygote]:
    zygote = Zygote(ca_file)
    try:
        yield zygote
    finally:
        await zygote.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def zygote() -> AsyncIterator[Zygote]:
    """For the tests that leave it as it is."""
    async with run_zygote() as zygote:
        yield zygote


@pytest_asyncio.fixture(loop_scope="module")
async def mortal() -> AsyncIterator[Zygote]:
    """For a test of its death."""
    async with run_zygote() as zygote:
        yield zygote


async def test_a_fork_at_the_moment_of_the_zygotes_death(mortal: Zygote) -> None:
    async with forked(mortal) as old:
        await _kill_parent(old.process.pid)
        async with forked(mortal) as new:
            assert "does not hold" in (await new.probe()).error


async def test_a_fork_is_ready_and_its_end_is_told(zygote: Zygote) -> None:
    async with forked(zygote) as hand:
        ready = await hand.wait_for(Ready)
        assert ready.pid == hand.process.pid
        assert ready.library.startswith("0.5")
        assert "does not hold" in (await hand.probe()).error
        assert hand.process.alive
        os.kill(hand.process.pid, signal.SIGKILL)
        assert exit_cause(await hand.end()) == "signal 9 (SIGKILL)"
        assert not hand.process.alive
        assert not psutil.pid_exists(hand.process.pid)
        await hand.process.kill()


async def test_the_manager_ends_a_fork(zygote: Zygote) -> None:
    async with forked(zygote) as hand:
        await hand.process.kill()
        assert exit_cause(await hand.process.wait()) == "signal 9 (SIGKILL)"


async def test_only_its_manager_ends_a_fork(zygote: Zygote) -> None:
    async with forked(zygote) as hand:
        os.kill(hand.process.pid, signal.SIGINT)
        os.kill(hand.process.pid, signal.SIGHUP)
        assert "does not hold" in (await hand.probe()).error
        os.kill(hand.process.pid, signal.SIGTERM)
        assert exit_cause(await hand.end()) == "signal 15 (SIGTERM)"


async def test_a_fork_ends_when_its_pipe_is_closed(zygote: Zygote) -> None:
    pipe, their_pipe = socket.socketpair()
    output, their_output = socket.socketpair()
    with pipe, their_pipe, output, their_output:
        child = await zygote.fork(their_pipe, their_output, None)
        their_pipe.close()
        pipe.close()
        async with asyncio.timeout(DEADLINE_S):
            assert exit_cause(await child.wait()) == "exit 0"


async def test_the_death_of_the_zygote_takes_no_worker_with_it(mortal: Zygote) -> None:
    async with forked(mortal) as hand:
        await _kill_parent(hand.process.pid)
        assert "does not hold" in (await hand.probe()).error
        assert hand.process.alive
        os.kill(hand.process.pid, signal.SIGKILL)
        assert await hand.end() == NOT_SEEN
        assert not hand.process.alive


async def test_a_fork_without_a_zygote_can_be_ended(mortal: Zygote) -> None:
    async with forked(mortal) as hand:
        await _kill_parent(hand.process.pid)
        async with asyncio.timeout(DEADLINE_S):
            await hand.process.kill()
        assert _is_over(hand.process.pid)


async def test_a_dead_zygote_is_replaced(mortal: Zygote) -> None:
    async with forked(mortal) as old:
        dead = await _kill_parent(old.process.pid)
        # By the time of an answer its end has been seen.
        assert "does not hold" in (await old.probe()).error
        async with forked(mortal) as new:
            assert _parent(new.process.pid) != dead
            assert old.process.alive
            assert "does not hold" in (await new.probe()).error
            os.kill(new.process.pid, signal.SIGTERM)
            assert exit_cause(await new.end()) == "signal 15 (SIGTERM)"


async def test_the_one_in_reserve_takes_over_without_the_disk(
    mortal: Zygote, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing_there(*_: object) -> NoReturn:
        raise FileNotFoundError

    async with forked(mortal) as first:
        monkeypatch.setattr(zygote_line, "launch", nothing_there)
        reserve = await _reserved(psutil.Process(_parent(first.process.pid)))
        await _kill_parent(first.process.pid)
        async with forked(mortal) as second:
            assert _parent(second.process.pid) == reserve
            assert "does not hold" in (await second.probe()).error
            # Whoever took over keeps one in reserve too.
            reserve = await _reserved(psutil.Process(reserve))
            await _kill_parent(second.process.pid)
            async with forked(mortal) as third:
                assert _parent(third.process.pid) == reserve
                assert "does not hold" in (await third.probe()).error
        await mortal.close()
        assert _is_over(reserve)


async def test_when_both_are_gone_one_is_executed(mortal: Zygote) -> None:
    async with forked(mortal) as first:
        parent = psutil.Process(_parent(first.process.pid))
        reserve = await _reserved(parent)
        os.kill(reserve, signal.SIGKILL)
        await _kill_parent(first.process.pid)
        async with forked(mortal) as other:
            assert _parent(other.process.pid) not in (reserve, parent.pid)
            assert "does not hold" in (await other.probe()).error


@pytest.mark.parametrize("module", ["waziterm.worker", "waziterm.worker.zygote"])
async def test_a_manager_of_another_protocol_is_refused(module: str) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ended = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", module, "--fd", str(theirs.fileno()), "--protocol", "99"],
            pass_fds=(theirs.fileno(),),
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
    assert ended.returncode == 2
    assert ended.stderr == f"{module}: it speaks protocol {PROTOCOL}, its manager 99\n"


async def test_workers_go_on_when_the_zygote_is_closed(mortal: Zygote) -> None:
    async with forked(mortal) as hand:
        parent = _parent(hand.process.pid)
        await mortal.close()
        assert not psutil.pid_exists(parent)
        assert "does not hold" in (await hand.probe()).error


async def test_eight_at_once(zygote: Zygote) -> None:
    async with AsyncExitStack() as stack:
        hands = await asyncio.gather(
            *(stack.enter_async_context(forked(zygote)) for _ in range(8)),
        )
        pids = {hand.process.pid for hand in hands}
        assert len(pids) == 8
        assert len({_parent(pid) for pid in pids}) == 1
        readies = [await hand.wait_for(Ready) for hand in hands]
        assert {ready.pid for ready in readies} == pids
        assert [ready.pid for ready in readies] == [hand.process.pid for hand in hands]


async def test_a_fork_that_nobody_waits_for_any_more_is_ended(zygote: Zygote) -> None:
    async with forked(zygote) as hand:
        parent = psutil.Process(_parent(hand.process.pid))
        before = _open_fds()
        parent.suspend()
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await WorkerProcess.fork(zygote)
        parent.resume()
        # Answers come in order: when this one is there, so were the others.
        async with forked(zygote) as other:
            known = {hand.process.pid, other.process.pid, _reserve(parent).pid}
            for child in parent.children():
                if child.pid not in known:
                    await asyncio.to_thread(child.wait, DEADLINE_S)
            assert {child.pid for child in parent.children()} == known
        assert _open_fds() == before


async def test_leaves_no_process_and_no_file_open(zygote: Zygote) -> None:
    async with forked(zygote) as first:
        parent = psutil.Process(_parent(first.process.pid))
    before, parents_before = _open_fds(), parent.num_fds()
    pids = []
    for _ in range(20):
        worker = await WorkerProcess.fork(zygote)
        pids.append(worker.pid)
        await worker.kill()
    assert _open_fds() == before
    assert parent.num_fds() == parents_before
    assert parent.children() == [_reserve(parent)]
    assert not [pid for pid in pids if psutil.pid_exists(pid)]


async def test_the_zygote_has_one_thread_and_not_the_library(zygote: Zygote) -> None:
    async with forked(zygote) as hand:
        parent = psutil.Process(_parent(hand.process.pid))
        assert parent.num_threads() == 1
        assert not _has_library(parent.pid)
        assert _has_library(hand.process.pid)


async def test_a_fork_holds_nothing_that_is_anothers(zygote: Zygote) -> None:
    async with forked(zygote) as one, forked(zygote) as other:
        ours = [_sockets(one.process.pid), _sockets(other.process.pid)]
        parents = _sockets(_parent(one.process.pid))
        assert all(ours)
        assert not ours[0] & ours[1]
        assert not parents & (ours[0] | ours[1])


async def test_what_a_fork_prints_is_its_own(zygote: Zygote, tmp_path: Path) -> None:
    async with forked(zygote) as one, forked(zygote) as other:
        await one.tell(Connect(NAME, "relative.db"))
        await one.wait_for(ev.SessionBroken)
        session = str(tmp_path / "session.db")
        await one.tell(Connect("a", session, proxy="http://127.0.0.1:1"))
        await one.wait_for(ev.NotStarted)
        assert other.events == [] and other.lines == []


async def test_trusts_the_labs_authority(shared_lab: Lab, tmp_path: Path) -> None:
    file = LabFile.parse(shared_lab.file.read_text())
    async with run_zygote(file.ca_file) as zygote, forked(zygote) as hand:
        session = str(tmp_path / "session.db")
        await hand.tell(Connect(NAME, session, None, file.proxy, file.noise_root_key))
        await hand.wait_for(ev.QrShown)


async def test_trusts_no_lab_without_its_authority(
    shared_lab: Lab, tmp_path: Path, zygote: Zygote
) -> None:
    file = LabFile.parse(shared_lab.file.read_text())
    async with forked(zygote) as hand:
        session = str(tmp_path / "session.db")
        await hand.tell(Connect(NAME, session, None, file.proxy, file.noise_root_key))
        assert "certificate" in (await hand.wait_for(ev.DialFailed)).detail


async def test_nobody_outlives_a_killed_manager(tmp_path: Path) -> None:
    with ExitStack() as stack:
        async with _manager(tmp_path) as (manager, pids):
            waiting = {os.pidfd_open(pid) for pid in pids}
            for pidfd in waiting:
                stack.callback(os.close, pidfd)
            assert len(waiting) == 3
            manager.kill()
            await manager.wait()
            assert waiting == _ended(waiting)


async def test_forks_have_no_hold_on_the_terminal(tmp_path: Path, terminal: int) -> None:
    async with _manager(tmp_path, terminal) as (manager, pids):
        assert _terminals(manager.pid), "the manager has it"
        for pid in pids:
            assert _terminals(pid) == []
            assert psutil.Process(pid).terminal() is None
            assert os.getsid(pid) == pid
        parent, *workers = pids
        assert {_link(parent, fd) for fd in (0, 1, 2)} == {"/dev/null"}
        for pid in workers:
            assert _link(pid, 0) == "/dev/null"
            assert _link(pid, 1) == _link(pid, 2)
            assert _link(pid, 1).startswith("socket:")


@pytest.fixture
def terminal() -> Iterator[int]:
    """A pseudo-terminal, at its program's end."""
    master, slave = pty.openpty()
    yield slave
    os.close(slave)
    os.close(master)


@asynccontextmanager
async def _manager(
    folder: Path, terminal: int = subprocess.DEVNULL
) -> AsyncIterator[tuple[asyncio.subprocess.Process, list[int]]]:
    """A manager of its own, and the pids of its zygote and of its two workers."""
    reading, writing = os.pipe()
    with closing(os.fdopen(reading)) as told:
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", _MANAGER, str(folder), str(writing)),
                stdin=terminal,
                stdout=terminal,
                stderr=terminal,
                pass_fds=(writing,),
                start_new_session=True,
            )
        finally:
            os.close(writing)
        try:
            async with asyncio.timeout(DEADLINE_S):
                yield process, [int(p) for p in (await asyncio.to_thread(told.readline)).split()]
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


_MANAGER = textwrap.dedent("""
    import asyncio, os, sys
    from pathlib import Path
    from waziterm.manager.workers.process import WorkerProcess
    from waziterm.manager.workers.zygote_line import Zygote
    from waziterm.worker.protocol import Connect, Ready

    async def failed(worker, session):
        async for message in worker.messages():
            if isinstance(message, Ready):
                await worker.send(Connect("a", session, proxy="http://127.0.0.1:1"))
            if "DialFailed" in str(message):
                return

    async def main():
        zygote = Zygote(None)
        workers = [await WorkerProcess.fork(zygote) for _ in range(2)]
        for worker in workers:
            await failed(worker, f"{sys.argv[1]}/{worker.pid}.db")
        parent = Path(f"/proc/{workers[0].pid}/stat").read_text().rpartition(")")[2].split()[1]
        told = f"{parent} {workers[0].pid} {workers[1].pid}\\n"
        os.write(int(sys.argv[2]), told.encode())
        await asyncio.Event().wait()

    asyncio.run(main())
""")


def _reserve(zygote: psutil.Process) -> psutil.Process:
    """The zygote's only child that is no worker."""
    (reserve,) = (each for each in zygote.children() if _link(each.pid, 1) == "/dev/null")
    return reserve


async def _reserved(zygote: psutil.Process) -> int:
    """Wait until a zygote has another one in reserve; its pid."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            with contextlib.suppress(ValueError, OSError):
                return _reserve(zygote).pid
            await asyncio.sleep(0)


def _parent(pid: int) -> int:
    return psutil.Process(pid).ppid()


async def _kill_parent(pid: int) -> int:
    """Kill the zygote of a worker, and see it gone; its pid."""
    parent = _parent(pid)
    pidfd = os.pidfd_open(parent)
    try:
        os.kill(parent, signal.SIGKILL)
        assert _ended({pidfd}) == {pidfd}
    finally:
        os.close(pidfd)
    return parent


def _is_over(pid: int) -> bool:
    """Whether a process is gone; one whose parent died waits for init to reap it."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _ended(pidfds: set[int]) -> set[int]:
    """Those whose process is over, when all are or 2 s have passed."""
    ended: set[int] = set()
    while ended != pidfds:
        new, _, _ = select.select(list(pidfds - ended), [], [], 2.0)
        if not new:
            break
        ended |= set(new)
    return ended


def _has_library(pid: int) -> bool:
    return "neonize-linux" in Path(f"/proc/{pid}/maps").read_text()


def _link(pid: int, fd: int) -> str:
    return str(Path(f"/proc/{pid}/fd/{fd}").readlink())


def _links(pid: int) -> list[str]:
    return [_link(pid, int(fd.name)) for fd in Path(f"/proc/{pid}/fd").iterdir()]


def _sockets(pid: int) -> set[str]:
    return {link for link in _links(pid) if link.startswith("socket:")}


def _terminals(pid: int) -> list[str]:
    return [link for link in _links(pid) if link.startswith(TERMINALS)]


def _open_fds() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
