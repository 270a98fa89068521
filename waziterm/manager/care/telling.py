"""Tells of what happened to the fleet: asks the rules, stores what they say, wakes the outbox.

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
from waziterm.domain.alerts.engine import Step, Telling, due, numbered, step
from waziterm.domain.alerts.facts import Fact
from waziterm.domain.alerts.texts import Words
from waziterm.domain.fleet.api import Notice
from waziterm.domain.incidents.incident import Incident
from waziterm.domain.phrase import as_it_is
from waziterm.lang import into
from waziterm.manager.alerting import Alerting
from waziterm.manager.clock import Clock
from waziterm.store.alerts import Tale
from waziterm.store.errors import StoreError
from waziterm.store.store import Store

log = logging.getLogger(__name__)

K = TypeVar("K")
V = TypeVar("V")
GATHER_S = 0.25
"""So long facts are gathered before the first of them is told: what one cause does to many is one
message, and it still leaves within a second."""
AGAIN_S = 5.0
"""Pause before what could not be stored, or read, is tried again."""


class Teller:
    """Tells what was heard. shift: by how many seconds the clock was set between the last manager
    and this one's boot. tell: passes a notice on to whoever watches. adopt: takes over an incident
    of those that are not connected for long."""

    def __init__(
        self,
        heard: Alerting,
        store: Store,
        clock: Clock,
        shift: float,
        tell: Callable[[Notice], None],
        adopt: Callable[[Incident], None],
    ) -> None:
        self._heard = heard
        self._store = store
        self._clock = clock
        self._shift = shift
        self._tell = tell
        self._adopt = adopt
        self._memory = Memory()
        self._desks: routing.Desks = {}
        self._ends = False
        self._woken = asyncio.Event()

    def end(self) -> None:
        """Let `run` end, once it has told what was heard by now, or cannot store it."""
        self._ends = True
        self._heard.news.set()
        self._woken.set()

    async def run(self) -> None:
        """Tell what there is to tell, until `end` or cancelled."""
        if not await self._go_on():
            return
        while self._heard.has_facts or not self._ends:
            await self._until_due()
            if self._heard.has_facts:
                await self._pause(GATHER_S)
            facts = self._heard.taken()
            try:
                await self._follow_clock()
                await self._step(facts)
            except StoreError as error:
                log.warning("what is to be told is not stored yet: %s", error)
                self._heard.put_back(facts)
                if self._ends:
                    return
                await self._pause(AGAIN_S)
            except Exception:
                # What these facts would have told is told by the next manager at the latest; it is
                # no reason to end the fleet.
                log.exception("not told what happened")
                await self._pause(AGAIN_S)

    async def _pause(self, for_s: float) -> None:
        """Wait for so many seconds, or until the end."""
        if not self._ends:
            await self._wait(self._woken, for_s)

    async def _wait(self, woken: asyncio.Event, for_s: float | None) -> None:
        """Wait for an event, and for so many seconds at most; None: for as long as it takes."""
        woken.clear()
        timer = None if for_s is None else self._clock.call_later(for_s, woken.set)
        try:
            await woken.wait()
        finally:
            if timer is not None:
                timer.cancel()

    async def _go_on(self) -> bool:
        """Go on from what the last manager has told; whether that could be read before the end."""
        while not self._ends:
            try:
                kept = await self._store.kept_alerts()
                break
            except StoreError as error:
                log.warning("what was told is not read yet: %s", error)
                await self._pause(AGAIN_S)
        else:
            return False
        memory = Memory(next_key=max(kept.open, default=0) + 1, open=kept.open)
        self._memory = memory.shifted(self._shift)
        self._desks = {name: desk.shifted(self._shift) for name, desk in kept.desks.items()}
        return True

    async def _until_due(self) -> None:
        if self._heard.has_facts or self._ends:
            return
        moment, now = self._due(), self._clock.now()
        await self._wait(self._heard.news, None if moment is None else max(0.0, moment - now))

    def _due(self) -> float | None:
        now, settings = self._clock.now(), self._heard.settings
        moments = (
            due(self._memory, now, self._telling(now)),
            routing.due(self._desks, settings.sinks, settings.per_minute, now),
        )
        return min((each for each in moments if each is not None), default=None)

    def _telling(self, now: float) -> Telling:
        settings = self._heard.settings
        return Telling(
            settings.down_after_s,
            settings.growth_every_s,
            settings.flap_s,
            {each.id: each.until for each in self._heard.silences},
            self._words(),
        )

    def _words(self) -> Words:
        return Words(into(self._heard.settings.language))

    async def _follow_clock(self) -> None:
        if by := self._heard.clock_moved_s:
            memory = self._memory.shifted(by)
            desks = {name: desk.shifted(by) for name, desk in self._desks.items()}
            # The next manager knows nothing of it.
            await self._store.tell({}, (), lambda _: Tale(memory.open, desks), None)
            self._memory, self._desks = memory, desks
            await self._heard.follow_clock(by)

    async def _step(self, facts: list[Fact]) -> None:
        now, before, desks = self._clock.now(), self._memory, self._desks
        settings, words = self._heard.settings, self._words()
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
            await self._store.tell(grown, ended, told, self._heard.post)
            ((outcome, out),) = results
            self._desks = out.desks
            if out.sent:
                self._heard.wake_outbox()
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
