"""The history as a screen reads it: incidents with what became of them, and their acknowledging."""

import asyncio
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from waziterm.domain.fleet.api import FleetError, LogLine
from waziterm.domain.fleet.history import Attempt, FleetLine, FleetLines, IncidentView, Moved
from waziterm.domain.incidents.kinds import IncidentKind
from waziterm.domain.incidents.outcome import closed_at, done_about
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.phrase import Phrase
from waziterm.domain.stats.hours import Gap
from waziterm.manager.clock import LOOP_GAP_S, Clock
from waziterm.manager.history.audit import who
from waziterm.manager.inputs import note_text
from waziterm.store.errors import StoreError
from waziterm.store.store import Store

log = logging.getLogger(__name__)

ALIVE_EVERY_S = 60.0
_ALIVE = "alive_at"
_CLOCK = "clock_at"
"""What the clock of the last manager said last."""
MOST_INCIDENTS = 500
MOST_MOVES = 1000
MOST_ATTEMPTS = 10_000
"""So many are told at most, the newest."""
_LOOKED_THROUGH = 50_000
"""So many moves are looked through at most, those of the newest incidents."""


async def fleet_lines_in(
    store: Store, names: Mapping[str, str], since: float, limit: int
) -> FleetLines:
    """See `domain.fleet.protocol.Fleet.fleet_lines`. names: of the instances, by id. Raises
    StoreError."""
    # What comes while it is read is told again by the next answer, and never left out.
    last = store.lines_count
    found = await store.lines_of(tuple(names), limit=limit, since=since)
    return FleetLines(_named(found, names), last)


def new_lines_in(store: Store, names: Mapping[str, str], after: int, limit: int) -> FleetLines:
    """The same of the lines that came since an answer. after: what that one has as `last`."""
    return FleetLines(_named(store.lines_after(after), names)[-limit:], store.lines_count)


def _named(lines: Iterable[tuple[str, LogLine]], names: Mapping[str, str]) -> tuple[FleetLine, ...]:
    """Lines with the names of their instances; those of others are left out."""
    return tuple(
        FleetLine(names[identity], line.seq, line.at, line.source, line.text)
        for identity, line in lines
        if identity in names
    )


async def incidents_in(store: Store, since: float) -> tuple[IncidentView, ...]:
    """See `domain.fleet.protocol.Fleet.incidents`. Raises StoreError."""
    found = await store.incidents(since, MOST_INCIDENTS)
    if not found:
        return ()
    courses = await store.courses(found, _LOOKED_THROUGH)
    oldest = await store.oldest_move()
    standing = {each.id: each.reason for each in await store.instances()}
    told = await store.told([each.id for each in found])
    found = tuple(replace(each, told=told.get(each.id, ())) for each in found)
    # A long history takes a tenth of a second to walk through, too long for an event loop.
    return await asyncio.to_thread(_told, found, courses, oldest, standing)


def _told(
    found: Sequence[IncidentView],
    courses: Mapping[int, Mapping[str, Sequence[Moved]]],
    oldest: float,
    standing: Mapping[str, Reason],
) -> tuple[IncidentView, ...]:
    return tuple(
        replace(
            each,
            # Of what began before the oldest that is still known, only the end could be told.
            done=_done(each, courses.get(each.id, {})) if each.began_at >= oldest else "",
            closed_at=_closed_at(each, courses.get(each.id, {}), standing),
        )
        for each in reversed(found)
    )


def _done(incident: IncidentView, courses: Mapping[str, Sequence[Moved]]) -> str:
    """No course tells of what was measured."""
    return "" if incident.kind is IncidentKind.LIMIT else done_about(incident, courses)


def _closed_at(
    incident: IncidentView,
    courses: Mapping[str, Sequence[Moved]],
    standing: Mapping[str, Reason],
) -> float | None:
    if incident.kind is IncidentKind.LIMIT or incident.closed_at is not None:
        return incident.closed_at
    return closed_at(incident, courses, standing)


