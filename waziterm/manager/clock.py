"""The one clock of a manager, so that tests can bring their own."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Handle(Protocol):
    """A pending call that can be taken back."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """What the manager asks of a clock."""

    def now(self) -> float:
        """UTC seconds since the epoch."""
        ...

    def call_at(self, moment: float, callback: Callable[[], None]) -> Handle:
        """Call back at or after `moment`; at once when it has passed."""
        ...

    async def sleep(self, seconds: float) -> None: ...


LOOP_GAP_S = 5.0
"""Our loop was frozen, or the machine suspended, when a wait lasts that much longer."""


def stood_still(clock: Clock, since: float, wait_s: float) -> bool:
    """Whether a wait of `wait_s` seconds that began at `since` (UTC seconds) lasted so long that
    nobody can be blamed for not having answered in it."""
    return clock.now() - since > wait_s + LOOP_GAP_S


class SystemClock:
    """The system's clock on the running event loop."""

    def now(self) -> float:
        return time.time()

    def call_at(self, moment: float, callback: Callable[[], None]) -> Handle:
        return asyncio.get_running_loop().call_later(max(0.0, moment - self.now()), callback)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
