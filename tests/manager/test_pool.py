"""Instances that share a worker: who is let go, who is hit by a crash, and who is left alone."""

import asyncio
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.manager.hosting import Host, settings
from tests.manager.rivals import a_rival
from tests.manager.world import BEGIN, FakeProcess, FakeWorker, World
from waziterm.domain.fleet.api import Notice
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.manager.workers.worker import LEAVE_S, SOON_S
from waziterm.store.sessionfile import device_key
from waziterm.worker import protocol as wire

NAMES = "abcd"


@pytest.fixture
def host(folder: Path) -> Iterator[Host]:
    yield from _host(folder)


@pytest.fixture
def isolating(folder: Path) -> Iterator[Host]:
    (folder / "config.toml").write_text("[instances.b]\nisolate = true\n")
    yield from _host(folder)


def _host(folder: Path) -> Iterator[Host]:
    world = World()
    here = Host(world, folder / "data", settings(folder, fleet__instances_per_worker=4))
    here.prepare(
        *(Instance(name, BEGIN, since=BEGIN, jid=jid(name)) for name in NAMES),
    )
    here.open()
    for name in NAMES:
        worker_of(here, name).say(ev.Connected(jid(name)))
    world.settle()
    try:
        yield here
    finally:
        here.abandon()
        world.close()


def jid(name: str) -> str:
    return f"62812345678{ord(name)}:1@s.whatsapp.net"


def worker_of(host: Host, name: str) -> FakeWorker:
    (worker,) = host.world.live(name)
    return worker


def pids(host: Host) -> dict[str, int]:
    return {worker.instance: worker.pid for worker in host.world.live()}


def states(host: Host) -> dict[str, State]:
    return {name: host.view(name).state for name in NAMES}


ONLINE = dict.fromkeys(NAMES, State.CONNECTED)


def test_a_boot_puts_all_in_one_worker_up_to_its_size(host: Host) -> None:
    assert len(set(pids(host).values())) == 1
    assert states(host) == ONLINE


def test_all_in_a_worker_are_probed_together_and_often_enough(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[float, list[str]]] = []
    take = FakeProcess.send

    async def send(self: FakeProcess, *commands: wire.Command) -> None:
        if isinstance(commands[0], wire.Probe):
            asked.append((host.world.clock.now(), sorted(each.instance for each in commands)))
        await take(self, *commands)

    monkeypatch.setattr(FakeProcess, "send", send)
    period = host.settings.limits.keepalive_s
    host.world.pass_time(1.5 * period)
    assert [names for _, names in asked] == [[*NAMES]]
    host.world.pass_time(3 * period)
    assert [names for _, names in asked] == [[*NAMES]] * 4
    moments = [at for at, _ in asked]
    assert [b - a for a, b in pairwise(moments)] == pytest.approx([period] * 3, abs=0.01)


def test_a_crash_between_probes_is_laid_to_the_one_under_way(host: Host) -> None:
    workers = {name: worker_of(host, name) for name in NAMES}
    workers["b"].answers = workers["c"].answers = "never"
    host.world.pass_time(45.0)
    workers["a"].process.die(-6)
    host.world.settle()
    blamed = {name for name in NAMES if host.view(name).reason is Reason.WORKER_DIED}
    assert len(blamed) == 1 and blamed < {"b", "c"}


@pytest.mark.parametrize("comes", [True, False])
def test_the_first_worker_starts_while_all_still_wait(folder: Path, comes: bool) -> None:
    world, begin = World(), asyncio.Event()
    here = Host(world, folder / "data", settings(folder, fleet__instances_per_worker=4))
    here.prepare(*(Instance(name, BEGIN, since=BEGIN, jid=jid(name)) for name in NAMES))
    try:
        here.begin = begin
        here.open()
        assert len(world.processes) == 1 and not world.live()
        if comes:
            begin.set()
            world.settle()
            assert len(world.processes) == 1 and len(world.live()) == len(NAMES)
        here.close()
        assert not any(each.alive for each in world.processes)
    finally:
        here.abandon()
        world.close()


def test_a_restart_of_one_parts_it_from_the_others_and_gives_it_a_worker_of_its_own(
    host: Host,
) -> None:
    shared = pids(host)["a"]
    old = worker_of(host, "a")
    host.world.task(host.fleet.reconnect("a")).result()
    host.world.settle()
    assert old.left and pids(host)["a"] != shared
    assert worker_of(host, "a").command.alone
    assert {pids(host)[name] for name in "bcd"} == {shared}
    worker_of(host, "a").say(ev.Connected(jid("a")))
    old.say(ev.StreamReplaced())
    host.world.settle()
    assert states(host) == ONLINE, "a late event of the old place is none of the new one's"


