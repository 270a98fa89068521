"""A pairing code asked of a manager, and what can come between."""

import asyncio

import pytest

from tests.manager.hosting import Host
from tests.manager.world import FakeWorker
from waziterm.domain.fleet.api import FleetError, InstanceView
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import PairingCode
from waziterm.domain.lifecycle.states import State

NUMBER = "+6281234567890"


def pairing(host: Host, phone: str | None = NUMBER) -> FakeWorker:
    """An instance that shows a QR code."""
    host.open()
    host.world.run(host.fleet.add("shop", phone))
    host.world.settle()
    (worker,) = host.world.live("shop")
    worker.say(ev.QrShown("x" * 281, 1, 6, 60.0))
    host.world.settle()
    return worker


def asked(host: Host, phone: str | None = None) -> "asyncio.Task[InstanceView]":
    return host.world.task(host.fleet.pairing_code("shop", phone))


def refusal(task: "asyncio.Task[InstanceView]") -> FleetError:
    assert task.done()
    error = task.exception()
    assert isinstance(error, FleetError)
    return error


def test_the_answer_shows_the_code(host: Host) -> None:
    pairing(host)
    view = asked(host).result()
    assert view.code == PairingCode("ABCD-EFGH", host.world.clock.now() + 160.0)
    assert view == host.view("shop")
    assert not any("ABCD" in line.text for line in host.fleet.tail("shop"))


def test_without_a_number_and_without_a_pairing_it_is_refused(host: Host) -> None:
    pairing(host, None)
    error = refusal(asked(host))
    assert (str(error), error.code) == ("shop was added without a phone number", 2)
    assert asked(host, NUMBER).result().code is not None
    host.world.run(host.fleet.stop("shop"))
    error = refusal(asked(host, NUMBER))
    assert "shop is stopped" in str(error) and "start it" in error.hint
    with pytest.raises(FleetError, match="not start with"):
        host.world.run(host.fleet.pairing_code("shop", "0812"))


def test_what_whatsapp_says_no_to_is_told(host: Host) -> None:
    pairing(host).answers = "error"
    assert str(refusal(asked(host))) == "shop: no pairing code: no route"
    assert host.view("shop").code is None


def test_a_silent_worker_is_given_up_and_a_dead_one_too(host: Host) -> None:
    worker = pairing(host)
    worker.answers = "never"
    waiting = asked(host)
    assert not waiting.done()
    host.world.pass_time(60.1)
    assert "no answer within 60 s" in str(refusal(waiting))
    waiting = asked(host)
    worker.die(-9)
    host.world.settle()
    assert "no pairing code: its worker process died" in str(refusal(waiting))
    assert host.view("shop").state is State.RETRYING


def test_a_stop_that_comes_first_wins(host: Host) -> None:
    pairing(host)
    stopping = host.world.loop.create_task(host.fleet.stop("shop"))
    asking = host.world.loop.create_task(host.fleet.pairing_code("shop"))
    host.world.settle()
    assert stopping.result().state is State.STOPPED
    assert "no pairing code" in str(refusal(asking))


@pytest.mark.parametrize("by_cancelling", [False, True])
def test_the_managers_end_leaves_nobody_waiting(host: Host, by_cancelling: bool) -> None:
    pairing(host).answers = "never"
    waiting = asked(host)
    host.close(by_cancelling=by_cancelling)
    assert "the manager is ending" in str(refusal(waiting))