async def acknowledge_in(store: Store, incident: int, note: str, at: float) -> None:
    """See `domain.fleet.protocol.Fleet.acknowledge`. at: UTC seconds. Raises StoreError."""
    if not await store.acknowledge(incident, at, who(), note_text(note)):
        raise no_incident(incident)


def no_incident(number: int) -> FleetError:
    """What is said of a number that no incident has."""
    return FleetError(
        Phrase("there is no incident {number}", number=number),
        Phrase("it may be older than the history"),
        code=2,
    )


async def timeline_in(store: Store, identity: str, since: float, limit: int) -> tuple[Moved, ...]:
    """See `domain.fleet.protocol.Fleet.timeline`. identity: the instance's id. Raises
    StoreError."""
    return await store.timeline(identity, since, min(limit, MOST_MOVES))


async def attempts_in(store: Store, since: float, identity: str | None) -> tuple[Attempt, ...]:
    """See `domain.fleet.protocol.Fleet.attempts`. identity: the id of an instance, None for all.
    Raises StoreError."""
    return await store.attempts(since, identity, MOST_ATTEMPTS)


async def last_seen_at(store: Store) -> float | None:
    """When a manager was there last, UTC seconds; None when that is not known. Raises
    StoreError."""
    return await _noted(store, _CLOCK)


async def _noted(store: Store, key: str) -> float | None:
    """A moment that was noted, in UTC seconds; None when there is none to believe."""
    try:
        moment = float(await store.get_meta(key) or "nan")
    except ValueError:
        return None
    return moment if math.isfinite(moment) else None


class Presence:
    """Notes from when to when a manager kept the fleet: without it, an instance that was connected
    would seem to have stayed so while nobody ran."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._gap: Gap | None = None
        self._counted = (clock.now(), clock.elapsed())

    async def begin(self) -> float:
        """Note the end of a manager that could not do it itself: about when it was last alive.
        Raises StoreError.

        Returns by how many seconds the clock was set back since then, as far as that can be told:
        0, or negative. That it was set forward looks like time that has passed.
        """
        last, said = await _noted(self._store, _ALIVE), await _noted(self._store, _CLOCK)
        if last is not None:
            await self._store.leave(last)
        now = self._clock.now()
        back_s = 0.0 if said is None else min(0.0, now - said)
        self._gap = None if said is None else Gap(said, now)
        self._counted = (now, self._clock.elapsed())
        await self._alive()
        return back_s

    async def run(self) -> None:
        """Note every minute that this manager is alive, until cancelled."""
        while True:
            await self.note()
            await self._clock.sleep(ALIVE_EVERY_S)

    async def note(self) -> None:
        """Note that this manager is alive, and what its clock says."""
        try:
            await self._alive()
            await self.count()
        except Exception:
            # It is noted again in a minute; it is no reason to end the fleet.
            log.exception("not noted that the manager is alive")

    async def count(self) -> None:
        """Count what happened until now into the hours of the history. Raises StoreError.

        What the machine slept, and what its clock was set forward by, does not count: it is what
        the wall clock tells beyond the minute that two notes are apart.
        """
        now, elapsed = self._clock.now(), self._clock.elapsed()
        at, began = self._counted
        unseen_s = now - at - min(elapsed - began, ALIVE_EVERY_S)
        gap = Gap(at, at + unseen_s) if unseen_s > LOOP_GAP_S else self._gap
        await self._store.count(now, gap)
        self._counted, self._gap = (now, elapsed), None

    async def end(self) -> None:
        """Note the end of this manager; when the disk refuses, the next one does."""
        try:
            await self._alive()
            await self.count()
            await self._store.leave(self._clock.now())
            await self._store.set_meta(_ALIVE, "")
        except StoreError as error:
            log.warning("the manager's end is not noted: %s", error)

    async def _alive(self) -> None:
        now = repr(self._clock.now())
        await self._store.set_meta(_ALIVE, now)
        await self._store.set_meta(_CLOCK, now)
