"""The clock of the queue: moments stand still while the wall clock is set."""

from collections.abc import Callable
from typing import Protocol


class Handle(Protocol):
    """A call that waits for its moment."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """See `manager.clock.Clock`."""

    @property
    def shift(self) -> float: ...

    def now(self) -> float: ...

    def elapsed(self) -> float: ...

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Handle: ...

    async def sleep(self, seconds: float) -> None: ...


class QueueClock:
    """Tells moments that fit what is stored: a wall clock that was set counts from the moment on at
    which all that is stored was moved along."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        clock.now()
        self._followed = clock.shift
        self.elapsed = clock.elapsed
        self.call_later = clock.call_later
        self.sleep = clock.sleep

    def now(self) -> float:
        """UTC seconds, as what is stored has them."""
        now = self._clock.now()
        return now - (self._clock.shift - self._followed)

    @property
    def behind(self) -> float:
        """By how many seconds the wall clock was set since that was followed last."""
        self._clock.now()
        return self._clock.shift - self._followed

    def follow(self, by: float) -> None:
        """All that is stored was moved by so many seconds."""
        self._followed += by
