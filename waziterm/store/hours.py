"""The hours of the instances: counted from the history, each row of it once, and summed up.

Which rows are counted is remembered beside what they were counted into, in the same transaction:
a crash loses none and counts none twice.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence

from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.stats.hours import (
    HOUR_S,
    Gap,
    Hour,
    Hours,
    Standing,
    Step,
    bucket_of,
    hour_of,
    passed,
    stepped,
)
from waziterm.domain.stats.sums import StatsBy
from waziterm.store.sound import SOUND

KEPT_LONGER_S = 370 * 86_400.0
"""Seconds for which hours are kept after the rows that they were counted from are deleted."""
_COLUMNS = (
    *("instance", "hour", "up_ms", "seen_ms", "drops", "by_reason", "conflicts", "attempts"),
    *("attempts_ok", "connects", "reconnects", "sends", "acks", "cpu_ms", "memory_bytes"),
)
_SELECT = f"SELECT {', '.join(_COLUMNS[2:])} FROM hours WHERE instance = ? AND hour = ?"
_WRITE = f"INSERT OR REPLACE INTO hours VALUES ({', '.join('?' * len(_COLUMNS))})"
_KEYS = {
    StatsBy.ALL: "0",
    StatsBy.DAY: "date(hour, 'unixepoch', 'localtime')",
    StatsBy.HOUR: "hour",
}
_SUMMED = (
    *("up_ms", "seen_ms", "drops", "conflicts", "attempts", "attempts_ok", "sends", "acks"),
    "cpu_ms",
)


def count_history(db: sqlite3.Connection, limit: int, gap: Gap | None = None) -> int:
    """Count at most `limit` rows of each table of the history that are not counted yet; returns
    how many were. gap: a time that does not count."""
    hours: dict[tuple[str, int], Hour] = {}
    counted = _transitions(db, hours, limit, gap) + _attempts(db, hours, limit)
    counted += _sends(db, hours, limit)
    _add(db, hours)
    return counted


def count_until(db: sqlite3.Connection, at: float, gap: Gap | None = None) -> None:
    """Count the time of all instances until a moment (UTC seconds); what the history tells until
    then has to be counted. Those that were removed count no more."""
    hours: dict[tuple[str, int], Hour] = {}
    db.execute("DELETE FROM standings WHERE instance NOT IN (SELECT id FROM instances)")
    found = _standings(db)
    _keep(db, {each: passed(hours, each, standing, at, gap) for each, standing in found.items()})
    _add(db, hours)


def add_usage(db: sqlite3.Connection, at: float, usage: Mapping[str, tuple[float, int]]) -> None:
    """Count what workers used: by the id of the instance its share of the seconds of CPU since the
    last time, and of the memory now, in bytes."""
    hour = hour_of(at)
    _add(
        db,
        {
            (identity, hour): Hour(cpu_s=cpu_s, memory_bytes=memory)
            for identity, (cpu_s, memory) in usage.items()
        },
    )


def sums(
    db: sqlite3.Connection, identities: Sequence[str], since: float, by: StatsBy
) -> dict[tuple[str, int], Hour]:
    """What was counted of instances from the hour of `since` on, by the id of the instance and by
    the first hour that was counted of each day or hour, or of all of it."""
    begin, found = hour_of(since), {}
    key = _KEYS[by]
    columns = ", ".join(f"sum({each})" for each in _SUMMED)
    for identity in identities:
        keyed: dict[object, Hour] = {}
        rows = db.execute(
            f"SELECT {key} AS part, min(hour), max(memory_bytes), {columns} FROM hours"
            " WHERE instance = ? AND hour >= ? GROUP BY part",
            (identity, begin),
        )
        for part, first, memory, up, seen, drops, fights, tried, well, sent, acks, cpu in rows:
            keyed[part] = found[identity, int(first)] = Hour(
                up_s=up / 1000,
                seen_s=seen / 1000,
                drops=drops,
                conflicts=fights,
                attempts=tried,
                attempts_ok=well,
                sends=sent,
                acks=acks,
                cpu_s=cpu / 1000,
                memory_bytes=memory,
            )
        eventful = db.execute(
            f"SELECT {key}, hour, drops, by_reason, connects, reconnects FROM hours"
            " WHERE instance = ? AND hour >= ?"
            " AND (by_reason IS NOT NULL OR connects IS NOT NULL OR reconnects IS NOT NULL)",
            (identity, begin),
        )
        for part, hour, drops, by_reason, connects, reconnects in eventful:
            total = keyed[part]
            total.by_reason.update(_counts(by_reason))
            total.connects.update(_buckets(connects))
            total.reconnects.update(_buckets(reconnects))
            if drops:
                total.drops_at[int(hour)] += drops
    return found


def recent(
    db: sqlite3.Connection, identities: Sequence[str], at: float
) -> dict[str, tuple[Hour, Hour]]:
    """What was counted of instances in the 24 hours up to a moment (UTC seconds), and in the seven
    days before, by id: `up_s`, `seen_s`, `drops`, `sends` and `acks` alone. The hour of the moment
    is the last of the 24."""
    day = hour_of(at) - 23 * HOUR_S
    week = day - 7 * 24 * HOUR_S
    rows = db.execute(
        "SELECT instance, hour >= ?, sum(up_ms), sum(seen_ms), sum(drops), sum(sends), sum(acks)"
        " FROM json_each(?) CROSS JOIN hours ON instance = json_each.value AND hour >= ?"
        " GROUP BY 1, 2",
        (day, json.dumps(identities), week),
    )
    found = {each: (Hour(), Hour()) for each in identities}
    for identity, is_day, up, seen, drops, sends, acks in rows:
        hour = found[identity][0 if is_day else 1]
        hour.up_s, hour.seen_s = up / 1000, seen / 1000
        hour.drops, hour.sends, hour.acks = drops, sends, acks
    return found


def counted_ids(db: sqlite3.Connection) -> tuple[str, ...]:
    """The ids of which there may be hours, removed instances too."""
    return tuple(row[0] for row in db.execute("SELECT id FROM names WHERE typeof(id) = 'text'"))


def prune_hours(db: sqlite3.Connection, before: float, limit: int) -> int:
    """Delete at most `limit` hours from before a moment; returns how many."""
    return db.execute(
        "DELETE FROM hours WHERE (instance, hour) IN (SELECT instance, hour FROM names"
        " CROSS JOIN hours ON instance = names.id AND hour < ? LIMIT ?)",
        (hour_of(before), limit),
    ).rowcount


def _transitions(db: sqlite3.Connection, hours: Hours, limit: int, gap: Gap | None) -> int:
    rows = db.execute(
        f"SELECT id, instance, at, to_state, reason, event, {SOUND['transitions']}"
        " FROM transitions WHERE id > ? ORDER BY id LIMIT ?",
        (_counted(db, "transitions"), limit),
    ).fetchall()
    standings = _standings(db) if rows else {}
    moved: dict[str, Standing] = {}
    for _, instance, at, state, reason, event, sound in rows:
        if sound:
            before = moved.get(instance) or standings.get(instance)
            step = Step(instance, at, State(state), Reason.of(reason), event)
            moved[instance] = stepped(hours, before, step, gap)
    _keep(db, moved)
    return _note(db, "transitions", rows)


def _attempts(db: sqlite3.Connection, hours: Hours, limit: int) -> int:
    """One that is under way is waited for, with those behind it."""
    rows = db.execute(
        f"SELECT id, instance, at, ended_at, ok, kind, {SOUND['attempts']} FROM attempts"
        " WHERE id > ? AND id < ifnull((SELECT min(id) FROM attempts WHERE reason IS NULL), id + 1)"
        " ORDER BY id LIMIT ?",
        (_counted(db, "attempts"), limit),
    ).fetchall()
    for _, instance, at, ended_at, ok, kind, sound in rows:
        if not sound or ok is None:
            continue
        hour = hours.setdefault((instance, hour_of(at)), Hour())
        hour.attempts += 1
        hour.attempts_ok += ok
        # One that pairs ends well with a QR code, which is no connection.
        if ok and kind != "pairing" and ended_at is not None and ended_at >= at:
            hour.connects[bucket_of(ended_at - at)] += 1
    return _note(db, "attempts", rows)


def _sends(db: sqlite3.Connection, hours: Hours, limit: int) -> int:
    rows = db.execute(
        f"SELECT id, instance, at, ok, {SOUND['sends']} FROM sends WHERE id > ?"
        " ORDER BY id LIMIT ?",
        (_counted(db, "sends"), limit),
    ).fetchall()
    for _, instance, at, ok, sound in rows:
        if sound:
            hour = hours.setdefault((instance, hour_of(at)), Hour())
            hour.sends += 1
            hour.acks += ok
    return _note(db, "sends", rows)


def _counted(db: sqlite3.Connection, table: str) -> int:
    row = db.execute("SELECT row FROM counted WHERE source = ?", (table,)).fetchone()
    return int(row[0]) if row else 0


def _note(db: sqlite3.Connection, table: str, rows: Sequence[tuple[object, ...]]) -> int:
    if rows:
        db.execute("INSERT OR REPLACE INTO counted VALUES (?, ?)", (table, rows[-1][0]))
    return len(rows)


def _standings(db: sqlite3.Connection) -> dict[str, Standing]:
    found = {}
    for instance, at, state, reason, down_at in db.execute(
        "SELECT instance, at, state, reason, down_at FROM standings"
    ):
        try:
            found[instance] = Standing(at, State(state), Reason.of(reason), down_at)
        except ValueError:
            continue  # A word that is none: the next change of the instance says how it stands.
    return found


def _keep(db: sqlite3.Connection, standings: Mapping[str, Standing]) -> None:
    db.executemany(
        "INSERT OR REPLACE INTO standings VALUES (?, ?, ?, ?, ?)",
        (
            (each, standing.at, standing.state.value, standing.reason.slug, standing.down_at)
            for each, standing in standings.items()
        ),
    )


def _add(db: sqlite3.Connection, hours: Mapping[tuple[str, int], Hour]) -> None:
    for (identity, at), more in hours.items():
        row = db.execute(_SELECT, (identity, at)).fetchone()
        hour = Hour() if row is None else _hour(*row)
        hour.add(more)
        hour.bounded()
        db.execute(_WRITE, (identity, at, *_row(hour)))


def _hour(*row: object) -> Hour:
    up, seen, drops, why, fights, tried, well, first, again, sent, acks, cpu, memory = row
    return Hour(
        *(_whole(up) / 1000, _whole(seen) / 1000, _whole(drops), _counts(why), _whole(fights)),
        *(_whole(tried), _whole(well), _buckets(first), _buckets(again)),
        *(_whole(sent), _whole(acks), _whole(cpu) / 1000, _whole(memory)),
    )


def _row(hour: Hour) -> tuple[int | str | None, ...]:
    return (
        *(round(hour.up_s * 1000), round(hour.seen_s * 1000), hour.drops, _text(hour.by_reason)),
        *(hour.conflicts, hour.attempts, hour.attempts_ok),
        *(_text(hour.connects), _text(hour.reconnects), hour.sends, hour.acks),
        *(round(hour.cpu_s * 1000), hour.memory_bytes),
    )


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _text(counts: Counter[str] | Counter[int]) -> str | None:
    return json.dumps(counts, separators=(",", ":")) if counts else None


def _counts(text: object) -> Counter[str]:
    """What `_text` wrote; nothing of what it cannot have written."""
    try:
        held = json.loads(text) if isinstance(text, str) else {}
    except (ValueError, RecursionError):
        held = {}
    if not isinstance(held, dict):
        return Counter()
    return Counter({word: n for word, n in held.items() if type(n) is int and n > 0})


def _buckets(text: object) -> Counter[int]:
    counts = _counts(text)
    return Counter({int(each): n for each, n in counts.items() if each.isdecimal()})
