"""The hours of the instances: counted from the history, each row of it once, and summed up.

Which rows are counted is remembered beside what they were counted into, in the same transaction:
a crash loses none and counts none twice.
"""

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, assert_never

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
    tally,
)
from waziterm.domain.stats.strips import DAYS
from waziterm.domain.stats.sums import StatsBy
from waziterm.store.records import Week
from waziterm.store.sound import SOUND, YEAR_10000

KEPT_LONGER_S = 370 * 86_400.0
"""Seconds for which hours are kept after the rows that they were counted from are deleted."""
_COLUMNS = (
    *("instance", "hour", "up_ms", "seen_ms", "drops", "by_reason", "conflicts", "attempts"),
    *("attempts_ok", "connects", "reconnects", "sends", "acks", "cpu_ms", "memory_bytes"),
)
_SELECT = (
    f"SELECT {', '.join(_COLUMNS[2:])} FROM hours WHERE instance = ? AND hour = ?"
    f" AND {SOUND['hours']}"
)
_WRITE = f"INSERT OR REPLACE INTO hours VALUES ({', '.join('?' * len(_COLUMNS))})"
_DAY = "date(hour, 'unixepoch', 'localtime')"
_WITHIN = f"FROM hours WHERE instance = ? AND hour >= ? AND hour < ? AND {SOUND['hours']}"
_SUMS = (
    "SELECT min(hour), sum(up_ms), sum(seen_ms), sum(drops), sum(conflicts), sum(attempts),"
    f" sum(attempts_ok), sum(sends), sum(acks), sum(cpu_ms), max(memory_bytes) {_WITHIN}"
)
_EVENTFUL = (
    f"hour, drops, by_reason, connects, reconnects {_WITHIN}"
    " AND (by_reason IS NOT NULL OR connects IS NOT NULL OR reconnects IS NOT NULL)"
)
_DAYS = _SUMS.replace(" FROM", f", {_DAY} AS day FROM", 1) + " GROUP BY day"
_ROWS = f"SELECT hour, {', '.join(_COLUMNS[2:])} {_WITHIN}"
_MOST_HOURS = 10_000


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
    db: sqlite3.Connection, identities: Sequence[str], begin: int, end: int, by: StatsBy
) -> dict[tuple[str, int], Hour]:
    """What was counted of instances in the hours from `begin` on, before `end`, by the id of the
    instance and by the first hour that was counted of each day or hour, or of all of it."""
    found: dict[tuple[str, int], Hour] = {}
    for identity in identities:
        within = (identity, begin, end)
        match by:
            case StatsBy.HOUR:
                for hour, *row in db.execute(_ROWS, within):
                    found[identity, hour] = each = _hour(*row)
                    if each.drops:
                        each.drops_at[hour] = each.drops
            case StatsBy.ALL:
                # Without any hour, SQLite tells a sum of nothing.
                for first, *row in db.execute(_SUMS, within):
                    if first is not None:
                        found[identity, first] = total = _summed(*row)
                        for eventful in db.execute(f"SELECT {_EVENTFUL}", within):
                            _add_events(total, *eventful)
            case StatsBy.DAY:
                days: dict[str, Hour] = {}
                for first, *row, day in db.execute(_DAYS, within):
                    days[day] = found[identity, first] = _summed(*row)
                for day, *eventful in db.execute(f"SELECT {_DAY}, {_EVENTFUL}", within):
                    _add_events(days[day], *eventful)
            case _:
                assert_never(by)
    return found


