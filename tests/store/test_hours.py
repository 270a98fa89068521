"""Hours counted from a history: a scripted week, one that was there before, and one that grows."""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from waziterm.domain.fleet.history import AttemptKind
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.stats.hours import Gap, Hour, quantile
from waziterm.domain.stats.strips import Stood
from waziterm.domain.stats.sums import Stats, StatsBy, compared, stats_of
from waziterm.store.migrations import MIGRATIONS, migrate
from waziterm.store.records import AttemptEnd, Change
from waziterm.store.remembered import Week
from waziterm.store.store import Store, open_store

AT = 1_767_225_600.0
HOUR_S, DAY_S = 3600.0, 86_400.0
WEEK_END = AT + 7 * DAY_S
SHOP = Instance("shop", created_at=AT, id="shop", since=AT, jid="6281234567890:3@s.whatsapp.net")


async def moved(store: Store, at: float, state: State, reason: Reason, event: str = "Due") -> None:
    changed = replace(SHOP, state=state, reason=reason, since=at)
    await store.record(Change(changed, event, at))


async def connected(store: Store, at: float, took_s: float, kind: AttemptKind) -> None:
    """An attempt that begins at a moment and succeeds some seconds later."""
    dialling = replace(SHOP, state=State.CONNECTING, reason=Reason.RETRY, since=at)
    begun = await store.record(Change(dialling, "Due", at, begins=kind))
    assert begun.attempt is not None
    online = replace(SHOP, state=State.CONNECTED, reason=Reason.ONLINE, since=at + took_s)
    end = AttemptEnd(begun.attempt, True)
    await store.record(Change(online, "Connected", at + took_s, ends=end))


async def week(store: Store) -> None:
    """A drop at noon of each day, back after 30 s, 10 of them a dial; three more on the fourth day
    in its last hour; a conflict at the end of the fifth; a send each day, the first refused."""
    await connected(store, AT, 10.0, AttemptKind.RESUME)
    for day in range(7):
        noon = AT + day * DAY_S + 12 * HOUR_S
        late = [AT + day * DAY_S + 23 * HOUR_S + each * 300.0 for each in range(3)]
        for at in (noon, *(late if day == 3 else ())):
            await moved(store, at, State.RETRYING, Reason.DROPPED, "Disconnected")
            await connected(store, at + 20.0, 10.0, AttemptKind.RETRY)
        await store.add_send("shop", noon + 60.0, day > 0, 0.4, "" if day else "refused")
    at = AT + 6 * DAY_S + 20 * HOUR_S
    await moved(store, at, State.COOLDOWN, Reason.CONFLICT, "StreamReplaced")
    await connected(store, at + 50.0, 10.0, AttemptKind.GUARDED)


async def told(store: Store, by: StatsBy = StatsBy.ALL) -> list[Stats]:
    found = store.sums(0.0, WEEK_END, by)
    return [stats_of("shop", *sums["shop"]) async for sums in found if "shop" in sums]


def check_week(found: Stats) -> None:
    down_s = 10 * 30.0 + 60.0
    assert (found.drops, found.by_reason) == (11, {"dropped": 10, "conflict": 1})
    assert (found.conflicts, found.sends, found.acks) == (1, 7, 6)
    assert found.success == pytest.approx(6 / 7, abs=1e-6)
    # The first connect takes ten seconds in which it was to be connected.
    assert found.uptime == pytest.approx(1 - (down_s + 10.0) / (7 * DAY_S), abs=1e-6)
    assert found.mtbf_s == pytest.approx((7 * DAY_S - down_s - 10.0) / 11, rel=1e-5)
    assert found.connect_p50_s == found.connect_p95_s == pytest.approx(10.0, rel=0.025)
    assert found.reconnect_p50_s == pytest.approx(30.0, rel=0.025)
    assert found.reconnect_p95_s == pytest.approx(60.0, rel=0.025)
    assert found.worst_hour == AT + 3 * DAY_S + 23 * HOUR_S


