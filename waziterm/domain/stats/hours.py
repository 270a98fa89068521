"""One hour of an instance, and how what happens to the instance is counted into its hours.

A drop is the end of a connection that neither a person nor the program wanted. An instance is up
while it is connected, and seen while it is to be connected and a manager runs.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TypeVar

from waziterm.domain.lifecycle.event_names import tells_of_a_conflict
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State

K = TypeVar("K")
HOUR_S = 3600
_HAD = frozenset({State.CONNECTED, State.DEGRADED})
_UNSEEN = frozenset({State.STOPPED, State.PAIRING})
_WANTED = frozenset(
    {
        Reason.NEW,
        Reason.BY_OPERATOR,
        Reason.NO_MANAGER,
        Reason.RESTORED,
        Reason.PAUSED,
        Reason.CLEANED,
        Reason.ASKED,
        Reason.RESUMED,
        Reason.TAKEOVER,
        Reason.MOVED,
        Reason.EDITED,
        Reason.EXPORTED,
        Reason.VERSION_CHANGED,
    }
)
"""For these a connection ends because a person or the program meant it to."""
FLEET = ""
"""In the place of an instance's id: all of them together, with those that were removed."""
_LATE_S = 60.0
_LEAST_S, _STEP = 0.001, math.log(1.05)


def bucket_of(seconds: float) -> int:
    """The bucket of a duration: each is 5 % longer than the one before it."""
    return 0 if seconds <= _LEAST_S else round(math.log(seconds / _LEAST_S) / _STEP)


def seconds_of(bucket: int) -> float:
    """The duration in the middle of a bucket; it differs by at most 2.5 % from what is in it."""
    return _LEAST_S * math.exp(bucket * _STEP)


def quantile(buckets: Mapping[int, int], share: float) -> float | None:
    """The duration, in seconds, that `share` of those counted do not exceed; None without any."""
    return quantiles(buckets, (share,))[0]


def quantiles(buckets: Mapping[int, int], shares: Sequence[float]) -> tuple[float | None, ...]:
    """The same for several shares, each greater than the one before."""
    if not buckets:
        return (None,) * len(shares)
    if len(buckets) == 1:
        return (seconds_of(next(iter(buckets))),) * len(shares)
    order = sorted(buckets)
    seen = list(accumulate(map(buckets.__getitem__, order)))
    return tuple(seconds_of(order[bisect_left(seen, share * seen[-1])]) for share in shares)


