"""What is asked of the history: how long each read of the database takes, and the size.

200 instances, 13 months of hours, 30 days of rows, as the manager writes them: each instance is
connected all the time and drops ten times a week, spread evenly, and sends once a day; three lines
of its log match a pattern at each drop. Measured are the longest read of the store, for which
others wait, and the whole question, by the clock, the fastest of three. A question whose answer has
thousands of rows takes its time for each of them.
"""

import asyncio
import json
import random
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sized
from contextlib import closing
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

T = TypeVar("T")
TITLE = "questions to the history of 200 instances over 13 months"
INSTANCES, DAYS, YEAR_DAYS, ROW_DAYS = 200, 396, 365, 30
DROPS_A_WEEK = 10
QUERY_MS = 50.0
MOST_ROWS = 1000
_READS_ALL = "`check`: what cannot be read"
_SPANS = (("7 days", 7, StatsBy.ALL), ("7 days by hour", 7, StatsBy.HOUR),
          ("30 days by day", 30, StatsBy.DAY), ("13 months", DAYS, StatsBy.ALL),
          ("13 months by day", DAYS, StatsBy.DAY))  # fmt: skip


async def run(rig: Rig) -> list[Figure]:
    """Measure it in a store of its own."""
    days = 60 if rig.quick else DAYS
    with TemporaryDirectory(prefix="wt-history-") as folder:
        path = Path(folder) / "waziterm.db"
        now = time.time()
        async with open_store(path) as store:
            for number in range(INSTANCES):
                name = f"shop-{number:03}"
                await store.save(Instance(name, created_at=now, since=now), event=None, at=now)
        before = path.stat().st_size
        await asyncio.to_thread(_fill_hours, path, now, days)
        hours = (path.stat().st_size - before) * YEAR_DAYS / days
        before = path.stat().st_size
        await asyncio.to_thread(_fill_rows, path, now)
        rows = path.stat().st_size - before
        figures = [
            Figure("hours of a year, on the disk", hours / 1e6, "MB"),
            Figure(f"rows of {ROW_DAYS} days, on the disk", rows / 1e6, "MB"),
        ]
        async with open_store(path) as store:
            before = path.stat().st_size
            longest, whole, _ = await _timed(lambda: store.make_spans(now), times=1)
            figures += [
                Figure("summing up all days, a step", longest, "ms", QUERY_MS,
                       note=f"all of it: {whole / 1000:.1f} s"),
                Figure("days of a year, on the disk",
                       (path.stat().st_size - before) * YEAR_DAYS / days / 1e6, "MB"),
            ]  # fmt: skip
            async for what, ask in _questions(store, now, days):
                longest, whole, rows = await _timed(ask)
                # What has thousands of rows to tell, or reads all there is, is bound by that.
                limit = QUERY_MS if rows <= MOST_ROWS and what != _READS_ALL else None
                figures += [
                    Figure(what, whole, "ms", limit, note=f"{rows} rows"),
                    Figure(f"{what}: longest read", longest, "ms", QUERY_MS),
                ]
            await store.count(now)
            began = time.perf_counter()
            await store.count(now + 60.0)
            took = (time.perf_counter() - began) * 1000
            figures.append(Figure("counting a minute of all", took, "ms", QUERY_MS))
    return figures


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
    yield _READS_ALL, store.damaged_history


async def _timed(ask: Question, times: int = 3) -> tuple[float, float, int]:
    """The longest piece of work for the store, by the time that its thread had a core, and the
    whole question, by the clock, the best of some times, both in ms; and how many rows the answer
    has."""
    longest, run, fastest = 0.0, Connection._run, float("inf")

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
            began = time.perf_counter()
            answer = await ask()
            fastest = min(fastest, time.perf_counter() - began)
    rows = len(answer) if isinstance(answer, Sized) else 0
    return longest * 1000, fastest * 1000, rows


def _fill_rows(path: Path, now: float) -> None:
    """What 30 days leave in the other tables; the counting has taken it in."""
    chance = random.Random(7)
    with closing(sqlite3.connect(path)) as db, db:
        ids = [row[0] for row in db.execute("SELECT id FROM instances")]
        count = ROW_DAYS * INSTANCES * DROPS_A_WEEK // 7
        for at in sorted(now - chance.random() * ROW_DAYS * 86_400.0 for _ in range(count)):
            who = chance.choice(ids)
            for later, state, reason, event in (
                (0.0, "retrying", "dropped", "Disconnected"),
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
