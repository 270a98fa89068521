"""A world for the real session manager in which time, chance and the workers are the test's.

Time stands still until a test lets it pass; whatever the manager does meanwhile is finished
before the test goes on. Threads there are none but the store's, whose jobs take as many turns of
the loop as chance wants, the same ones in each run: how fast the machine is has no part in it.
"""

import asyncio
import heapq
import itertools
import sqlite3
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from random import Random
from typing import Any, TypeVar
from unittest.mock import patch

import aiosqlite

from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.messages.inbound import Inbound
from waziterm.domain.messages.sending import Acknowledged, NotSent, Sent
from waziterm.manager import manager as managers
from waziterm.manager.rivals.search import SearchResult
from waziterm.manager.version_page import PageError
from waziterm.manager.workers.process import OutputLine, WorkerGoneError
from waziterm.manager.workers.usage import ProcessUse
from waziterm.manager.world import World as Outside
from waziterm.store import connection as stores
from waziterm.worker import protocol as wire
from waziterm.worker.instance.journal import Journal
from waziterm.worker.library_file import LibraryFileError

T = TypeVar("T")
BEGIN = 1_700_000_000.0
FIRST_PID = 2**30
"""No process of a real machine has such a pid."""
TURNS = 8
"""How many turns of the loop a job of the store takes at most; where many orders of things are
tried, there are more."""


def write_session(path: Path, jid: str | None) -> None:
    """A session file as the library leaves it: with a device, or without after a logout."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE IF NOT EXISTS whatsmeow_device (jid TEXT, lid TEXT, noise_key)")
        db.execute("DELETE FROM whatsmeow_device")
        if jid is not None:
            db.execute("INSERT INTO whatsmeow_device VALUES (?, '1@lid', randomblob(32))", (jid,))


def write_library(path: Path, *numbers: int) -> Path:
    """A file in the place of neonize's library, with the versions that it holds."""
    words = b"".join(struct.pack("<III", 2, 3000, number) for number in numbers)
    path.write_bytes(b"\x7fELF" + words + bytes(64))
    return path


class Loop(asyncio.SelectorEventLoop):
    """An event loop with a time of its own. scheduled: how many callbacks it was ever given."""

    def __init__(self) -> None:
        self.now = 0.0
        self.scheduled = 0
        self.moments: list[float] = []
        super().__init__()

    def time(self) -> float:
        return self.now

    def call_soon(  # type: ignore[override]
        self, *args: Any, **kwargs: Any
    ) -> asyncio.Handle:
        self.scheduled += 1
        return super().call_soon(*args, **kwargs)

    def call_soon_threadsafe(  # type: ignore[override]
        self, *args: Any, **kwargs: Any
    ) -> asyncio.Handle:
        self.scheduled += 1
        return super().call_soon_threadsafe(*args, **kwargs)

    def call_at(  # type: ignore[override]
        self, when: float, *args: Any, **kwargs: Any
    ) -> asyncio.TimerHandle:
        heapq.heappush(self.moments, when)
        return super().call_at(when, *args, **kwargs)


