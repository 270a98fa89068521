"""Lines of the logs that match a pattern, counted by instance and hour."""

import json
import sqlite3
from collections.abc import Mapping, Sequence

from waziterm.domain.stats.hours import Hour, hour_of, tally
from waziterm.store.hours import Sums
from waziterm.store.made import unmake
from waziterm.store.sound import SOUND

_WITHIN = (
    "FROM json_each(?) AS wanted CROSS JOIN patterns ON instance = wanted.value AND hour >= ? AND"
    f" hour < ? AND {SOUND['patterns']}"
)


def count_patterns(
    db: sqlite3.Connection, at: float, counts: Mapping[str, Mapping[str, int]]
) -> None:
    """Count what was seen about a moment (UTC seconds): by the id of the instance, how many lines
    match which pattern."""
    hour = hour_of(at)
    db.executemany(
        "INSERT INTO patterns VALUES (?, ?, ?, ?)"
        f" ON CONFLICT DO UPDATE SET count = iif({SOUND['patterns']}, count, 0) + excluded.count",
        (
            (identity, hour, name, count)
            for identity, found in counts.items()
            for name, count in found.items()
        ),
    )
    unmake(db, (hour,))


def add_patterns(
    sums: Sums, db: sqlite3.Connection, identities: Sequence[str], begin: int, end: int
) -> None:
    """Put the patterns of the hours from `begin` on, before `end`, to what was counted of instances
    in that time. One that was stopped has no hour, and may have lines all the same."""
    for identity, first, name, count in db.execute(
        f"SELECT instance, min(hour), name, sum(count) {_WITHIN} GROUP BY instance, name",
        (json.dumps(identities), begin, end),
    ):
        known = sums.get(identity)
        sums[identity] = (first, Hour()) if known is None else (min(first, known[0]), known[1])
        tally(sums[identity][1].patterns, {name: count})


def add_each_hours_patterns(
    hours: dict[int, Sums],
    db: sqlite3.Connection,
    identities: Sequence[str],
    begin: int,
    end: int,
) -> None:
    """The same for each of the hours."""
    for identity, at, name, count in db.execute(
        f"SELECT instance, hour, name, count {_WITHIN}", (json.dumps(identities), begin, end)
    ):
        _, hour = hours.setdefault(at, {}).setdefault(identity, (at, Hour()))
        tally(hour.patterns, {name: count})


def prune_patterns(db: sqlite3.Connection, before: float, limit: int) -> int:
    """Delete at most `limit` counts from before a moment; returns how many."""
    return db.execute(
        "DELETE FROM patterns WHERE (instance, hour, name) IN (SELECT instance, hour, patterns.name"
        " FROM names CROSS JOIN patterns ON instance = names.id AND hour < ? LIMIT ?)",
        (hour_of(before), limit),
    ).rowcount
