"""The fleet's turnstile: how many connects that we start may be in flight, and how fast they go.

Pairings and retries go through at a limited rate. When nobody reaches WhatsApp, the network is out:
then one attempt at a time goes out to look, and the others wait for what it finds.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from waziterm.domain.frozen import dataclass
from waziterm.manager.clock import Clock


@dataclass(frozen=True, slots=True)
class ConnectRates:
    """places: connects in flight. scout_s: seconds between two attempts during an outage."""

    places: int
    scout_s: float


class ConnectLimit:
    """Gives out places. A place is held until its connect has ended.

    pace: how many pairings and retries may start in a second, asked anew each time.
    is_outage: whether these instances, which could not dial since anybody last could, show that the
    network is out. on_outage: told True when an outage begins, False when it ends. begin: no
    place is handed out before it is set.
    """

    def __init__(
        self,
        limits: ConnectRates,
        pace: Callable[[], float],
        clock: Clock,
        is_outage: Callable[[frozenset[str]], bool],
        on_outage: Callable[[bool], None],
        begin: asyncio.Event,
    ) -> None:
        self._begin = begin
        self._limits = limits
        self._pace_per_s = pace
        self._clock = clock
        self._is_outage = is_outage
        self._on_outage = on_outage
        self._places = Places(limits.places)
        self._pace = asyncio.Lock()
        self._next_start = 0.0
        self._failing: set[str] = set()
        self._reached = asyncio.Event()
        self._reached.set()
        self._waiting = 0
        self._moved_at = clock.elapsed()

    @property
    def is_out(self) -> bool:
        """Whether the network counts as out."""
        return not self._reached.is_set()

    @property
    def stalled_s(self) -> float:
        """For how many seconds nobody got a place although somebody waits for one."""
        return self._clock.elapsed() - self._moved_at if self._waiting else 0.0

    def apply(self, limits: ConnectRates) -> None:
        """Go by other limits from now on. Connects in flight keep their places."""
        self._limits = limits
        self._places.resize(limits.places)

    async def place(self, *, paced: bool) -> "Place":
        """Wait for a free place. First come, first served.

        paced: a pairing or a retry, which keeps to the rate and waits for the end of an outage.
        """
        if not self._waiting:
            self._moved_at = self._clock.elapsed()
        self._waiting += 1
        try:
            await self._begin.wait()
            if paced:
                async with self._pace:
                    await self._take_turn()
            await self._places.take()
        finally:
            self._waiting -= 1
        self._moved_at = self._clock.elapsed()
        return Place(self._places)

    async def _take_turn(self) -> None:
        wait = self._next_start - self._clock.elapsed()
        if wait > 0 and self.is_out:
            await self._out_for(wait)
        elif wait > 0:
            await self._clock.sleep(wait)
        pause = self._limits.scout_s if self.is_out else 1.0 / self._pace_per_s()
        self._next_start = self._clock.elapsed() + pause

    async def _out_for(self, seconds: float) -> None:
        """Wait, but not longer than the outage lasts."""
        over = asyncio.ensure_future(self._reached.wait())
        pause = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait((over, pause), return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
            pause.cancel()

    def failed(self, name: str) -> None:
        """An instance could not reach WhatsApp."""
        self._failing.add(name)
        if not self.is_out and self._is_outage(frozenset(self._failing)):
            self._reached.clear()
            self._next_start = self._clock.elapsed() + self._limits.scout_s
            self._on_outage(True)

    def reached(self) -> None:
        """Some instance has reached WhatsApp."""
        self._failing.clear()
        if self.is_out:
            self._reached.set()
            self._next_start = self._clock.elapsed()
            self._on_outage(False)


class Places:
    """A number of places that can be changed while they are in use. First come, first served."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def is_free(self) -> bool:
        """Whether who comes now gets one at once."""
        return not self._waiting and self._taken < self._count

    async def take(self) -> None:
        """Wait for a free place."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._hand_out()
        try:
            await turn
        except asyncio.CancelledError:
            if turn in self._waiting:
                self._waiting.remove(turn)
            elif not turn.cancelled():
                self.give_back()
            raise

    def give_back(self) -> None:
        """Free a place that was taken."""
        self._taken -= 1
        self._hand_out()

    def resize(self, count: int) -> None:
        """With fewer places than are taken, none is handed out until enough came back."""
        self._count = count
        self._hand_out()

    def _hand_out(self) -> None:
        while self._waiting and self._taken < self._count:
            turn = self._waiting.popleft()
            if not turn.done():
                self._taken += 1
                turn.set_result(None)


class Place:
    """One place among the connects; giving it back twice is the same as once."""

    def __init__(self, places: Places) -> None:
        self._places: Places | None = places

    def give_back(self) -> None:
        if self._places is not None:
            self._places.give_back()
            self._places = None
