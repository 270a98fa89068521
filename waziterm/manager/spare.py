"""A worker that is started before its time, so that a cool-down's end waits for no import.

Loading the library takes half a second of a core. Ten sessions that meet a conflict in the same
second would come back one after the other if their workers started only when the wait is over.
A spare worker has loaded the library and nothing else: no session file, no connection.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from waziterm.manager.clock import Clock
from waziterm.manager.link import Worker

AHEAD_S = 5.0

log = logging.getLogger(__name__)


class Spare:
    """At most one worker that nobody uses yet. spawn: starts a worker; raises OSError."""

    def __init__(self, spawn: Callable[[], Awaitable[Worker]], clock: Clock) -> None:
        self._spawn = spawn
        self._clock = clock
        self._worker: Worker | None = None
        self._wanted = False
        self._changing = asyncio.Lock()

    @property
    def is_wanted(self) -> bool:
        """Whether a wait runs at whose end a worker will be needed."""
        return self._wanted

    def want(self) -> None:
        self._wanted = True

    async def prepare(self, moment: float) -> None:
        """Have a worker ready at `moment`, unless it is dropped before."""
        await self._clock.sleep(max(0.0, moment - AHEAD_S - self._clock.now()))
        async with self._changing:
            if self._wanted and self._worker is None:
                try:
                    self._worker = await self._spawn()
                except OSError as error:
                    # The dial itself will try again, and tells what goes wrong then.
                    log.warning("a worker could not be started ahead: %s", error)

    async def take(self) -> Worker:
        """The prepared worker, or a new one. Raises OSError."""
        async with self._changing:
            worker, self._worker, self._wanted = self._worker, None, False
            if worker is not None and not worker.alive:
                await worker.kill()
                worker = None
            return worker or await self._spawn()

    async def drop(self) -> None:
        """Nobody will need it: end it."""
        self._wanted = False
        async with self._changing:
            worker, self._worker = self._worker, None
            if worker is not None:
                await worker.kill()
