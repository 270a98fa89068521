"""Tells of what happens to the fleet: gathers the facts, asks the rules, stores what they say.

The rules (`domain.alerts`) are pure; here is their task. What is told, and that it was told, is
stored in one transaction, before the outbox is woken. What happens while that is not possible is
not lost: the facts wait, and the next manager compares how its instances stand with what was told.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from waziterm.domain.alerts import routing
from waziterm.domain.alerts.alert import Alert, AlertRule, AlertSeverity, AlertState
from waziterm.domain.alerts.alert_memory import MACHINE, Memory, Open
from waziterm.domain.alerts.alert_rules import MEASURED
from waziterm.domain.alerts.alert_settings import Alerts
from waziterm.domain.alerts.engine import Step, Telling, due, numbered, step
from waziterm.domain.alerts.facts import Fact, Stood, newest
from waziterm.domain.alerts.silence import Silence
from waziterm.domain.alerts.texts import Words
from waziterm.domain.fleet.api import Notice
from waziterm.domain.incidents.incident import Incident
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.phrase import as_it_is
from waziterm.lang import into
from waziterm.manager.clock import Clock
from waziterm.store.alerts import Post, Tale
from waziterm.store.errors import StoreError
from waziterm.store.store import Store

log = logging.getLogger(__name__)

K = TypeVar("K")
V = TypeVar("V")
GATHER_S = 0.25
"""So long facts are gathered before the first of them is told: what one cause does to many is one
message, and it still leaves within a second."""
AGAIN_S = 5.0
"""Pause before what could not be stored is tried again."""


class Alerting:
    """What is told of a fleet. tell: passes a notice on to whoever watches. adopt: takes over an
    incident of those that are not connected for long. post: puts a message into the outbox, None
    where there is none. wake: says that something was put in."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: Alerts,
        tell: Callable[[Notice], None],
        adopt: Callable[[Incident], None],
        post: Post | None = None,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._tell = tell
        self._adopt = adopt
        self._post = post
        self._wake_outbox = wake
        self._words = Words(into(settings.language))
        self._memory = Memory()
        self._desks: routing.Desks = {}
        self._silences: dict[str, Silence] = {}
        self._facts: list[Fact] = []
        self._wake = asyncio.Event()
        self._shift = clock.shift

    # -- for the manager ----------------------------------------------------------------------

    async def boot(self, instances: tuple[Instance, ...], shift: float) -> None:
        """Go on from what the last manager has told. instances: as it left them. shift: by how
        many seconds the clock was set since. Raises StoreError."""
        kept = await self._store.kept_alerts()
        memory = Memory(next_key=max(kept.open, default=0) + 1, open=kept.open)
        self._memory = memory.shifted(shift)
        self._desks = {name: desk.shifted(shift) for name, desk in kept.desks.items()}
        now = self._clock.now()
        self._silences = {each.id: each for each in await self._store.silences(now - abs(shift))}
        if shift:
            await self._move_silences(shift)
        self.hear(Stood(instances))

    def hear(self, fact: Fact) -> None:
        """Take in what happened; it is told soon."""
        self._facts.append(fact)
        self._wake.set()

    def apply(self, settings: Alerts) -> None:
        """Go by other settings from now on."""
        self._settings = settings
        self._words = Words(into(settings.language))
        self._wake.set()

    def clock_set(self) -> None:
        """The wall clock was set: hours of the day come sooner or later."""
        self._wake.set()

    async def silence(self, silence: Silence) -> None:
        """Tell nothing of an instance for a time; one without a time ends that. Raises
        StoreError."""
        await self._store.silence(silence)
        self._silences.pop(silence.id, None)
        if silence.until > silence.at:
            self._silences[silence.id] = silence
        self._wake.set()

    def silenced_until(self, identity: str) -> float | None:
        """Until when nothing is told of the instance with this id, UTC seconds; None when it is, or
        may be again."""
        silence = self._silences.get(identity)
        # A clock that was set a moment ago is followed by the task.
        return None if silence is None else silence.until + self._clock.shift - self._shift

    @property
    def silences(self) -> tuple[Silence, ...]:
        """Those that last, the first to end first."""
        now = self._clock.now()
        lasting = (each for each in self._silences.values() if each.until > now)
        return tuple(sorted(lasting, key=lambda each: (each.until, each.id)))

    async def run(self) -> None:
        """Tell what there is to tell, until cancelled."""
        while True:
            await self._until_due()
            if self._facts:
                await self._clock.sleep(GATHER_S)
            facts, self._facts = self._facts, []
            try:
                await self._follow_clock()
                await self._step(facts)
            except StoreError as error:
                log.warning("what is to be told is not stored yet: %s", error)
                self._facts = newest(facts + self._facts)
                await self._clock.sleep(AGAIN_S)
            except Exception:
                # What these facts would have told is told by the next manager at the latest; it is
                # no reason to end the fleet.
                log.exception("not told what happened")
                await self._clock.sleep(AGAIN_S)

    # -- how it is done -----------------------------------------------------------------------

    async def _until_due(self) -> None:
        self._wake.clear()
        if self._facts:
            return
        moment, now = self._due(), self._clock.now()
        timer = None
        if moment is not None:
            timer = self._clock.call_later(max(0.0, moment - now), self._wake.set)
        try:
            await self._wake.wait()
        finally:
            if timer is not None:
                timer.cancel()

    def _due(self) -> float | None:
        now, settings = self._clock.now(), self._settings
        moments = (
            due(self._memory, now, self._telling(now)),
            routing.due(self._desks, settings.sinks, settings.per_minute, now),
        )
        return min((each for each in moments if each is not None), default=None)

    def _telling(self, now: float) -> Telling:
        settings = self._settings
        return Telling(
            settings.down_after_s,
            settings.growth_every_s,
            settings.flap_s,
            {each.id: each.until for each in self._silences.values() if each.until > now},
            self._words,
        )

    async def _follow_clock(self) -> None:
        if by := self._clock.shift - self._shift:
            memory = self._memory.shifted(by)
            desks = {name: desk.shifted(by) for name, desk in self._desks.items()}
            # The next manager knows nothing of it.
            await self._store.tell({}, (), lambda _: Tale(memory.open, desks), None)
            self._shift += by
            self._memory, self._desks = memory, desks
            await self._move_silences(by)

    async def _move_silences(self, by: float) -> None:
        for each in tuple(self._silences.values()):
            moved = replace(each, at=each.at + by, until=each.until + by)
            self._silences[each.id] = moved
            await self._store.silence(moved)

    async def _step(self, facts: list[Fact]) -> None:
        now, before, desks = self._clock.now(), self._memory, self._desks
        settings, words = self._settings, self._words
        outcome = step(before, facts, now, self._telling(now))
        fleet = len(outcome.memory.known)
        grown = {key: _incident(outcome.memory.open[key], fleet) for key in outcome.grown}
        results: list[tuple[Step, routing.Sorted]] = []

        def told(numbers: Mapping[int, int]) -> Tale:
            """In the store's thread, inside the transaction."""
            done = numbered(outcome, numbers)
            alerts = [alert for _, alert in done.told]
            out = routing.route(desks, alerts, settings.sinks, settings.per_minute, now, words)
            results.append((done, out))
            return Tale(
                _changed(before.open, done.memory.open), _changed(desks, out.desks), out.sent
            )

        if outcome.told or grown or outcome.ended or _waits(desks):
            ended = [(each.row, each.at) for each in outcome.ended]
            await self._store.tell(grown, ended, told, self._post)
            ((outcome, out),) = results
            self._desks = out.desks
            if out.sent:
                self._wake_outbox()
        elif _changed(before.open, outcome.memory.open):
            await self._store.tell({}, (), told, None)
            ((outcome, out),) = results
        self._memory = outcome.memory
        for key in grown:
            incident = outcome.memory.open.get(key)
            if incident is not None and incident.rule is AlertRule.DOWN:
                self._adopt(replace(_incident(incident, fleet), id=incident.row))
        for _, alert in outcome.told:
            self._announce(alert)

    def _announce(self, alert: Alert) -> None:
        """Say it to whoever watches, where nothing else does."""
        is_new = alert.state is AlertState.FIRING
        rings = is_new and alert.severity is AlertSeverity.CRITICAL
        if rings or alert.rule in MEASURED:
            self._tell(Notice(alert.at, as_it_is(alert.text), trouble=is_new, rings=rings))


def _waits(desks: routing.Desks) -> bool:
    return any(desk.kept for desk in desks.values())


def _changed(before: Mapping[K, V], after: Mapping[K, V]) -> dict[K, V | None]:
    """What differs; None for what is no more."""
    found: dict[K, V | None] = {
        key: value for key, value in after.items() if before.get(key) != value
    }
    return found | dict.fromkeys(key for key in before if key not in after)


def _incident(incident: Open, fleet: int) -> Incident:
    """An incident of the alerts' own, as it stands in the history."""
    met = tuple(each for each in incident.met if each != MACHINE)
    return Incident(
        incident.reason,
        incident.began_at,
        incident.last_at,
        tuple(incident.met[each] for each in met),
        fleet,
        incident.detail,
        is_serious=incident.rule not in MEASURED,
        id=incident.row,
        met=met,
    )