class Inline(ThreadPoolExecutor):
    """Runs what is meant for a thread at once, so that the order of things is always the same."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> "Future[T]":
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - it is handed on
            future.set_exception(error)
        return future


class LoopClock:
    """`manager.clock.Clock` on a loop's own time. offset: what its wall clock is ahead of that."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._disturbed = asyncio.Event()
        self.shift = 0.0
        self.offset = BEGIN

    def now(self) -> float:
        return self.offset + self._loop.now

    def elapsed(self) -> float:
        return self._loop.now

    def set_by(self, seconds: float) -> None:
        """Somebody sets the machine's wall clock, and the manager looks at it."""
        self.offset += seconds
        self.shift += seconds
        self._disturbed.set()

    async def disturbed(self) -> None:
        await self._disturbed.wait()
        self._disturbed.clear()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        # A microsecond later, because moments since 1970 are too large to be exact.
        return self._loop.call_at(self._loop.now + max(seconds, 0.0) + 1e-6, callback)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class FakeProcess:
    """`manager.workers.worker.Process` as a puppet: it does what its workers are told to do."""

    def __init__(self, world: "World", pid: int, library: str | None) -> None:
        self.library = library
        self._world = world
        self._pid = pid
        self._queue: asyncio.Queue[wire.Report | OutputLine | None] = asyncio.Queue()
        self._ended = asyncio.Event()
        self._code: int | None = None
        self.workers: dict[str, FakeWorker] = {}
        self.beats = True
        self._beat()

    @property
    def pid(self) -> int:
        return self._pid

    @property
    def alive(self) -> bool:
        return self._code is None

    async def send(self, *commands: wire.Command) -> None:
        if not self.alive:
            raise WorkerGoneError(f"worker {self._pid} is gone")
        for command in commands:
            self._take(command)

    def _take(self, command: wire.Command) -> None:
        if isinstance(command, wire.Connect):
            worker = FakeWorker(self, command)
            assert command.instance not in self.workers, "connected twice in one process"
            assert not any(each.called for each in self.workers.values()), "a start after a call"
            assert not any(each.command.alone for each in self.workers.values())
            parted = any(each.left for each in self.workers.values())
            self.workers[command.instance] = worker
            if parted:
                # Letting one go may be a call: the real worker starts nothing after it.
                worker.left = True
                worker.say(ev.NotStarted("this worker starts nothing any more"))
                return
            self._world.workers.append(worker)
            self._world.on_connect(worker)
            return
        self.workers[command.instance].asked(command)

    async def messages(self) -> AsyncIterator[wire.Report | OutputLine]:
        while (message := await self._queue.get()) is not None:
            yield message

    async def wait(self) -> int:
        await self._ended.wait()
        assert self._code is not None
        return self._code

    async def kill(self) -> None:
        if self.alive and self._world.kill_s:
            with self._world.slow_work():
                await asyncio.sleep(self._world.kill_s)
        self.die(-9)

    # -- for the workers in it ----------------------------------------------------------------

    def report(self, message: wire.Report | OutputLine) -> None:
        self._queue.put_nowait(message)

    def die(self, code: int) -> None:
        """End, with an exit code or minus a signal; what it said before can still be read."""
        if self.alive:
            for each in self.workers.values():
                if each.journal is not None:
                    each.journal.close()
            self._code = code
            self._ended.set()
            self._queue.put_nowait(None)

    def _beat(self) -> None:
        if self.alive:
            if self.beats:
                self._queue.put_nowait(wire.Heartbeat())
            self._world.loop.call_later(19.0, self._beat)


