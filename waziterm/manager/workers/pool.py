"""Which worker an instance goes into: one that it shares with others, or one of its own."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

from waziterm.domain.phrase import Phrase
from waziterm.domain.upkeep.packing import WorkerView
from waziterm.manager.clock import Clock
from waziterm.manager.workers.link import Link, Listener
from waziterm.manager.workers.worker import Process, Worker

log = logging.getLogger(__name__)


class Pool:
    """Gives out places in workers.

    spawn: starts a worker process that loads the library at a path, or neonize's own for None;
    raises OSError. tasks: owns what listens to the workers.
    shares: the most instances that share a worker, asked anew each time; 1 gives each a worker of
    its own. tell: see `Worker`.
    """

    def __init__(
        self,
        spawn: Callable[[str | None], Awaitable[Process]],
        clock: Clock,
        tasks: asyncio.TaskGroup,
        shares: Callable[[], int],
        tell: Callable[[Phrase], None],
    ) -> None:
        self._tell = tell
        self._spawn = spawn
        self._clock = clock
        self._tasks = tasks
        self._workers: list[Worker] = []
        self._choosing = asyncio.Lock()
        self._abreast = 0
        self._early: asyncio.Task[None] | None = None
        self.library: str | None = None
        """What new workers load, None for neonize's own library."""
        self.number: int | None = None
        """N of the version that new workers tell WhatsApp, None while it is not known."""
        self._shares = shares

    def use(self, library: str | None, number: int | None) -> None:
        """Let new workers load a library, and know its version. Those that have another one go on
        with who is in them, and take nobody any more."""
        changed = library != self.library
        self.library, self.number = library, number
        for worker in self._workers:
            if changed:
                worker.retire()
            elif worker.number is None:
                worker.number = number

    def expect(self, count: int) -> None:
        """So many instances are about to come: spread them over workers that start abreast. The
        first one starts at once, while whoever keeps them from coming has other cores idle."""
        self._abreast = math.ceil(count / self._shares())
        if self._abreast and self._shares() > 1 and self._early is None:
            self._early = self._tasks.create_task(self._start_early())

    async def _start_early(self) -> None:
        try:
            if not any(worker.is_unused for worker in self._roomy("")):
                await self._start()
        except Exception:
            # Whoever wants a place tries again, and hears of it; the fleet must not end with it.
            log.exception("no worker was started early")
        finally:
            self._early = None

    async def close(self) -> None:
        """End the workers that nobody has come for."""
        await self._early_is_up()
        await self._end_unused(self._workers)

    async def _early_is_up(self) -> None:
        if self._early is not None:
            # Whoever is cancelled here does not end it for the others.
            await asyncio.wait([self._early])

    async def _end_unused(self, which: Iterable[Worker]) -> None:
        for worker in tuple(which):
            if worker.is_unused:
                await worker.end()

    def _roomy(self, name: str) -> list[Worker]:
        """The workers that still take instances."""
        most = self._shares()
        return [worker for worker in self._workers if worker.takes(name, most)]

    def pids(self) -> frozenset[int]:
        """The worker processes that live."""
        return frozenset(worker.pid for worker in self._workers if worker.alive)

    def held(self) -> Mapping[int, tuple[str, ...]]:
        """By the pid of each worker that lives, who is in it."""
        return {each.pid: each.names for each in self._workers if each.alive}

    def views(self, isolated: frozenset[str]) -> tuple[WorkerView, ...]:
        """The workers that could be given up for others. isolated: who shares with nobody."""
        return tuple(
            view for worker in self._workers if isolated.isdisjoint((view := worker.view()).names)
        )

    async def free(self, name: str, jid: str | None) -> None:
        """Wait until no worker holds a connection of this instance any more, nor one of another
        that leaves and had the same device."""
        for worker in tuple(self._workers):
            same = [each for each in worker.leaving if jid is not None and each.jid == jid]
            if (own := worker.members.get(name)) is not None:
                same.append(own)
            for link in same:
                await link.parted()

    async def done_with(self, secrets: Collection[str]) -> None:
        """Wait until no worker can send a message with one of these secrets any more."""
        for worker in tuple(self._workers):
            for link in tuple(worker.members.values()):
                if link.owes(secrets):
                    await link.parted()

    def has_left(self, name: str) -> bool:
        """Whether no worker holds a connection of this instance; see `free`."""
        links = (worker.members.get(name) for worker in self._workers)
        return all(link is None or link.has_parted for link in links)

    async def link(self, name: str, listener: Listener, *, shared: bool) -> Link:
        """A place for an instance that is about to connect. Raises OSError.

        listener: hears what its worker reports. shared: others may be in the same worker.
        """
        if not shared or self._shares() == 1:
            return (await self._start()).join(name, listener, alone=True)
        async with self._choosing:
            return (await self._with_room(name)).join(name, listener)

    async def _with_room(self, name: str) -> Worker:
        """The emptiest worker that still takes instances, or a new one."""
        await self._early_is_up()
        most = self._shares()
        await self._end_unused(each for each in self._workers if not each.takes(name, most))
        roomy = self._roomy(name)
        if self._abreast:
            self._abreast -= 1
            roomy = [worker for worker in roomy if worker.is_unused]
        return min(roomy, key=lambda worker: len(worker.members)) if roomy else await self._start()

    async def _start(self) -> Worker:
        library, number = self.library, self.number
        worker = Worker(await self._spawn(library), self._clock, number, self._tell)
        if library != self.library:
            worker.retire()
        self._workers.append(worker)
        self._tasks.create_task(self._listen(worker), name=f"worker {worker.pid}")
        return worker

    async def _listen(self, worker: Worker) -> None:
        try:
            await worker.listen()
        finally:
            self._workers.remove(worker)
