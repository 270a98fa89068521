"""How many pairings may be under way: each shows its codes, and then takes a phone's history in.

A worker grows by hundreds of megabytes with a history, so a bound on these is one on the memory.
"""

from collections.abc import Callable

from waziterm.manager.clock import Clock, Handle
from waziterm.manager.workers.connect_limit import Places

HISTORY_LIMIT_S = 300.0
"""So many seconds after its login a pairing has had its turn, however much history still comes."""


class PairingTurns:
    """Gives out turns, to so many pairings at once. First come, first served."""

    def __init__(self, count: int, clock: Clock) -> None:
        self._count = count
        self._clock = clock
        self._places = Places(count)

    def apply(self, count: int) -> None:
        """Go by another number from now on. Who has a turn keeps it."""
        self._count = count
        self._places.resize(count)

    async def turn(self, waits: Callable[[int], None]) -> "PairingTurn":
        """Wait for a turn. waits: told, when there is none yet, how many have one."""
        if not self._places.is_free:
            waits(self._count)
        await self._places.take()
        return PairingTurn(self._places, self._clock)


class PairingTurn:
    """The turn of one pairing, until it is given back or has lapsed."""

    def __init__(self, places: Places, clock: Clock) -> None:
        self._places: Places | None = places
        self._clock = clock
        self._lapses: Handle | None = None
        self._latest: float | None = None

    def hold(self, for_s: float) -> None:
        """The phone has linked it: let it lapse in so many seconds, unless that is said again."""
        if self._places is None:
            return
        now = self._clock.elapsed()
        if self._latest is None:
            self._latest = now + HISTORY_LIMIT_S
        if self._lapses is not None:
            self._lapses.cancel()
        self._lapses = self._clock.call_later(min(for_s, self._latest - now), self.give_back)

    def give_back(self) -> None:
        """Let the next one begin; twice is the same as once."""
        if self._lapses is not None:
            self._lapses.cancel()
            self._lapses = None
        if self._places is not None:
            self._places.give_back()
            self._places = None
