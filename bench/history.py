"""What is asked of the history: how long each read of the database takes, and the size.

200 instances, 13 months of hours, 30 days of rows, as the manager writes them: each instance is
connected all the time and drops ten times a week, spread evenly, one time in 50 by a conflict, and
sends once a day; three lines of its log match a pattern at each drop. Measured are the longest read
of the store, for which others wait, and the whole question, the fastest of three: the time that it
had a core, and by the clock; garbage is searched for as in the monitor. An answer of more than
1,000 rows, and what reads more than that, is judged by what 1,000 of them take. The data stays in
the directory that `--fixture` names.
"""

import asyncio
import gc
import json
import random
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sized
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar
from unittest.mock import patch

from bench.figures import Figure
from bench.rig import Rig
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.stats.hours import HOUR_S, hour_of
from waziterm.domain.stats.sums import StatsBy
from waziterm.manager.history.audit import audit_in, notes_in
from waziterm.manager.history.conflicts import conflicts_in
from waziterm.manager.history.queries import attempts_in, incidents_in, timeline_in
from waziterm.manager.history.statistics import stats_in
from waziterm.store.connection import Connection, Job
from waziterm.store.store import Store, open_store
from waziterm.tui.app.terminal import GC_THRESHOLDS

T = TypeVar("T")
TITLE = "questions to the history of 200 instances over 13 months"
INSTANCES, DAYS, YEAR_DAYS, ROW_DAYS = 200, 396, 365, 30
DROPS_A_WEEK = 10
QUERY_MS = 50.0
MOST_ROWS = 1000
_SPANS = (("7 days", 7, StatsBy.ALL), ("7 days by day", 7, StatsBy.DAY),
          ("7 days by hour", 7, StatsBy.HOUR),
          ("30 days by day", 30, StatsBy.DAY), ("13 months", DAYS, StatsBy.ALL),
          ("13 months by day", DAYS, StatsBy.DAY))  # fmt: skip


async def run(rig: Rig) -> list[Figure]:
    """Measure it in a store of its own."""
    before = gc.get_threshold()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        return await _measured(rig)
    finally:
        gc.set_threshold(*before)


async def _measured(rig: Rig) -> list[Figure]:
    days = 60 if rig.quick else DAYS
    with TemporaryDirectory(prefix="wt-history-") as folder:
        kept = rig.folder / f"history-{INSTANCES}-{days}.db"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            made = Path(folder) / "made.db"
            await _make(made, time.time(), days)
            shutil.move(made, kept)
        path = Path(folder) / "waziterm.db"
        await asyncio.to_thread(shutil.copy, kept, path)
        with closing(sqlite3.connect(path)) as db:
            (now,) = db.execute("SELECT max(at) FROM standings").fetchone()
            (hours,) = db.execute("SELECT value FROM meta WHERE key = 'bench_hours'").fetchone()
            (rows,) = db.execute("SELECT value FROM meta WHERE key = 'bench_rows'").fetchone()
        figures = [
            Figure("hours of a year, on the disk", int(hours) * YEAR_DAYS / days / 1e6, "MB"),
            Figure(f"rows of {ROW_DAYS} days, on the disk", int(rows) / 1e6, "MB"),
        ]
        async with open_store(path) as store:
            before = _size(path)
            spent = await _timed(lambda: store.make_spans(now), times=1)
            figures += [
                Figure("summing up all days, a step", spent.longest_ms, "ms", QUERY_MS,
                       note=f"all of it: {spent.whole_ms / 1000:.1f} s"),
                Figure("days of a year, on the disk",
                       (_size(path) - before) * YEAR_DAYS / days / 1e6, "MB"),
            ]  # fmt: skip
            async for what, ask in _questions(store, now, days):
                figures += _told(what, await _timed(ask))
            with closing(sqlite3.connect(path)) as db:
                (count,) = db.execute(
                    "SELECT (SELECT count(*) FROM hours) + (SELECT count(*) FROM patterns)"
                ).fetchone()
            spent = await _timed(store.damaged_history, times=1)
            figures += _told("`check`: what cannot be read", replace(spent, rows=count))
            await store.count(now)
            spent = await _timed(lambda: store.count(now + 60.0), times=1)
            figures.append(Figure("counting a minute of all", spent.cpu_ms, "ms", QUERY_MS))
    return figures


