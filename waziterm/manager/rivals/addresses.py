"""What each worker is connected to, for the search after a conflict."""

import asyncio
import math
from collections.abc import Mapping

from waziterm.manager.clock import Clock
from waziterm.manager.rivals.connections import Address, addresses_of

PAUSE_S = 1.0


class Addresses:
    """Looks at most once in `PAUSE_S` seconds, at all workers together that somebody asks about
    then: a look reads the whole table of the machine's connections."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wanted: set[int] = set()
        self._next: asyncio.Task[Mapping[int, frozenset[Address]]] | None = None
        self._seen_at = -math.inf

    async def of(self, pid: int) -> frozenset[Address]:
        """The addresses that a worker is connected to, seen after this call."""
        self._wanted.add(pid)
        if self._next is None:
            self._next = asyncio.create_task(self._look())
        return (await asyncio.shield(self._next))[pid]

    async def _look(self) -> Mapping[int, frozenset[Address]]:
        wait = self._seen_at + PAUSE_S - self._clock.elapsed()
        if wait > 0:
            await self._clock.sleep(wait)
        wanted, self._wanted, self._next = self._wanted, set(), None
        self._seen_at = self._clock.elapsed()
        return await asyncio.to_thread(addresses_of, wanted)
