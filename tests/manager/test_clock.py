"""F4, F14: what a wall clock that is set, or was wrong, does to waits, budgets and what is kept."""

import asyncio
import time

import pytest

from tests.manager.hosting import Host, settings
from tests.manager.test_supervising import COOLDOWN_S, JID, JITTERED_S, online, worker_of
from tests.manager.world import BEGIN
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.upkeep.janitor import ActKind
from waziterm.manager.clock import SystemClock

HOUR_S = 3600.0
DAY_S = 86_400.0
STEPS = [-40 * DAY_S, -HOUR_S, HOUR_S, 40 * DAY_S]


@pytest.mark.parametrize("by_s", STEPS)
def test_f4_what_is_shown_and_stored_follows_a_clock_that_is_set(host: Host, by_s: float) -> None:
    online(host, "a").say(ev.TemporaryBan(101, 600.0))
    host.world.settle()
    before = host.view("a")
    host.world.clock.set_by(by_s)
    seen = host.view("a")
    assert before.next_attempt is not None
    assert seen.since == pytest.approx(before.since + by_s)
    assert seen.next_attempt == pytest.approx(before.next_attempt + by_s)
    host.world.settle()
    (row,) = host.query("SELECT since, due, banned_until FROM instances")
    assert tuple(row.values()) == pytest.approx((seen.since, seen.next_attempt, seen.next_attempt))
    assert len(host.query("SELECT * FROM transitions WHERE event = 'ClockSet'")) == 0
    host.world.pass_time(599.0)
    assert not host.world.live()
    host.world.pass_time(2.0)
    assert host.world.live("a")


@pytest.mark.parametrize("by_s", STEPS)
def test_f4_a_conflict_counts_as_long_as_it_does(host: Host, by_s: float) -> None:
    """One guarded attempt, and a conflict half an hour after it: no rival, whatever the clock."""
    online(host, "a").say(ev.StreamReplaced())
    host.world.pass_time(JITTERED_S + 0.1)
    worker_of(host, "a").say(ev.Connected(JID))
    host.world.settle()
    host.world.clock.set_by(by_s)
    host.world.settle()
    host.world.pass_time(1800.0)
    worker_of(host, "a").say(ev.StreamReplaced())
    host.world.settle()
    assert (host.view("a").state, host.view("a").reason) == (State.COOLDOWN, Reason.CONFLICT)


@pytest.mark.parametrize("by_s", STEPS)
def test_f4_a_rival_is_one_although_the_clock_was_set(host: Host, by_s: float) -> None:
    online(host, "a").say(ev.StreamReplaced())
    host.world.pass_time(JITTERED_S + 0.1)
    worker_of(host, "a").say(ev.Connected(JID))
    host.world.settle()
    host.world.clock.set_by(by_s)
    host.world.pass_time(30.0)
    worker_of(host, "a").say(ev.StreamReplaced())
    host.world.settle()
    assert host.view("a").reason is Reason.RIVAL


@pytest.mark.parametrize("by_s", [-40 * DAY_S, -HOUR_S, -5.0])
def test_f4_a_clock_set_back_while_no_manager_runs_lengthens_no_wait(
    host: Host, by_s: float
) -> None:
    online(host, "a").say(ev.StreamReplaced())
    host.world.settle()
    host.world.pass_time(4.0)
    host.close()
    host.world.clock.offset += by_s
    host.open()
    left_s = (host.view("a").next_attempt or 0.0) - host.world.clock.now()
    assert COOLDOWN_S - 4.0 - 0.1 <= left_s <= JITTERED_S
    host.world.pass_time(left_s + 0.1)
    assert host.view("a").reason is Reason.GUARDED
    host.world.settle()
    worker_of(host, "a").say(ev.Connected(JID))
    host.world.pass_time(1.0)
    worker_of(host, "a").say(ev.StreamReplaced())
    host.world.settle()
    assert host.view("a").reason is Reason.RIVAL


def test_f4_what_an_older_version_left_in_the_future_counts_for_nothing(host: Host) -> None:
    """As commit 488b7dc stores it: no note of what its clock said last."""
    future = BEGIN + HOUR_S
    host.prepare(
        Instance(
            "a", future, since=future, jid=JID, state=State.COOLDOWN, reason=Reason.CONFLICT,
            due=future + 10, cooldown_until=future + 10, conflicts=(future - 5, future),
            guarded_at=future + 60, crashes=(future + 5,) * 4,
        )
    )  # fmt: skip
    host.open()
    view = host.view("a")
    assert view.state is State.COOLDOWN and view.next_attempt is not None
    assert view.next_attempt - host.world.clock.now() <= JITTERED_S
    host.world.pass_time(JITTERED_S + 0.1)
    worker_of(host, "a").die(-9)
    host.world.settle()
    assert host.view("a").state is State.RETRYING, "crashes of the future were counted"


@pytest.mark.parametrize("by_s", STEPS)
def test_f4_after_a_step_whoever_is_added_gets_a_code_at_once(host: Host, by_s: float) -> None:
    host.open()
    host.world.task(host.fleet.add("before"))
    host.world.pass_time(1.0)
    host.world.clock.set_by(by_s)
    for name in ("one", "two"):
        host.world.task(host.fleet.add(name))
    host.world.pass_time(1.0)
    assert len(host.world.live()) == 3
    worker_of(host, "one").say(ev.QrShown("x" * 50, 1, 6, 60.0))
    host.world.settle()
    host.world.clock.set_by(-by_s)
    code = host.view("one").qr
    assert code is not None
    assert code.expires_at - host.world.clock.now() == pytest.approx(60.0)


