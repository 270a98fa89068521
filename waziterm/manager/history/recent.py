"""The last hours and the last week of the instances, as they are read from the store."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from waziterm.domain.fleet.api import InstanceNotFoundError
from waziterm.domain.stats.hours import quantile
from waziterm.domain.stats.strips import (
    DAY_CELLS,
    DAYS,
    Recent,
    Stood,
    cells_of,
    first_cell,
)
from waziterm.store.store import Store

if TYPE_CHECKING:
    from waziterm.store.remembered import Week

_AT_ONCE = 100
"""So many instances are told of at once: a screen takes in that many within a few milliseconds."""


async def recent_in(
    store: Store,
    names: Mapping[str, str],
    after: str,
    name: str | None,
    days: int,
    at: float,
    *,
    seen_until: float | None = None,
) -> tuple[Recent, ...]:
    """See `domain.fleet.protocol.Fleet.recent`. names: of the instances, by id. at: now, UTC
    seconds. seen_until: when somebody was there last, None while somebody is. Raises StoreError,
    and InstanceNotFoundError."""
    wanted = sorted((each, identity) for identity, each in names.items() if name in (None, each))
    if name is not None and not wanted:
        raise InstanceNotFoundError(name)
    few = [each for each in wanted if each[0] > after or name is not None][:_AT_ONCE]
    identities = [identity for _, identity in few]
    offset = datetime.fromtimestamp(at, UTC).astimezone().utcoffset()
    count = days * DAY_CELLS
    begin = first_cell(at, count, offset.total_seconds() if offset is not None else 0.0)
    stood = await store.stood(identities, begin)
    weeks = await store.weeks(identities, at)
    unseen = () if seen_until is None else (Stood(seen_until, None),)

    def told() -> tuple[Recent, ...]:
        return tuple(
            _recent(called, begin, cells_of((*stood[each], *unseen), begin, at, count), weeks[each])
            for called, each in few
        )

    return await asyncio.to_thread(told)


def _recent(name: str, begin: float, cells: str, week: Week) -> Recent:
    before = [count for day, count in week.drops.items() if day < DAYS - 1]
    return Recent(
        name,
        begin,
        cells,
        week.last_up_s,
        week.last_seen_s,
        round(week.up_s / week.seen_s, 6) if week.seen_s else None,
        tuple(week.drops.get(day, 0) for day in range(DAYS)),
        sum(before) / len(before) if before else None,
        quantile(week.connects, 0.5),
    )
