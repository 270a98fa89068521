"""The worker that starts before anybody comes for it: nobody may come, or too late."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tests.manager.hosting import Host, settings
from tests.manager.world import BEGIN, FakeProcess, World
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.manager.workers.link import Link, Listener
from waziterm.manager.workers.pool import Pool

NAMES = "abcd"
LISTENER = Listener(lambda _: None, lambda *_: None, lambda _: None, lambda _: None)


class Early:
    """A pool to which nobody has come yet. refuses: why no worker can be started."""

    def __init__(self, world: World, tasks: asyncio.TaskGroup) -> None:
        self._world = world
        self._start = world.outside(1).spawn
        self.refuses: Exception | None = None
        self.links: list[Link] = []
        self.pool = Pool(self._spawn, world.clock, tasks, lambda: 4, lambda _: None)

    async def _spawn(self, library: str | None) -> FakeProcess:
        if self.refuses is not None:
            raise self.refuses
        process = await self._start(library)
        assert isinstance(process, FakeProcess)
        return process

    @property
    def live(self) -> list[FakeProcess]:
        return [process for process in self._world.processes if process.alive]

    async def link(self, name: str) -> Link:
        self.links.append(await self.pool.link(name, LISTENER, shared=True))
        return self.links[-1]


Act = Callable[[Early], Awaitable[None]]


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


def _run(world: World, act: Act) -> None:
    """Carry it out, end the pool, and see that nothing is left of it."""

    async def run() -> None:
        async with asyncio.TaskGroup() as tasks:
            here = Early(world, tasks)
            await act(here)
            for link in here.links:
                await link.leave()
            await here.pool.close()
        assert not here.live

    running = world.task(run())
    world.pass_time(60.0)
    running.result()


def test_one_that_is_expected_twice_starts_once(world: World) -> None:
    async def act(here: Early) -> None:
        here.pool.expect(4)
        here.pool.expect(4)
        await asyncio.sleep(1.0)
        here.pool.expect(4)
        await asyncio.sleep(1.0)
        (early,) = here.live
        assert (await here.link("a")).pid == early.pid

    _run(world, act)


def test_one_with_a_library_that_is_used_no_more_ends(world: World) -> None:
    async def act(here: Early) -> None:
        here.pool.expect(4)
        await asyncio.sleep(1.0)
        here.pool.use("another", 2)
        link = await here.link("a")
        (process,) = here.live
        assert (process.pid, process.library) == (link.pid, "another")

    _run(world, act)


def test_who_gives_up_while_it_starts_does_not_end_it_for_the_others(world: World) -> None:
    world.spawn_s = 2.0

    async def act(here: Early) -> None:
        here.pool.expect(4)
        gives_up = asyncio.create_task(here.link("a"))
        await asyncio.sleep(1.0)
        gives_up.cancel()
        began = world.clock.elapsed()
        await here.link("b")
        assert world.clock.elapsed() - began < world.spawn_s

    _run(world, act)


@pytest.mark.parametrize("error", [OSError(11, "no"), ValueError("an answer without sense")])
def test_one_that_cannot_start_ends_nothing_else(world: World, error: Exception) -> None:
    async def act(here: Early) -> None:
        here.refuses = error
        here.pool.expect(4)
        await asyncio.sleep(1.0)
        with pytest.raises(type(error)):
            await here.link("a")
        here.refuses = None
        await here.link("b")

    _run(world, act)


def test_who_shares_with_nobody_lets_none_start(folder: Path) -> None:
    (folder / "config.toml").write_text(
        "".join(f"[instances.{name}]\nisolate = true\n" for name in NAMES)
    )
    world = World()
    host = Host(world, folder / "data", settings(folder, fleet__instances_per_worker=4))
    host.prepare(*(Instance(name, BEGIN, since=BEGIN, jid=_jid(name)) for name in NAMES))

    def say(name: str, event: ev.WorkerEvent) -> None:
        (worker,) = world.live(name)
        worker.say(event)

    try:
        host.open()
        for name in NAMES:
            say(name, ev.Connected(_jid(name)))
        for _ in range(2):
            world.pass_time(600.0)
            say("d", ev.Disconnected(ev.DropKind.DIED, "reset"))
            world.settle()
            for name in "abc":
                say(name, ev.DialFailed("no route"))
            world.settle()
            say("d", ev.Connected(_jid("d")))
            world.pass_time(60.0)
            for name in "abc":
                say(name, ev.Connected(_jid(name)))
            world.settle()
        assert all(process.workers for process in world.processes if process.alive)
        host.close()
        assert not any(process.alive for process in world.processes)
    finally:
        host.abandon()
        world.close()


def _jid(name: str) -> str:
    return f"62812345678{ord(name)}:1@s.whatsapp.net"
