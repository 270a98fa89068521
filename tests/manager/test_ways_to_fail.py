"""F45: what only some numbers meet is no outage of the fleet: the others wait for nothing, and an
operator is told once."""

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.manager.hosting import Host, settings
from tests.manager.world import BEGIN, FakeWorker, World
from waziterm.domain.fleet.api import Notice
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.upkeep.outage import is_outage

PROXY = "http://proxy.example:3128"
REFUSED = ev.DialFailed("proxyconnect tcp: connection refused")
LOCKED = ev.StoreFailing(ev.StoreFault.LOCKED, "the session file is in use by another process")


@pytest.fixture
def host(folder: Path) -> Iterator[Host]:
    world = World()
    host = Host(world, folder / "data", settings(folder, fleet__instances_per_worker=10))
    try:
        yield host
        host.close()
        assert not host.lies and not world.unhandled
    finally:
        host.abandon()
        world.close()


def fleet_of(host: Host, proxies: dict[str, str | None]) -> None:
    host.prepare(
        *(
            Instance(
                name, BEGIN, since=BEGIN, proxy=proxy, jid=f"6281234{number:05}:1@s.whatsapp.net"
            )
            for number, (name, proxy) in enumerate(proxies.items())
        )
    )


def meets(host: Host, trouble: Callable[[FakeWorker], ev.WorkerEvent | None]) -> None:
    """What each connect comes to, 0.3 s after it begins; None for a login."""

    def dialled(worker: FakeWorker) -> None:
        said = trouble(worker) or ev.Connected(worker.jid or "")
        host.world.loop.call_later(0.3, partial(worker.say, said))

    host.world.on_connect = dialled


def told(host: Host, seconds: float) -> list[Notice]:
    """What an operator is told while so much time passes."""
    notices: list[Notice] = []

    async def listen() -> None:
        async with host.fleet.subscribe() as changes:
            while True:
                notices.extend((await changes.next()).notices)

    listening = host.world.task(listen())
    host.world.pass_time(seconds)
    listening.cancel()
    host.world.run(asyncio.wait([listening]))
    return notices


SICK = [f"sick-{number}" for number in range(12)]
WELL = [f"well-{number}" for number in range(3)]


@pytest.mark.parametrize(
    ("sick", "trouble", "reason"),
    [(SICK, REFUSED, Reason.DIAL_FAILED), (SICK[:3], LOCKED, Reason.STORE_LOCKED)],
)
def test_f45_the_others_wait_for_nothing(
    host: Host, sick: list[str], trouble: ev.WorkerEvent, reason: Reason
) -> None:
    fleet_of(host, dict.fromkeys(sick, PROXY) | dict.fromkeys(WELL))
    meets(host, lambda worker: trouble if worker.instance in sick else None)
    host.open()
    notices = told(host, 60.0)
    assert {host.view(name).state for name in WELL} == {State.CONNECTED}
    for name in WELL:
        (worker,) = host.world.live(name)
        # A stream that WhatsApp ends waits for its turn like every retry.
        worker.say(ev.StreamError("503"))
        notices += told(host, 4.0)
        assert host.view(name).state is State.CONNECTED
        notices += told(host, 50.0)
    assert {(host.view(name).state, host.view(name).reason) for name in sick} <= {
        (State.RETRYING, reason),
        (State.CONNECTING, Reason.RETRY),
    }
    assert not [each for each in notices if "cannot be reached" in each.text]
    assert 1 <= len(notices) <= len(sick), [each.text for each in notices]


def test_f45_a_fleet_whose_proxies_all_fail_is_out(host: Host) -> None:
    names = [*SICK, *WELL]
    fleet_of(host, {name: f"http://{name}.example:3128" for name in names})
    meets(host, lambda worker: REFUSED)
    host.open()
    notices = told(host, 60.0)
    outage = [each for each in notices if "cannot be reached" in each.text]
    assert len(outage) == 1
    meets(host, lambda worker: None)
    host.world.pass_time(180.0)
    assert {host.view(name).state for name in names} == {State.CONNECTED}
    # The next trouble of the same instances is news again.
    meets(host, lambda worker: REFUSED)
    for name in names[:5]:
        (worker,) = host.world.live(name)
        worker.say(ev.StreamError("503"))
    assert told(host, 60.0)


def live(name: str, state: State, proxy: str | None = None) -> Instance:
    return Instance(name, BEGIN, state=state, proxy=proxy)


def test_f45_what_makes_an_outage() -> None:
    names = ("a", "b", "c")
    direct = [live(name, State.RETRYING) for name in names]
    assert is_outage(names, direct)
    assert not is_outage(names[:2], direct)
    assert not is_outage(names, [*direct, live("d", State.CONNECTED)])
    assert is_outage(names, [*direct, live("d", State.STOPPED, PROXY)])
    assert not is_outage(names, [*direct, live("d", State.CONNECTING, PROXY)])
    assert is_outage((*names, "d"), [*direct, live("d", State.CONNECTING, PROXY)])
    assert not is_outage(names, [*direct[:2], live("c", State.STOPPED)])
