"""Whole days, and blocks of them, summed up from the hours: a long time is told from few rows.

They tell nothing that the hours do not. A span is read only where it was made, and days are those
of the machine's zone: after a change of the zone, or of its rules, its old days are not asked for.
What is counted late unmakes the spans that it belongs to, and so does a row that cannot be read.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from waziterm.domain.frozen import dataclass
from waziterm.domain.stats.calendar import DAY_S, Span, blocks, days
from waziterm.domain.stats.hours import FLEET, Hour, hour_of
from waziterm.store.counts import joined, joined_buckets, text_of, text_of_buckets
from waziterm.store.hours import Sums, oldest_hour, read_each_hour, read_hours
from waziterm.store.made import made, unmake_spans
from waziterm.store.patterns import add_each_hours_patterns, add_patterns
from waziterm.store.sound import YEAR_10000, sums_of_counts

if TYPE_CHECKING:
    from waziterm.domain.stats.sums import StatsBy

_SUMMED = (
    *("up_ms", "seen_ms", "drops", "conflicts", "attempts", "attempts_ok", "sends", "acks"),
    "cpu_ms",
)
_COUNTS = ("by_reason", "connects", "reconnects", "patterns")
_NUMBERS = ("first", *_SUMMED, "memory_bytes", "worst_drops", "worst_hour")
_COLUMNS = ("begins", "ends", "instance", *_NUMBERS, *_COUNTS)
_WRITE = f"INSERT INTO spans ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
_RECENT_S = 800.0 * DAY_S
"""Spans are made of so long a time, in seconds: what is older than 13 months is so because a clock
was wrong, or because the settings keep it, and is read from its hours."""
_BLOCKS = (4, 8, 16, 32, 64, 128)
"""So many days has a block, each a multiple of the one before: 13 months are at most 18 spans."""
LEVELS = 1 + len(_BLOCKS)
"""Days, and blocks of each length."""
_HOUR_BITS = 38
"""So many the begin of an hour has, up to the year 10000: with the drops of the hour above them,
the worst hour is the greatest number."""
_SOUND = f"{sums_of_counts(*_NUMBERS)} AND worst_drops < {1 << 24}"
_WORST = f"worst_drops << {_HOUR_BITS} | worst_hour"
_AMONG = (
    " FROM json_each(?1) AS span CROSS JOIN spans ON begins = json_extract(span.value, '$[0]')"
    " AND ends = json_extract(span.value, '$[1]')"
)
_OF_ONE = " AND instance = ?2"
_READ = (
    f"SELECT instance, min({_SOUND}), min(first), {', '.join(f'sum({each})' for each in _SUMMED)},"
    f" max(memory_bytes), max({_WORST}),"
    f" {', '.join(f'group_concat({each})' for each in _COUNTS)}"
    f"{_AMONG}"
)
_READ_EACH = (
    f"SELECT begins, instance, {_SOUND}, first, {', '.join(_SUMMED)}, memory_bytes, {_WORST},"
    f" {', '.join(_COUNTS)}{_AMONG}"
)


class UnsoundSpanError(Exception):
    """A span is not made any more, or has a row that the program never writes."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a time that is told of by itself, and where it is read: from the spans that were
    made, and from the hours of others."""

    spans: tuple[Span, ...]
    counted: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """A span that can be made. parts: those that it is made of; () of one that is made of hours."""

    span: Span
    parts: tuple[Span, ...] = ()


def parts(
    db: sqlite3.Connection, identities: Sequence[str], since: float, until: float, by: StatsBy
) -> tuple[Part, ...]:
    """The parts of a time, in order: all of it, the days, or, by hour, all of it to be read hour by
    hour. since, until: UTC seconds; the time begins with the hour of `since`, and what was counted
    after its end, before a clock was set back, is in its last part."""
    from waziterm.domain.stats.sums import StatsBy  # noqa: PLC0415 - not before the first paint

    oldest = oldest_hour(db, identities)
    if oldest is None:
        return ()
    begin = max(hour_of(since), min(oldest, hour_of(until)))
    known, calendar = made(db), _calendar(db, identities, begin, max(begin, until))
    if by is StatsBy.HOUR:
        known = frozenset()
    is_made = {day for day in calendar[:-1] if day in known and day[0] >= begin}
    # The last one goes on: what was counted after it is in it.
    others = [
        *((max(begin, day[0]), day[1]) for day in calendar[:-1] if day not in is_made),
        (max(begin, calendar[-1][0]), YEAR_10000),
    ]
    if by is StatsBy.DAY:
        alone = [Part((day,), ()) for day in is_made] + [Part((), (day,)) for day in others]
        return tuple(sorted(alone, key=lambda part: part.spans or part.counted))
    return (_joined(is_made, others, calendar[:-1], known),)


def _calendar(
    db: sqlite3.Connection, identities: Sequence[str], begin: int, until: float
) -> tuple[Span, ...]:
    """The days from a moment to another, UTC seconds; of those long ago, which are pruned soon, the
    ones alone of which there are hours: a clock may have been wrong by decades."""
    if begin >= until - _RECENT_S:
        return days(begin, until)
    recent = days(until - _RECENT_S, until)
    old = {
        days(hour, hour)[0]
        for table in ("hours", "patterns")
        for (hour,) in db.execute(
            f"SELECT DISTINCT hour FROM json_each(?) AS each CROSS JOIN {table}"
            " ON instance = each.value AND hour >= ? AND hour < ?",
            (json.dumps(identities), begin, recent[0][0]),
        )
    }
    return (*sorted(old), *recent)


def read_spans(db: sqlite3.Connection, spans: Sequence[Span], identity: str | None) -> Sums:
    """What spans sum up to, of an instance, or of each and of the fleet. Raises
    UnsoundSpanError."""
    _check_made(db, spans)
    return _read(db, spans, identity)


def _check_made(db: sqlite3.Connection, spans: Sequence[Span]) -> None:
    """Something may have been counted into one since it was looked for."""
    if not made(db).issuperset(spans):
        raise UnsoundSpanError


def _read(db: sqlite3.Connection, spans: Sequence[Span], identity: str | None) -> Sums:
    rows = _asked(db, _READ, spans, identity, " GROUP BY instance")
    return {who: _summed(joined, joined_buckets, *row) for who, *row in rows}


def _asked(
    db: sqlite3.Connection, query: str, spans: Sequence[Span], identity: str | None, end: str = ""
) -> sqlite3.Cursor:
    if identity is None:
        return db.execute(f"{query}{end}", (json.dumps(spans),))
    return db.execute(f"{query}{_OF_ONE}{end}", (json.dumps(spans), identity))


def read_each(db: sqlite3.Connection, spans: Sequence[Span], identity: str | None) -> list[Sums]:
    """The same for each of the spans, to be read and not to be added to."""
    _check_made(db, spans)
    found: dict[int, Sums] = {begin: {} for begin, _ in spans}
    # A day has few counts, and most days have the same: they share what was read of them.
    of_names, of_buckets = cache(joined), cache(joined_buckets)
    for begin, who, *row in _asked(db, _READ_EACH, spans, identity):
        found[begin][who] = _summed(of_names, of_buckets, *row)
    for sums in found.values():
        if FLEET in sums:
            add_memory(sums)
    return list(found.values())


def _summed(
    of_names: Callable[[str | None], dict[str, int]],
    of_buckets: Callable[[str | None], dict[int, int]],
    is_sound: int,
    first: int,
    *row: Any,
) -> tuple[int, Hour]:
    if not is_sound:
        raise UnsoundSpanError
    up, seen, drops, fights, tried, well, sent, acks, cpu, memory, worst, *counts = row
    try:
        why, connects, reconnects, patterns = counts
        return first, Hour(
            *(up / 1000, seen / 1000, drops, of_names(why), fights, tried, well),
            *(of_buckets(connects), of_buckets(reconnects), sent, acks, cpu / 1000, memory),
            {worst & ((1 << _HOUR_BITS) - 1): worst >> _HOUR_BITS} if worst else {},
            of_names(patterns),
        )
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise UnsoundSpanError from error


def runs(of_time: Sequence[Part], most: int) -> Iterator[Sequence[Part]]:
    """The parts of a time, in order: those that follow each other and are one span each together,
    at most so many, and the others alone."""
    run: list[Part] = []
    for part in of_time:
        is_one = len(part.spans) == 1 and not part.counted
        if run and (not is_one or len(run) == most):
            yield run
            run = []
        if is_one:
            run.append(part)
        else:
            yield (part,)
    if run:
        yield run


def counted(db: sqlite3.Connection, identities: Sequence[str], begin: int, end: int) -> Sums:
    """The same of the hours from `begin` on, before `end`, without the fleet."""
    sums = read_hours(db, identities, begin, end)
    add_patterns(sums, db, identities, begin, end)
    return sums


def each_counted(
    db: sqlite3.Connection, identities: Sequence[str], begin: int, end: int
) -> dict[int, Sums]:
    """The same of each of these hours."""
    found = read_each_hour(db, identities, begin, end)
    add_each_hours_patterns(found, db, identities, begin, end)
    return found


def add_up(sums: Sums, more: Sums) -> None:
    """Add what was counted in another time to what was counted in one."""
    for who, (first, sum_) in more.items():
        if (known := sums.get(who)) is None:
            sums[who] = first, sum_
        else:
            known[1].add(sum_)
            sums[who] = min(first, known[0]), known[1]


def missing(db: sqlite3.Connection, identities: Sequence[str], until: float) -> tuple[Missing, ...]:
    """The spans that can be made of what was counted until a moment (UTC seconds), in the order in
    which they have to be made. identities: of all instances of which something is counted."""
    oldest = oldest_hour(db, identities)
    if oldest is None or oldest > until:
        return ()
    # Hours of the first day may be pruned already.
    known, calendar = made(db), days(max(oldest, until - _RECENT_S), until)[1:-1]
    found = [Missing(day) for day in calendar if day not in known]
    smaller = calendar
    for of_size in blocks(calendar, _BLOCKS):
        made_of = [
            (_whole(of_days), tuple(each for each in smaller if _is_in(each, _whole(of_days))))
            for of_days in of_size
        ]
        found += [Missing(block, parts) for block, parts in made_of if block not in known]
        smaller = tuple(block for block, _ in made_of)
    return tuple(found)


def make(db: sqlite3.Connection, identities: Sequence[str], span: Missing) -> None:
    """Make a span."""
    if not span.parts:
        sums = counted(db, identities, *span.span)
        sums[FLEET] = fleet_of(sums, span.span[0])
        _write(db, span.span, sums)
        return
    try:
        _write(db, span.span, read_spans(db, span.parts, None))
    except UnsoundSpanError:
        unmake_spans(db, span.parts)


def fleet_of(sums: Sums, begin: int = 0) -> tuple[int, Hour]:
    """What the instances of a time sum up to. begin: its first hour when nothing was counted."""
    whole = Hour()
    for _, each in sums.values():
        whole.add(each)
    whole.memory_bytes = _memory(sums)
    return min((first for first, _ in sums.values()), default=begin), whole


def add_memory(sums: Sums) -> None:
    """Let the fleet's memory be that of all instances, each at its highest."""
    sums[FLEET][1].memory_bytes = _memory(sums)


