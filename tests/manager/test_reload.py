"""Other settings for a running fleet: the connects' places and pace, the janitor's rounds."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.manager.hosting import Host, settings
from tests.manager.world import World
from waziterm.domain.care.findings import FindingKind
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.states import State
from waziterm.domain.reload import Reloaded
from waziterm.manager.workers.connect_limit import ConnectLimit, ConnectRates, Place


@pytest.fixture
def world(folder: Path) -> Iterator[World]:
    world = World()
    yield world
    for task in asyncio.all_tasks(world.loop):
        task.cancel()
    world.settle()
    world.close()


class Inside:
    """A connect limit of two places, and who has one."""

    def __init__(self, world: World) -> None:
        begin = asyncio.Event()
        begin.set()
        limits = ConnectRates(places=2, scout_s=5.0)
        self._world = world
        self.connect_limit = ConnectLimit(
            limits, lambda: 5.0, world.clock, lambda failing: False, lambda out: None, begin
        )
        self.places: dict[str, Place] = {}

    def queue(self, *names: str) -> list["asyncio.Task[None]"]:
        return [self._world.task(self._pass(name)) for name in names]

    async def _pass(self, name: str) -> None:
        self.places[name] = await self.connect_limit.place(paced=False)

    def resize(self, places: int) -> None:
        self.connect_limit.apply(ConnectRates(places, 5.0))
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


def test_other_limits_decide_what_comes_next(folder: Path, world: World) -> None:
    """They reach an instance that is connected, and its connection stays."""
    host = Host(world, folder / "data", settings(folder))
    host.prepare(Instance("shop", created_at=0.0, jid="6281200000001:1@s.whatsapp.net"))
    host.open()
    try:
        (worker,) = world.live("shop")
        worker.say(ev.Connected("6281200000001:1@s.whatsapp.net", ""))
        world.settle()
        host.fleet.apply(settings(folder, limits__cooldown_s=40, limits__jitter=0))
        world.settle()
        assert host.view("shop").state is State.CONNECTED
        assert world.live("shop") == [worker]
        worker.say(ev.StreamReplaced())
        world.settle()
        shown = host.view("shop")
        assert shown.state is State.COOLDOWN
        assert shown.next_attempt == shown.since + 40.0
    finally:
        host.close()


def test_the_check_goes_by_the_new_time_in_the_trash(folder: Path, world: World) -> None:
    """An entry is announced when it will soon be deleted for good."""
    host = Host(world, folder / "data", settings(folder))
    host.prepare(Instance("shop", created_at=0.0, jid="6281200000001:1@s.whatsapp.net"))
    host.open()

    def kinds() -> set[FindingKind]:
        return {found.kind for found in world.run(host.fleet.check())}

    try:
        world.run(host.fleet.clean("shop"))
        assert FindingKind.TRASH_EXPIRES not in kinds()
        host.fleet.apply(settings(folder, trash__keep_days=1))
        assert FindingKind.TRASH_EXPIRES in kinds()
    finally:
        host.close()


def test_a_reload_reads_the_file_again_and_names_what_waits(folder: Path, world: World) -> None:
    """What is wrong changes nothing, also nothing of what is right beside it."""
    host = Host(world, folder / "data", settings(folder))
    host.prepare(Instance("shop", created_at=0.0, jid="6281200000001:1@s.whatsapp.net"))
    host.open()
    file = folder / "config.toml"

    def reload(text: str) -> Reloaded:
        file.write_text(text)
        return world.run(host.fleet.reload())

    try:
        told = reload("[limits]\ncooldown_s = 40\njitter = 0\n[log]\nlines_kept = 50\n")
        changed = ("limits.cooldown_s", "limits.jitter")
        assert told == Reloaded(changed=changed, needs_restart=("log.lines_kept",))
        told = reload("[limits]\ncooldown_s = 50\njitter = 7\nguard_s = 'x'\n")
        assert [each.key for each in told.errors] == ["limits.jitter", "limits.guard_s"]
        assert told == Reloaded(errors=told.errors)
        assert reload("[limits]\ncooldown_s = 40\njitter = 0\n") == Reloaded()
        (worker,) = world.live("shop")
        worker.say(ev.Connected("6281200000001:1@s.whatsapp.net", ""))
        worker.say(ev.StreamReplaced())
        world.settle()
        shown = host.view("shop")
        assert shown.next_attempt == shown.since + 40.0
        file.unlink()
        [error] = world.run(host.fleet.reload()).errors
        assert error.error == f"{file}: there is no such file"
    finally:
        host.close()
