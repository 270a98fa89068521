"""The one clock of a manager, so that tests can bring their own.

Two things are asked of it. `elapsed` measures how long something lasts: it never jumps, whatever
is done to the machine's wall clock. `now` says when something happens: it runs as `elapsed` does,
and follows the wall clock when that is set. By how much is told by `shift`, so that whoever keeps
moments can move them along: a wait of ten seconds stays one, and what is shown is true again.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Protocol


class Handle(Protocol):
    """A pending call that can be taken back."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """What the manager asks of a clock. All of it belongs to the event loop's thread, but
    `elapsed`."""

    @property
    def shift(self) -> float:
        """By how many seconds the wall clock was set, in sum, as far as `now` has noticed."""
        ...

    def now(self) -> float:
        """UTC seconds since the epoch."""
        ...

    def elapsed(self) -> float:
        """Seconds on a clock that is never set, with the time for which the machine was suspended;
        the same for every process of the machine."""
        ...

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Handle:
        """Call back when so many seconds have passed, those of a suspended machine left out."""
        ...

    async def sleep(self, seconds: float) -> None: ...

    async def disturbed(self) -> None:
        """Wait until the wall clock was set, or the machine was suspended, since this returned
        last. For one caller."""
        ...


LOOP_GAP_S = 5.0
"""Our loop was frozen, or the machine suspended, when a wait lasts that much longer."""
STEP_S = 1.0
"""What the wall clock may differ by before `now` follows it: a leap second is none of a step."""
LOOK_S = 1.0
"""How often it is looked whether the wall clock was set."""
_READ_S = 0.1
"""Two clocks that were read with so long a pause between them say nothing of each other."""


def stood_still(clock: Clock, since: float, wait_s: float) -> bool:
    """Whether a wait of `wait_s` seconds that began at `since` (as `elapsed` tells it) lasted so
    long that nobody can be blamed for not having answered in it."""
    return clock.elapsed() - since > wait_s + LOOP_GAP_S


def elapsed() -> float:
    """See `Clock.elapsed`."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class SystemClock:
    """The system's clocks on the running event loop."""

    def __init__(self) -> None:
        self._shift = 0.0
        self._offset = time.time() - elapsed()
        self._told = (0.0, self._asleep())
        self._stepped = asyncio.Event()

    @property
    def shift(self) -> float:
        return self._shift

    def now(self) -> float:
        steady, wall = _together()
        ahead = wall - steady - self._offset
        if abs(ahead) > STEP_S:
            self._offset += ahead
            self._shift += ahead
            self._stepped.set()
        return steady + self._offset

    def elapsed(self) -> float:
        return elapsed()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Handle:
        return asyncio.get_running_loop().call_later(max(0.0, seconds), callback)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def disturbed(self) -> None:
        while True:
            self.now()
            shift, asleep = self._told
            found = (self._shift, self._asleep())
            if found[0] != shift or abs(found[1] - asleep) > STEP_S:
                self._told = found
                return
            # Whoever notices it first, everybody is told at once.
            self._stepped.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._stepped.wait()

    def _asleep(self) -> float:
        """For how many seconds the machine was suspended, and a constant."""
        return elapsed() - time.monotonic()


def _together() -> tuple[float, float]:
    """The steady clock and the wall clock, read in one moment: a process that was stopped between
    the two would take that for a step."""
    while True:
        before, wall, after = elapsed(), time.time(), elapsed()
        if after - before < _READ_S:
            return after, wall
