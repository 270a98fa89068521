"""What becomes of one instance when things come at a bad moment; in a world of the test's own."""

import asyncio
import resource
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.manager.hosting import Host
from tests.manager.world import BEGIN, FakeWorker
from waziterm.domain.fleet.api import FleetError
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted

JID = "628123456789:1@s.whatsapp.net"
COOLDOWN_S = 10.0
JITTERED_S = 11.0


def worker_of(host: Host, name: str) -> FakeWorker:
    (worker,) = host.world.live(name)
    return worker


def online(host: Host, *names: str, jid: str = JID) -> FakeWorker:
    """Start the manager with paired instances, and bring the first one online."""
    host.prepare(*(Instance(name, BEGIN, since=BEGIN, jid=jid) for name in names))
    host.open()
    worker = worker_of(host, names[0])
    worker.say(ev.Connected(jid))
    host.world.settle()
    assert host.view(names[0]).state is State.CONNECTED
    return worker


@contextmanager
def full_disk(host: Host) -> Iterator[None]:
    """The database's log cannot grow any more: SQLite gets an error for each commit."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = (host.root / "waziterm.db-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def no_more(host: Host, what: str) -> Iterator[None]:
    """The database refuses one kind of statement, for example "INSERT ON incidents"."""
    refusal = f"BEFORE {what} BEGIN SELECT RAISE(ABORT, 'not today'); END"
    host.query(f"CREATE TRIGGER no_more {refusal}")
    try:
        yield
    finally:
        host.query("DROP TRIGGER no_more")


@pytest.mark.parametrize("away_s", [0.0, 3.0, 60.0], ids=lambda s: f"{s:.0f} s away")
def test_a_cool_down_outlives_a_restart_and_ends_in_the_guarded_attempt(
    host: Host, away_s: float
) -> None:
    online(host, "a").say(ev.StreamReplaced())
    host.world.settle()
    cooling = host.view("a")
    assert cooling.state is State.COOLDOWN and cooling.next_attempt is not None
    host.close()
    host.world.jump(away_s)
    host.open()
    if away_s < COOLDOWN_S:
        assert host.view("a").next_attempt == cooling.next_attempt
        assert not host.world.live()
        host.world.pass_time(cooling.next_attempt - host.world.clock.now() - 0.01)
        assert not host.world.live()
        host.world.pass_time(0.02)
    assert host.view("a").reason is Reason.GUARDED
    assert worker_of(host, "a").command is not None


def test_a_ban_outlives_a_restart_and_ends_by_itself(host: Host) -> None:
    online(host, "a").say(ev.TemporaryBan(101, 600.0))
    host.world.settle()
    host.close()
    host.open()
    assert host.view("a").state is State.BANNED
    host.world.pass_time(599.0)
    assert not host.world.live()
    host.world.pass_time(2.0)
    assert worker_of(host, "a").jid == JID


@pytest.mark.parametrize("told", [(60.0, 600.0), (600.0, 60.0)], ids=["longer", "shorter"])
def test_of_two_bans_the_longer_counts(host: Host, told: tuple[float, float]) -> None:
    worker = online(host, "a")
    for expire_s in told:
        worker.say(ev.TemporaryBan(101, expire_s))
    host.world.settle()
    host.world.pass_time(599.0)
    assert not host.world.live() and host.view("a").state is State.BANNED
    host.world.pass_time(2.0)
    assert worker_of(host, "a").jid == JID


def test_a_ban_without_a_known_end_waits_for_a_person_and_says_so(host: Host) -> None:
    """The library tells 0 for an end that it cannot read, or one in centuries."""
    online(host, "a").say(ev.TemporaryBan(999, 0.0))
    host.world.pass_time(100_000.0)
    view = host.view("a")
    assert view.state is State.HELD and view.detail == "code 999; its end is not known"
    assert view.next_step == "see the code; reconnect (r) tries once"
    (found,) = [each for each in host.world.task(host.fleet.check()).result() if each.instance]
    assert "waits until the end" not in found.act
    host.world.task(host.fleet.reconnect("a", takeover=True)).result()
    assert worker_of(host, "a").jid == JID


@pytest.mark.parametrize(
    "ends_it",
    [[ev.Disconnected(), ev.Disconnected()], [ev.StreamError("516")], [ev.DialFailed("no route")]],
    ids=["second drop", "516", "dial failed"],
)
def test_a_conflict_that_comes_behind_the_end_of_its_attempt_counts(
    host: Host, ends_it: list[ev.WorkerEvent]
) -> None:
    worker = online(host, "a")
    for event in (*ends_it, ev.StreamReplaced()):
        worker.say(event)
    host.world.settle()
    host.world.pass_time(COOLDOWN_S - 0.1)
    assert not host.world.live(), "dialled inside the cool-down of a conflict it was told of"
    host.world.pass_time(JITTERED_S - COOLDOWN_S + 0.2)
    assert host.view("a").reason is Reason.GUARDED


@pytest.mark.parametrize(
    "late",
    [ev.Connected(JID), ev.Disconnected(), ev.KeepAliveTimeout(1), ev.SessionBroken("no file"),
     ev.ClientOutdated()],
    ids=lambda event: type(event).__name__,
)  # fmt: skip
def test_what_an_ended_attempt_still_says_changes_nothing(host: Host, late: ev.WorkerEvent) -> None:
    worker = online(host, "a")
    worker.say(ev.StreamError("516"))
    host.world.settle()
    waiting = host.view("a")
    assert waiting.state is State.RETRYING and waiting.next_attempt is not None
    host.world.pass_time(waiting.next_attempt - host.world.clock.now() + 0.1)
    worker_of(host, "a").say(ev.StreamError("516"))
    worker_of(host, "a").say(late)
    host.world.settle()
    view = host.view("a")
    assert (view.state, view.reason) == (State.RETRYING, Reason.STREAM_ERROR)
    assert view.paired and not host.world.live()


@pytest.mark.parametrize(
    ("last", "state", "reason"),
    [
        (ev.LoggedOut(on_connect=True, code=401), State.LOGGED_OUT, Reason.UNLINKED),
        (ev.LoggedOut(on_connect=True, code=406), State.LOGGED_OUT, Reason.ACCOUNT_BANNED),
        (ev.TemporaryBan(101, 3600.0), State.BANNED, Reason.TEMPORARY_BAN),
        (ev.StreamReplaced(), State.COOLDOWN, Reason.CONFLICT),
    ],
    ids=["401", "406", "402", "440"],
)
@pytest.mark.parametrize("drops", [False, True], ids=["online", "redials"])
def test_the_end_of_the_manager_does_not_lose_what_whatsapp_said_then(
    host: Host, last: ev.WorkerEvent, state: State, reason: Reason, *, drops: bool
) -> None:
    worker = online(host, "a")
    if drops:
        host.world.pass_time(3600.0)
        worker.say(ev.Disconnected())
        host.world.settle()
        assert host.view("a").state is State.RETRYING
    worker.last = last

    host.close()
    row = host.query("SELECT state, reason FROM instances")[0]
    assert (row["state"], row["reason"]) == (state, reason.slug)
    assert not host.world.live()

    host.open()
    assert (host.view("a").state, host.view("a").reason) == (state, reason)
    assert not host.world.live()


@pytest.mark.parametrize("code", [401, 403, 406])
@pytest.mark.parametrize("verb", ["stop", "rename", "reconnect", "isolate"])
def test_no_verb_loses_a_logout_that_came_with_it(host: Host, verb: str, code: int) -> None:
    worker = online(host, "a")
    worker.last = ev.LoggedOut(on_connect=False, code=code)
    match verb:
        case "rename":
            asked: Coroutine[object, object, object] = host.fleet.rename("a", "b")
        case "isolate":
            asked = host.fleet.edit("a", isolate="true")
        case _:
            asked = getattr(host.fleet, verb)("a")
    host.world.task(asked).exception()
    host.world.pass_time(JITTERED_S)
    (view,) = host.fleet.snapshot().instances
    assert (view.state, view.reason.code, view.paired) == (State.LOGGED_OUT, str(code), False)
    assert not host.world.live()


def test_a_stop_does_not_lose_a_conflict_that_came_with_it(host: Host) -> None:
    worker = online(host, "a")
    stopping = host.world.loop.create_task(host.fleet.stop("a"))
    host.world.loop.call_soon(worker.say, ev.StreamReplaced())
    host.world.settle()
    assert stopping.result().state is State.STOPPED
    host.world.task(host.fleet.start("a")).exception()
    host.world.pass_time(COOLDOWN_S - 0.1)
    assert not host.world.live(), "dialled inside the cool-down of a conflict it was told of"


def stopped(name: str) -> Instance:
    return Instance(name, BEGIN, since=BEGIN, jid=JID, wanted=Wanted.STOPPED)


def supervisors(host: Host) -> list[str]:
    names = [task.get_name() for task in asyncio.all_tasks(host.world.loop)]
    return [name for name in names if name.startswith("supervisor")]


def test_a_fleet_that_boots_stopped_takes_no_task_for_each(host: Host) -> None:
    host.prepare(*map(stopped, "abc"))
    host.open()
    assert supervisors(host) == []
    host.world.task(host.fleet.start("b")).result()
    assert supervisors(host) == ["supervisor b"]
    assert host.view("b").state is State.CONNECTING
    host.close()
    assert not host.world.live()


@pytest.mark.parametrize("verb", ["start", "stop", "reconnect", "clean", "remove", "rename"])
def test_what_was_told_nothing_yet_does_each_verb(host: Host, verb: str) -> None:
    host.prepare(stopped("a"))
    host.open()
    asked = host.fleet.rename("a", "b") if verb == "rename" else getattr(host.fleet, verb)("a")
    host.world.task(asked).result()
    stood = {view.name: view.state for view in host.fleet.snapshot().instances}
    match verb:
        case "start" | "reconnect":
            assert stood == {"a": State.CONNECTING}
        case "remove":
            assert stood == {}
        case "rename":
            assert stood == {"b": State.STOPPED}
        case _:
            assert stood == {"a": State.STOPPED}
    host.close()
    assert not host.world.live()


def test_a_takeover_of_what_another_instance_has_ends_that_one_first(host: Host) -> None:
    online(host, "a", "b")
    assert host.view("b").reason is Reason.LOCAL_HOLDER
    together: list[list[str]] = []
    host.world.on_connect = lambda _: together.append([w.instance for w in host.world.live()])
    host.world.task(host.fleet.reconnect("b", takeover=True)).result()
    assert together == [["b"]], "two live workers for one JID"
    assert (host.view("a").state, host.view("a").reason) == (State.HELD, Reason.LOCAL_HOLDER)


def test_a_takeover_waits_for_the_end_of_a_worker_that_a_conflict_has_ended(host: Host) -> None:
    worker = online(host, "a", "b")
    host.world.kill_s = 0.3
    worker.answers = "never"
    worker.say(ev.StreamReplaced())
    host.world.settle()
    assert host.view("a").state is State.COOLDOWN and worker.alive
    together: list[list[str]] = []
    host.world.on_connect = lambda _: together.append([w.instance for w in host.world.live()])
    taking = host.world.task(host.fleet.reconnect("b", takeover=True))
    host.world.pass_time(4.0)
    assert taking.result().reason is Reason.TAKEOVER
    assert together == [["b"]], "two live workers for one JID"
    assert host.view("a").state is State.COOLDOWN


@pytest.mark.parametrize("then", ["start", "reconnect"])
def test_of_a_takeover_and_a_start_that_comes_with_it_exactly_one_connects(
    host: Host, then: str
) -> None:
    online(host, "a", "b")
    together: list[list[str]] = []
    host.world.on_connect = lambda _: together.append([w.instance for w in host.world.live()])
    host.world.kill_s = 0.3
    host.world.task(host.fleet.stop("a"))
    host.world.task(host.fleet.reconnect("b", takeover=True))
    host.world.task(getattr(host.fleet, then)("a"))
    host.world.pass_time(1.0)
    assert len(together) == 1 and len(together[0]) == 1, "two live workers for one JID"
    (one,) = together[0]
    other = "b" if one == "a" else "a"
    held = host.view(other)
    assert host.view(one).state is State.CONNECTING
    assert (held.state, held.reason) == (State.HELD, Reason.LOCAL_HOLDER)
    assert held.detail == f"the instance {one} of this fleet"


def test_a_takeover_that_a_ban_forbids_leaves_the_other_one_alone(host: Host) -> None:
    worker = online(host, "a", "b")
    worker_b = Instance(
        "b", BEGIN, id=host.id("b"), since=BEGIN, jid=JID, banned_until=BEGIN + 600.0
    )
    host.close()
    host.prepare(replace(worker_b, wanted=Wanted.STOPPED))
    host.open()
    worker = worker_of(host, "a")
    error = host.world.task(host.fleet.reconnect("b", takeover=True)).exception()
    assert isinstance(error, FleetError) and "banned by WhatsApp until 20" in str(error)
    assert str(error).endswith(" UTC") and "connects by itself then" in error.hint
    assert worker.alive and host.view("a").state is not State.HELD


def test_a_boot_writes_nothing_of_who_stays_stopped(host: Host) -> None:
    stopped = Instance("a", BEGIN, id="a", since=BEGIN, jid=JID, wanted=Wanted.STOPPED)
    host.prepare(stopped, replace(stopped, name="b", id="b", state=State.CONNECTED))
    count = "SELECT count(*) AS n FROM transitions WHERE instance = ?"
    host.open()
    assert [host.query(count, each)[0]["n"] for each in "ab"] == [1, 2]
    assert host.view("a").state is host.view("b").state is State.STOPPED
    host.world.run(host.fleet.start("a"))
    assert host.view("a").state is State.CONNECTING


def test_whatsmeow_s_missed_ping_is_judged_by_a_probe_at_once(host: Host) -> None:
    worker = online(host, "a")
    host.world.pass_time(5.0)
    worker.say(ev.KeepAliveTimeout(1))
    host.world.settle()
    assert host.view("a").state is State.CONNECTED, "a session that answers is not degraded"
    worker.answers = "never"
    worker.say(ev.KeepAliveTimeout(2))
    host.world.settle()
    assert host.view("a").state is State.DEGRADED


def test_a_worker_that_came_after_a_dead_one_is_not_blamed_for_it(host: Host) -> None:
    dead = online(host, "a")
    host.world.vanish(dead)
    round_ = host.world.loop.create_task(host.fleet.tidy_up())
    stopped = host.world.loop.create_task(host.fleet.reconnect("a"))
    host.world.settle()
    assert round_.done() and stopped.done()
    host.world.pass_time(1.0)
    assert not any("found dead" in line.text for line in host.fleet.tail("a"))
    assert worker_of(host, "a") is not dead and host.view("a").state is State.CONNECTING


def test_of_two_instances_with_one_device_exactly_one_gives_way(host: Host) -> None:
    host.prepare(*(Instance(name, BEGIN, since=BEGIN, jid=JID) for name in ("a", "b")))
    host.open()
    assert len(host.world.live()) == 1
    assert [host.view(name).state for name in ("a", "b")].count(State.HELD) == 1


def test_a_doubled_pairing_does_not_disturb_the_connection(host: Host) -> None:
    host.open()
    host.world.task(host.fleet.add("a")).result()
    worker = worker_of(host, "a")
    paired = ev.PairSucceeded(JID, "1@lid", "android")
    for event in (ev.QrShown("q" * 50, 1, 6, 60.0), paired, ev.Connected(JID), paired):
        worker.say(event)
        host.world.settle()
    assert host.view("a").state is State.CONNECTED
    host.world.pass_time(120.0)
    assert worker.alive and host.view("a").state is State.CONNECTED


def test_a_code_that_comes_behind_its_own_scan_changes_nothing(host: Host) -> None:
    host.open()
    host.world.task(host.fleet.add("a")).result()
    worker = worker_of(host, "a")
    for event in (
        ev.QrShown("q" * 50, 1, 6, 60.0),
        ev.PairSucceeded(JID, "1@lid", "android"),
        ev.QrShown("r" * 50, 2, 6, 20.0),
        ev.Connected(JID),
    ):
        worker.say(event)
    host.world.settle()
    assert worker.alive and host.view("a").state is State.CONNECTED


def test_on_a_full_disk_a_command_is_refused_and_changes_nothing(host: Host) -> None:
    worker = online(host, "a")
    for command in (host.fleet.clean("a"), host.fleet.reconnect("a")):
        with full_disk(host):
            error = host.world.task(command).exception()
        assert isinstance(error, FleetError) and "disk" in str(error) and error.hint
        assert worker.alive and host.session("a").exists()
        assert host.view("a").state is State.CONNECTED
    (row,) = host.query("SELECT state, jid FROM instances")
    assert (row["state"], row["jid"]) == ("connected", JID)


def test_a_change_is_stored_with_its_attempt_or_not_at_all(host: Host) -> None:
    host.prepare(Instance("a", BEGIN, since=BEGIN, jid=JID))
    host.open()
    worker = worker_of(host, "a")
    with no_more(host, "UPDATE ON attempts"):
        error = host.world.task(host.fleet.clean("a")).exception()
        assert isinstance(error, FleetError) and worker.alive
        (row,) = host.query("SELECT state, jid FROM instances")
        assert (row["state"], row["jid"]) == ("connecting", JID)


def test_a_change_is_stored_with_its_incident_or_not_at_all(host: Host) -> None:
    banned = Instance("a", BEGIN, since=BEGIN, jid=JID, banned_until=BEGIN + 600.0)
    host.prepare(replace(banned, wanted=Wanted.STOPPED))
    host.open()
    with no_more(host, "INSERT ON incidents"):
        error = host.world.task(host.fleet.reconnect("a")).exception()
        assert isinstance(error, FleetError) and "not today" in str(error)
        assert host.view("a").state is State.STOPPED
        assert host.query("SELECT state FROM instances") == [{"state": "stopped"}]


def test_on_a_full_disk_a_conflict_stops_the_worker_and_cools_down(host: Host) -> None:
    worker = online(host, "a")
    with full_disk(host):
        worker.say(ev.StreamReplaced())
        host.world.settle()
        assert not worker.alive and host.view("a").state is State.COOLDOWN
        assert any("not stored" in line.text for line in host.fleet.tail("a"))
        host.world.pass_time(COOLDOWN_S - 0.1)
        assert not host.world.live()
        host.world.pass_time(JITTERED_S - COOLDOWN_S + 0.2)
        worker_of(host, "a").say(ev.Connected(JID))
        host.world.settle()
        assert host.view("a").state is State.CONNECTED
    host.lies.clear()  # what a full disk has not taken cannot be stored before it is shown


def test_on_a_full_disk_a_stop_stops_and_the_sums_are_told(host: Host) -> None:
    worker = online(host, "a")
    with full_disk(host):
        (told,) = host.world.task(host.fleet.stats(name="a")).result()
        assert told.instance == "a"
        view = host.world.task(host.fleet.stop("a")).result()
    assert view.state is State.STOPPED and not worker.alive


def test_a_clean_whose_files_cannot_be_moved_leaves_the_instance_paired(host: Host) -> None:
    online(host, "a")
    trash = host.root / "trash"
    trash.rmdir()
    trash.write_text("a file stands where the trash should be")
    error = host.world.task(host.fleet.clean("a")).exception()
    host.world.settle()
    assert isinstance(error, FleetError) and "trash" in str(error)
    assert host.session("a").exists()
    assert host.view("a").paired, "what could not be cleaned goes on as before"
    assert worker_of(host, "a").jid == JID


def test_a_worker_whose_heart_stops_is_replaced(host: Host) -> None:
    worker = online(host, "a")
    worker.beats, worker.answers = False, "never"
    host.world.pass_time(45.0)
    assert not worker.alive
    view = host.view("a")
    assert "heartbeat" in view.detail or view.state is State.CONNECTING
    assert any("its heartbeat stopped" in line.text for line in host.fleet.tail("a"))


def test_a_suspended_machine_holds_nothing_against_a_session(host: Host) -> None:
    worker = online(host, "a")
    worker.answers = "never"
    host.world.pass_time(35.0)
    host.world.jump(4000.0)
    worker.answers = "ok"
    host.world.pass_time(45.0)
    assert worker.alive and host.view("a").state is State.CONNECTED


@pytest.mark.parametrize("by_s", [-3600.0, -5.0, 5.0, 3600.0, 40 * 86_400.0])
def test_f4_a_clock_that_is_set_leaves_a_wait_as_long_as_it_is(host: Host, by_s: float) -> None:
    online(host, "a").say(ev.StreamReplaced())
    host.world.settle()
    host.world.clock.set_by(by_s)
    host.world.settle()
    host.world.pass_time(COOLDOWN_S - 0.1)
    assert not host.world.live()
    host.world.pass_time(JITTERED_S - COOLDOWN_S + 0.2)
    assert host.view("a").reason is Reason.GUARDED


def test_an_attempt_in_flight_is_joined(host: Host) -> None:
    host.world.spawn_s = 0.5
    host.prepare(Instance("a", BEGIN, since=BEGIN, jid=JID))
    host.open()
    asked = [
        host.world.task(host.fleet.start("a")),
        host.world.task(host.fleet.reconnect("a")),
        host.world.task(host.fleet.reconnect("a", takeover=True)),
    ]
    host.world.pass_time(2.0)
    assert all(task.result().state is State.CONNECTING for task in asked)
    assert len(host.world.workers) == 1


@pytest.mark.parametrize("by_cancelling", [False, True], ids=["quit", "cancelled"])
def test_the_end_of_the_manager_waits_for_a_spawn_under_way(
    host: Host, by_cancelling: bool
) -> None:
    host.world.spawn_s = host.world.kill_s = 0.5
    host.prepare(*(Instance(name, BEGIN, since=BEGIN, jid=f"62812345678{i}:1@s.whatsapp.net")
                   for i, name in enumerate("abc")))  # fmt: skip
    host.open()
    host.close(by_cancelling=by_cancelling)
    host.world.pass_time(2.0)
    assert not host.world.live()
    assert not Path(host.root / "run").exists()
