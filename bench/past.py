"""A fleet with a past, for what is measured of the screen: none of it is live.

Its last days are rows of the history, which the store counts itself; the hours before that are
written as it counts them, and it makes the longer spans of them. In each hour that had a drop one
line of the log has matched a pattern.
"""

import asyncio
import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import Wanted
from waziterm.domain.stats.hours import HOUR_S, hour_of
from waziterm.manager.files.datadir import DataDir
from waziterm.store.store import open_store

DAYS, DROPS_A_DAY = 7, 5
YEAR_DAYS, QUICK_DAYS = 365, 60
DAY_S = 86_400.0
_WHY, _TIMES = '{"dropped": 1}', '{"180": 1}'


async def stopped_fleet(data: DataDir, count: int, days: int, lines: int = 0) -> None:
    """Linked instances `shop-001`, …, that the operator has stopped. days: how long they are known;
    a year of 200 takes 150 MB. lines: how many each has in its log."""
    data.create()
    now = time.time()
    async with open_store(data.database) as store:
        for number in range(1, count + 1):
            one = Instance(
                f"shop-{number:03d}",
                created_at=now + number * 1e-3,
                since=now,
                jid=f"62812{number:07d}:1@s.whatsapp.net",
                wanted=Wanted.STOPPED,
                reason=Reason.BY_OPERATOR,
            )
            await store.save(one, event=None, at=now)
    await asyncio.to_thread(_remember_days, data.database, now)
    async with open_store(data.database) as store:
        await store.count(now)
    await asyncio.to_thread(_remember_hours, data.database, now, days)
    await asyncio.to_thread(remember_lines, data.database, now, lines, "keepalive")
    async with open_store(data.database) as store:
        await store.make_spans(now)


def _remember_days(path: Path, now: float) -> None:
    """Some drops a day, each of half a minute, and stopped at the end."""
    chance = random.Random(7)
    with closing(sqlite3.connect(path)) as db, db:
        rows = []
        for (identity,) in db.execute("SELECT id FROM instances").fetchall():
            begin = now - DAYS * DAY_S
            rows.append((begin, identity, "connected", "online"))
            for _ in range(DAYS * DROPS_A_DAY):
                at = begin + chance.random() * (now - begin - 60.0)
                rows.append((at, identity, "retrying", "dropped"))
                rows.append((at + 20.0, identity, "connecting", "retry"))
                rows.append((at + 30.0, identity, "connected", "online"))
            rows.append((now, identity, "stopped", "by_operator"))
        db.executemany(
            "INSERT INTO transitions (at, instance, to_state, reason, code, detail, event)"
            " VALUES (?, ?, ?, ?, '', '', '')",
            sorted(rows),
        )


def _remember_hours(path: Path, now: float, days: int) -> None:
    """Each hour until the last days; one in five with a drop."""
    ends = hour_of(now - DAYS * DAY_S)
    hours = range(ends - max(0, days - DAYS) * 24 * HOUR_S, ends, HOUR_S)
    counted = (_WHY, 0, 1, 1, _TIMES, _TIMES), (None, 0, 0, 0, None, None)
    chance = random.Random(7)
    with closing(sqlite3.connect(path)) as db, db:
        for (identity,) in db.execute("SELECT id FROM instances").fetchall():
            dropped = [chance.random() < DROPS_A_DAY / 24 for _ in hours]
            db.executemany(
                "INSERT INTO hours VALUES (?, ?, ?, 3600000, ?, ?, ?, ?, ?, ?, ?, 0, 0, 9000,"
                " 30000000)",
                (
                    (identity, hour, 3_600_000 - 30_000 * drop, drop, *counted[not drop])
                    for hour, drop in zip(hours, dropped, strict=True)
                ),
            )
        db.execute("INSERT INTO patterns SELECT instance, hour, 'closed', 1 FROM hours WHERE drops")


def remember_lines(path: Path, now: float, count: int, text: str) -> None:
    """The end of each log, one line a minute until now."""
    with closing(sqlite3.connect(path)) as db, db:
        for (identity,) in db.execute("SELECT id FROM instances").fetchall():
            db.executemany(
                "INSERT INTO lines (instance, seq, at, source, text) VALUES (?, ?, ?, ?, ?)",
                (
                    (identity, seq, now - 60.0 * (count - seq), "library", f"{text} {seq}")
                    for seq in range(1, count + 1)
                ),
            )
