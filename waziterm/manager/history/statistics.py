"""The sums of the history, as they are read from the store."""

import asyncio
from collections.abc import Mapping

from waziterm.domain.fleet.api import InstanceNotFoundError
from waziterm.domain.stats.hours import FLEET, Hour
from waziterm.domain.stats.sums import Stats, StatsBy, stats_of
from waziterm.store.store import Store

_FEW = 20


async def stats_in(
    store: Store, since: float, name: str | None, by: StatsBy, at: float
) -> tuple[Stats, ...]:
    """See `domain.fleet.protocol.Fleet.stats`. at: now, UTC seconds. Raises StoreError, and
    InstanceNotFoundError."""
    names = await store.names()
    identity = None if name is None else next((i for i, n in names.items() if n == name), None)
    if name is not None and identity is None:
        raise InstanceNotFoundError(name)
    # The fleet first, then the instances by name; each in the order of time.
    told: dict[str, list[Stats]] = {
        who: [] for who in (FLEET, *sorted(names, key=names.__getitem__))
    }
    async for sums in store.sums(since, at, by, identity):
        # A trip to a thread costs more than a few rows do.
        few = len(sums) <= _FEW
        rows = _told(sums, names, by) if few else await asyncio.to_thread(_told, sums, names, by)
        for who, each in rows:
            told[who].append(each)
    return tuple(each for rows in told.values() for each in rows)


def _told(
    sums: Mapping[str, tuple[int, Hour]], names: Mapping[str, str], by: StatsBy
) -> list[tuple[str, Stats]]:
    """A part of the time. Those that were removed count for the fleet alone."""
    begin = min(first for first, _ in sums.values())
    return [
        (who, stats_of(names.get(who), begin if by is StatsBy.ALL else first, sum_))
        for who, (first, sum_) in sums.items()
        if who in names or who == FLEET
    ]