def test_the_last_that_leaves_ends_the_process(host: Host) -> None:
    process = worker_of(host, "a").process
    for name in NAMES:
        assert process.alive
        host.world.task(host.fleet.stop(name)).result()
    assert not process.alive


def test_a_crash_brings_all_back_and_the_suspect_alone(host: Host) -> None:
    host.world.pass_time(1.0)
    worker_of(host, "c").say(ev.KeepAliveRestored())
    host.world.settle()
    worker_of(host, "a").die(-6)
    host.world.settle()
    again = pids(host)
    assert set(again) == set("abd") and len(set(again.values())) == 1
    assert host.view("a").reason is Reason.WORKER_LOST
    assert host.view("a").detail == "signal 6 (SIGABRT)"
    assert host.view("c").reason is Reason.WORKER_DIED
    host.world.pass_time(3.0)
    assert worker_of(host, "c").command.alone and pids(host)["c"] != again["a"]
    for name in NAMES:
        worker_of(host, name).say(ev.Connected(jid(name)))
    host.world.settle()
    assert states(host) == ONLINE


@pytest.mark.parametrize("number", [9, 15])
def test_f22_a_worker_killed_from_outside_is_told_to_all_and_once_to_the_fleet(
    host: Host, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    notices: list[Notice] = []

    async def watch() -> None:
        async with host.fleet.subscribe() as changes:
            while True:
                notices.extend((await changes.next()).notices)

    watching = host.world.task(watch())
    host.world.pass_time(1.0)
    worker_of(host, "c").say(ev.KeepAliveRestored())
    host.world.settle()
    pid = pids(host)["a"]
    worker_of(host, "a").die(-number)
    host.world.settle()
    said = f"worker {pid} was killed from outside (signal {number})"
    for name in NAMES:
        view = host.view(name)
        assert (view.reason, view.detail) == (Reason.WORKER_LOST, said)
        # A pid of this world is as long as a phone number, which a log masks.
        cause = said.partition(" was ")[2]
        assert any(cause in line.text for line in host.fleet.tail(name))
    assert [each.text for each in notices] == [f"{said}; 4 instances go on in another"]
    (line,) = [each for each in caplog.messages if "killed" in each]
    assert said in line
    for name in NAMES:
        worker_of(host, name).say(ev.Connected(jid(name)))
    host.world.settle()
    assert states(host) == ONLINE
    watching.cancel()


def test_workers_that_die_again_and_again_are_not_fed_for_ever(host: Host) -> None:
    for suspect in "bd":
        worker_of(host, suspect).say(ev.KeepAliveRestored())
        host.world.settle()
        worker_of(host, "a").die(-9)
        host.world.settle()
        for name in NAMES:
            for worker in host.world.live(name):
                worker.say(ev.Connected(jid(name)))
        host.world.settle()
    assert host.view("a").state is State.RETRYING and host.view("a").reason is Reason.WORKER_DIED


def test_a_worker_that_does_not_part_with_one_holds_nobody_up_and_is_killed_in_the_end(
    host: Host,
) -> None:
    stuck = worker_of(host, "a")
    stuck.answers = "never"
    stopping = host.world.task(host.fleet.stop("a"))
    host.world.pass_time(6.0)
    assert stopping.result().state is State.STOPPED
    host.world.task(host.fleet.start("a"))
    host.world.pass_time(80.0)
    assert host.world.live("a") == [stuck], "nobody may connect it elsewhere yet"
    assert states(host) == {**ONLINE, "a": State.CONNECTING}
    host.world.pass_time(5.0)
    assert not stuck.process.alive
    assert worker_of(host, "a").pid != stuck.pid
    assert {pids(host)[name] for name in "bcd"}.isdisjoint({stuck.pid, pids(host)["a"]})
    assert len({pids(host)[name] for name in "bcd"}) == 1


@pytest.mark.parametrize("ended_by", ["stop", "clean"])
@pytest.mark.parametrize("takeover", [False, True], ids=["start", "takeover"])
def test_whoever_has_the_same_device_waits_until_the_worker_has_parted_with_it(
    host: Host, ended_by: str, takeover: bool
) -> None:
    host.close()
    wanted = Wanted.RUNNING if takeover else Wanted.STOPPED
    host.prepare(Instance("twin", BEGIN, since=BEGIN, jid=jid("a"), wanted=wanted))
    host.open()
    old = worker_of(host, "a")
    old.answers = "never"
    host.world.task(getattr(host.fleet, ended_by)("a"))
    host.world.pass_time(SOON_S + 1.0)
    assert host.view("a").state is State.STOPPED and old.alive
    verb = host.fleet.reconnect("twin", takeover=True) if takeover else host.fleet.start("twin")
    asked = host.world.task(verb)
    host.world.pass_time(1.0)
    assert asked.result().state is State.CONNECTING
    assert not host.world.live("twin"), "two live workers for one JID"
    host.world.pass_time(LEAVE_S)
    assert not old.alive and worker_of(host, "twin").jid == jid("a")


def test_a_device_is_free_for_others_only_when_the_worker_has_parted_with_it(host: Host) -> None:
    key = device_key(host.session("a"), jid("a"))
    assert key is not None
    old = worker_of(host, "a")
    old.answers = "never"
    with a_rival() as rival:
        rival.do("register", "/srv/theirs")
        host.world.task(host.fleet.stop("a"))
        host.world.pass_time(SOON_S + 1.0)
        assert host.view("a").state is State.STOPPED and old.alive
        assert rival.do("claim", key.hex(), False) is not None
        host.world.pass_time(LEAVE_S)
        assert not old.alive
        assert rival.do("claim", key.hex(), False) is None


def test_whom_the_worker_refuses_goes_into_another_one_at_once(host: Host) -> None:
    refused = worker_of(host, "a")
    host.world.task(host.fleet.stop("b")).result()
    host.world.task(host.fleet.stop("a")).result()
    host.world.task(host.fleet.start("a"))
    again = worker_of(host, "a")
    again.say(ev.NotStarted("a start before it hangs"))
    host.world.settle()
    assert worker_of(host, "a").pid not in (refused.pid, again.pid)
    assert host.view("a").state is State.CONNECTING


def test_innocents_of_a_second_crash_are_each_alone_so_that_the_culprit_shows(host: Host) -> None:
    for suspect in "bd":
        worker_of(host, suspect).say(ev.KeepAliveRestored())
        host.world.settle()
        worker_of(host, "a").die(-9)
        host.world.settle()
        host.world.pass_time(5.0)
        for name in NAMES:
            worker_of(host, name).say(ev.Connected(jid(name)))
        host.world.settle()
    assert len(set(pids(host).values())) == len(NAMES)


def test_after_a_405_nobody_who_is_connected_is_moved(host: Host) -> None:
    worker_of(host, "d").say(ev.ClientOutdated())
    host.world.settle()
    host.world.task(host.fleet.stop("c")).result()
    host.world.pass_time(700.0)
    assert host.world.task(host.fleet.tidy_up()).result() == ()
    assert states(host)["a"] is states(host)["b"] is State.CONNECTED


def test_who_is_isolated_shares_with_nobody(isolating: Host) -> None:
    where = pids(isolating)
    assert where["a"] == where["c"] == where["d"] != where["b"]
    assert worker_of(isolating, "b").command.alone


def test_a_guarded_attempt_has_its_worker_to_itself(host: Host) -> None:
    worker_of(host, "a").say(ev.StreamReplaced())
    host.world.settle()
    assert host.view("a").state is State.COOLDOWN
    assert states(host) == {**ONLINE, "a": State.COOLDOWN}
    host.world.pass_time(12.0)
    assert host.view("a").reason is Reason.GUARDED
    assert worker_of(host, "a").command.alone


def test_an_instance_that_went_deaf_leaves_the_others_in_peace(host: Host) -> None:
    deaf = worker_of(host, "a")
    deaf.say(ev.LibraryDeaf("it returned"))
    host.world.settle()
    assert deaf.left and host.view("a").reason is Reason.DEAF
    assert states(host) == {**ONLINE, "a": State.RETRYING}


def test_in_a_quiet_moment_the_scattered_are_put_together_again(host: Host) -> None:
    for name in "ab":
        host.world.task(host.fleet.reconnect(name)).result()
        host.world.settle()
        worker_of(host, name).say(ev.Connected(jid(name)))
    host.world.settle()
    assert len(set(pids(host).values())) == 3
    host.world.pass_time(700.0)
    acts = host.world.task(host.fleet.tidy_up()).result()
    host.world.settle()
    assert {act.subject for act in acts} == set(NAMES)
    for name in NAMES:
        worker_of(host, name).say(ev.Connected(jid(name)))
    host.world.settle()
    assert len(set(pids(host).values())) == 1
    assert states(host) == ONLINE