@dataclass(frozen=True, slots=True)
class Spent:
    """What a question took. longest_ms: of it the longest piece of work for the store. cpu_ms: for
    how long all of it had a core. whole_ms: the same by the clock. rows: of the answer."""

    longest_ms: float
    cpu_ms: float
    whole_ms: float
    rows: int


def _told(what: str, spent: Spent) -> list[Figure]:
    said = f"{spent.rows} rows, by the clock {spent.whole_ms:.0f} ms"
    figures = [Figure(what, spent.cpu_ms, "ms", QUERY_MS, note=said)]
    if spent.rows > MOST_ROWS:
        each = spent.cpu_ms * MOST_ROWS / spent.rows
        figures = [
            Figure(what, spent.cpu_ms, "ms", note=said),
            Figure(f"{what}: for {MOST_ROWS} rows", each, "ms", QUERY_MS),
        ]
    return [*figures, Figure(f"{what}: longest read", spent.longest_ms, "ms", QUERY_MS)]


async def _make(path: Path, now: float, days: int) -> None:
    async with open_store(path) as store:
        for number in range(INSTANCES):
            name = f"shop-{number:03}"
            await store.save(Instance(name, created_at=now, since=now), event=None, at=now)
    empty = _size(path)
    await asyncio.to_thread(_fill_hours, path, now, days)
    hours = _size(path) - empty
    await asyncio.to_thread(_fill_rows, path, now)
    async with open_store(path) as store:
        await store.set_meta("bench_hours", str(hours))
        await store.set_meta("bench_rows", str(_size(path) - empty - hours))


def _size(path: Path) -> int:
    return path.stat().st_size


Question = Callable[[], Awaitable[object]]


async def _questions(store: Store, now: float, days: int) -> AsyncIterator[tuple[str, Question]]:
    """What screen and verbs ask."""
    for what, span, by in _SPANS:
        since = now - min(span, days) * 86_400.0
        yield f"`stats` of {what}", lambda s=since, b=by: stats_in(store, s, None, b, now)  # type: ignore[misc]
    long_ago = now - days * 86_400.0
    one = "shop-007"
    yield (
        "`stats` of one, 13 months by hour",
        lambda: stats_in(store, long_ago, one, StatsBy.HOUR, now),
    )
    yield (
        "`stats` of one, 13 months by day",
        lambda: stats_in(store, long_ago, one, StatsBy.DAY, now),
    )
    ids = tuple(each.id for each in await store.instances())
    yield "what the alerts measure", lambda: store.recent(ids, now)

    async def of_one() -> object:
        identity = next(each.id for each in await store.instances() if each.name == one)
        return await timeline_in(store, identity, 0.0, 1000)

    yield "`history` of one", of_one
    yield "`incidents`", lambda: incidents_in(store, 0.0)
    yield "attempts", lambda: attempts_in(store, 0.0, None)
    yield "`conflicts`", lambda: conflicts_in(store, 0.0)
    yield "`audit`", lambda: audit_in(store, 0.0, "")
    yield "notes", lambda: notes_in(store)


async def _timed(ask: Question, times: int = 3) -> Spent:
    """The best of some times."""
    cpu = fastest = float("inf")
    rows = 0
    longest, run = 0.0, Connection._run

    async def timed(connection: Connection, job: Job[T]) -> T:
        def measured(db: sqlite3.Connection) -> T:
            nonlocal longest
            began = time.thread_time()
            try:
                return job(db)
            finally:
                longest = max(longest, time.thread_time() - began)

        return await run(connection, measured)

    with patch.object(Connection, "_run", timed):
        for _ in range(times):
            began, began_cpu = time.perf_counter(), time.process_time()
            answer = await ask()
            fastest = min(fastest, time.perf_counter() - began)
            cpu = min(cpu, time.process_time() - began_cpu)
            rows = len(answer) if isinstance(answer, Sized) else 0
            # One that is kept would be searched for garbage by the next.
            del answer
    return Spent(longest * 1000, cpu * 1000, fastest * 1000, rows)


