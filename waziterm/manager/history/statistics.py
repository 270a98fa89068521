"""The sums of the history, as they are read from the store."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import assert_never

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
    seen = await store.patterns(since, by, identity)
    return await asyncio.to_thread(_told, counted, seen, names, by, fleet=name is None)


def _told(
    counted: Mapping[tuple[str, int], Hour],
    seen: Mapping[tuple[str, int], Counter[str]],
    names: Mapping[str, str],
    by: StatsBy,
    *,
    fleet: bool,
) -> tuple[Stats, ...]:
    """The fleet first, then the instances by name; each in the order of time."""
    counted, matched = _joined(counted, seen, by)
    if not counted:
        return ()
    first = min(begin for _, begin in counted)
    of_all: dict[int, Counter[str]] = {}
    whole: dict[int, Hour] = {}
    used: dict[int, int] = {}
    found: list[tuple[str, int, Hour, Counter[str]]] = []
    for (identity, begin), hour in counted.items():
        part = first if by is StatsBy.ALL else begin
        whole.setdefault(part, Hour()).add(hour)
        used[part] = used.get(part, 0) + hour.memory_bytes
        patterns = matched.get((identity, begin), Counter())
        of_all.setdefault(part, Counter()).update(patterns)
        if identity in names:
            found.append((names[identity], part, hour, patterns))
    for part, total in whole.items():
        total.memory_bytes = used[part]
    parts = sorted(whole) if fleet else ()
    rows = [stats_of(None, part, whole[part], of_all[part]) for part in parts]
    found.sort(key=lambda each: each[:2])
    return (*rows, *(stats_of(*each) for each in found))


def _joined(
    counted: Mapping[tuple[str, int], Hour],
    seen: Mapping[tuple[str, int], Counter[str]],
    by: StatsBy,
) -> tuple[dict[tuple[str, int], Hour], dict[tuple[str, int], Counter[str]]]:
    """What was counted, and the patterns that were seen in the same part of the time. One that was
    stopped has no hour, and may have lines all the same."""
    joined, matched = dict(counted), {}
    keys = {(identity, _part(begin, by)): (identity, begin) for identity, begin in counted}
    for (identity, begin), patterns in seen.items():
        key = keys.get((identity, _part(begin, by)), (identity, begin))
        joined.setdefault(key, Hour())
        matched[key] = patterns
    return joined, matched


def _part(begin: int, by: StatsBy) -> object:
    """What tells one part of the time from the others."""
    match by:
        case StatsBy.ALL:
            return None
        case StatsBy.DAY:
            return datetime.fromtimestamp(begin, UTC).astimezone().date()
        case StatsBy.HOUR:
            return begin
        case _:
            assert_never(by)
