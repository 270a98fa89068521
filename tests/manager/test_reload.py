"""Other settings for a fleet that runs: the gate's places and pace, and the janitor's rounds."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.manager.hosting import Host, settings
from tests.manager.world import World
from waziterm.domain import events as ev
from waziterm.domain.instance import Instance
from waziterm.manager.gate import ConnectGate, GateLimits, Place


@pytest.fixture
def world(folder: Path) -> Iterator[World]:
    world = World(folder / "run")
    yield world
    for task in asyncio.all_tasks(world.loop):
        task.cancel()
    world.settle()
    world.close()


class Inside:
    """A gate of two places, and who has one."""

    def __init__(self, world: World) -> None:
        begin = asyncio.Event()
        begin.set()
        limits = GateLimits(places=2, paced_per_s=5.0, scout_s=5.0)
        self._world = world
        self.gate = ConnectGate(limits, world.clock, lambda out: None, begin)
        self.places: dict[str, Place] = {}

    def queue(self, *names: str) -> list["asyncio.Task[None]"]:
        return [self._world.task(self._pass(name)) for name in names]

    async def _pass(self, name: str) -> None:
        self.places[name] = await self.gate.place(paced=False)

    def resize(self, places: int) -> None:
        self.gate.apply(GateLimits(places, 5.0, 5.0))
        self._world.settle()

    def leave(self, name: str) -> None:
        self.places.pop(name).give_back()
        self._world.settle()

    def cancel(self, task: "asyncio.Task[None]") -> None:
        task.cancel()
        self._world.settle()


def test_more_places_let_in_those_who_wait(world: World) -> None:
    inside = Inside(world)
    inside.queue("a", "b", "c", "d")
    assert set(inside.places) == {"a", "b"}
    inside.resize(3)
    assert set(inside.places) == {"a", "b", "c"}
    inside.resize(10)
    assert set(inside.places) == {"a", "b", "c", "d"}


def test_with_fewer_places_nobody_is_let_in_until_enough_have_left(world: World) -> None:
    inside = Inside(world)
    inside.queue("a", "b", "c")
    inside.resize(1)
    assert set(inside.places) == {"a", "b"}
    inside.leave("a")
    assert set(inside.places) == {"b"}
    inside.leave("b")
    assert set(inside.places) == {"c"}


def test_who_gives_up_waiting_takes_no_place(world: World) -> None:
    inside = Inside(world)
    _a, _b, waiting, _d = inside.queue("a", "b", "c", "d")
    inside.cancel(waiting)
    inside.leave("a")
    assert set(inside.places) == {"b", "d"}
    inside.leave("b")
    inside.leave("d")
    inside.queue("e", "f", "g")
    assert set(inside.places) == {"e", "f"}


def test_who_gives_up_in_the_moment_of_its_turn_gives_the_place_to_the_next(world: World) -> None:
    inside = Inside(world)
    _a, _b, waiting, _d = inside.queue("a", "b", "c", "d")
    inside.places.pop("a").give_back()
    inside.cancel(waiting)
    assert set(inside.places) == {"b", "d"}


def test_the_janitor_goes_by_the_new_pace_at_once(folder: Path, world: World) -> None:
    """A file that no instance owns is reported by the first round that sees it."""
    host = Host(world, folder / "data", settings(folder))
    host.open()
    try:
        (folder / "data" / "sessions" / "lost.db").write_bytes(b"")
        world.pass_time(20.0)
        assert host.query("SELECT subject FROM acts") == []
        host.fleet.apply(settings(folder, janitor__every_s=10))
        world.settle()
        world.pass_time(9.0)
        assert host.query("SELECT subject FROM acts") == []
        world.pass_time(2.0)
        assert host.query("SELECT subject FROM acts") == [{"subject": "lost.db"}]
    finally:
        host.close()


def test_other_limits_reach_a_session_that_is_connected(folder: Path, world: World) -> None:
    """It is probed at once, and then at the new pace."""
    host = Host(world, folder / "data", settings(folder))
    host.prepare(Instance("shop", created_at=0.0, jid="6281200000001:1@s.whatsapp.net"))
    host.open()
    try:
        (worker,) = world.live("shop")
        worker.say(ev.Connected("6281200000001:1@s.whatsapp.net", ""))
        world.settle()
        assert host.view("shop").probed_at is None
        host.fleet.apply(settings(folder, limits__keepalive_s=4))
        world.settle()
        world.pass_time(1.0)
        first = host.view("shop").probed_at
        assert first is not None
        world.pass_time(4.0)
        second = host.view("shop").probed_at
        assert second is not None and 3.9 <= second - first <= 5.0
    finally:
        host.close()
