"""One worker process and the instances in it.

A worker that several share starts them one after the other, and starts none after its first call;
nothing is stopped in it (`worker.neonize.opening`). So an instance that is to end here is parted
from it with `Leave`, and goes on in another worker, where it is a new connection with events of
its own. The last one that leaves takes the process with it.
"""

import asyncio
import logging
import resource
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol, assert_never

from waziterm.domain.lifecycle import events as ev
from waziterm.domain.upkeep.packing import WorkerView
from waziterm.manager.background import cause_of
from waziterm.manager.clock import Clock, stood_still
from waziterm.manager.workers.child import exit_cause
from waziterm.manager.workers.process import OutputLine, WorkerGoneError
from waziterm.worker import protocol as wire

SILENCE_S = 20.0
"""A worker that reports nothing for four of its heartbeats hangs."""
LEAVE_S = 90.0
"""How long a worker may take to part with an instance. The library ends a dial first, and one
through a proxy that does not answer takes it 60 s (measured)."""
SOON_S = 5.0
"""How long whoever lets an instance leave waits for that."""

log = logging.getLogger(__name__)


class Worker(Protocol):
    """What a pack needs of a worker process; `manager.workers.process.WorkerProcess` is one."""

    @property
    def pid(self) -> int: ...

    @property
    def alive(self) -> bool: ...

    async def send(self, command: wire.Command) -> None: ...

    def messages(self) -> AsyncIterator[wire.Report | OutputLine]: ...

    async def wait(self) -> int: ...

    async def kill(self) -> None: ...


Message = wire.Report | OutputLine


class Berth:
    """The place of one instance in a worker, until it leaves or the worker ends."""

    def __init__(self, name: str, pack: "Pack", *, alone: bool) -> None:
        self.name = name
        self.alone = alone
        self._pack = pack
        self._messages: asyncio.Queue[Message | None] = asyncio.Queue()
        self._parted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.leaving = False
        self.ended: ev.WorkerDied | ev.WorkerLost | None = None
        """How the worker ended under this instance, if it did."""

    @property
    def pid(self) -> int:
        return self._pack.pid

    @property
    def number(self) -> int | None:
        """N of the version that its worker tells WhatsApp."""
        return self._pack.number

    async def send(self, command: wire.Command) -> None:
        """Send a command for this instance. Raises WorkerGoneError."""
        if self.leaving:
            raise WorkerGoneError(f"{self.name} has left worker {self.pid}")
        await self._pack.send(self.name, command)

    async def messages(self) -> AsyncIterator[Message]:
        """All that the worker reports of this instance, for one reader, until it is over."""
        while (message := await self._messages.get()) is not None:
            yield message
        self._messages.put_nowait(None)

    async def leave(self) -> None:
        """End the connection here. Nothing is heard of it any more. When that takes longer than
        `SOON_S` it goes on in the background, until `parted`: before that, nobody may connect this
        instance elsewhere.
        """
        if not self.leaving:
            self.leaving = True
            self._messages.put_nowait(None)
            await self._pack.part(self)

    # -- for the pack -------------------------------------------------------------------------

    def put(self, message: Message) -> None:
        if not self.leaving:
            self._messages.put_nowait(message)

    def end(self, how: ev.WorkerDied | ev.WorkerLost) -> None:
        """The worker is gone."""
        self.ended = how
        self._messages.put_nowait(None)
        self.part()

    def part(self) -> None:
        """The worker holds no connection of this instance any more."""
        if not self._parted.done():
            self._parted.set_result(None)

    async def parted(self) -> None:
        """Wait until the worker neither holds a connection of this instance nor makes one."""
        await asyncio.shield(self._parted)


