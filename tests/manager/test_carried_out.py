"""F5: whatever fails while an event is carried out, a next event is armed. Nobody else suffers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.manager.hosting import Host
from tests.manager.test_supervising import JID, online, worker_of
from tests.manager.world import BEGIN
from waziterm.domain.care.findings import FindingKind
from waziterm.domain.fleet.api import FleetError
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.manager.instance.attempt import Attempt
from waziterm.manager.instance.effects import Effects
from waziterm.manager.instance.recorder import Recorder
from waziterm.manager.rivals.claims import Claims
from waziterm.manager.workers.connect_limit import ConnectLimit
from waziterm.manager.workers.link import Link
from waziterm.manager.workers.pool import Pool
from waziterm.manager.workers.worker import Worker

ERRORS = [
    OSError(24, "Too many open files"),
    RuntimeError("can't start new thread"),
    FleetError("no"),
]
OTHER = "628987654321:2@s.whatsapp.net"


def failing(
    patch: pytest.MonkeyPatch, owner: type, method: str, error: Exception, name: str = ""
) -> Callable[[], None]:
    """Let a method fail until the returned function is called. name: for that instance alone."""
    original: Any = getattr(owner, method)
    fails = True

    def broken(self: Any, *args: Any, **kwargs: Any) -> Any:
        whose = getattr(self, "_name", "") or getattr(self, "name", "") or (args[0] if args else "")
        if fails and name in ("", whose):
            raise error
        return original(self, *args, **kwargs)

    async def broken_task(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = broken(self, *args, **kwargs)
        return await result if isinstance(result, Awaitable) else result

    def mend() -> None:
        nonlocal fails
        fails = False

    is_async = asyncio.iscoroutinefunction(original)
    patch.setattr(owner, method, broken_task if is_async else broken)
    return mend


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    ("owner", "method"),
    [
        (Claims, "claim"),
        (Pool, "link"),
        (Pool, "free"),
        (ConnectLimit, "place"),
        (Effects, "carry_out"),
        (Effects, "objection"),
        (Effects, "_queue"),
        (Attempt, "dial"),
        (Link, "connect"),
        (Recorder, "changed"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_f5_a_lost_worker_is_replaced_once_what_failed_works_again(
    host: Host, monkeypatch: pytest.MonkeyPatch, owner: type, method: str, error: Exception
) -> None:
    host.prepare(Instance("b", BEGIN, since=BEGIN, jid=OTHER))
    worker = online(host, "a")
    worker_of(host, "b").say(ev.Connected(OTHER))
    host.world.settle()
    mend = failing(monkeypatch, owner, method, error)
    worker.die(-9)
    host.world.settle()
    host.world.pass_time(60.0)
    view = host.view("a")
    assert view.state in (State.RETRYING, State.CONNECTING), view
    assert host.runs and host.view("b").state in (State.CONNECTED, State.RETRYING)
    mend()
    for _ in range(400):
        if host.world.live("a"):
            break
        host.world.pass_time(1.0)
    worker_of(host, "a").say(ev.Connected(JID))
    host.world.settle()
    assert host.view("a").state is State.CONNECTED
    assert not host.world.unhandled, host.world.unhandled


def test_f5_a_probe_that_fails_in_itself_ends_in_a_new_connection(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = online(host, "a")
    mend = failing(monkeypatch, Link, "probe", RuntimeError("a bug"))
    host.world.pass_time(46.0)
    assert not worker.alive
    mend()
    host.world.pass_time(40.0)
    assert worker_of(host, "a") is not worker


def test_f5_a_report_that_is_not_passed_on_is_the_trouble_of_its_instance_alone(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.prepare(Instance("b", BEGIN, since=BEGIN, jid=OTHER))
    worker, other = online(host, "a"), worker_of(host, "b")
    other.say(ev.Connected(OTHER))
    host.world.settle()
    mend = failing(monkeypatch, Link, "_pass_on", RuntimeError("a bug"), "a")
    worker.say(ev.KeepAliveTimeout(1))
    host.world.settle()
    assert not worker.alive and host.view("a").reason is Reason.NOT_CARRIED_OUT
    assert other.alive and host.view("b").state is State.CONNECTED
    mend()
    host.world.pass_time(5.0)
    worker_of(host, "a").say(ev.Connected(JID))
    host.world.settle()
    assert host.view("a").state is State.CONNECTED


def test_f5_a_worker_that_cannot_be_heard_is_replaced(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = online(host, "a")
    mend = failing(monkeypatch, Worker, "_pass_on", RuntimeError("a bug"))
    worker.print("a line")
    host.world.settle()
    assert not worker.alive and host.view("a").reason is Reason.WORKER_DIED
    mend()
    host.world.pass_time(5.0)
    assert worker_of(host, "a") is not worker


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_f5_a_conflict_that_cannot_be_stored_cools_down_all_the_same(
    host: Host, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    worker = online(host, "a")
    failing(monkeypatch, Recorder, "changed", error)
    worker.say(ev.StreamReplaced())
    host.world.settle()
    assert host.view("a").state is State.COOLDOWN and not host.world.live()


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_f5_what_could_not_be_cleaned_goes_on_as_before(
    host: Host, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    online(host, "a")
    mend = failing(monkeypatch, Effects, "end_attempt", error)
    task = host.world.task(host.fleet.clean("a"))
    mend()
    host.world.pass_time(5.0)
    assert isinstance(task.exception(), FleetError)
    assert host.view("a").paired and host.session("a").exists()
    assert host.view("a").state is State.CONNECTING


def test_who_is_stuck_is_found_by_check_and_brought_on_by_the_janitor(host: Host) -> None:
    online(host, "a")
    supervisor = host.fleet._instances.of("a")
    world = host.world
    # What no known fault leaves: a wait of a day, without a timer.
    supervisor._disarm()
    supervisor._instance = Instance(
        "a", BEGIN, jid=JID, state=State.RETRYING, reason=Reason.DROPPED, since=world.clock.now(),
        due=world.clock.now() + 86_400,
    )  # fmt: skip
    found = world.task(host.fleet.check()).result()
    (stuck,) = [each for each in found if each.kind is FindingKind.STUCK]
    assert stuck.instance == "a" and "longer than its limit" in stuck.evidence
    world.task(host.fleet.tidy_up()).result()
    world.pass_time(331.0)
    assert host.view("a").state is State.CONNECTING
    assert not [
        each for each in world.task(host.fleet.check()).result() if each.kind is FindingKind.STUCK
    ]


def test_a_long_queue_is_not_stuck_but_one_that_does_not_move_is(host: Host) -> None:
    names = [f"n{number}" for number in range(12)]
    for number, name in enumerate(names):
        jid = f"62812345{number:04}:1@s.whatsapp.net"
        host.prepare(Instance(name, BEGIN, since=BEGIN, jid=jid))
    host.open()
    world = host.world
    world.pass_time(200.0)
    kinds = [each.kind for each in world.task(host.fleet.check()).result()]
    assert FindingKind.STUCK not in kinds
    connect_limit = host.fleet._instances._connect_limit
    connect_limit._places.resize(0)
    world.pass_time(600.0)
    found = world.task(host.fleet.check()).result()
    stuck = [each for each in found if each.kind is FindingKind.STUCK]
    assert stuck and all("waiting for its turn" in each.evidence for each in stuck)