class FakeWorker:
    """The worker of one instance: its connection in a process that others may share.

    answers: how requests end: "ok", "error", or "never". took_s: what an answer tells of the time
    that it took. messages: that it was told to send. beats: whether its process's heart does.
    last: what the library tells of it when it is let go.
    """

    def __init__(self, process: FakeProcess, command: wire.Connect) -> None:
        self.process = process
        self.command = command
        self.jid = command.jid
        self.said: list[ev.WorkerEvent] = []
        self.answers = "ok"
        self.last: ev.WorkerEvent | None = None
        self.took_s = 0.1
        self.asked_to_log_out = False
        self.called = False
        self.messages: list[wire.SendMessage] = []
        self.leaving = False
        self.left = False
        self.journal = Journal(Path(command.inbox)) if command.inbox else None

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.alive and not self.left

    @property
    def instance(self) -> str:
        return self.command.instance

    @property
    def beats(self) -> bool:
        return self.process.beats

    @beats.setter
    def beats(self, beats: bool) -> None:
        self.process.beats = beats

    def asked(self, command: wire.Command) -> None:
        """A command for this instance."""
        assert not isinstance(command, wire.Connect)
        self.called |= not isinstance(command, wire.Leave | wire.RollJournal)
        if isinstance(command, wire.SendMessage):
            self.messages.append(command)
        self.asked_to_log_out |= isinstance(command, wire.Logout)
        self.leaving |= isinstance(command, wire.Leave)
        if isinstance(command, wire.Leave) and self.last is not None:
            self.say(self.last)
        if self.answers == "never":
            return
        self.left |= self.leaving
        error = "" if self.answers == "ok" or self.left else "no route"
        if isinstance(command, wire.RollJournal) and self.journal is not None:
            self.journal.roll()
        if isinstance(command, wire.PairByCode) and not error:
            self.say(ev.CodeShown("ABCD-EFGH", 160.0))
        sent: Sent | None = None
        if isinstance(command, wire.SendMessage):
            to = command.message.to
            sent = Acknowledged("3EB0", to) if not error else NotSent(error)
        answered = wire.Answered(self.instance, command.request, self.took_s, error, sent)
        self.process.report(answered)

    def say(self, event: ev.WorkerEvent) -> None:
        """Report an event, as the library would; a dead one may still try."""
        self.said.append(event)
        if isinstance(event, ev.PairSucceeded) and self.alive:
            self.jid = event.jid
            write_session(Path(self.command.session), event.jid)
        if isinstance(event, ev.LoggedOut) and self.alive:
            write_session(Path(self.command.session), None)
        self.process.report(wire.Happened(self.instance, event))

    def take_in(self, message: Inbound, *, is_told: bool = True) -> None:
        """Write a message that came in to the journal."""
        assert self.journal is not None
        self.journal.write(message)
        if is_told:
            self.process.report(wire.JournalGrew(self.instance))

    def print(self, text: str) -> None:
        """Print a line on its fd 1."""
        self.process.report(OutputLine(text))

    def die(self, code: int) -> None:
        """Its process ends, with all that is in it."""
        self.process.die(code)


