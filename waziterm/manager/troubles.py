"""Makes incidents of what happens to the instances, stores them and tells them once."""

import asyncio
from collections.abc import Callable

from waziterm.domain.fleet import Notice
from waziterm.domain.incidents import Incident, grown, is_trouble
from waziterm.domain.instance import Instance
from waziterm.domain.reasons import Reason
from waziterm.store.store import Store


class Troubles:
    """The incidents of a fleet. tell: passes a notice on to whoever watches."""

    def __init__(
        self, store: Store, fleet_size: Callable[[], int], tell: Callable[[Notice], None]
    ) -> None:
        self._store = store
        self._fleet_size = fleet_size
        self._tell = tell
        self._current: dict[Reason, Incident] = {}
        self._growing = asyncio.Lock()

    async def changed(self, before: Instance, after: Instance, at: float) -> None:
        """An instance has changed. Raises StoreError when its incident cannot be stored."""
        if is_trouble(before, after) or (before.detail != after.detail and self._meets(after)):
            await self._grow(after, at)

    def _meets(self, instance: Instance) -> bool:
        incident = self._current.get(instance.reason)
        return incident is not None and instance.name in incident.names

    async def _grow(self, instance: Instance, at: float) -> None:
        async with self._growing:
            before = self._current.get(instance.reason)
            incident = grown(before, instance, at, self._fleet_size())
            if incident.is_told:
                incident = await self._store.save_incident(incident)
                self._tell(_notice(incident, at))
            self._current[instance.reason] = incident


def _notice(incident: Incident, at: float) -> Notice:
    if len(incident.names) == 1:
        return Notice(at, incident.what, incident.names[0], trouble=True)
    return Notice(at, f"{incident.who}: {incident.what}", trouble=True)
