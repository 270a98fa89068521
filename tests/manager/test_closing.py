"""What is asked of a manager that is ending: refused in one line, and nothing outlives it."""

import asyncio

import pytest

from tests.manager.hosting import Host
from tests.manager.world import BEGIN, World
from waziterm.domain.errors import ManagerEndingError
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance

JID = "628123456789:1@s.whatsapp.net"


def online(host: Host) -> World:
    """A manager with the connected instance `a`."""
    host.prepare(Instance("a", BEGIN, since=BEGIN, jid=JID))
    host.open()
    host.world.live("a")[0].say(ev.Connected(JID))
    host.world.settle()
    return host.world


@pytest.mark.parametrize("before", ["clean", "remove"])
def test_an_order_that_waits_for_another_is_refused(host: Host, before: str) -> None:
    world = online(host)
    world.kill_s = 0.5
    first = world.task(getattr(host.fleet, before)("a"))
    waiting = world.task(host.fleet.add("b"))
    assert not first.done() and not waiting.done()
    host.close()
    assert first.done()
    with pytest.raises(ManagerEndingError, match="the manager is ending") as refused:
        world.run(waiting)
    assert refused.value.code == 3
    assert not host.query("SELECT 1 FROM instances WHERE name = 'b'")
    assert not world.unhandled


@pytest.mark.parametrize("steps", range(12))
def test_an_instance_that_is_being_added_ends_with_the_manager(host: Host, steps: int) -> None:
    """The end comes at each step of an `add`: it is kept or refused, and never left running."""
    world = online(host)
    adding = world.loop.create_task(host.fleet.add("b"))

    async def go() -> None:
        for _ in range(steps):
            await asyncio.sleep(0)

    world.run(go())
    host.close()
    assert adding.done()
    kept = bool(host.query("SELECT 1 FROM instances WHERE name = 'b'"))
    if error := adding.exception():
        assert isinstance(error, ManagerEndingError), error
    else:
        assert kept
    assert not world.live()
    assert not world.unhandled
    host.open()
    assert kept == any(view.name == "b" for view in host.fleet.snapshot().instances)
    host.close()
