"""What each worker is connected to, for the search after a conflict."""

import asyncio
from typing import TYPE_CHECKING

from waziterm.manager.clock import Clock

if TYPE_CHECKING:
    from waziterm.manager.rivals.search import Address

PAUSE_S = 5.0


class Addresses:
    """Looks at each worker at most once in `PAUSE_S` seconds, for all of its instances together:
    a look reads the whole table of the machine's connections."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looks: dict[int, asyncio.Task[frozenset[Address]]] = {}
        self._seen: dict[int, float] = {}

    async def of(self, pid: int) -> "frozenset[Address]":
        """The addresses that a worker is connected to, seen after this call."""
        look = self._looks.get(pid)
        if look is None:
            look = self._looks[pid] = asyncio.create_task(self._look(pid))
        return await asyncio.shield(look)

    async def _look(self, pid: int) -> "frozenset[Address]":
        from waziterm.manager.rivals.search import (  # noqa: PLC0415 - not before the first paint
            addresses_of,
        )

        wait = self._seen.get(pid, -PAUSE_S) + PAUSE_S - self._clock.elapsed()
        if wait > 0:
            await self._clock.sleep(wait)
        del self._looks[pid]
        self._seen = {each: at for each, at in self._seen.items() if self._is_recent(at)}
        self._seen[pid] = self._clock.elapsed()
        return await asyncio.to_thread(addresses_of, pid)

    def _is_recent(self, at: float) -> bool:
        return at + PAUSE_S > self._clock.elapsed()