def test_the_last_day_and_the_week_before_it_are_those_of_the_script(tmp_path: Path) -> None:
    async def run() -> None:
        async with open_store(tmp_path / "waziterm.db") as store:
            await week(store)
            await store.count(WEEK_END)
            found = await store.recent(("shop", "nobody"), WEEK_END - 1.0)
            day, before = found["shop"]
            # Of the last day: the drop at noon and the conflict.
            assert (day.drops, day.sends, day.acks) == (2, 1, 1)
            assert day.seen_s == pytest.approx(DAY_S) and day.seen_s - day.up_s == 30.0 + 60.0
            assert (before.drops, before.sends, before.acks) == (9, 6, 5)
            assert before.seen_s == pytest.approx(6 * DAY_S)
            assert found["nobody"] == (Hour(), Hour())
            # A week later there is the week alone, and then nothing.
            day, before = (await store.recent(("shop",), WEEK_END + DAY_S - 1.0))["shop"]
            assert (day, before.drops) == (Hour(), 11)
            later = await store.recent(("shop",), WEEK_END + 8 * DAY_S)
            assert later["shop"] == (Hour(), Hour())

    asyncio.run(run())


def test_seven_days_are_those_of_the_script(tmp_path: Path) -> None:
    async def run() -> None:
        async with open_store(tmp_path / "waziterm.db") as store:
            await week(store)
            await store.count(WEEK_END)
            found = await store.weeks(("shop", "nobody"), WEEK_END - 1.0)
            seven = found["shop"]
            # The first day of the script is no day of the zone's where it is not UTC.
            assert sum(seven.drops.values()) in (10, 11) and set(seven.drops) <= set(range(7))
            assert seven.last_seen_s == pytest.approx(DAY_S)
            assert seven.last_seen_s - seven.last_up_s == pytest.approx(30.0 + 60.0)
            assert seven.seen_s - seven.up_s <= 10 * 30.0 + 60.0 + 10.0
            assert quantile(seven.connects, 0.5) == pytest.approx(10.0, rel=0.025)
            assert found["nobody"] == Week()
            later = (await store.weeks(("shop",), WEEK_END + 8 * DAY_S))["shop"]
            assert later == Week()

    asyncio.run(run())


def test_how_it_stood_begins_with_what_was_in_force(tmp_path: Path) -> None:
    async def run() -> None:
        async with open_store(tmp_path / "waziterm.db") as store:
            await week(store)
            await store.leave(WEEK_END)
            noon = AT + 6 * DAY_S + 12 * HOUR_S
            found = await store.stood(["nobody", "shop"], noon - HOUR_S)
            assert found["nobody"] == []
            assert [each.state for each in found["shop"]] == [
                *(State.CONNECTED, State.RETRYING, State.CONNECTING, State.CONNECTED),
                *(State.COOLDOWN, State.CONNECTING, State.CONNECTED, None),
            ]
            assert found["shop"][1].at == noon and found["shop"][-1].at == WEEK_END
            later = await store.stood(["shop"], WEEK_END + DAY_S)
            assert later["shop"] == [Stood(WEEK_END, None)]

    asyncio.run(run())


def test_a_scripted_week_adds_up(tmp_path: Path) -> None:
    async def run() -> None:
        async with open_store(tmp_path / "waziterm.db") as store:
            await week(store)
            await store.count(WEEK_END)
            (found,) = await told(store)
            check_week(found)
            hours = await told(store, StatsBy.HOUR)
            assert len(hours) == 7 * 24
            assert sum(each.drops for each in hours) == 11
            days = await told(store, StatsBy.DAY)
            assert sum(each.drops for each in days) == 11

    asyncio.run(run())


def test_without_a_drop_no_hour_is_the_worst(tmp_path: Path) -> None:
    async def run() -> None:
        async with open_store(tmp_path / "waziterm.db") as store:
            await connected(store, AT, 10.0, AttemptKind.RESUME)
            await store.count(AT + HOUR_S)
            (found,) = await told(store)
            assert (found.drops, found.mtbf_s, found.worst_hour) == (0, None, None)

    asyncio.run(run())


def test_counted_minute_by_minute_it_is_the_same(tmp_path: Path) -> None:
    """Each row and each second once, however often it is counted, over restarts too."""

    async def run() -> None:
        path = tmp_path / "waziterm.db"
        async with open_store(path) as store:
            await moved(store, AT, State.CONNECTED, Reason.ONLINE)
            for minute in range(90):
                await store.count(AT + minute * 60.0)
                await store.count(AT + minute * 60.0 - 0.01)
        async with open_store(path) as store:
            await store.count(AT + 2 * HOUR_S)
            await store.count()
            found = store.sums(0.0, WEEK_END, StatsBy.HOUR)
            assert [sums["shop"][1].up_s async for sums in found] == [
                pytest.approx(HOUR_S, abs=0.2)
            ] * 2

    asyncio.run(run())


