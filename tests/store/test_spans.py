"""Whole days and months: they tell what their hours tell, in every zone, and no more."""

import asyncio
import json
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.stats.calendar import days
from waziterm.domain.stats.hours import HOUR_S
from waziterm.domain.stats.sums import Stats, StatsBy
from waziterm.manager.history.statistics import stats_in
from waziterm.store.migrations import MIGRATIONS
from waziterm.store.spans import parts
from waziterm.store.store import Store, open_store

ZONES = ("UTC", "Europe/Berlin", "America/Santiago", "Asia/Kolkata", "Africa/Cairo", "Asia/Jakarta")
BEGIN = int(datetime(2025, 2, 20, 5, tzinfo=UTC).timestamp())
END = int(datetime(2025, 5, 10, 9, tzinfo=UTC).timestamp())
DAY_S = 86_400
KINDS = (StatsBy.ALL, StatsBy.DAY)
OBJECTS_ALONE = 17
"""The number of the migration from blocks of 8 days."""


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    yield in_zone(monkeypatch, request.param)
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def zones(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    yield monkeypatch
    monkeypatch.undo()
    time.tzset()


def in_zone(monkeypatch: pytest.MonkeyPatch, name: str) -> str:
    monkeypatch.setenv("TZ", name)
    time.tzset()
    return name


async def filled(path: Path, every_h: int = 5, begin: int = BEGIN) -> None:
    """Two instances and one that was removed, with something in every few hours; times are whole
    seconds, so that they add up to the same in whatever order."""
    chance = random.Random(14)
    async with open_store(path) as store:
        for name in ("a", "b", "gone"):
            born = Instance(name, created_at=BEGIN, since=BEGIN, id=name)
            await store.save(born, event=None, at=BEGIN)
        await store.remove("gone")
    with closing(sqlite3.connect(path)) as db, db:
        for name in ("a", "b", "gone"):
            for hour in range(begin + 3600 * (name == "b"), END, every_h * HOUR_S):
                dropped = chance.randrange(3)
                reasons = {chance.choice(("dropped", "conflict")): dropped} if dropped else None
                times = {str(chance.randrange(150, 220)): 1 + dropped}
                row = (
                    *(name, hour, 1000 * chance.randrange(3000), 3_600_000, dropped),
                    *(json.dumps(reasons) if reasons else None, dropped // 2, 2, 1),
                    *(json.dumps(times), json.dumps(times) if dropped else None, 2, 1, 9000),
                    chance.randrange(10**7, 10**8),
                )
                db.execute(f"INSERT INTO hours VALUES ({', '.join('?' * len(row))})", row)
                seen = hour + 3600 * chance.randrange(2)
                db.execute("INSERT OR REPLACE INTO patterns VALUES (?, ?, 'x{', 2)", (name, seen))


async def asked(store: Store, by: StatsBy, name: str | None = None) -> list[tuple[Stats, ...]]:
    """From moments that are in the middle of a day and of a month, and from always."""
    since = (0.0, BEGIN + 30.3 * DAY_S, END - 5.0 * DAY_S)
    return [await stats_in(store, each, name, by, END) for each in since]


def made(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("SELECT count(*) FROM spans_made").fetchone()[0])


def test_days_and_months_tell_what_their_hours_tell(tmp_path: Path, zone: str) -> None:
    async def run() -> None:
        path = tmp_path / "waziterm.db"
        await filled(path)
        async with open_store(path) as store:
            before = [await asked(store, by, name) for by in KINDS for name in (None, "b")]
            await store.make_spans(END)
            assert made(path) == (END - BEGIN) // DAY_S - 1 + 33, "the days, and blocks"
            after = [await asked(store, by, name) for by in KINDS for name in (None, "b")]
        assert after == before
        whole = before[0][0]
        assert [each.instance for each in whole] == [None, "a", "b"]
        assert whole[0].patterns["x{"] > whole[1].patterns["x{"] > 300

    asyncio.run(run())


def test_a_long_time_is_told_from_few_spans(tmp_path: Path) -> None:
    async def run() -> None:
        path = tmp_path / "waziterm.db"
        await filled(path, every_h=50, begin=BEGIN - 300 * DAY_S)
        async with open_store(path) as store:
            wanted = await asked(store, StatsBy.ALL)
            await store.make_spans(END)
            with closing(sqlite3.connect(path)) as db:
                long = "SELECT (ends - begins + 7200) / 86400 AS days, count(*) FROM spans_made"
                many = dict(db.execute(f"{long} GROUP BY days"))
            assert set(many) == {1, 4, 8, 16, 32, 64, 128} and many[128] in (2, 3)
            assert many[16] in (22, 23) and many[4] in (93, 94, 95)
            assert await asked(store, StatsBy.ALL) == wanted
        with closing(sqlite3.connect(path)) as db:
            for since_days in range(0, 380, 13):
                (part,) = parts(db, ("a", "b"), END - since_days * DAY_S, END, StatsBy.ALL)
                assert len(part.spans) <= 18 and len(part.counted) <= 2

    asyncio.run(run())


def test_a_day_is_one_of_the_machines_zone(tmp_path: Path, zone: str) -> None:
    """However the clocks are set on it, also at midnight; and of the fleet there is one row."""

    async def run() -> None:
        path = tmp_path / "waziterm.db"
        await filled(path, every_h=1)
        async with open_store(path) as store:
            await store.make_spans(END)
            found = await stats_in(store, 0.0, None, StatsBy.DAY, END)
        of = {who: [each for each in found if each.instance == who] for who in (None, "a")}
        dates = [datetime.fromtimestamp(each.since).date() for each in of[None]]
        wanted = [dates[0] + timedelta(n) for n in range(len(dates))]
        assert dates == wanted and dates[-1] == datetime.fromtimestamp(END - 1).date()
        hours = [datetime.fromtimestamp(hour).date() for hour in range(BEGIN, END, HOUR_S)]
        for row, day in zip(of["a"], dates, strict=True):
            assert row.sends == 2 * hours.count(day), (zone, day)

    asyncio.run(run())


def test_a_year_has_each_of_its_days_once(zone: str) -> None:
    found = days(BEGIN, BEGIN + 366 * DAY_S)
    assert all(end == begin for (_, end), (begin, _) in pairwise(found))
    first = datetime.fromtimestamp(found[0][0]).date()
    for number, (begin, end) in enumerate(found):
        day = first + timedelta(number)
        assert datetime.fromtimestamp(begin).date() == day
        assert datetime.fromtimestamp(end - 1).date() == day
        assert datetime.fromtimestamp(begin - 1).date() == day - timedelta(1)
        assert 23 * HOUR_S <= end - begin <= 25 * HOUR_S
    assert found[0][0] <= BEGIN < found[0][1] and found[-1][1] > BEGIN + 366 * DAY_S


def test_what_is_counted_late_is_told(tmp_path: Path) -> None:
    async def run() -> None:
        path = tmp_path / "waziterm.db"
        await filled(path)
        async with open_store(path) as store:
            await store.make_spans(END)
            whole = made(path)
            at = BEGIN + 30 * DAY_S
            before = await stats_in(store, 0.0, "a", StatsBy.ALL, END)
            await store.add_usage(at, {"a": (500.0, 1)})
            await store.add_patterns(at + 5 * DAY_S, {"a": {"late": 3}})
            assert made(path) == whole - 8, "two days and their blocks"
            (after,) = await stats_in(store, 0.0, "a", StatsBy.ALL, END)
            assert (after.cpu_s or 0.0) == pytest.approx((before[0].cpu_s or 0.0) + 500.0)
            assert after.patterns["late"] == 3
            unmade = [await asked(store, by) for by in KINDS]
            await store.make_spans(END)
            assert made(path) == whole
            assert [await asked(store, by) for by in KINDS] == unmade
            # What is counted now is in no span.
            await store.add_usage(END, {"a": (500.0, 1)})
            assert made(path) == whole

    asyncio.run(run())


def test_after_a_change_of_the_zone_its_own_days_are_told(
    tmp_path: Path, zones: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        path = tmp_path / "waziterm.db"
        in_zone(zones, "Asia/Jakarta")
        await filled(path)
        async with open_store(path) as store:
            wanted = [await asked(store, by) for by in KINDS]
            in_zone(zones, "Europe/Berlin")
            await store.make_spans(END)
            in_zone(zones, "Asia/Jakarta")
            assert [await asked(store, by) for by in KINDS] == wanted
            await store.make_spans(END)
            assert [await asked(store, by) for by in KINDS] == wanted

    asyncio.run(run())


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE spans SET by_reason = 'no JSON' WHERE by_reason IS NOT NULL",
        "UPDATE spans SET connects = '{\"x\": 1}' WHERE connects IS NOT NULL",
        "UPDATE spans SET connects = '\"9999H1\"' WHERE connects LIKE '\"%'",
        "UPDATE spans SET reconnects = '\"150H-1\"' WHERE reconnects LIKE '\"%'",
        "UPDATE spans SET reconnects = '\"150H\"' WHERE reconnects LIKE '\"%'",
        "UPDATE spans SET patterns = '{\"x\": [1]}'",
        "UPDATE spans SET up_ms = -5",
    ],
)
def test_a_damaged_span_is_read_from_its_hours_and_made_anew(tmp_path: Path, harm: str) -> None:
    async def run() -> None:
        path = tmp_path / "waziterm.db"
        await filled(path)
        async with open_store(path) as store:
            wanted = [await asked(store, by) for by in KINDS]
            await store.make_spans(END)
            whole = made(path)
        with closing(sqlite3.connect(path)) as db, db:
            db.execute(harm)
        async with open_store(path) as store:
            assert [await asked(store, by) for by in KINDS] == wanted
            await store.make_spans(END)
            assert made(path) == whole
            assert [await asked(store, by) for by in KINDS] == wanted

    asyncio.run(run())


def test_blocks_of_an_older_program_are_made_anew(tmp_path: Path) -> None:
    """It had blocks of 8 days, whose counts are objects alone."""

    async def run() -> None:
        path = tmp_path / "waziterm.db"
        await filled(path)
        async with open_store(path) as store:
            wanted = [await asked(store, by) for by in KINDS]
            await store.make_spans(END)
            whole = made(path)
        with closing(sqlite3.connect(path)) as db, db:
            block = (BEGIN // DAY_S * DAY_S + 8 * DAY_S, BEGIN // DAY_S * DAY_S + 16 * DAY_S)
            db.execute("INSERT INTO spans_made (begins, ends) VALUES (?, ?)", block)
            db.execute("UPDATE spans SET connects = '{}' WHERE ends - begins > 90000")
            db.execute("DROP INDEX transitions_of_conflicts")
            for statement in MIGRATIONS[OBJECTS_ALONE]:
                db.execute(statement)
        async with open_store(path) as store:
            assert made(path) == (END - BEGIN) // DAY_S - 1, "the days"
            assert [await asked(store, by) for by in KINDS] == wanted
            await store.make_spans(END)
            assert made(path) == whole
            assert [await asked(store, by) for by in KINDS] == wanted

    asyncio.run(run())


def test_what_a_fleet_sums_up_to_may_be_more_than_an_instance_can_have(tmp_path: Path) -> None:
    async def run() -> None:
        path = tmp_path / "waziterm.db"
        await filled(path)
        async with open_store(path) as store:
            await store.add_usage(BEGIN + 30 * DAY_S, {"a": (2.0e8, 1), "b": (2.0e8, 1)})
            wanted = [await asked(store, by) for by in KINDS]
            await store.make_spans(END)
            whole = made(path)
            assert [await asked(store, by) for by in KINDS] == wanted
            assert made(path) == whole, "none was taken for damaged"

    asyncio.run(run())


def test_spans_end_with_their_hours(tmp_path: Path) -> None:
    async def run() -> None:
        path = tmp_path / "waziterm.db"
        await filled(path)
        async with open_store(path) as store:
            await store.make_spans(END)
            await store.prune(BEGIN + 390.5 * DAY_S, await store.newest_rows())
            after = [await asked(store, by) for by in KINDS]
            first = after[0][0][0].since
            assert BEGIN + 20.5 * DAY_S - HOUR_S <= first < BEGIN + 21 * DAY_S
            with closing(sqlite3.connect(path)) as db, db:
                db.execute("DELETE FROM spans_made")
            assert [await asked(store, by) for by in KINDS] == after
            await store.prune(END + 371.0 * DAY_S, await store.newest_rows())
            assert made(path) == 0 and await stats_in(store, 0.0, None, StatsBy.DAY, END) == ()

    asyncio.run(run())


def test_a_clock_that_was_wrong_by_decades_is_no_burden(tmp_path: Path) -> None:
    async def run() -> None:
        async with open_store(tmp_path / "waziterm.db") as store:
            born = Instance("a", created_at=1.0, since=1.0, id="a")
            await store.save(born, event=None, at=1.0)
            for at in (1.0, END - 3 * DAY_S, END, END + 20_000.0 * DAY_S):
                await store.add_usage(at, {"a": (1.0, 1)})
            await store.make_spans(END)
            for by in StatsBy:
                found = await stats_in(store, 0.0, "a", by, END)
                assert sum(each.cpu_s or 0.0 for each in found) == 4.0, by
                since = [date.fromtimestamp(each.since).year for each in found]
                assert since[0] in (1969, 1970) and since == sorted(since)

    asyncio.run(run())
