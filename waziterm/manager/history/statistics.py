"""The sums of the history, as they are read from the store."""

import asyncio
from collections.abc import Mapping

from waziterm.domain.fleet.api import InstanceNotFoundError
from waziterm.domain.stats.hours import Hour
from waziterm.domain.stats.sums import Stats, StatsBy, stats_of
from waziterm.store.store import Store


async def stats_in(
    store: Store, since: float, name: str | None, by: StatsBy, at: float
) -> tuple[Stats, ...]:
    """See `domain.fleet.protocol.Fleet.stats`. at: now, UTC seconds. Raises StoreError, and
    InstanceNotFoundError."""
    names = {each.id: each.name for each in await store.instances()}
    identity = None if name is None else next((i for i, n in names.items() if n == name), None)
    if name is not None and identity is None:
        raise InstanceNotFoundError(name)
    counted = await store.sums(since, at, by, identity)
    return await asyncio.to_thread(_told, counted, names, by, fleet=name is None)


def _told(
    counted: Mapping[tuple[str, int], Hour], names: Mapping[str, str], by: StatsBy, *, fleet: bool
) -> tuple[Stats, ...]:
    """The fleet first, then the instances by name; each in the order of time."""
    if not counted:
        return ()
    first = min(begin for _, begin in counted)
    whole: dict[int, Hour] = {}
    used: dict[int, int] = {}
    found: list[tuple[str, int, Hour]] = []
    for (identity, begin), hour in counted.items():
        part = first if by is StatsBy.ALL else begin
        whole.setdefault(part, Hour()).add(hour)
        used[part] = used.get(part, 0) + hour.memory_bytes
        if identity in names:
            found.append((names[identity], part, hour))
    for part, total in whole.items():
        total.memory_bytes = used[part]
    rows = [stats_of(None, part, whole[part]) for part in sorted(whole)] if fleet else []
    found.sort(key=lambda each: each[:2])
    return (*rows, *(stats_of(name, part, hour) for name, part, hour in found))