class World:
    """What a manager meets outside of itself, and the hand that lets it run.

    workers: all that ever got an instance. processes: all that were started. spawn_s, kill_s:
    seconds that it takes.
    failing_spawns: how many of the next spawns fail. findings: what a search for a holder finds.
    on_connect: hears when a worker was given its instance. library: a file in the place of
    neonize's. page: the number that WhatsApp's page tells, or why it tells none; page_reads: the
    proxies through which it was read. trial: why a copy of the library cannot be loaded.
    process_use: what the process with a pid uses.
    """

    def __init__(self) -> None:
        self.loop = Loop()
        self.loop.set_default_executor(Inline())
        self.clock = LoopClock(self.loop)
        self.workers: list[FakeWorker] = []
        self.processes: list[FakeProcess] = []
        self.pids = itertools.count(FIRST_PID)
        self.spawn_s = self.kill_s = 0.0
        self.failing_spawns = 0
        self.findings = SearchResult()
        self.library: Path | None = None
        self.page: int | str = "there is no page in this world"
        self.page_reads: list[str | None] = []
        self.trial = ""
        self.process_use: Callable[[int], ProcessUse | None] = lambda pid: None
        self.on_connect: Callable[[FakeWorker], None] = lambda worker: None
        self.unhandled: list[str] = []
        self.loop.set_exception_handler(lambda _, what: self.unhandled.append(str(what)))
        self._vanished: set[FakeWorker] = set()
        self._slow = 0
        self._jobs = 0
        self._job_done = asyncio.Event()
        self._pace = Random(0)
        self.turns = TURNS
        self._telling = asyncio.Lock()
        self._patches = ExitStack()
        self._patch()

    def _patch(self) -> None:
        """The process table of the machine is not the test's, nor is the pace of the store."""
        self._patches.enter_context(patch.object(stores, "on_its_thread", self._job))
        exists = "psutil.pid_exists"
        living = lambda pid: any(  # noqa: E731
            worker.pid == pid and worker not in self._vanished for worker in self.live()
        )
        self._patches.enter_context(patch(exists, living))
        holders = "waziterm.manager.care.evidence.holders_of"
        self._patches.enter_context(patch(holders, lambda files, ours: {}))
        # Nobody deletes the lock of a world, and a look each second would be most of a long time.
        self._patches.enter_context(patch.object(managers, "_LOCK_S", 600.0))
        search = "waziterm.manager.rivals.search.search"
        self._patches.enter_context(patch(search, lambda sought: self.findings))

    async def _job(
        self,
        connection: aiosqlite.Connection,
        job: Callable[[sqlite3.Connection], T],
        db: sqlite3.Connection,
    ) -> T:
        """`store.private.on_its_thread`; jobs end in the order in which they began."""
        if not connection._running:
            raise ValueError("Connection closed")
        result: Future[T] = Future()

        def work() -> None:
            try:
                result.set_result(job(db))
            except BaseException as error:  # noqa: BLE001 - it is handed on
                result.set_exception(error)

        connection._tx.put_nowait((None, work))
        self._jobs += 1
        try:
            wait((result,))
            async with self._telling:
                for _ in range(self._pace.randrange(1, self.turns)):
                    await asyncio.sleep(0)
            return result.result()
        finally:
            self._jobs -= 1
            self._job_done.set()

    def outside(self, seed: int) -> Outside:
        """The same as the manager wants it."""
        return Outside(
            self.clock,
            Random(seed),
            self._spawn,
            installed=self._installed,
            trial=self._trial,
            read_version=self._read_version,
            process_use=self._process_use,
        )

    def _installed(self) -> Path:
        if self.library is None:
            raise LibraryFileError("there is no library in this world")
        return self.library

    def _process_use(self, pid: int) -> ProcessUse | None:
        return self.process_use(pid)

    async def _trial(self, _path: Path) -> str:
        return self.trial

    async def _read_version(self, proxy: str | None, _lab: LabFile | None) -> int:
        self.page_reads.append(proxy)
        if isinstance(self.page, str):
            raise PageError(self.page)
        return self.page

    async def _spawn(self, library: str | None = None) -> FakeProcess:
        if self.spawn_s:
            with self.slow_work():
                await asyncio.sleep(self.spawn_s)
        if self.failing_spawns:
            self.failing_spawns -= 1
            raise OSError(11, "Resource temporarily unavailable")
        self.processes.append(FakeProcess(self, next(self.pids), library))
        return self.processes[-1]

    @contextmanager
    def slow_work(self) -> Iterator[None]:
        """Marks the time in which a spawn or a kill is under way."""
        self._slow += 1
        try:
            yield
        finally:
            self._slow -= 1

    @property
    def is_idle(self) -> bool:
        """Whether no spawn, no kill and no leave is under way."""
        return self._slow == 0 and not any(worker.leaving for worker in self.live())

    def live(self, name: str = "") -> list[FakeWorker]:
        """The workers that hold a session now; name: only those of that instance."""
        return [w for w in self.workers if w.alive and name in ("", w.instance)]

    def vanish(self, worker: FakeWorker) -> None:
        """The process is gone, and nothing was heard of its end."""
        self._vanished.add(worker)

    # -- time -----------------------------------------------------------------------------------

    def run(self, work: Awaitable[T]) -> T:
        """Run something to its end, in no time."""
        return self.loop.run_until_complete(work)

    def settle(self) -> None:
        """Let everything happen that can happen now."""
        self.run(self._settled())

    async def _settled(self) -> None:
        moving = True
        while moving:
            while self._jobs:
                self._job_done.clear()
                await self._job_done.wait()
            before = self.loop.scheduled
            await asyncio.sleep(0)
            # What was ready has run by now, and only this task was scheduled meanwhile.
            moving = self.loop.scheduled > before + 1 or self._jobs > 0

    def pass_time(self, seconds: float) -> None:
        """Let time pass, with everything that falls due in it at its moment."""
        loop, target = self.loop, self.loop.now + seconds
        self.settle()
        while loop.moments and loop.moments[0] <= target:
            moment = heapq.heappop(loop.moments)
            if moment > loop.now:
                loop.now = moment
                self.settle()
        self.jump(target - loop.now)

    def jump(self, seconds: float) -> None:
        """Let time pass while the machine is suspended: nothing happens before it is over."""
        self.loop.now += seconds
        self.settle()

    def task(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Begin something in the background, and let happen what can happen now."""
        task = self.loop.create_task(work)
        self.settle()
        return task

    def close(self) -> None:
        """Put everything back that was the machine's."""
        self._patches.close()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()
