"""The connect limit, on a clock of the test's own."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.manager.world import World
from waziterm.manager.workers.connect_limit import ConnectLimit, ConnectRates, Place

LIMITS = ConnectRates(places=2, scout_s=5.0)


class Limit:
    """A connect limit, who got through when, and what was said of outages."""

    def __init__(self, world: World, limits: ConnectRates = LIMITS, *, begun: bool = True) -> None:
        self.world = world
        self.begin = asyncio.Event()
        if begun:
            self.begin.set()
        self.told: list[bool] = []
        self.connect_limit = ConnectLimit(
            limits,
            lambda: 5.0,
            world.clock,
            lambda failing: len(failing) >= 3,
            self.told.append,
            self.begin,
        )
        self.passed: list[tuple[str, float]] = []
        self.places: dict[str, Place] = {}
        self._began = world.clock.now()

    def queue(self, *names: str, paced: bool = False) -> list["asyncio.Task[None]"]:
        return [self.world.task(self._pass(name, paced)) for name in names]

    async def _pass(self, name: str, paced: bool) -> None:
        self.places[name] = await self.connect_limit.place(paced=paced)
        self.passed.append((name, round(self.world.clock.now() - self._began, 2)))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.passed]

    def give_back(self, name: str) -> None:
        self.places[name].give_back()
        self.world.settle()


@pytest.fixture
def world(folder: Path) -> Iterator[World]:
    world = World()
    yield world
    for task in asyncio.all_tasks(world.loop):
        task.cancel()
    world.settle()
    world.close()


def test_no_more_than_k_are_inside_and_the_first_to_come_is_the_next(world: World) -> None:
    connect_limit = Limit(world)
    connect_limit.queue("a", "b", "c", "d")
    assert connect_limit.names == ["a", "b"]
    connect_limit.give_back("b")
    assert connect_limit.names == ["a", "b", "c"]
    connect_limit.give_back("b")
    assert connect_limit.names == ["a", "b", "c"], "a place that was given back twice counted twice"
    connect_limit.give_back("a")
    assert connect_limit.names == ["a", "b", "c", "d"]


def test_nobody_gets_in_before_it_begins(world: World) -> None:
    connect_limit = Limit(world, begun=False)
    connect_limit.queue("a")
    connect_limit.queue("b", paced=True)
    world.pass_time(100.0)
    assert not connect_limit.passed
    connect_limit.begin.set()
    world.settle()
    assert connect_limit.names == ["a", "b"]


def test_pairings_and_retries_keep_to_the_rate_and_the_others_need_not(world: World) -> None:
    connect_limit = Limit(world, ConnectRates(places=100, scout_s=5.0))
    connect_limit.queue("a", "b", "c", "d", paced=True)
    connect_limit.queue("x", "y", "z")
    world.pass_time(2.0)
    assert connect_limit.passed == [
        ("a", 0.0), ("x", 0.0), ("y", 0.0), ("z", 0.0), ("b", 0.2), ("c", 0.4), ("d", 0.6)
    ]  # fmt: skip


def test_who_gives_up_waiting_takes_no_place_and_stops_nobody(world: World) -> None:
    connect_limit = Limit(world, ConnectRates(places=1, scout_s=5.0))
    waiting = connect_limit.queue("a", "b", "c", "d", paced=True)
    waiting[1].cancel()
    world.pass_time(1.0)
    waiting[2].cancel()
    world.settle()
    connect_limit.give_back("a")
    world.pass_time(1.0)
    assert connect_limit.names == ["a", "d"]


def test_three_instances_that_fail_make_an_outage_but_one_that_fails_thrice_does_not(
    world: World,
) -> None:
    connect_limit = Limit(world)
    for name in ("a", "a", "a", "b", "b"):
        connect_limit.connect_limit.failed(name)
    assert not connect_limit.connect_limit.is_out and connect_limit.told == []
    connect_limit.connect_limit.reached()
    connect_limit.connect_limit.failed("c")
    assert not connect_limit.connect_limit.is_out, "a success between did not count"
    connect_limit.connect_limit.failed("a")
    connect_limit.connect_limit.failed("b")
    connect_limit.connect_limit.failed("d")
    assert connect_limit.connect_limit.is_out and connect_limit.told == [True]


def test_in_an_outage_one_scout_goes_at_a_time_and_all_go_when_it_is_over(world: World) -> None:
    connect_limit = Limit(world, ConnectRates(places=100, scout_s=5.0))
    for name in ("a", "b", "c"):
        connect_limit.connect_limit.failed(name)
    connect_limit.queue("a", "b", "c", "d", "e", "f", paced=True)
    world.pass_time(12.0)
    assert connect_limit.passed == [("a", 5.0), ("b", 10.0)]
    connect_limit.connect_limit.reached()
    connect_limit.connect_limit.reached()
    world.settle()
    world.pass_time(1.0)
    assert connect_limit.names == ["a", "b", "c", "d", "e", "f"]
    assert [at for _, at in connect_limit.passed[2:]] == [12.0, 12.2, 12.4, 12.6]
    assert connect_limit.told == [True, False]
