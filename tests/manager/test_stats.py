"""The sums of a real manager's history, over scripted days of a clock that the test moves."""

import time
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest

from tests.manager.hosting import Host
from tests.manager.test_history import connect, online, opened
from tests.manager.test_supervising import worker_of
from tests.manager.world import BEGIN
from waziterm.config import load_settings
from waziterm.domain.fleet.api import InstanceNotFoundError
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.stats.strips import CELL_S, NOTHING, Cell, Recent, read_cells
from waziterm.domain.stats.sums import Stats, StatsBy
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.stored.fleet import StoredFleet
from waziterm.manager.workers.usage import ProcessUse
from waziterm.store.records import Change
from waziterm.store.store import open_store
from waziterm.tui.state.past import week_begin

HOUR_S, DAY_S = 3600.0, 86_400.0
SOME_S = 240.0


def stats(
    host: Host, name: str | None = None, since: float = 0.0, by: StatsBy | None = None
) -> tuple[Stats, ...]:
    return host.world.run(host.fleet.stats(since, name, by))


def of(host: Host, name: str) -> Stats:
    (found,) = stats(host, name)
    return found


def drop(host: Host, name: str, for_s: float) -> None:
    """The network ends a connection, and the next one is there some seconds later."""
    worker_of(host, name).say(ev.Disconnected())
    host.world.settle()
    assert host.view(name).state is not State.CONNECTED
    host.world.pass_time(for_s)
    connect(host, name)
    assert host.view(name).state is State.CONNECTED


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_week_adds_up_to_what_its_script_says(host: Host) -> None:
    online(host, "a", "b")
    connect(host, "b")
    begun = host.world.clock.now()
    host.world.process_use = lambda _: ProcessUse(
        (host.world.clock.now() - begun) / 100, 30_000_000
    )
    for day in range(7):
        host.world.pass_time(begun + day * DAY_S + 6 * HOUR_S - host.world.clock.now())
        for _ in range(1 + (day == 3)):
            drop(host, "a", 36.0)
            host.world.pass_time(600.0)
    host.world.pass_time(begun + 7 * DAY_S - host.world.clock.now())
    a, b = of(host, "a"), of(host, "b")
    assert (a.drops, a.by_reason, a.conflicts) == (8, {"dropped": 8}, 0)
    assert a.uptime == pytest.approx(1 - 8 * 36.0 / (7 * DAY_S), abs=1e-5)
    assert a.reconnect_p50_s == pytest.approx(36.0, rel=0.03)
    assert a.mtbf_s == pytest.approx((7 * DAY_S - 8 * 36.0) / 8, rel=1e-4)
    assert a.worst_hour == (begun + 3 * DAY_S + 6 * HOUR_S) // HOUR_S * HOUR_S
    assert (b.drops, b.uptime, b.mtbf_s, b.worst_hour) == (0, 1.0, None, None)
    assert b.cpu_s == pytest.approx(7 * DAY_S / 100, rel=1e-3) and b.memory_bytes == 30_000_000
    fleet, *each = stats(host)
    assert (fleet.instance, fleet.drops) == (None, 8)
    assert [one.instance for one in each] == ["a", "b"] and each == [a, b]
    assert a.uptime is not None
    assert fleet.memory_bytes == 60_000_000
    assert fleet.uptime == pytest.approx((a.uptime + 1.0) / 2, abs=1e-6)
    by_day = stats(host, "a", by=StatsBy.DAY)
    assert sum(one.drops for one in by_day) == 8 and len(by_day) in (7, 8)
    by_hour = stats(host, "a", by=StatsBy.HOUR)
    assert len(by_hour) in (168, 169) and all((one.uptime or 0) > 0.95 for one in by_hour)


def test_what_a_person_wants_is_no_drop(host: Host) -> None:
    online(host, "a")
    host.world.pass_time(SOME_S)
    host.world.run(host.fleet.stop("a"))
    host.world.pass_time(SOME_S)
    host.world.run(host.fleet.start("a"))
    host.world.settle()
    connect(host, "a")
    host.world.run(host.fleet.reconnect("a"))
    host.world.settle()
    connect(host, "a")
    host.world.pass_time(SOME_S)
    found = of(host, "a")
    assert (found.drops, found.reconnect_p50_s) == (0, None)
    assert found.uptime == pytest.approx(1.0, abs=0.02)


def test_a_conflict_is_counted(host: Host) -> None:
    online(host, "a").say(ev.StreamReplaced())
    host.world.settle()
    host.world.pass_time(60.0)
    found = of(host, "a")
    assert (found.conflicts, found.drops) == (1, 1)
    assert found.by_reason == {"conflict": 1}


@pytest.mark.parametrize("well", [True, False])
def test_no_time_counts_while_no_manager_runs(host: Host, well: bool) -> None:
    worker = online(host, "a", "b")
    if not well:
        worker.say(ev.LoggedOut(on_connect=False, code=401))
        host.world.settle()
    host.world.pass_time(SOME_S)
    host.close()
    host.world.pass_time(9 * HOUR_S)
    host.open()
    if well:
        connect(host, "a")
    host.world.pass_time(SOME_S)
    hours = stats(host, "a", by=StatsBy.HOUR)
    assert len(hours) in (2, 3, 4)
    assert of(host, "a").uptime == pytest.approx(float(well), abs=0.02)
    assert of(host, "a").drops == (0 if well else 1)


