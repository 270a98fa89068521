"""Lines of the logs that match a pattern, counted by instance and hour."""

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence

from waziterm.domain.stats.hours import hour_of
from waziterm.domain.stats.sums import StatsBy
from waziterm.store.sound import SOUND

_PARTS = {
    StatsBy.ALL: "0",
    StatsBy.DAY: "date(hour, 'unixepoch', 'localtime')",
    StatsBy.HOUR: "hour",
}


def add_patterns(
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


def read_patterns(
    db: sqlite3.Connection, identities: Sequence[str], since: float, by: StatsBy
) -> dict[tuple[str, int], Counter[str]]:
    """How many lines of instances matched which pattern from the hour of `since` on, by the id of
    the instance and by the first hour with one of each day or hour, or of all of it."""
    found: dict[tuple[str, int], Counter[str]] = {}
    for identity in identities:
        firsts: dict[object, int] = {}
        rows = db.execute(
            f"SELECT {_PARTS[by]} AS part, min(hour) AS first, name, sum(count) FROM patterns"
            f" WHERE instance = ? AND hour >= ? AND {SOUND['patterns']}"
            " GROUP BY part, name ORDER BY first",
            (identity, hour_of(since)),
        )
        for part, hour, name, count in rows:
            first = firsts.setdefault(part, int(hour))
            found.setdefault((identity, first), Counter())[str(name)] += int(count)
    return found


def prune_patterns(db: sqlite3.Connection, before: float, limit: int) -> int:
    """Delete at most `limit` counts from before a moment; returns how many."""
    return db.execute(
        "DELETE FROM patterns WHERE (instance, hour, name) IN (SELECT instance, hour, patterns.name"
        " FROM names CROSS JOIN patterns ON instance = names.id AND hour < ? LIMIT ?)",
        (hour_of(before), limit),
    ).rowcount
