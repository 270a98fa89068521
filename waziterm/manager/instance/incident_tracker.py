"""Makes incidents of what happens to the instances, and tells them once they are stored."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from waziterm.domain.fleet.api import Notice
from waziterm.domain.incidents.incident import Incident, grown, is_trouble
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.manager.clock import Clock


@dataclass(slots=True)
class Growth:
    """What a change does to an incident. incident: to be stored with the change; None when there
    is none to tell. stored: the same with its id, for whoever stored it to set."""

    incident: Incident | None = None
    stored: Incident | None = None


class IncidentTracker:
    """The incidents of a fleet. tell: passes a notice on to whoever watches. clock: that of their
    moments."""

    def __init__(
        self, fleet_size: Callable[[], int], tell: Callable[[Notice], None], clock: Clock
    ) -> None:
        self._fleet_size = fleet_size
        self._tell = tell
        self._clock = clock
        self._shift = clock.shift
        self._current: dict[Reason, Incident] = {}
        self._told: defaultdict[Reason, set[str]] = defaultdict(set)
        self._growing = asyncio.Lock()

    @asynccontextmanager
    async def growing(self, before: Instance, after: Instance, at: float) -> AsyncIterator[Growth]:
        """An instance changes: its incident is told when the context ends without an error. What
        passes by itself is told once of each instance, until that is connected again or stopped."""
        if after.state in (State.CONNECTED, State.STOPPED):
            for told in self._told.values():
                told.discard(after.name)
        if not (is_trouble(before, after) or self._has_new_evidence(before, after)):
            yield Growth()
            return
        async with self._growing:
            if by := self._clock.shift - self._shift:
                self._shift += by
                for reason, known in self._current.items():
                    self._current[reason] = known.shifted(by)
            current = self._current.get(after.reason)
            incident = grown(current, after, at, self._fleet_size())
            growth = Growth(incident if incident.is_told else None)
            yield growth
            if growth.stored is not None:
                incident = growth.stored
                told = self._told[after.reason]
                if incident.is_serious or not told.issuperset(incident.names):
                    self._tell(_notice(incident, at))
                told.update(incident.names)
            self._current[after.reason] = incident

    def _has_new_evidence(self, before: Instance, after: Instance) -> bool:
        incident = self._current.get(after.reason)
        meets = incident is not None and after.id in incident.met
        return meets and before.detail != after.detail


def _notice(incident: Incident, at: float) -> Notice:
    if len(incident.names) == 1:
        return Notice(at, incident.what, incident.names[0], trouble=True)
    return Notice(at, f"{incident.who}: {incident.what}", trouble=True)
