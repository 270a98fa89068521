"""What happened to the fleet and is not told yet, and of whom nobody is told.

`manager.care.telling` tells of it, once the screen is painted; until then the facts wait here.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from waziterm.domain.alerts.alert_settings import Alerts
from waziterm.domain.alerts.facts import Fact, Stood, newest
from waziterm.domain.alerts.silence import Silence
from waziterm.domain.lifecycle.instance import Instance
from waziterm.manager.clock import Clock
from waziterm.store.alerts import Post
from waziterm.store.store import Store


class Alerting:
    """Hears what happens, and knows the silences and the settings by which it is told. post: puts a
    message into the outbox, None where there is none. wake: says that something was put in."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: Alerts,
        post: Post | None = None,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self.settings = settings
        self.post = post
        self.wake_outbox = wake
        self._facts: list[Fact] = []
        self.news = asyncio.Event()
        """Set when there is something to tell, or to tell at another moment."""
        self._silences: dict[str, Silence] = {}
        self._shift = clock.shift

    # -- for the manager ----------------------------------------------------------------------

    async def boot(self, instances: tuple[Instance, ...], shift: float) -> None:
        """Go on from what the last manager has stored. instances: as it left them. shift: by how
        many seconds the clock was set since. Raises StoreError."""
        now = self._clock.now()
        self._silences = {each.id: each for each in await self._store.silences(now - abs(shift))}
        if shift:
            await self._move_silences(shift)
        self.hear(Stood(instances))

    def hear(self, fact: Fact) -> None:
        """Take in what happened; it is told soon."""
        self._facts.append(fact)
        self.news.set()

    def apply(self, settings: Alerts) -> None:
        """Go by other settings from now on."""
        self.settings = settings
        self.news.set()

    def clock_set(self) -> None:
        """The wall clock was set: hours of the day come sooner or later."""
        self.news.set()

    async def silence(self, silence: Silence) -> None:
        """Tell nothing of an instance for a time; one without a time ends that. Raises
        StoreError."""
        await self._store.silence(silence)
        self._silences.pop(silence.id, None)
        if silence.until > silence.at:
            self._silences[silence.id] = silence
        self.news.set()

    def silenced_until(self, identity: str) -> float | None:
        """Until when nothing is told of the instance with this id, UTC seconds; None when it is, or
        may be again."""
        silence = self._silences.get(identity)
        # A clock that was set a moment ago is followed by the task.
        return None if silence is None else silence.until + self.clock_moved_s

    @property
    def silences(self) -> tuple[Silence, ...]:
        """Those that last, the first to end first."""
        now = self._clock.now()
        lasting = (each for each in self._silences.values() if each.until > now)
        return tuple(sorted(lasting, key=lambda each: (each.until, each.id)))

    # -- for whoever tells --------------------------------------------------------------------

    @property
    def has_facts(self) -> bool:
        """Whether something is not told yet."""
        return bool(self._facts)

    def taken(self) -> list[Fact]:
        """What is not told yet, in order; it is no more here."""
        facts, self._facts = self._facts, []
        return facts

    def put_back(self, facts: list[Fact]) -> None:
        """Keep facts that could not be told, before those that were heard meanwhile."""
        self._facts = newest(facts + self._facts)

    @property
    def clock_moved_s(self) -> float:
        """By how many seconds the clock was set since that was followed last."""
        return self._clock.shift - self._shift

    async def follow_clock(self, by: float) -> None:
        """Move the silences with a clock that was set by so many seconds. Raises StoreError."""
        self._shift += by
        await self._move_silences(by)

    async def _move_silences(self, by: float) -> None:
        for each in tuple(self._silences.values()):
            moved = replace(each, at=each.at + by, until=each.until + by)
            self._silences[each.id] = moved
            await self._store.silence(moved)
