"""Probes that go to a worker together: what becomes of one is no matter of the others."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from tests.manager.world import World
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.messages.message import Content, MessageKind
from waziterm.domain.messages.sending import Outgoing
from waziterm.manager.workers.link import Link, Listener
from waziterm.manager.workers.process import OutputLine
from waziterm.manager.workers.worker import Worker
from waziterm.worker import protocol as wire

TIMEOUT_S = 10.0


class Puppet:
    """A process that takes commands while `reads` is set, and says what it is told to."""

    pid, alive = 4711, True

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        self.reads.set()
        self.took: list[wire.Command] = []
        self.said: asyncio.Queue[wire.Report | OutputLine | None] = asyncio.Queue()

    async def send(self, *commands: wire.Command) -> None:
        await self.reads.wait()
        self.took += commands

    async def messages(self) -> AsyncIterator[wire.Report | OutputLine]:
        while (message := await self.said.get()) is not None:
            yield message

    async def wait(self) -> int:
        return -6

    async def kill(self) -> None:
        self.said.put_nowait(None)


class Shared:
    """A worker with three in it. ends: how it ended for each."""

    def __init__(self, world: World) -> None:
        self.process = Puppet()
        self.worker = Worker(self.process, world.clock, None, lambda _: None)
        self.ends: dict[str, ev.Event] = {}
        self.links = {name: self._join(name) for name in "abc"}

    def _join(self, name: str) -> Link:
        def told(event: ev.Event) -> None:
            self.ends[name] = event

        return self.worker.join(name, Listener(told, lambda *_: None, lambda _: None, print))

    def probe(self, name: str) -> "asyncio.Task[wire.Answered]":
        return asyncio.create_task(self.links[name].probe(TIMEOUT_S))

    def answer(self, name: str, request: int) -> None:
        self.process.said.put_nowait(wire.Answered(name, request, 0.1, ""))

    @property
    def asked(self) -> list[str]:
        return [each.instance for each in self.process.took if isinstance(each, wire.Probe)]


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


def _run(world: World, act: Callable[[Shared], Awaitable[None]]) -> None:
    async def run() -> None:
        here = Shared(world)
        listening = asyncio.create_task(here.worker.listen())
        await act(here)
        await here.process.kill()
        await listening

    running = world.task(run())
    world.pass_time(60.0)
    running.result()


def test_one_that_is_given_up_before_it_is_sent_never_is(world: World) -> None:
    async def act(here: Shared) -> None:
        gives_up = here.probe("a")
        await asyncio.sleep(0)
        gives_up.cancel()
        await asyncio.wait([gives_up])
        later = here.probe("b")
        await asyncio.wait([later])
        assert here.asked == ["b"]

    _run(world, act)


def test_one_that_is_given_up_while_it_is_sent_takes_no_other_with_it(world: World) -> None:
    async def act(here: Shared) -> None:
        here.process.reads.clear()
        probes = [here.probe(name) for name in "abc"]
        await asyncio.sleep(1.0)
        probes[0].cancel()
        await asyncio.wait(probes[:1])
        here.process.reads.set()
        await asyncio.sleep(1.0)
        assert here.asked == ["a", "b", "c"]
        await asyncio.wait(probes)

    _run(world, act)


def test_what_else_is_answered_does_not_count_as_the_probe(world: World) -> None:
    async def act(here: Shared) -> None:
        probes = [here.probe(name) for name in "abc"]
        await asyncio.sleep(1.0)
        message = Outgoing("628@s.whatsapp.net", Content(MessageKind.TEXT, "hello"), "5ec7e7")
        sending = asyncio.create_task(here.links["a"].send(message, TIMEOUT_S))
        await asyncio.sleep(1.0)
        here.answer("a", 2)
        await asyncio.wait([sending])
        await here.process.kill()
        await asyncio.wait(probes)

    shared: list[Shared] = []

    async def seen(here: Shared) -> None:
        shared.append(here)
        await act(here)

    _run(world, seen)
    (here,) = shared
    assert {name for name, end in here.ends.items() if isinstance(end, ev.WorkerDied)} == {"a"}
