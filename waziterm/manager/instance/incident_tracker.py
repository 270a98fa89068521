"""Makes incidents of what happens to the instances, and tells them once they are stored."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from waziterm.domain.fleet.api import Notice
from waziterm.domain.incidents.incident import (
    CONFLICTS_S,
    Incident,
    belongs,
    grown,
    is_lasting,
    is_of_its_way,
    is_over,
    is_trouble,
    lasting,
    tells_of_outage,
)
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.memory import cause_of_outage
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.phrase import Phrase
from waziterm.manager.clock import Clock
from waziterm.store.store import Store

_MOST_OPEN = 500


@dataclass(slots=True)
class Growth:
    """What a change does to an incident. incident: to be stored with the change; None when there
    is none to tell. stored: the same with its id, for whoever stored it to set."""

    incident: Incident | None = None
    stored: Incident | None = None


class IncidentTracker:
    """The incidents of a fleet. tell: passes a notice on to whoever watches. clock: that of their
    moments. store: where those are that no change of an instance brings along."""

    def __init__(
        self,
        fleet_size: Callable[[], int],
        tell: Callable[[Notice], None],
        clock: Clock,
        store: Store,
    ) -> None:
        self._fleet_size = fleet_size
        self._tell = tell
        self._clock = clock
        self._store = store
        self._shift = clock.shift
        self._recent: list[Incident] = []
        self._lasting: list[Incident] | None = None
        self._told: defaultdict[Reason, set[str]] = defaultdict(set)
        self._causes: dict[str, Reason] = {}
        self._growing = asyncio.Lock()

    @asynccontextmanager
    async def growing(self, before: Instance, after: Instance, at: float) -> AsyncIterator[Growth]:
        """An instance changes: its incident is told when the context ends without an error. What
        passes by itself is told once of each instance, until that is connected again or stopped."""
        if after.state.is_trouble:
            self._causes[after.id] = after.reason
        elif after.state in (State.CONNECTED, State.STOPPED):
            self._causes.pop(after.id, None)
            for told in self._told.values():
                told.discard(after.id)
        news = is_trouble(before, after) or self._has_new_evidence(before, after)
        known = any(tells_of_outage(each, after) for each in self._lasting or ())
        if not news or (known and after.state in (State.RETRYING, State.DEGRADED)):
            # What one of a long outage meets in it is told by the next look.
            yield Growth()
            return
        async with self._growing:
            self._follow_clock()
            fitting = (each for each in reversed(self._recent) if belongs(each, after, at))
            current = next(fitting, None)
            incident = grown(current, after, at, self._fleet_size(), self._causes)
            growth = Growth(incident if incident.is_told else None)
            yield growth
            if growth.stored is not None:
                incident = growth.stored
                told = self._told[after.reason]
                is_news = current is None or _is_news(current, incident)
                if is_news and (incident.is_serious or not told.issuperset(incident.met)):
                    self._tell(_notice(incident, at))
                told.update(incident.met)
            self._recent = [
                each
                for each in self._recent
                if each is not current and at - each.last_at <= CONFLICTS_S
            ]
            self._recent.append(incident)

    async def look(self, instances: Sequence[Instance], lasts_s: float) -> None:
        """Make, grow and end the incidents of those that try in vain for long.

        lasts_s: how long a connection must last to end one. Raises StoreError.
        """
        async with self._growing:
            self._follow_clock()
            now, by_id = self._clock.now(), {each.id: each for each in instances}
            vain = [each for each in instances if is_lasting(each, now)]
            if self._lasting is None:
                self._lasting = await self._left_open(vain)
            open_now, self._lasting = self._lasting, []
            for incident in open_now:
                known = [by_id[each] for each in incident.met if each in by_id]
                if all(is_over(each, now, lasts_s) for each in known):
                    self._tell_end(incident, known, now)
                else:
                    self._lasting.append(incident)
            for instance in vain:
                await self._grow(instance, now)

    def adopt(self, incident: Incident) -> None:
        """Grow this one, of those that try in vain for long, which somebody else has stored."""
        if self._lasting is not None:
            others = (each for each in self._lasting if each.id != incident.id)
            self._lasting = [*others, incident]

    async def renamed(self, instance: Instance) -> None:
        """An instance has another name: what is told of it from now on names it so."""
        async with self._growing:
            self._recent = [each.renamed(instance) for each in self._recent]
            self._lasting = self._lasting and [each.renamed(instance) for each in self._lasting]

    async def _grow(self, instance: Instance, now: float) -> None:
        """One tries in vain for long: it belongs to what it met, else to others of its cause."""
        known = self._lasting or []
        reason, _ = cause_of_outage(instance)
        met = [each for each in known if instance.id in each.met]
        met += [each for each in self._recent if each.id and tells_of_outage(each, instance)]
        met += [each for each in known if each.reason is reason and is_of_its_way(each, instance)]
        current = met[0] if met else None
        grown_now = lasting(current, instance, now, self._fleet_size(), self._causes)
        incident = await self._store.grow(grown_now)
        if current is None or incident.met != current.met:
            self._tell(_notice(incident, now))
        self._lasting = [*(each for each in known if each.id != incident.id), incident]
        self._recent = [each for each in self._recent if each.id != incident.id]

    async def _left_open(self, vain: Sequence[Instance]) -> list[Incident]:
        """What the last manager has told of an outage that goes on."""
        began = [each.down_since for each in vain if each.down_since is not None]
        if not began:
            return []
        stored = await self._store.incidents(min(began), _MOST_OPEN)
        return [
            incident
            for incident in stored
            if incident.lasts and any(tells_of_outage(incident, each) for each in vain)
        ]

    def _tell_end(self, incident: Incident, known: Sequence[Instance], now: float) -> None:
        ends = [each.connected_at for each in known if each.connected_at is not None]
        if ends:
            minutes = round((max(ends) - incident.began_at) / 60)
            name = incident.names[0] if len(incident.names) == 1 else None
            said = Phrase("connected again after {count} min", count=minutes)
            if name is None:
                said = Phrase("{who}: {what}", who=incident.who, what=said)
            self._tell(Notice(now, said, name))

    def _follow_clock(self) -> None:
        if by := self._clock.shift - self._shift:
            self._shift += by
            self._recent = [each.shifted(by) for each in self._recent]
            self._lasting = self._lasting and [each.shifted(by) for each in self._lasting]

    def _has_new_evidence(self, before: Instance, after: Instance) -> bool:
        same = (
            each
            for each in self._recent
            if each.reason is after.reason and is_of_its_way(each, after)
        )
        meets = any(after.id in each.met for each in same)
        return meets and before.detail != after.detail


def _is_news(before: Incident, after: Incident) -> bool:
    """Whether a grown incident tells what it has not told before."""
    told = (before.is_told, before.reason, before.names, before.detail)
    return told != (True, after.reason, after.names, after.detail)


def _notice(incident: Incident, at: float) -> Notice:
    if len(incident.names) == 1:
        return Notice(at, incident.what, incident.names[0], trouble=True)
    what = Phrase("{who}: {what}", who=incident.who, what=incident.what)
    return Notice(at, what, trouble=True)
