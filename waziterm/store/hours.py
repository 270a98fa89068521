"""The hours of the instances: counted from the history, each row of it once, and summed up.

Which rows are counted is remembered beside what they were counted into, in the same transaction:
a crash loses none and counts none twice.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.stats.calendar import last_days
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
from waziterm.store.counts import joined, joined_buckets, text_of
from waziterm.store.made import unmake
from waziterm.store.sound import SOUND, YEAR_10000

if TYPE_CHECKING:
    from waziterm.store.remembered import Week

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
_WITHIN = (
    " FROM json_each(?) AS wanted CROSS JOIN hours ON instance = wanted.value AND hour >= ? AND"
    f" hour < ? AND {SOUND['hours']}"
)
_SUMS = (
    "SELECT instance, min(hour), sum(up_ms), sum(seen_ms), sum(drops), sum(conflicts),"
    " sum(attempts), sum(attempts_ok), sum(sends), sum(acks), sum(cpu_ms), max(memory_bytes),"
    " group_concat(CASE WHEN drops THEN printf('{\"%d\":%d}', hour, drops) END),"
    " group_concat(by_reason), group_concat(connects), group_concat(reconnects)"
    f" {_WITHIN} GROUP BY instance"
)
_ROWS = f"SELECT instance, hour, {', '.join(_COLUMNS[2:])} {_WITHIN}"
Sums = dict[str, tuple[int, Hour]]
"""By the id of the instance, the first hour of a time in which something was counted, and all that
was."""


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


def read_hours(db: sqlite3.Connection, identities: Sequence[str], begin: int, end: int) -> Sums:
    """What was counted of instances in the hours from `begin` on, before `end`; without the
    patterns."""
    within = (json.dumps(identities), begin, end)
    return {identity: (first, _summed(*row)) for identity, first, *row in db.execute(_SUMS, within)}


def read_each_hour(
    db: sqlite3.Connection, identities: Sequence[str], begin: int, end: int
) -> dict[int, Sums]:
    """The same of each of the hours in which something was counted."""
    found: dict[int, Sums] = {}
    for identity, at, *row in db.execute(_ROWS, (json.dumps(identities), begin, end)):
        hour = _hour(*row)
        if hour.drops:
            hour.drops_at[at] = hour.drops
        found.setdefault(at, {})[identity] = at, hour
    return found


def pieces(
    identities: Sequence[str], begin: int, end: int, until: float, most: int
) -> Iterator[tuple[Sequence[str], int, int]]:
    """A time of instances in pieces of about `most` hours in all. until: the last hour of which
    something is expected."""
    long_s = max(HOUR_S, min(end, hour_of(until) + HOUR_S) - begin)
    many, step_s = max(1, most * HOUR_S // long_s), most * HOUR_S
    for first in range(0, len(identities), many):
        at = begin
        while at < end:
            next_ = at + step_s if at + step_s < begin + long_s else end
            yield identities[first : first + many], at, next_
            at = next_


def oldest_hour(db: sqlite3.Connection, identities: Sequence[str]) -> int | None:
    """The first hour of which something is stored of instances; None where there is nothing."""
    # A short search for each, instead of reading all rows.
    oldest = db.execute(
        "SELECT min(min(ifnull((SELECT min(hour) FROM hours WHERE instance = each.value), ?2)),"
        " min(ifnull((SELECT min(hour) FROM patterns WHERE instance = each.value), ?2)))"
        " FROM json_each(?1) AS each",
        (json.dumps(identities), YEAR_10000),
    ).fetchone()[0]
    return None if oldest in (None, YEAR_10000) else int(oldest)


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
    days = [begin for begin, _ in last_days(at, DAYS)]
    place = " ".join(f"WHEN hour >= ? THEN {day}" for day in reversed(range(DAYS)))
    rows = db.execute(
        f"SELECT instance, CASE {place} END, hour >= ?, sum(up_ms), sum(seen_ms), sum(drops),"
        " group_concat(connects) FROM json_each(?) CROSS JOIN hours"
        f" ON instance = json_each.value AND hour >= ? AND {SOUND['hours']} GROUP BY 1, 2, 3",
        (*reversed(days), hour_of(at) - 23 * HOUR_S, json.dumps(identities), days[0]),
    )
    from waziterm.store.remembered import Week  # noqa: PLC0415 - not before the first paint

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
    unmake(db, {at for _, at in hours})


def _hour(*row: Any) -> Hour:
    """Of a row that is sound."""
    up, seen, drops, why, fights, tried, well, first, again, sent, acks, cpu, memory = row
    return Hour(
        *(up / 1000, seen / 1000, drops, _reasons(why), fights, tried, well),
        *(_buckets(first), _buckets(again), sent, acks, cpu / 1000, memory),
    )


def _summed(*row: Any) -> Hour:
    """The sum of several hours, of a row with the counts as `_SUMS` joins them."""
    up, seen, drops, fights, tried, well, sent, acks, cpu, memory, at, why, first, again = row
    return Hour(
        *(up / 1000, seen / 1000, drops, joined(why), fights, tried, well),
        *(joined_buckets(first), joined_buckets(again), sent, acks, cpu / 1000, memory),
        joined_buckets(at),
    )


def _row(hour: Hour) -> tuple[int | str | None, ...]:
    return (
        *(round(hour.up_s * 1000), round(hour.seen_s * 1000), hour.drops, text_of(hour.by_reason)),
        *(hour.conflicts, hour.attempts, hour.attempts_ok),
        *(text_of(hour.connects), text_of(hour.reconnects), hour.sends, hour.acks),
        *(round(hour.cpu_s * 1000), hour.memory_bytes),
    )


def _reasons(text: str | None) -> dict[str, int]:
    return json.loads(text) if text else {}


def _buckets(text: str | None) -> dict[int, int]:
    return {int(each): n for each, n in json.loads(text).items()} if text else {}