def parts(since: float, until: float, by: StatsBy, most: int) -> tuple[tuple[int, int], ...]:
    """The hours of a time, as begins and ends of parts of which each has about `most` hours, and
    whole days of the machine's zone where days are summed up. since, until: UTC seconds; what was
    counted after the end, before a clock was set back, is in the last part."""
    edges = [hour_of(since)]
    edge = max(since, until - _MOST_HOURS * HOUR_S)
    while (edge := edge + most * HOUR_S) < until:
        cut = _midnight(edge) if by is StatsBy.DAY else hour_of(edge)
        if cut > edges[-1]:
            edges.append(cut)
    return tuple(pairwise((*edges, YEAR_10000)))


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
        f" AND {SOUND['hours']} GROUP BY 1, 2",
        (day, json.dumps(identities), week),
    )
    found = {each: (Hour(), Hour()) for each in identities}
    for identity, is_day, up, seen, drops, sends, acks in rows:
        hour = found[identity][0 if is_day else 1]
        hour.up_s, hour.seen_s = up / 1000, seen / 1000
        hour.drops, hour.sends, hour.acks = drops, sends, acks
    return found


def weeks(db: sqlite3.Connection, identities: Sequence[str], at: float) -> dict[str, Week]:
    """What was counted of instances in the seven days of the machine's zone of which a moment (UTC
    seconds) is in the last, by id."""
    noon = _midnight(at) + 12 * HOUR_S
    days = [_midnight(noon - back * 24 * HOUR_S) for back in reversed(range(DAYS))]
    place = " ".join(f"WHEN hour >= ? THEN {day}" for day in reversed(range(DAYS)))
    rows = db.execute(
        f"SELECT instance, CASE {place} END, hour >= ?, sum(up_ms), sum(seen_ms), sum(drops),"
        " group_concat(connects) FROM json_each(?) CROSS JOIN hours"
        f" ON instance = json_each.value AND hour >= ? AND {SOUND['hours']} GROUP BY 1, 2, 3",
        (*reversed(days), hour_of(at) - 23 * HOUR_S, json.dumps(identities), days[0]),
    )
    found = {each: Week() for each in identities}
    for identity, day, is_late, up, seen, drops, connects in rows:
        week = found[identity]
        tally(week.drops, {day: drops})
        week.up_s += up / 1000
        week.seen_s += seen / 1000
        if is_late:
            week.last_up_s += up / 1000
            week.last_seen_s += seen / 1000
        for each in json.loads(f"[{connects or ''}]"):
            tally(week.connects, {int(bucket): count for bucket, count in each.items()})
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
            tally(hour.connects, {bucket_of(ended_at - at): 1})
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


def _hour(*row: Any) -> Hour:
    """Of a row that is sound."""
    up, seen, drops, why, fights, tried, well, first, again, sent, acks, cpu, memory = row
    return Hour(
        *(up / 1000, seen / 1000, drops, _reasons(why), fights, tried, well),
        *(_buckets(first), _buckets(again), sent, acks, cpu / 1000, memory),
    )


def _summed(*row: Any) -> Hour:
    up, seen, drops, fights, tried, well, sent, acks, cpu, memory = row
    return Hour(
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


def _add_events(total: Hour, *row: Any) -> None:
    hour, drops, why, first, again = row
    tally(total.by_reason, _reasons(why))
    tally(total.connects, _buckets(first))
    tally(total.reconnects, _buckets(again))
    if drops:
        tally(total.drops_at, {hour: drops})


def _midnight(at: float) -> int:
    """The begin of the day of a moment, in the machine's zone; UTC seconds."""
    day = time.localtime(at)
    return int(time.mktime((day.tm_year, day.tm_mon, day.tm_mday, 0, 0, 0, 0, 0, -1)))


def _row(hour: Hour) -> tuple[int | str | None, ...]:
    return (
        *(round(hour.up_s * 1000), round(hour.seen_s * 1000), hour.drops, _text(hour.by_reason)),
        *(hour.conflicts, hour.attempts, hour.attempts_ok),
        *(_text(hour.connects), _text(hour.reconnects), hour.sends, hour.acks),
        *(round(hour.cpu_s * 1000), hour.memory_bytes),
    )


def _text(counts: dict[str, int] | dict[int, int]) -> str | None:
    return json.dumps(counts, separators=(",", ":")) if counts else None


def _reasons(text: str | None) -> dict[str, int]:
    return json.loads(text) if text else {}


def _buckets(text: str | None) -> dict[int, int]:
    return {int(each): n for each, n in json.loads(text).items()} if text else {}
