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
    [(SICK, REFUSED, Reason.PROXY_FAILED), (SICK[:3], LOCKED, Reason.STORE_LOCKED)],
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


def test_f45_each_dead_proxy_is_one_incident_that_names_it(host: Host) -> None:
    others = "socks5://user:secret@other.example:1080"
    names = {name: PROXY if number % 2 else others for number, name in enumerate(SICK)}
    fleet_of(host, names | dict.fromkeys(WELL))
    said = {
        PROXY: "proxyconnect tcp: dial tcp 10.1.1.1:3128: connect: connection refused",
        others: "socks connect tcp other.example:1080->web.whatsapp.com:443:"
        " dial tcp: lookup other.example: no such host",
    }
    meets(host, lambda worker: ev.DialFailed(said[names[worker.instance]])
          if worker.instance in SICK else None)  # fmt: skip
    host.open()
    told(host, 60.0)
    for name, proxy in names.items():
        view = host.view(name)
        place = "proxy.example:3128" if proxy == PROXY else "other.example:1080"
        if view.state is State.RETRYING:
            assert view.reason is Reason.PROXY_FAILED
            assert view.detail.count(place) == 1, view.detail
            assert "secret" not in view.detail
    found = host.world.task(host.fleet.incidents()).result()
    assert {(each.reason, each.detail, len(each.names)) for each in found} == {
        (Reason.PROXY_FAILED, "proxy proxy.example:3128: connection refused by the proxy"
         " 10.1.1.1:3128", 6),
        (Reason.PROXY_FAILED, "proxy other.example:1080: no DNS answer for other.example", 6),
    }  # fmt: skip


def test_f45_what_fails_behind_a_proxy_is_not_its_fault(host: Host) -> None:
    fleet_of(host, {"shop": PROXY})
    meets(host, lambda worker: ev.DialFailed("lookup web.whatsapp.com: no such host"))
    host.open()
    host.world.pass_time(1.0)
    assert host.view("shop").reason is Reason.DIAL_FAILED


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
