"""The sums of the history as `waziterm stats` tells them."""

import math
from collections.abc import Mapping
from enum import StrEnum

from waziterm.domain.frozen import dataclass
from waziterm.domain.stats.hours import Hour, quantiles
from waziterm.domain.units import Moment, Seconds


class StatsBy(StrEnum):
    """Of what time a row of the statistics tells: of all of it, of a day of the machine's zone, of
    an hour."""

    ALL = "all"
    DAY = "day"
    HOUR = "hour"


@dataclass(frozen=True, slots=True)
class Stats:
    """What the history of an instance sums up to, or that of the fleet.

    instance: None for the fleet, with those that were removed since. since: when the time begins,
    UTC seconds. uptime: the share, 0 to 1, of the time in which it was to be connected and a
    manager ran in which it was; None where there was no such time. by_reason: drops by the slug of
    their reason. connect_p50_s, connect_p95_s: how long an attempt that succeeded took.
    reconnect_p50_s, reconnect_p95_s: from a drop to the next connection. success: the share of the
    sends that WhatsApp acknowledged. mtbf_s: seconds connected per drop. worst_hour: the begin of
    the hour with the most drops. cpu_s, memory_bytes: the share of its worker, the memory at its
    highest; None where it was not measured. patterns: lines of its log by the name of the pattern
    that they match. What there is none of is None.
    """

    instance: str | None
    since: Moment
    uptime: float | None
    drops: int
    by_reason: Mapping[str, int]
    conflicts: int
    connect_p50_s: Seconds | None
    connect_p95_s: Seconds | None
    reconnect_p50_s: Seconds | None
    reconnect_p95_s: Seconds | None
    sends: int
    acks: int
    success: float | None
    mtbf_s: Seconds | None
    worst_hour: Moment | None
    cpu_s: Seconds | None
    memory_bytes: int | None
    patterns: Mapping[str, int]


def stats_of(instance: str | None, since: float, sum_: Hour) -> Stats:
    """The statistics of what was counted from a moment on, UTC seconds."""
    drops, worst = sum_.worst
    connects, reconnects = _middle_and_most(sum_.connects), _middle_and_most(sum_.reconnects)
    return Stats(
        instance,
        since,
        _share(sum_.up_s, sum_.seen_s),
        sum_.drops,
        _most_first(sum_.by_reason),
        sum_.conflicts,
        *connects,
        *reconnects,
        sum_.sends,
        sum_.acks,
        _share(sum_.acks, sum_.sends),
        sum_.up_s / sum_.drops if sum_.drops else None,
        float(worst) if drops else None,
        sum_.cpu_s if sum_.memory_bytes else None,
        sum_.memory_bytes or None,
        _most_first(sum_.patterns),
    )


def _middle_and_most(buckets: Mapping[int, int]) -> tuple[float | None, float | None]:
    middle, most = quantiles(buckets, (0.5, 0.95))
    return middle, most


def _most_first(counts: Mapping[str, int]) -> Mapping[str, int]:
    return dict(sorted(counts.items(), key=lambda each: -each[1])) if len(counts) > 1 else counts


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 6) if whole else None


_TELLING = 3
_UNUSUAL = 2.0


def times_the_mean(today: int, mean: float) -> float | None:
    """How many times its mean of a day an instance dropped today, where that is unusual; infinite
    where it had no drop before. None where it is not: two drops are chance."""
    if today < _TELLING or today < _UNUSUAL * mean:
        return None
    return today / mean if mean else math.inf


def compared(name: str, today: int, before: float, neighbours: Mapping[str, int]) -> str:
    """What is unusual about the drops of an instance today, "" when nothing is.

    before: its mean of a day in the week before. neighbours: those on the same proxy, with their
    drops of today.
    """
    times = times_the_mean(today, before)
    if times is None:
        return ""
    than = f"{times:.1f} × the week's mean" if before else "none in the week before"
    worst = max(neighbours.items(), key=lambda each: each[1], default=("", 0))
    beside = f"; {worst[0]}, on the same proxy, has {worst[1]}" if worst[1] else ""
    return f"{name}: {today} drops today, {than}{beside}"
