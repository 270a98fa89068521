"""The sums of 200 instances over 13 months: how long each query of `stats` takes, and the size.

The hours are written as the manager writes them: each instance is connected all the time and drops
ten times a week, spread evenly. What is measured is a read of the store, of which `stats` makes
several; others wait no longer than for one.
"""

import asyncio
import json
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.figures import Figure
from bench.rig import Rig
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.stats.hours import HOUR_S, hour_of
from waziterm.domain.stats.sums import StatsBy
from waziterm.manager.history.statistics import stats_in
from waziterm.store.hours import counted_ids, sums
from waziterm.store.store import Store, open_store

TITLE = "statistics of 200 instances over 13 months"
INSTANCES, DAYS, YEAR_DAYS = 200, 396, 365
DROPS_A_WEEK = 10
QUERY_MS = 50.0
_STEP = 1_500
_SPANS = (("7 days", 7, StatsBy.ALL), ("7 days by hour", 7, StatsBy.HOUR),
          ("30 days by day", 30, StatsBy.DAY), ("13 months", DAYS, StatsBy.ALL),
          ("13 months by day", DAYS, StatsBy.DAY))  # fmt: skip


async def run(rig: Rig) -> list[Figure]:
    """Measure it in a store of its own."""
    days = 60 if rig.quick else DAYS
    with TemporaryDirectory(prefix="wt-stats-") as folder:
        path = Path(folder) / "waziterm.db"
        now = time.time()
        async with open_store(path) as store:
            for number in range(INSTANCES):
                name = f"shop-{number:03}"
                await store.save(Instance(name, created_at=now, since=now), event=None, at=now)
        before = path.stat().st_size
        await asyncio.to_thread(_fill, path, now, days)
        grown = (path.stat().st_size - before) * YEAR_DAYS / days
        figures = [Figure("hours of a year, on the disk", grown / 1e6, "MB")]
        for what, span, by in _SPANS:
            longest = await asyncio.to_thread(_longest, path, now, min(span, days), by)
            figures.append(Figure(f"longest query, {what}", longest, "ms", QUERY_MS))
        async with open_store(path) as store:
            for what, span, by in _SPANS:
                took = await _all(store, now, min(span, days), by)
                figures.append(Figure(f"all of `stats`, {what}", took, "ms"))
            await store.count(now)
            began = time.perf_counter()
            await store.count(now + 60.0)
            took = (time.perf_counter() - began) * 1000
            figures.append(Figure("counting a minute of all", took, "ms", QUERY_MS))
    return figures


def _fill(path: Path, now: float, days: int) -> None:
    chance = random.Random(7)
    with closing(sqlite3.connect(path)) as db, db:
        ids = [row[0] for row in db.execute("SELECT id FROM instances")]
        marks = ", ".join("?" * 15)
        db.executemany(f"INSERT INTO hours VALUES ({marks})", _rows(ids, now, days, chance))
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


def _longest(path: Path, now: float, days: int, by: StatsBy) -> float:
    """The longest of the reads that a call of `Store.sums` makes, in ms."""
    size = max(1, _STEP // (days * 24 + 2))
    longest = 0.0
    with closing(sqlite3.connect(path)) as db:
        ids = counted_ids(db)
        for first in range(0, len(ids), size):
            began = time.perf_counter()
            sums(db, ids[first : first + size], now - days * 86_400.0, by)
            longest = max(longest, time.perf_counter() - began)
    return longest * 1000


async def _all(store: Store, now: float, days: int, by: StatsBy) -> float:
    began = time.perf_counter()
    await stats_in(store, now - days * 86_400.0, None, by, now)
    return (time.perf_counter() - began) * 1000