def before_hours(path: Path) -> Path:
    """The same database as a program left it that counted nothing."""
    older = path.with_name("older.db")
    steps = [any("TABLE hours" in each for each in step) for step in MIGRATIONS]
    with closing(sqlite3.connect(older, isolation_level=None)) as db:
        migrate(db, MIGRATIONS[: steps.index(True)])
        db.execute("ATTACH ? AS newer", (str(path),))
        tables = (
            "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*'"
        )
        for (table,) in db.execute(tables).fetchall():
            columns = ", ".join(row[1] for row in db.execute(f"PRAGMA main.table_info({table})"))
            db.execute(f"DELETE FROM main.{table}")
            db.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM newer.{table}")
    return older


def test_an_older_history_is_counted_once(tmp_path: Path) -> None:
    async def run() -> None:
        path = tmp_path / "waziterm.db"
        async with open_store(path) as store:
            await week(store)
            await store.count(WEEK_END)
        async with open_store(before_hours(path)) as store:
            assert await told(store) == []
            await store.count(WEEK_END)
            check_week(*await told(store))

    asyncio.run(run())


def test_what_nobody_saw_does_not_count(tmp_path: Path) -> None:
    async def run() -> None:
        async with open_store(tmp_path / "waziterm.db") as store:
            await moved(store, AT, State.CONNECTED, Reason.ONLINE)
            await store.count(AT + 600.0)
            await moved(store, AT + 9000.0, State.RETRYING, Reason.DROPPED)
            await store.count(AT + 9060.0, Gap(AT + 600.0, AT + 8990.0))
            (sums,) = [each async for each in store.sums(0.0, WEEK_END, StatsBy.ALL)]
            _, hour = sums["shop"]
            assert (hour.up_s, hour.seen_s) == (610.0, 670.0)
            await store.add_usage(AT + 9060.0, {"shop": (1.5, 4096)})
            (found,) = await told(store)
            assert (found.cpu_s, found.memory_bytes) == (1.5, 4096)

    asyncio.run(run())


def test_hours_outlive_their_rows_and_end_too(tmp_path: Path) -> None:
    async def run() -> None:
        async with open_store(tmp_path / "waziterm.db") as store:
            await week(store)
            await store.count(WEEK_END)
            rows = await store.newest_rows()
            await store.prune(WEEK_END, rows)
            assert await store.transitions() == ()
            check_week(*await told(store))
            await store.prune(WEEK_END + 371 * DAY_S, rows)
            assert await told(store) == []

    asyncio.run(run())


def test_damaged_hours_are_no_end(tmp_path: Path) -> None:
    async def run() -> None:
        path = tmp_path / "waziterm.db"
        async with open_store(path) as store:
            await week(store)
            await store.count(WEEK_END)
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("UPDATE hours SET by_reason = 'no JSON', connects = '[1]'")
            db.execute("UPDATE standings SET state = 'no state'")
        async with open_store(path) as store:
            assert await told(store) == []
            assert await store.damaged_history() == {"hours": 7 * 24}
            await store.count(WEEK_END + HOUR_S)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("today", "before", "beside", "said"),
    [
        (14, 4.5, {"shop-pune": 12, "shop-goa": 1},
         "shop: 14 drops today, 3.1 × the week's mean; shop-pune, on the same proxy, has 12"),
        (14, 4.5, {"shop-pune": 0}, "shop: 14 drops today, 3.1 × the week's mean"),
        (5, 0.0, {}, "shop: 5 drops today, none in the week before"),
        (5, 4.0, {"shop-pune": 9}, ""),
        (2, 0.1, {}, ""),
    ],
)  # fmt: skip
def test_what_is_unusual_is_said(
    today: int, before: float, beside: dict[str, int], said: str
) -> None:
    assert compared("shop", today, before, beside) == said


async def test_a_count_ends_though_the_history_goes_on(tmp_path: Path) -> None:
    """A fleet that boots tells something new each time that it was counted."""
    async with open_store(tmp_path / "waziterm.db") as store:
        await store.add_send("shop", AT, True, 0.4, "")
        counting = asyncio.create_task(store.count())
        await asyncio.sleep(0)
        more = 0
        while not counting.done() and more < 100:
            more += 1
            await store.add_send("shop", AT, True, 0.4, "")
        await counting
        assert more < 100