class Pack:
    """A worker and its members. `listen` must be running. number: N of the version that it tells
    WhatsApp, None when that is not known."""

    def __init__(self, worker: Worker, clock: Clock, number: int | None = None) -> None:
        self.number = number
        self._worker = worker
        self._clock = clock
        self._held: set[str] = set()
        self._open = True
        self._ready: wire.Ready | None = None
        self._heard = False
        self._killed_for = ""
        self._suspect = self._blamed = ""
        self._settled_mb = 0.0
        self._tasks: asyncio.TaskGroup | None = None
        self.members: dict[str, Berth] = {}

    @property
    def pid(self) -> int:
        return self._worker.pid

    @property
    def alive(self) -> bool:
        return self._worker.alive

    def view(self) -> WorkerView:
        """For whoever decides which workers to give up. What it has grown counts from the first
        look after its last start."""
        now_mb = _rss_mb(self.pid)
        if self._open or not self._settled_mb:
            self._settled_mb = now_mb
        names = tuple(name for name, berth in self.members.items() if not berth.leaving)
        return WorkerView(self.pid, names, now_mb - self._settled_mb)

    def takes(self, name: str, size: int) -> bool:
        """Whether an instance may still be started in it."""
        room = self._open and len(self._held) < size
        return room and name not in self._held and self._worker.alive

    def retire(self) -> None:
        """Take nobody any more."""
        self._open = False

    def join(self, name: str, *, alone: bool = False) -> Berth:
        """A place in it. alone: nobody else will get one."""
        berth = self.members[name] = Berth(name, self, alone=alone)
        self._held.add(name)
        self._open = self._open and not alone
        if self._ready is not None:
            berth.put(self._ready)
        return berth

    async def send(self, name: str, command: wire.Command) -> None:
        self._suspect = name
        if not isinstance(command, wire.Connect):
            self._open = False
        await self._worker.send(command)

    async def part(self, berth: Berth) -> None:
        """Let a member go; the process too when no other stays."""
        if self._tasks is not None and any(not each.leaving for each in self.members.values()):
            parting = self._tasks.create_task(self._see_off(berth))
            await asyncio.wait([parting], timeout=SOON_S)
        else:
            self._open = False
            await self._worker.kill()
            self._gone(berth)

    async def _see_off(self, berth: Berth) -> None:
        """Ask the worker to part with a member. One that does not in time is killed."""
        try:
            await self._worker.send(wire.Leave(berth.name, 0))
            while not await self._has_parted(berth):
                pass
        except TimeoutError:
            await self._kill_for(f"it does not part with {berth.name}", berth.name)
        except WorkerGoneError:
            await self._worker.kill()
        finally:
            self._gone(berth)

    async def _has_parted(self, berth: Berth) -> bool:
        """Whether it has; False after a freeze of ours, in which it could not tell. Raises
        TimeoutError."""
        before = self._clock.elapsed()
        try:
            async with asyncio.timeout(LEAVE_S):
                await berth.parted()
        except TimeoutError:
            if stood_still(self._clock, before, LEAVE_S):
                return False
            raise
        return True

    def _gone(self, berth: Berth) -> None:
        self.members.pop(berth.name, None)
        berth.part()

    async def listen(self) -> None:
        """Pass on what the worker reports until it is gone; then every member hears how it ended.

        A worker whose heartbeat stops is killed: it would never report its own end.
        """
        try:
            await self._listen()
        except Exception as error:
            # Nobody hears this worker any more, so it is of no use to those in it.
            log.exception("worker %d cannot be heard", self.pid)
            await self._kill_for(f"internal error ({cause_of(error)})", self._suspect)
        cause = self._killed_for or exit_cause(await self._worker.wait())
        lone = len(self._held) == 1
        for name, berth in list(self.members.items()):
            guilty = lone or name == (self._blamed or self._suspect)
            berth.end(ev.WorkerDied(cause) if guilty else ev.WorkerLost(cause))

    async def _listen(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            watch = tasks.create_task(self._watch_heartbeat())
            try:
                async for message in self._worker.messages():
                    self._heard = True
                    self._pass_on(message)
            finally:
                self._open, self._tasks = False, None
            watch.cancel()
            for berth in self.members.values():
                if berth.leaving:
                    berth.part()

    def _pass_on(self, message: Message) -> None:
        match message:
            case wire.Heartbeat():
                return
            case wire.Ready():
                self._ready = message
                for berth in self.members.values():
                    berth.put(message)
            case wire.Answered(instance=name, request=0, error=error):
                if (parted := self.members.get(name)) and not error:
                    parted.part()
            case OutputLine(text):
                if len(self._held) == 1:
                    for berth in self.members.values():
                        berth.put(message)
                else:
                    log.warning("worker %d printed: %s", self.pid, text)
            case wire.Happened(instance=name, event=event):
                self._suspect = name
                self._open = self._open and not isinstance(event, ev.NotStarted)
                self._hand_on(name, message)
            case wire.Answered(instance=name) | wire.Noted(instance=name):
                self._hand_on(name, message)
            case _:
                assert_never(message)

    def _hand_on(self, name: str, message: Message) -> None:
        if member := self.members.get(name):
            member.put(message)

    async def _watch_heartbeat(self) -> None:
        while True:
            self._heard = False
            before = self._clock.elapsed()
            await self._clock.sleep(SILENCE_S)
            if not self._heard and not stood_still(self._clock, before, SILENCE_S):
                await self._kill_for("its heartbeat stopped", self._suspect)
                return

    async def _kill_for(self, why: str, suspect: str) -> None:
        self._killed_for, self._blamed, self._open = why, suspect, False
        await self._worker.kill()


def _rss_mb(pid: int) -> float:
    """Resident memory in 10^6 bytes; 0 when it cannot be read."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * resource.getpagesize() / 1e6