def _memory(sums: Sums) -> int:
    return sum(each.memory_bytes for who, (_, each) in sums.items() if who != FLEET)


def _joined(
    spans: set[Span], counted: Sequence[Span], calendar: Sequence[Span], known: frozenset[Span]
) -> Part:
    """One part of days of `calendar` that were made, and of others, in order."""
    runs: list[Span] = []
    for begin, end in counted:
        follows = runs and runs[-1][1] == begin
        runs.append((runs.pop()[0] if follows else begin, end))
    for of_size in reversed(blocks(calendar, _BLOCKS)):
        for of_days in of_size:
            block = _whole(of_days)
            if block in known and spans.issuperset(of_days):
                spans.difference_update(of_days)
                spans.add(block)
    return Part(tuple(sorted(spans)), tuple(runs))


def _is_in(span: Span, other: Span) -> bool:
    return other[0] <= span[0] and span[1] <= other[1]


def _whole(of_days: Sequence[Span]) -> Span:
    return of_days[0][0], of_days[-1][1]


def _write(db: sqlite3.Connection, span: Span, sums: Sums) -> None:
    db.execute("INSERT INTO spans_made (begins, ends) VALUES (?, ?)", span)
    db.executemany(
        _WRITE, ((*span, who, first, *_row(sum_)) for who, (first, sum_) in sums.items())
    )


def _row(sum_: Hour) -> tuple[int | str | None, ...]:
    return (
        *(round(sum_.up_s * 1000), round(sum_.seen_s * 1000), sum_.drops, sum_.conflicts),
        *(sum_.attempts, sum_.attempts_ok, sum_.sends, sum_.acks, round(sum_.cpu_s * 1000)),
        *(sum_.memory_bytes, *sum_.worst),
        text_of(sum_.by_reason),
        *(text_of_buckets(each) for each in (sum_.connects, sum_.reconnects)),
        text_of(sum_.patterns),
    )