def hour_of(at: float) -> int:
    """The begin of the hour of a moment, UTC seconds."""
    return int(at // HOUR_S) * HOUR_S


def tally(counts: dict[K, int], more: Mapping[K, int]) -> None:
    """Add counts to others."""
    for key, count in more.items():
        counts[key] = counts.get(key, 0) + count


@dataclass(slots=True)
class Hour:
    """What is counted of an instance in an hour, or of several in a longer time.

    up_s, seen_s: see the module. by_reason: drops by the slug of their reason. connects,
    reconnects: how many took how long, see `bucket_of`; a reconnect is the time from a drop to the
    next connection. cpu_s: of its worker, its share. memory_bytes: the most of its worker, its
    share; 0 where it was not measured. drops_at: drops by the begin of their hour, in a sum; of
    sums, at least the worst hour of each. patterns: lines of its log by the name of the pattern
    that they match.

    Plain dicts, which the garbage collector has no work with: there are many hours.
    """

    up_s: float = 0.0
    seen_s: float = 0.0
    drops: int = 0
    by_reason: dict[str, int] = field(default_factory=dict)
    conflicts: int = 0
    attempts: int = 0
    attempts_ok: int = 0
    connects: dict[int, int] = field(default_factory=dict)
    reconnects: dict[int, int] = field(default_factory=dict)
    sends: int = 0
    acks: int = 0
    cpu_s: float = 0.0
    memory_bytes: int = 0
    drops_at: dict[int, int] = field(default_factory=dict)
    patterns: dict[str, int] = field(default_factory=dict)

    def add(self, other: "Hour") -> None:
        """Count what another one has too; the memory is the greater of both."""
        self.up_s += other.up_s
        self.seen_s += other.seen_s
        self.drops += other.drops
        self.conflicts += other.conflicts
        self.attempts += other.attempts
        self.attempts_ok += other.attempts_ok
        self.sends += other.sends
        self.acks += other.acks
        self.cpu_s += other.cpu_s
        self.memory_bytes = max(self.memory_bytes, other.memory_bytes)
        # Most hours have none of these: a call for each takes longer than all the rest.
        if other.drops:
            tally(self.by_reason, other.by_reason)
            tally(self.drops_at, other.drops_at)
        if other.connects:
            tally(self.connects, other.connects)
        if other.reconnects:
            tally(self.reconnects, other.reconnects)
        if other.patterns:
            tally(self.patterns, other.patterns)

    @property
    def worst(self) -> tuple[int, int]:
        """The hour with the most drops, of several the last: how many, and its begin; both are 0
        where there is no drop."""
        return max(zip(self.drops_at.values(), self.drops_at, strict=True), default=(0, 0))

    def bounded(self) -> None:
        """Cut what a clock that was set back has counted twice: an hour has 3,600 seconds."""
        self.seen_s = min(self.seen_s, float(HOUR_S))
        self.up_s = min(self.up_s, self.seen_s)


Hours = MutableMapping[tuple[str, int], Hour]
"""By the id of an instance and the begin of the hour, what is to be added to it."""


@dataclass(frozen=True, slots=True)
class Step:
    """A change of an instance as the history has it. instance: its id. event: its name, or ""."""

    instance: str
    at: float
    state: State
    reason: Reason
    event: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an instance stood when it was counted last. at: until when, UTC seconds.

    down_at: when its connection dropped; None while it is connected, and when nobody waits for it
    to come back.
    """

    at: float
    state: State
    reason: Reason
    down_at: float | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """A time that nobody saw: no manager ran, the machine slept, the clock was set forward."""

    begin: float
    end: float


def drop_of(before: State, why: Reason, state: State, reason: Reason) -> Reason | None:
    """For what a connection ended that nobody meant to end; None when none did.

    before, why: how the instance stood, and its reason. state, reason: the same afterwards.
    """
    if before not in _HAD or state in _HAD or reason in _WANTED:
        return None
    # A new attempt tells of itself, not of what ended the connection before it.
    return why if reason is Reason.RETRY else reason


def passed(
    hours: Hours, instance: str, standing: Standing, until: float, gap: Gap | None = None
) -> Standing:
    """Count the time from where an instance was counted last until a moment; where it stands then.

    A clock that was set back makes no time that is below 0: then it is counted from the new moment
    on. What was written a little late is none of that, and counts nothing twice.
    """
    if standing.at - _LATE_S < until < standing.at:
        return standing
    if standing.state not in _UNSEEN:
        for begin, end in _outside(standing.at, until, gap):
            _spread(hours, instance, begin, end, up=standing.state is State.CONNECTED)
    return Standing(until, standing.state, standing.reason, standing.down_at)


def stepped(hours: Hours, standing: Standing | None, step: Step, gap: Gap | None) -> Standing:
    """Count a change of an instance; where it stands then. standing: None for a new one."""
    if standing is None:
        standing = Standing(step.at, State.STOPPED, Reason.NEW)
    else:
        standing = passed(hours, step.instance, standing, step.at, gap)
    hour = hours.setdefault((step.instance, hour_of(step.at)), Hour())
    down_at = standing.down_at
    why = drop_of(standing.state, standing.reason, step.state, step.reason)
    if why is not None:
        hour.drops += 1
        tally(hour.by_reason, {why.slug: 1})
        down_at = step.at
    elif step.state in _HAD:
        if down_at is not None and step.at >= down_at:
            tally(hour.reconnects, {bucket_of(step.at - down_at): 1})
        down_at = None
    elif step.state in _UNSEEN or step.reason in (Reason.ASKED, Reason.TAKEOVER):
        down_at = None
    hour.conflicts += tells_of_a_conflict(step.event, step.reason)
    return Standing(step.at, step.state, step.reason, down_at)


def _outside(begin: float, end: float, gap: Gap | None) -> Iterable[tuple[float, float]]:
    """The parts of a span that are not in a gap."""
    if gap is None:
        return ((begin, end),)
    return ((begin, min(end, gap.begin)), (max(begin, gap.end), end))


def _spread(hours: Hours, instance: str, begin: float, end: float, *, up: bool) -> None:
    while begin < end:
        at = hour_of(begin)
        until = min(end, float(at + HOUR_S))
        hour = hours.setdefault((instance, at), Hour())
        hour.seen_s += until - begin
        hour.up_s += (until - begin) if up else 0.0
        begin = until
