"""The history of a real manager: what it tells of incidents, of an instance, and of attempts."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.manager.hosting import Host
from tests.manager.test_supervising import worker_of
from tests.manager.world import BEGIN, FakeWorker
from waziterm.domain.fleet.api import FleetError
from waziterm.domain.fleet.history import Attempt, AttemptKind, FleetLines, IncidentView, Moved
from waziterm.domain.incidents.incident import Incident
from waziterm.domain.incidents.outcome import done_about
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.manager.clock import Handle
from waziterm.manager.history.queries import Presence
from waziterm.store.store import open_store


def opened(host: Host, *names: str) -> None:
    """Start a manager with paired instances, each with a number of its own."""
    host.prepare(*(Instance(name, BEGIN, since=BEGIN, jid=jid_of(name)) for name in names))
    host.open()


def jid_of(name: str) -> str:
    return f"62812345678{ord(name)}:1@s.whatsapp.net"


def online(host: Host, *names: str) -> FakeWorker:
    """The same, and bring the first one online; its worker."""
    opened(host, *names)
    connect(host, names[0])
    return worker_of(host, names[0])


def connect(host: Host, name: str) -> None:
    worker_of(host, name).say(ev.Connected(jid_of(name)))
    host.world.settle()


def incidents(host: Host, since: float = 0.0) -> tuple[IncidentView, ...]:
    return host.world.run(host.fleet.incidents(since))


def timeline(host: Host, name: str, since: float = 0.0) -> list[tuple[State, Reason]]:
    moves = host.world.run(host.fleet.timeline(name, since))
    return [(moved.state, moved.reason) for moved in moves]


def guarded(host: Host, name: str) -> None:
    """Let a cool-down end and the guarded attempt succeed, two seconds later."""
    host.world.pass_time(15.0)
    host.world.pass_time(2.0)
    connect(host, name)


def test_an_incident_tells_what_was_done_about_it(host: Host) -> None:
    online(host, "a", "b").say(ev.StreamReplaced())
    host.world.settle()
    (told,) = incidents(host)
    assert (told.reason, told.names, told.fleet) == (Reason.CONFLICT, ("a",), 2)
    assert told.is_serious and told.acknowledged_at is None
    assert told.done == "waits for the end of the cool-down"
    assert (told.kind, told.severity, told.closed_at) == ("conflict", "problem", None)
    guarded(host, "a")
    assert host.view("a").state is State.CONNECTED
    (told,) = incidents(host)
    assert told.closed_at == told.began_at + 17.0 == host.world.clock.now()
    assert told.done == "cool-down, one guarded attempt, connected after 17 s"
    worker_of(host, "a").say(ev.LoggedOut(on_connect=False, code=401))
    host.world.settle()
    newest, older = incidents(host)
    assert (newest.reason, newest.done) == (Reason.UNLINKED, "waits for an operator")
    assert older == told, "what came after it was over is not its own"
    assert incidents(host, host.world.clock.now()) == (newest,)
    assert newest.id > older.id


def test_an_outage_of_many_is_told_by_its_outcome(host: Host) -> None:
    names = ("a", "b", "c")
    online(host, *names)
    for name in names:
        worker_of(host, name).say(ev.DialFailed("no route"))
    host.world.settle()
    (told,) = incidents(host)
    assert (told.names, told.done) == (names, "3 retrying")
    while not host.world.live():
        host.world.pass_time(1.0)
    (scout,) = host.world.live()
    connect(host, scout.instance)
    (told,) = incidents(host)
    assert told.done.startswith("1 of 3 connected again, each within ")
    assert (told.kind, told.severity, told.closed_at) == ("network", "warning", None)
    for name in names:
        host.world.run(host.fleet.stop(name))
    (told,) = incidents(host)
    assert told.closed_at == host.world.clock.now()


def test_of_an_incident_whose_beginning_is_pruned_nothing_is_made_up(host: Host) -> None:
    online(host, "a").say(ev.StreamReplaced())
    host.world.settle()
    guarded(host, "a")
    (told,) = incidents(host)
    assert told.done
    host.query("DELETE FROM transitions WHERE at <= ?", told.began_at)
    (left,) = incidents(host)
    assert left == replace(told, done="")


def test_an_incident_is_acknowledged_for_good(host: Host) -> None:
    online(host, "a").say(ev.StreamReplaced())
    host.world.settle()
    (told,) = incidents(host)
    at = host.world.clock.now()
    host.world.run(host.fleet.acknowledge(told.id))
    host.world.jump(60.0)
    host.world.run(host.fleet.acknowledge(told.id))
    host.close()
    host.open()
    assert [each.acknowledged_at for each in incidents(host)] == [at]
    with pytest.raises(FleetError, match=f"there is no incident {told.id + 1}") as caught:
        host.world.run(host.fleet.acknowledge(told.id + 1))
    assert caught.value.code == 2


def test_a_timeline_is_the_course_of_one_instance(host: Host) -> None:
    online(host, "a", "b").say(ev.StreamReplaced())
    host.world.settle()
    begun = host.world.clock.now()
    guarded(host, "a")
    course = [
        (State.STOPPED, Reason.NEW),
        (State.CONNECTING, Reason.RESUMED),
        (State.CONNECTED, Reason.ONLINE),
        (State.COOLDOWN, Reason.CONFLICT),
        (State.CONNECTING, Reason.GUARDED),
        (State.CONNECTED, Reason.ONLINE),
    ]
    assert timeline(host, "a") == course
    assert timeline(host, "a", begun + 1.0) == course[3:]
    assert timeline(host, "b") == course[:2]
    assert len(host.world.run(host.fleet.timeline("a", limit=2))) == 2
    with pytest.raises(FleetError, match="no instance is called 'nobody'"):
        timeline(host, "nobody")
    latest = host.world.run(host.fleet.timeline("a"))[-1]
    assert latest == Moved(host.world.clock.now(), *course[-1])


GONE = (State.STOPPED, Reason.NO_MANAGER)


def test_nobody_is_connected_while_no_manager_runs(host: Host) -> None:
    online(host, "a", "b")
    host.world.run(host.fleet.stop("b"))
    stopped = timeline(host, "b")
    ended = host.world.clock.now()
    host.close()
    host.world.jump(7200.0)
    host.open()
    moves = host.world.run(host.fleet.timeline("a"))[-3:]
    assert [(moved.state, moved.reason) for moved in moves] == [
        (State.CONNECTED, Reason.ONLINE),
        GONE,
        (State.CONNECTING, Reason.RESUMED),
    ]
    assert [moved.at for moved in moves[1:]] == [ended, ended + 7200.0]
    assert timeline(host, "b") == stopped


def test_an_incident_goes_on_with_the_next_manager(host: Host) -> None:
    online(host, "a").say(ev.StreamError("516"))
    online_since = host.world.clock.now()
    host.world.settle()
    assert host.view("a").state is State.RETRYING
    host.close()
    host.world.jump(60.0)
    host.open()
    connect(host, "a")
    course = {host.id("a"): host.world.run(host.fleet.timeline("a"))}
    trouble = Incident(
        Reason.STREAM_ERROR, online_since, online_since, ("a",), 1, met=(host.id("a"),)
    )
    assert done_about(trouble, course) == (
        "resumed after the program's start or a pause, connected after 60 s"
    )


class Hand:
    """A clock that runs only while somebody sleeps, until its last moment. over: set then."""

    def __init__(self, last: float) -> None:
        self.at = 1000.0
        self._last = last
        self.over = asyncio.Event()

    def now(self) -> float:
        return self.at

    @property
    def shift(self) -> float:
        return 0.0

    def elapsed(self) -> float:
        return self.at

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Handle:
        raise NotImplementedError

    async def disturbed(self) -> None:
        raise NotImplementedError

    async def sleep(self, seconds: float) -> None:
        if self.at + seconds > self._last:
            self.over.set()
            await asyncio.Event().wait()
        self.at += seconds


async def test_a_killed_manager_was_there_until_it_was_last_alive(tmp_path: Path) -> None:
    kept = Instance("a", 1.0, id="a", state=State.CONNECTED, reason=Reason.ONLINE)
    idle = Instance("b", 1.0, id="b", state=State.HELD, reason=Reason.RIVAL)
    clock = Hand(last=1200.0)
    async with open_store(tmp_path / "waziterm.db") as store:
        presence = Presence(store, clock)
        await presence.begin()
        for each in (kept, idle):
            await store.save(each, event="Something", at=1000.0)
        running = asyncio.create_task(presence.run())
        async with asyncio.timeout(10):
            await clock.over.wait()
        running.cancel()
    clock.at = 9000.0
    async with open_store(tmp_path / "waziterm.db") as store:
        await Presence(store, clock).begin()
        assert [moved.at for moved in await store.timeline("a", 0.0, 9)] == [1000.0, 1180.0]
        assert [moved.at for moved in await store.timeline("b", 0.0, 9)] == [1000.0]
        await store.save(kept, event="Connected", at=9500.0)
        await Presence(store, clock).end()
    async with open_store(tmp_path / "waziterm.db") as store:
        await Presence(store, Hand(0.0)).begin()
        moves = await store.timeline("a", 0.0, 9)
        assert [(moved.at, moved.state) for moved in moves] == [
            (1000.0, State.CONNECTED),
            (1180.0, State.STOPPED),
            (9500.0, State.CONNECTED),
            (9500.0, State.STOPPED),
        ], "an end is noted once, and never before what was recorded last"


def test_each_instance_counts_its_own_attempts(host: Host) -> None:
    opened(host, "a", "b")
    assert (host.view("a").attempts, host.view("a").attempts_ok) == (0, 0), "it has not ended"
    host.world.pass_time(1.5)
    connect(host, "a")
    worker_of(host, "b").say(ev.DialFailed("no route"))
    host.world.settle()
    assert (host.view("a").attempts, host.view("a").attempts_ok) == (1, 1)
    assert (host.view("b").attempts, host.view("b").attempts_ok) == (1, 0)
    fleet = host.fleet.snapshot()
    assert (fleet.attempts, fleet.attempts_ok) == (2, 1)
    assert fleet.library.count(".") >= 2
    told = host.world.run(host.fleet.attempts(0.0))
    assert {each.instance: (each.kind, each.ok) for each in told} == {
        "a": (AttemptKind.RESUME, True),
        "b": (AttemptKind.RESUME, False),
    }
    assert all(each.took_s == pytest.approx(1.5) for each in told)
    assert host.world.run(host.fleet.attempts(0.0, "a")) == tuple(
        each for each in told if each.instance == "a"
    )
    assert host.world.run(host.fleet.attempts(host.world.clock.now())) == ()


def test_what_a_person_cut_short_is_no_verdict(host: Host) -> None:
    opened(host, "a")
    host.world.pass_time(0.5)
    host.world.run(host.fleet.stop("a"))
    told = host.world.run(host.fleet.attempts(0.0))
    (attempt,) = told
    assert replace(attempt, took_s=None) == Attempt(BEGIN, "a", AttemptKind.RESUME)
    assert attempt.took_s == pytest.approx(0.5)
    assert (host.view("a").attempts, host.view("a").attempts_ok) == (0, 0)


def lines_of(host: Host, **asked: Any) -> FleetLines:
    return host.world.run(host.fleet.fleet_lines(**asked))


def test_the_logs_of_all_are_told_by_time(host: Host) -> None:
    online(host, "a", "b")
    connect(host, "b")
    host.world.pass_time(60.0)
    found = lines_of(host, limit=1000).lines
    of_each = {each: host.world.run(host.fleet.lines(each, limit=1000)) for each in ("a", "b")}
    assert len(found) == sum(map(len, of_each.values())) > 3
    assert [each.at for each in found] == sorted(each.at for each in found)
    for name, lines in of_each.items():
        assert [each.text for each in found if each.instance == name] == [x.text for x in lines]
    assert lines_of(host, limit=3).lines == found[-3:]
    assert lines_of(host, limit=1000, name="b").lines == tuple(
        each for each in found if each.instance == "b"
    )
    late = found[-1].at
    assert {each.at for each in lines_of(host, since=late).lines} == {late}


def test_who_follows_the_logs_is_told_of_one_that_is_added_anew(host: Host) -> None:
    online(host, "a", "b")
    connect(host, "b")
    before = {name: lines_of(host, name=name) for name in ("a", None)}
    assert lines_of(host, after=before[None].last).lines == ()
    host.world.run(host.fleet.remove("a"))
    host.world.run(host.fleet.add("a"))
    host.world.settle()
    for name in ("a", None):
        new = lines_of(host, name=name, after=before[name].last)
        told = [each for each in new.lines if each.instance == "a"]
        assert told and told[0].seq == 1, "the number of the first one of the new instance"
        assert lines_of(host, name=name, after=new.last).lines == ()
    # Another manager has not counted so far.
    assert lines_of(host, after=10**9).lines