def _fill_rows(path: Path, now: float) -> None:
    """What 30 days leave in the other tables; the counting has taken it in."""
    chance = random.Random(7)
    with closing(sqlite3.connect(path)) as db, db:
        ids = [row[0] for row in db.execute("SELECT id FROM instances")]
        count = ROW_DAYS * INSTANCES * DROPS_A_WEEK // 7
        for at in sorted(now - chance.random() * ROW_DAYS * 86_400.0 for _ in range(count)):
            who = chance.choice(ids)
            first = ("retrying", "dropped", "Disconnected")
            if not chance.randrange(50):
                first = ("cooldown", "conflict", "StreamReplaced")
            for later, state, reason, event in (
                (0.0, *first),
                (20.0, "connecting", "retry", "Due"),
                (30.0, "connected", "online", "Connected"),
            ):
                db.execute(
                    "INSERT INTO transitions (instance, at, from_state, to_state, reason, code,"
                    " detail, event) VALUES (?, ?, 'connected', ?, ?, '', '', ?)",
                    (who, at + later, state, reason, event),
                )
            db.execute(
                "INSERT INTO attempts (instance, kind, at, ended_at, ok, reason)"
                " VALUES (?, 'retry', ?, ?, 1, 'online')",
                (who, at + 20.0, at + 30.0),
            )
            if not chance.randrange(10):
                db.execute(
                    "INSERT INTO incidents (reason, began_at, last_at, instances, fleet, detail,"
                    " is_serious) VALUES ('dropped', ?, ?, ?, ?, '', 0)",
                    (at, at, json.dumps([who]), INSTANCES),
                )
        for day in range(ROW_DAYS):
            at = now - day * 86_400.0
            db.executemany(
                "INSERT INTO sends (instance, at, ok, took_s, error) VALUES (?, ?, 1, 0.2, '')",
                ((each, at) for each in ids),
            )
        for table in ("transitions", "attempts", "sends"):
            db.execute(f"INSERT OR REPLACE INTO counted SELECT ?, max(id) FROM {table}", (table,))


def _fill_hours(path: Path, now: float, days: int) -> None:
    chance = random.Random(7)
    with closing(sqlite3.connect(path)) as db, db:
        ids = [row[0] for row in db.execute("SELECT id FROM instances")]
        marks = ", ".join("?" * 15)
        db.executemany(f"INSERT INTO hours VALUES ({marks})", _rows(ids, now, days, chance))
        db.executemany(
            "INSERT INTO patterns SELECT instance, hour, ?, 1 FROM hours WHERE drops",
            ((each,) for each in ("opened", "closed", "stream-error")),
        )
        db.executemany(
            "INSERT INTO standings VALUES (?, ?, 'connected', 'online', NULL)",
            ((each, now) for each in ids),
        )


def _rows(
    ids: list[str], now: float, days: int, chance: random.Random
) -> Iterator[tuple[object, ...]]:
    last = hour_of(now)
    for identity in ids:
        for hour in range(last - days * 24 * HOUR_S, last, HOUR_S):
            dropped = chance.random() < DROPS_A_WEEK / 168
            why, times = (
                json.dumps({"dropped": 1}),
                json.dumps({str(chance.randrange(150, 250)): 1}),
            )
            counted = (why, 0, 1, 1, times, times) if dropped else (None, 0, 0, 0, None, None)
            up = HOUR_S * 1000 - 30_000 * dropped
            yield (
                identity,
                hour,
                up,
                HOUR_S * 1000,
                int(dropped),
                *counted,
                0,
                0,
                9000,
                30_000_000,
            )
