"""Which worker an instance goes into: one that it shares with others, or one of its own."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable

from waziterm.domain.upkeep.packing import WorkerView
from waziterm.manager.clock import Clock
from waziterm.manager.workers.link import Ears, Link
from waziterm.manager.workers.worker import Pack, Worker

log = logging.getLogger(__name__)


class Packs:
    """Hands out places in workers.

    spawn: starts a worker process that loads the library at a path, or neonize's own for None;
    raises OSError. tasks: owns what listens to the workers.
    size: the most instances that share a worker; 1 gives each a worker of its own.
    """

    def __init__(
        self,
        spawn: Callable[[str | None], Awaitable[Worker]],
        clock: Clock,
        tasks: asyncio.TaskGroup,
        size: int,
    ) -> None:
        self._spawn = spawn
        self._clock = clock
        self._tasks = tasks
        self._packs: list[Pack] = []
        self._choosing = asyncio.Lock()
        self._abreast = 0
        self.library: str | None = None
        """What new workers load, None for neonize's own library."""
        self.number: int | None = None
        """N of the version that new workers tell WhatsApp, None while it is not known."""
        self.size = size

    def use(self, library: str | None, number: int | None) -> None:
        """Let new workers load a library, and know its version. Those that have another one go on
        with who is in them, and take nobody any more."""
        changed = library != self.library
        self.library, self.number = library, number
        for pack in self._packs:
            if changed:
                pack.retire()
            elif pack.number is None:
                pack.number = number

    def expect(self, count: int) -> None:
        """So many instances are about to come: spread them over workers that start abreast."""
        self._abreast = math.ceil(count / self.size)

    def pids(self) -> frozenset[int]:
        """The worker processes that live."""
        return frozenset(pack.pid for pack in self._packs if pack.alive)

    def views(self, isolated: frozenset[str]) -> tuple[WorkerView, ...]:
        """The workers that could be given up for others. isolated: who shares with nobody."""
        return tuple(
            view for pack in self._packs if isolated.isdisjoint((view := pack.view()).names)
        )

    async def free(self, name: str) -> None:
        """Wait until no worker holds a connection of this instance any more."""
        for pack in tuple(self._packs):
            if (link := pack.members.get(name)) is not None:
                await link.parted()

    async def link(self, name: str, ears: Ears, *, shared: bool) -> Link:
        """A place for an instance that is about to connect. Raises OSError.

        ears: hears what its worker reports. shared: others may be in the same worker.
        """
        if not shared or self.size == 1:
            return (await self._start()).join(name, ears, alone=True)
        async with self._choosing:
            return (await self._with_room(name)).join(name, ears)

    async def _with_room(self, name: str) -> Pack:
        """The emptiest worker that still takes instances, or a new one."""
        if self._abreast:
            self._abreast -= 1
            return await self._start()
        roomy = [pack for pack in self._packs if pack.takes(name, self.size)]
        return min(roomy, key=lambda pack: len(pack.members)) if roomy else await self._start()

    async def _start(self) -> Pack:
        library, number = self.library, self.number
        pack = Pack(await self._spawn(library), self._clock, number)
        if library != self.library:
            pack.retire()
        self._packs.append(pack)
        self._tasks.create_task(self._listen(pack), name=f"pack {pack.pid}")
        return pack

    async def _listen(self, pack: Pack) -> None:
        try:
            await pack.listen()
        finally:
            self._packs.remove(pack)