@pytest.mark.parametrize("by_s", [5 * HOUR_S, -5 * HOUR_S])
def test_a_clock_that_is_set_makes_no_hour_longer(host: Host, by_s: float) -> None:
    online(host, "a")
    host.world.pass_time(SOME_S)
    host.world.clock.set_by(by_s)
    host.world.settle()
    host.world.pass_time(SOME_S)
    found = stats(host, "a", by=StatsBy.HOUR)
    assert all(one.uptime == pytest.approx(1.0, abs=0.02) for one in found)
    assert len(found) <= 7
    assert of(host, "a").drops == 0


def recent(host: Host, name: str, days: int = 1) -> tuple[list[Cell], Recent]:
    """The cells of the last hours alone."""
    (found,) = host.world.run(host.fleet.recent(name=name, days=days))
    return list(read_cells(found.cells)), found


def test_the_last_hours_are_cells_of_half_an_hour(host: Host) -> None:
    online(host, "a", "b")
    host.world.pass_time(CELL_S)
    for _ in range(3):
        drop(host, "a", 2.0)
        host.world.pass_time(SOME_S)
    cells, found = recent(host, "a")
    assert len(cells) == 48 and Cell(State.CONNECTED, 8) in cells[-4:]
    assert cells[-1].level in (7, 8) and cells[0] == NOTHING
    assert found.drops == (0, 0, 0, 0, 0, 0, 3) and found.mean_drops in (None, 0.0)
    assert found.uptime == pytest.approx(1.0, abs=0.01)
    assert found.connect_s == pytest.approx(0.0, abs=1.0)
    assert host.world.clock.now() - found.begin == pytest.approx(DAY_S - 900, abs=901)
    assert len(recent(host, "a", 7)[0]) == 7 * 48
    everyone = host.world.run(host.fleet.recent())
    assert [each.instance for each in everyone] == ["a", "b"]
    assert host.world.run(host.fleet.recent("a")) == everyone[1:]
    assert host.world.run(host.fleet.recent("b")) == ()
    with pytest.raises(InstanceNotFoundError):
        recent(host, "nobody")


def test_while_no_manager_runs_nothing_is_known(host: Host) -> None:
    online(host, "a")
    host.world.pass_time(CELL_S)
    host.close()
    host.world.pass_time(6 * HOUR_S)
    host.open()
    connect(host, "a")
    host.world.pass_time(CELL_S)
    cells, _ = recent(host, "a")
    runs = [(known, len(list(run))) for known, run in groupby(cells, lambda each: each != NOTHING)]
    assert [known for known, _ in runs] == [False, True, False, True]
    assert [count in (1, 2) for _, count in runs] == [False, True, False, True]
    assert runs[2][1] in (11, 12)


async def test_the_files_tell_it_until_the_last_manager_was_there(tmp_path: Path) -> None:
    data, now = DataDir(tmp_path / "data"), time.time()
    fleet = StoredFleet(data, load_settings)
    assert await fleet.recent() == ()
    data.create()
    async with open_store(data.database) as store:
        for name in ("shop-a", "shop-b"):
            shop = Instance(name, now, since=now, id=name, state=State.HELD, reason=Reason.RIVAL)
            await store.record(Change(shop, "ClientOutdated", now - 5 * HOUR_S))
        await store.set_meta("clock_at", repr(now - 3 * HOUR_S))
    told = await fleet.recent()
    assert [each.instance for each in told] == ["shop-a", "shop-b"]
    cells = read_cells(told[0].cells)
    assert set(cells[-5:]) == {NOTHING} and cells[-9] == Cell(State.HELD, 0)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Jakarta", "Asia/Kolkata"])
async def test_all_that_a_screen_tells_of_a_week_is_of_the_same_seven_days(
    zone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where an hour is of two days, as in India, it counts for none of them here."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        data, now = DataDir(tmp_path / "data"), time.time()
        data.create()
        begun = week_begin(now)
        shop = Instance("shop", begun - 3 * DAY_S, id="shop", since=now, state=State.CONNECTED)
        online = replace(shop, reason=Reason.ONLINE)
        away = replace(shop, state=State.RETRYING, reason=Reason.DROPPED)
        async with open_store(data.database) as store:
            await store.record(Change(online, "Connected", begun - 3 * DAY_S))
            # The evening before, and in the first hours of the week.
            for at in (begun - 6 * HOUR_S, begun + 2 * HOUR_S):
                await store.record(Change(away, "Disconnected", at))
                await store.record(Change(online, "Connected", at + 5 * HOUR_S))
            await store.record(Change(online, "Connected", now - 1.0))
        fleet = StoredFleet(data, load_settings)
        (row,), (detail,) = await fleet.recent(), await fleet.stats(week_begin(now), "shop")
        assert detail.uptime == row.uptime and detail.uptime not in (None, 1.0)
        assert detail.drops == sum(row.drops) == 1
    finally:
        monkeypatch.undo()
        time.tzset()


def test_nothing_there_is_nothing(host: Host) -> None:
    opened(host)
    assert stats(host, since=BEGIN) == ()
    with pytest.raises(InstanceNotFoundError):
        stats(host, "nobody")