def test_f4_an_incident_is_no_older_for_a_clock_that_is_set(host: Host) -> None:
    jids = [f"62812345678{number}:1@s.whatsapp.net" for number in range(2)]
    host.prepare(*(Instance(f"n{i}", BEGIN, since=BEGIN, jid=jid) for i, jid in enumerate(jids)))
    host.open()
    for number, by_s in enumerate((0.0, -HOUR_S)):
        host.world.clock.set_by(by_s)
        worker_of(host, f"n{number}").say(ev.TemporaryBan(101, 600.0))
        host.world.settle()
    (incident,) = host.query("SELECT * FROM incidents")
    assert incident["last_at"] >= incident["began_at"]
    host.world.clock.set_by(-HOUR_S)
    host.world.pass_time(61.0)
    host.world.task(host.fleet.add("n3")).result()


# -- what is kept --------------------------------------------------------------------------------


@pytest.fixture
def short(host: Host) -> Host:
    """A fleet that keeps its trash for three hours, and its history for a day; with one entry."""
    host.settings = settings(
        host.root.parent, trash__keep_days=0.125, log__history_days=1, janitor__every_s=600
    )
    online(host, "a")
    host.world.task(host.fleet.clean("a")).result()
    return host


def deleted(host: Host) -> list[str]:
    acts = host.world.task(host.fleet.tidy_up()).result()
    return [act.subject for act in acts if act.kind is ActKind.DELETE_TRASH]


def entries(host: Host) -> int:
    return len(host.world.task(host.fleet.trash()).result())


def test_f14_an_entry_goes_when_a_manager_has_seen_it_for_so_long(short: Host) -> None:
    short.world.pass_time(2.9 * HOUR_S)
    assert entries(short) == 1
    short.world.pass_time(0.5 * HOUR_S)
    assert entries(short) == 0


@pytest.mark.parametrize("wrong_s", [5.0, 2.5 * HOUR_S])
def test_f14_a_clock_that_is_ahead_makes_nothing_older(short: Host, wrong_s: float) -> None:
    moves = len(short.query("SELECT * FROM transitions"))
    short.world.clock.set_by(40 * DAY_S)
    short.world.pass_time(wrong_s / 2)
    assert not deleted(short)
    short.world.pass_time(wrong_s / 2)
    short.world.clock.set_by(-40 * DAY_S)
    assert not deleted(short) and entries(short) == 1
    assert len(short.query("SELECT * FROM transitions")) >= moves


def test_f14_nothing_goes_within_an_hour_of_a_start_or_of_a_step(short: Host) -> None:
    short.world.pass_time(2.9 * HOUR_S)
    short.world.clock.set_by(120.0)
    short.world.pass_time(0.9 * HOUR_S)
    assert entries(short) == 1
    short.close()
    short.world.jump(30 * DAY_S)
    short.open()
    short.world.pass_time(0.9 * HOUR_S)
    assert entries(short) == 1, "it went at the start after a month in which nobody ran"
    short.world.pass_time(0.3 * HOUR_S)
    assert entries(short) == 0


def test_f14_a_clock_ahead_at_the_start_and_set_right_later(short: Host) -> None:
    short.close()
    short.world.clock.offset += 40 * DAY_S
    short.open()
    short.world.pass_time(1.5 * HOUR_S)
    assert not deleted(short)
    short.world.clock.set_by(-40 * DAY_S)
    short.world.pass_time(HOUR_S)
    assert not deleted(short) and entries(short) == 1


def test_f14_a_machine_that_was_suspended_for_a_month_has_seen_nothing(short: Host) -> None:
    short.world.pass_time(HOUR_S)
    short.world.jump(30 * DAY_S)
    short.world.pass_time(0.5 * HOUR_S)
    assert entries(short) == 1


def test_f14_the_history_goes_by_the_same_time(short: Host) -> None:
    world = short.world

    def oldest() -> float:
        return float(short.query("SELECT min(at) AS at FROM transitions")[0]["at"])

    began = oldest()
    world.clock.set_by(400 * DAY_S)
    world.pass_time(3 * HOUR_S)
    world.clock.set_by(-400 * DAY_S)
    world.pass_time(3 * HOUR_S)
    assert oldest() == began
    world.task(short.fleet.start("a")).result()
    later = short.query("SELECT max(at) AS at FROM transitions")[0]["at"]
    world.pass_time(20 * HOUR_S)
    assert oldest() > began, "what was seen for a day is still there"
    assert short.query("SELECT * FROM transitions WHERE at = ?", later)


# -- the system's clock ----------------------------------------------------------------------------


def test_the_system_s_clock_follows_steps_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    real, ahead = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + ahead[0])
    clock = SystemClock()
    for ahead[0] in (0.4, 0.8, 0.9):
        assert clock.now() == pytest.approx(real(), abs=0.1) and clock.shift == 0.0
    for ahead[0] in (1.5, -3600.0, 3600.0, 0.0):
        assert clock.now() == pytest.approx(real() + ahead[0], abs=0.1)
        assert clock.shift == pytest.approx(ahead[0], abs=0.1)


async def test_a_step_is_noticed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    real, ahead = time.time, 0.0
    monkeypatch.setattr(time, "time", lambda: real() + ahead)
    monkeypatch.setattr("waziterm.manager.clock.LOOK_S", 0.01)
    clock = SystemClock()
    waiting = asyncio.ensure_future(clock.disturbed())
    await asyncio.sleep(0)
    assert not waiting.done()
    ahead = -3600.0
    async with asyncio.timeout(5):
        await waiting
    ahead = 3600.0
    clock.now()
    async with asyncio.timeout(5):
        await clock.disturbed()
    quiet = asyncio.ensure_future(clock.disturbed())
    await asyncio.wait([quiet], timeout=0.05)
    assert not quiet.done()
    quiet.cancel()
