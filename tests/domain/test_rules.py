"""The rules as a state machine: random events in random order never break an invariant."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.actions import (
    Claim,
    Dial,
    FindHolder,
    FreePlace,
    Queue,
    Release,
    StopWorker,
    Unwatch,
    Watch,
)
from waziterm.domain.lifecycle.instance import Instance, OwnKey
from waziterm.domain.lifecycle.limits import Limits
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.rules import Decision, decide
from waziterm.domain.lifecycle.states import State, Wanted

LIMITS = Limits()
RIVALS = (Reason.RIVAL, Reason.CONFLICT_BUDGET)
JID = "6281234567890:1@s.whatsapp.net"
OTHER = "6289876543210:1@s.whatsapp.net"


def paired(**changes: object) -> Instance:
    return replace(Instance("shop", created_at=0.0, jid=JID), **changes)  # type: ignore[arg-type]


def online(now: float = 1000.0) -> Instance:
    decision = decide(paired(), ev.StartAsked(), now, 0.0, LIMITS)
    decision = decide(decision.instance, ev.Dialling(), now, 0.0, LIMITS)
    return decide(decision.instance, ev.Connected(), now, 0.0, LIMITS).instance


def queues(decision: Decision) -> bool:
    return any(isinstance(action, Queue) for action in decision.actions)


def in_step(decision: Decision, event: ev.Event) -> None:
    """Claims, gate and probes go along with the state, and a dial comes with its turn alone."""
    instance, then = decision.instance, {type(action) for action in decision.then}
    state = instance.state
    online = state in (State.CONNECTED, State.DEGRADED)
    assert (Watch in then, Unwatch in then) == (online, not online)
    assert (Release in then) == (not state.is_live)
    assert (Claim in then) == (state is State.CONNECTED and instance.is_paired)
    assert FreePlace in then or state is State.CONNECTING
    turn = isinstance(event, ev.Dialling) and state is State.CONNECTING
    assert decision.dials == turn, "a dial without a turn"


LIBRARY = st.one_of(
    st.just(ev.QrShown("x" * 50, 1, 6, 60.0)),
    st.just(ev.CodeShown("ABCD-EFGH", 160.0)),
    st.just(ev.PairSucceeded(JID, "1@lid", "android")),
    st.builds(ev.PairFailed, st.sampled_from(ev.PairingEnd)),
    st.just(ev.Connected(JID)),
    st.builds(ev.Disconnected, st.sampled_from(ev.DropKind), st.just(""), st.booleans()),
    st.just(ev.Authenticated()),
    st.builds(ev.StoreFailing, st.sampled_from(ev.StoreFault), st.just("disk I/O error")),
    st.just(ev.DropShared()),
    st.just(ev.NetworkBack()),
    st.just(ev.KeepAliveTimeout(1)),
    st.just(ev.KeepAliveRestored()),
    st.just(ev.StreamReplaced()),
    st.builds(ev.LoggedOut, st.booleans(), st.sampled_from([401, 403, 406])),
    st.builds(ev.TemporaryBan, st.integers(101, 106), st.sampled_from([0.0, 60.0, 3600.0])),
    st.builds(
        ev.ConnectFailure,
        st.sampled_from([0, 400, 409, 418, 429, 500, 503]),
        st.just(""),
        st.booleans(),
    ),
    st.just(ev.ClientOutdated()),
    st.builds(ev.StreamError, st.sampled_from(["515", "516", "599"])),
    st.builds(ev.NewChatsBarred, st.none() | st.just(2e6)),
    st.just(ev.DialFailed("no route")),
    st.just(ev.SessionBroken("not a database")),
    st.just(ev.WorkerDied("signal 9")),
    st.just(ev.WorkerLost("signal 9")),
    st.just(ev.LibraryDeaf("it returned")),
    st.just(ev.NotStarted("a start before it hangs")),
    st.just(ev.RegroupAsked()),
    st.just(ev.ProbeAnswered(0.1)),
    st.just(ev.ProbeMissed()),
    st.just(ev.ProbeRefused("error 500: internal-server-error")),
    st.just(ev.SendUnanswered(60.0)),
    st.just(ev.HolderFound("python bot.py (pid 7)")),
    st.just(ev.TakenOver("python bot.py (pid 7)")),
    st.just(ev.SuspectsFound("python bot.py (pid 7)")),
    st.just(ev.SessionMissing()),
    st.builds(ev.NotCarriedOut, st.just("OSError"), st.sampled_from([None, True, False])),
    st.builds(ev.PairingsAhead, st.integers(0, 3)),
    st.builds(ev.PhoneSeen, st.sampled_from([0.0, 60.0])),
    st.builds(ev.HistoryCame, st.just(100), st.booleans()),
    st.just(ev.ClockSet()),
    st.just(ev.FleetOutdated()),
    st.builds(ev.VersionAwaited, st.just("2.3000.1"), st.none() | st.just(2e6), st.booleans()),
    st.builds(ev.VersionChanged, st.booleans()),
    st.just(ev.Dialling()),
)
COMMANDS = st.one_of(
    st.just(ev.StartAsked()),
    st.just(ev.StopAsked()),
    st.builds(ev.ReconnectAsked, st.booleans()),
    st.builds(ev.CleanAsked, st.booleans(), st.booleans()),
    st.just(ev.PauseAsked()),
    st.just(ev.ExportAsked("out.zip")),
    st.builds(
        ev.EditAsked,
        st.fixed_dictionaries(
            {},
            optional={
                OwnKey.PROXY: st.sampled_from([None, "http://a.example:1", "http://b.example:1"]),
                OwnKey.ISOLATE: st.sampled_from([None, True, False]),
                OwnKey.NOTE: st.just("paid"),
                OwnKey.DEVICE_NAME: st.just("shop"),
            },
        ),
    ),
    st.builds(ev.Booted, st.booleans()),
)


class Lifecycle(RuleBasedStateMachine):
    """The machine plays supervisor: it carries actions out and checks each decision."""

    @initialize(jid=st.sampled_from([None, JID]))
    def begin(self, jid: str | None) -> None:
        self.now = 1_000_000.0
        self.instance = Instance("shop", created_at=self.now, since=self.now, jid=jid)
        self.worker = False
        self.queued = False
        self.barrier_until = 0.0
        self.ban_until = 0.0
        self.held = False
        self.waits_for_a_person = False
        self.cleaned: Instance | None = None

    def tell(self, event: ev.Event, random: float = 0.5) -> Decision:
        before = self.instance
        decision = decide(before, event, self.now, random, LIMITS)
        self.instance = decision.instance
        takeover = isinstance(event, ev.ReconnectAsked) and event.takeover
        is_outdated = before.hold is Reason.OUTDATED_CLIENT
        # Nobody presses a key against a version that is refused; another version helps.
        released = takeover and not is_outdated
        upgraded = isinstance(event, ev.Booted) and event.library_changed
        if is_outdated and (upgraded or isinstance(event, ev.VersionChanged)):
            # A ban or a cool-down that came meanwhile stays, and is judged by itself.
            self.held = False
        if isinstance(event, ev.LoggedOut) and before.state.is_live:
            self.barrier_until = 0.0
        if released and self.now >= self.ban_until:
            self.barrier_until = 0.0
            self.held = False
        if isinstance(event, ev.CleanAsked) and before.is_paired:
            self.cleaned = before
        ends = takeover or isinstance(event, ev.StopAsked | ev.CleanAsked | ev.LoggedOut)
        waits = self.waits_for_a_person and not ends
        self.waits_for_a_person = waits or self.instance.state is State.HELD
        if not self.instance.is_paired:
            # A hold belongs to the device that is not there; 405 meets everybody.
            self.held = self.instance.hold is Reason.OUTDATED_CLIENT
        for action in decision.actions:
            if isinstance(action, StopWorker):
                self.worker = self.queued = False
            if isinstance(action, Dial) and self.queued:
                assert not self.worker, "a second worker"
                self.worker = True
            if isinstance(action, Queue):
                assert not self.worker, "a second worker"
                assert self.now >= self.ban_until, "an attempt inside a ban"
                assert self.now >= self.barrier_until, "an attempt inside a cool-down"
                assert not self.held, "an attempt while held"
                assert not self.waits_for_a_person, "held, and nobody took over"
                assert self.instance.state is State.CONNECTING
                self.queued = True
        in_step(decision, event)
        if isinstance(event, ev.Dialling):
            self.queued = False
        cooling = self.instance.state is State.COOLDOWN and before.state is not State.COOLDOWN
        if before.jid and len(self.instance.conflicts) > len(before.conflicts):
            assert isinstance(event, ev.StreamReplaced | ev.SessionRestored), "a guessed conflict"
        if self.instance.hold in RIVALS and before.hold is not self.instance.hold:
            told = ev.StreamReplaced | ev.SessionRestored | ev.NotMoved
            assert isinstance(event, told), "a guessed rival"
        if cooling and isinstance(event, ev.StreamReplaced):
            self.barrier_until = self.instance.cooldown_until or 0.0
            assert self.barrier_until >= self.now + LIMITS.cooldown_s
        if isinstance(event, ev.TemporaryBan) and self.instance.state is State.BANNED:
            self.ban_until = max(self.ban_until, self.now + event.expire_s)
        if self.instance.hold is not None and self.instance.is_paired:
            self.held = True
        return decision

    @rule(event=LIBRARY, random=st.floats(0, 1, exclude_max=True))
    def library(self, event: ev.Event, random: float) -> None:
        self.tell(event, random)

    @rule(event=COMMANDS, random=st.floats(0, 1, exclude_max=True))
    def command(self, event: ev.Event, random: float) -> None:
        self.tell(event, random)

    @rule()
    def restored(self) -> None:
        """What was cleaned last comes back, with the barriers that it had."""
        if self.cleaned is None or self.instance.is_paired:
            return
        kept, was = (self.barrier_until, self.held), self.cleaned
        before = self.instance
        self.tell(ev.SessionRestored("entry", was))
        if self.instance != before:
            assert self.instance.jid == was.jid
            assert (self.instance.hold is not None) >= (was.hold is not None)
            if was.hold is not None and was.hold is not Reason.OUTDATED_CLIENT:
                holds = self.instance.hold
                assert holds is not Reason.OUTDATED_CLIENT, "a hold that may end by itself"
            self.barrier_until = max(kept[0], was.cooldown_until or 0.0)
            self.held = kept[1] or was.hold is not None

    @rule(jid=st.sampled_from([JID, OTHER]), is_other=st.booleans())
    def next_manager(self, jid: str, is_other: bool) -> None:
        """It finds what was stored, and in the file a device that the last one did not store."""
        self.worker = self.queued = False
        self.tell(ev.DeviceFound(jid))
        self.tell(ev.Booted(is_other))

    @rule()
    def turn_comes(self) -> None:
        if self.queued:
            self.tell(ev.Dialling())

    @rule(seconds=st.sampled_from([0.1, 5.0, 11.0, 61.0, 400.0, 4000.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        if self.instance.due is not None and self.instance.due <= self.now:
            self.tell(ev.Due())

    @rule()
    def early_due(self) -> None:
        if self.instance.due is not None and self.instance.due > self.now:
            before = self.instance
            decision = self.tell(ev.Due())
            assert decision.instance == before
            assert not decision.actions and not decision.refusal

    @invariant()
    def truthful(self) -> None:
        if not hasattr(self, "instance"):
            return
        it = self.instance
        assert it.reason.sentence and it.reason.next_step
        assert it.state.is_live or not (self.worker or self.queued)
        assert (it.qr is not None) == (it.state is State.PAIRING)
        assert it.code is None or it.state is State.PAIRING
        assert (it.connected_at is not None) == (it.state in (State.CONNECTED, State.DEGRADED))
        if it.state in (State.HELD, State.OUTDATED):
            assert it.hold is not None
            assert it.due is None or it.reason in (
                Reason.VERSION_AWAITED, Reason.OUTDATED_CLIENT
            )  # fmt: skip
        if it.state in (State.RETRYING, State.COOLDOWN, State.BANNED):
            assert it.due is not None, "a wait without an end"
        if it.state is State.LOGGED_OUT:
            assert not it.is_paired
        assert it.since <= self.now


TestLifecycle = Lifecycle.TestCase
TestLifecycle.settings = settings(max_examples=150, stateful_step_count=40)


@pytest.mark.soak
def test_many_new_orders_of_events_break_no_invariant() -> None:
    run_state_machine_as_test(
        Lifecycle,
        settings=settings(max_examples=6000, stateful_step_count=40),
    )


def test_what_waits_for_its_turn_waits_for_no_answer() -> None:
    it = decide(replace(paired(), jid=None), ev.StartAsked(), 1000.0, 0.0, LIMITS).instance
    assert (it.detail, it.next_step) == ("waiting for its turn", "connects when its turn comes")
    it = decide(it, ev.PairingsAhead(2), 1000.0, 0.0, LIMITS).instance
    assert it.next_step == "connects when its turn comes"
    it = decide(it, ev.Dialling(), 1000.0, 0.0, LIMITS).instance
    assert it.next_step == it.reason.next_step
    it = decide(it, ev.PairFailed(ev.PairingEnd.NO_MULTIDEVICE), 1000.0, 0.0, LIMITS).instance
    assert it.detail == "waiting for its turn" and it.next_step == it.reason.next_step


def held_unpaired() -> Instance:
    """Held before it was linked."""
    it = decide(replace(paired(), jid=None), ev.StartAsked(), 1000.0, 0.0, LIMITS).instance
    it = decide(it, ev.SessionBroken("not a database"), 1000.0, 0.0, LIMITS).instance
    assert is_held_as_before(it)
    return it


def is_held_as_before(it: Instance) -> bool:
    broken = Reason.SESSION_BROKEN
    return (it.state, it.reason, it.hold) == (State.HELD, broken, broken)


@pytest.mark.parametrize("asked", [ev.StartAsked(), ev.ReconnectAsked(takeover=False)])
def test_what_is_held_before_it_is_linked_waits_for_a_takeover(asked: ev.Order) -> None:
    it = held_unpaired()
    decision = decide(it, asked, 2000.0, 0.0, LIMITS)
    assert decision.instance.state is State.HELD and not queues(decision)
    assert decision.refusal and "take over (r)" in decision.hint
    assert queues(decide(it, ev.ReconnectAsked(takeover=True), 2000.0, 0.0, LIMITS))


BETTER = [ev.Booted(library_changed=True), ev.VersionChanged(scouting=True)]


@pytest.mark.parametrize("asked", [ev.StartAsked(), ev.ReconnectAsked(takeover=False), ev.Booted()])
@pytest.mark.parametrize("better", BETTER)
def test_what_is_held_stays_held_when_a_version_is_refused_and_another_one_found(
    asked: ev.Event, better: ev.Event
) -> None:
    it = held_unpaired()
    for event in (ev.FleetOutdated(), asked, better):
        decision = decide(it, event, 2000.0, 0.0, LIMITS)
        assert is_held_as_before(decision.instance) and not queues(decision)
        it = decision.instance


@pytest.mark.parametrize("stored", [None, Reason.OUTDATED_CLIENT])
def test_a_row_whose_hold_was_taken_away_has_it_back(stored: Reason | None) -> None:
    it = decide(
        replace(held_unpaired(), hold=stored), ev.Booted(True), 2000.0, 0.0, LIMITS
    ).instance
    assert is_held_as_before(it)


@pytest.mark.parametrize("rest", [ev.StopAsked(), ev.CleanAsked()])
def test_what_held_it_before_it_had_a_device_ends_with_a_stop(rest: ev.Order) -> None:
    it = decide(held_unpaired(), rest, 2000.0, 0.0, LIMITS).instance
    assert it.state is State.STOPPED and it.hold is None
    assert queues(decide(it, ev.StartAsked(), 2001.0, 0.0, LIMITS))


def test_a_device_that_is_found_ends_no_hold_and_no_wait() -> None:
    found = ev.DeviceFound(OTHER)
    it = replace(held_unpaired(), former_jid=JID)
    it = decide(it, found, 2000.0, 0.0, LIMITS).instance
    assert is_held_as_before(it) and it.jid == OTHER
    it = decide(online(), ev.StreamReplaced(), 2000.0, 0.0, LIMITS).instance
    it = decide(it, ev.LoggedOut(on_connect=False, code=401), 2000.0, 0.0, LIMITS).instance
    it = decide(it, ev.StartAsked(), 2000.0, 0.0, LIMITS).instance
    assert it.state is State.COOLDOWN and not it.is_paired
    it = decide(it, found, 2001.0, 0.0, LIMITS).instance
    booted = decide(it, ev.Booted(), 2001.0, 0.0, LIMITS)
    assert booted.instance.state is State.COOLDOWN and not queues(booted)


@pytest.mark.parametrize("jid", [JID, OTHER])
def test_a_connection_ends_the_hold_of_the_device_before(jid: str) -> None:
    rival = replace(online(), guarded_at=1900.0)
    it = decide(rival, ev.StreamReplaced(), 2000.0, 0.0, LIMITS).instance
    for event in (ev.CleanAsked(), ev.StartAsked(), ev.Connected(jid)):
        assert it.hold is Reason.RIVAL
        it = decide(it, event, 2001.0, 0.0, LIMITS).instance
    assert (it.state, it.jid, it.hold) == (State.CONNECTED, jid, None)
    asked = decide(it, ev.StartAsked(), 2003.0, 0.0, LIMITS)
    assert asked.instance.state is State.CONNECTED and not asked.refusal
    # What the device has met before is its own.
    again = decide(it, ev.StreamReplaced(), 2010.0, 0.0, LIMITS).instance
    assert again.state is (State.HELD if jid == JID else State.COOLDOWN)


@given(st.floats(0, 1, exclude_max=True))
def test_a_conflict_cools_down_and_is_tried_once(random: float) -> None:
    cooling = decide(online(), ev.StreamReplaced(), 2000.0, random, LIMITS)
    assert cooling.instance.state is State.COOLDOWN
    assert cooling.actions == (StopWorker(), FindHolder(JID))
    until = cooling.instance.cooldown_until
    assert until is not None and 2010.0 <= until <= 2011.0
    again = decide(cooling.instance, ev.Due(), until, random, LIMITS)
    assert again.instance.reason is Reason.GUARDED and queues(again)


def test_a_conflict_soon_after_our_guarded_attempt_proves_a_rival() -> None:
    it = decide(online(), ev.StreamReplaced(), 2000.0, 0.0, LIMITS).instance
    it = decide(it, ev.Due(), 2010.0, 0.0, LIMITS).instance
    it = decide(it, ev.Dialling(), 2010.0, 0.0, LIMITS).instance
    it = decide(it, ev.Connected(), 2011.0, 0.0, LIMITS).instance
    held = decide(it, ev.StreamReplaced(), 2130.0, 0.0, LIMITS).instance
    assert (held.state, held.reason) == (State.HELD, Reason.RIVAL)


def test_the_third_conflict_in_the_window_is_held() -> None:
    it, now = online(), 2000.0
    for _ in range(2):
        it = decide(it, ev.StreamReplaced(), now, 0.0, LIMITS).instance
        assert it.state is State.COOLDOWN
        now += 10.0
        it = decide(it, ev.Due(), now, 0.0, LIMITS).instance
        it = decide(it, ev.Dialling(), now, 0.0, LIMITS).instance
        it = decide(it, ev.Connected(), now, 0.0, LIMITS).instance
        now += LIMITS.guard_s + 1
    it = decide(it, ev.StreamReplaced(), now, 0.0, LIMITS).instance
    assert (it.state, it.reason) == (State.HELD, Reason.CONFLICT_BUDGET)


def dropped_again(it: Instance, drop: ev.Disconnected, lived_s: float) -> tuple[Instance, float]:
    """The instance after its connection lasted so long, and the wait before the next attempt."""
    assert it.connected_at is not None
    now = it.connected_at + lived_s
    it = decide(it, drop, now, 0.0, LIMITS).instance
    assert it.state is State.RETRYING and it.due is not None
    return it, it.due - now


def back_online(it: Instance) -> Instance:
    """Connected again as soon as it is due."""
    assert it.due is not None and not it.redialling
    now = it.due
    for event in (ev.Due(), ev.Dialling(), ev.Connected()):
        it = decide(it, event, now, 0.0, LIMITS).instance
    assert it.state is State.CONNECTED
    return it


def test_connections_that_are_closed_at_once_cool_down_ever_longer_and_prove_nothing() -> None:
    """F40: the takeover war whose stream errors got lost comes to rest, and is no conflict."""
    it, waits, reasons = online(), [], []
    for _ in range(8):
        it, wait = dropped_again(it, ev.Disconnected(), 4.0)
        waits.append(wait)
        reasons.append(it.reason)
        assert not it.conflicts and it.cooldown_until is None and it.hold is None
        it = back_online(it)
    assert waits == [2.0, 4.0, 10.0, 20.0, 40.0, 80.0, 120.0, 120.0]
    assert reasons == [Reason.DROPPED] * 2 + [Reason.SHORT_LIVED] * 6
    assert Reason.SHORT_LIVED.code != "440"


@pytest.mark.parametrize(
    ("drop", "reason"),
    [
        (ev.Disconnected(ev.DropKind.ERROR, "code 503"), Reason.STREAM_ERROR),
        (ev.Disconnected(ev.DropKind.DIED, "connection reset by peer"), Reason.DROPPED),
        (ev.Disconnected(shared=True), Reason.DROPPED),
    ],
)
def test_a_drop_that_says_why_or_meets_others_is_not_suspicious(
    drop: ev.Disconnected, reason: Reason
) -> None:
    it, waits = online(), []
    for _ in range(9):
        it, wait = dropped_again(it, drop, 4.0)
        assert it.reason is reason and it.short_lived == 0 and it.detail == drop.detail
        waits.append(wait)
        it = back_online(it)
    assert waits == [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 120.0, 120.0, 120.0]


def test_a_suspicion_ends_when_others_are_dropped_too() -> None:
    it = online()
    for _ in range(3):
        it, _wait = dropped_again(it, ev.Disconnected(), 4.0)
        it = it if it.reason is Reason.SHORT_LIVED else back_online(it)
    told = decide(it, ev.DropShared(), it.since, 0.0, LIMITS)
    assert (told.instance.reason, told.instance.due) == (Reason.DROPPED, it.due)
    assert told.actions == ()


@pytest.mark.parametrize(
    ("lived_s", "attempt", "redials"),
    [(301.0, 7, True), (31.0, 0, True), (31.0, 1, False), (29.0, 0, False)],
)
def test_only_a_connection_that_was_stable_is_left_to_the_librarys_own_redial(
    lived_s: float, attempt: int, redials: bool
) -> None:
    it, _ = dropped_again(replace(online(), attempt=attempt), ev.Disconnected(), lived_s)
    assert it.redialling is redials
    assert it.attempt == (0 if redials else attempt + 1)


def test_a_library_that_goes_deaf_again_and_again_comes_to_rest() -> None:
    """F51: each time a new connection elsewhere, after a wait that grows, and in the end none."""
    it, waits = online(), []
    for _ in range(LIMITS.crash_budget - 1):
        assert it.connected_at is not None
        now = it.connected_at + 31.0
        told = decide(it, ev.LibraryDeaf("it has worked on one message for 30 s"), now, 0.0, LIMITS)
        it = told.instance
        assert (it.state, it.reason) == (State.RETRYING, Reason.DEAF)
        assert "one message" in it.detail and StopWorker() in told.actions
        assert it.due is not None and not it.redialling
        waits.append(it.due - now)
        it = back_online(it)
    assert waits == sorted(waits) and waits[0] < waits[-1]
    assert it.connected_at is not None
    it = decide(it, ev.LibraryDeaf("x"), it.connected_at + 31.0, 0.0, LIMITS).instance
    assert (it.state, it.reason, it.due) == (State.HELD, Reason.DEAF_AGAIN, None)


def test_nobody_is_held_for_a_deafness_that_meets_others_too() -> None:
    """F40: a disk that stands still meets a whole fleet."""
    it = online()
    for _ in range(3 * LIMITS.crash_budget):
        assert it.connected_at is not None
        at = it.connected_at + 31.0
        it = decide(it, ev.LibraryDeaf("x", shared=True), at, 0.0, LIMITS).instance
        assert (it.state, it.reason) == (State.RETRYING, Reason.DEAF)
        it = back_online(it)


def test_a_conflict_that_is_told_while_others_are_dropped_is_one() -> None:
    it, _ = dropped_again(online(), ev.Disconnected(shared=True), 31.0)
    assert it.redialling
    it = decide(it, ev.StreamReplaced(), 2000.0, 0.0, LIMITS).instance
    assert (it.state, it.reason) == (State.COOLDOWN, Reason.CONFLICT)


def refused_for(it: Instance, failure: ev.ConnectFailure, seconds: float) -> Instance:
    """The instance after each login was refused for so long, or until it gave up."""
    end = it.since + seconds
    it = decide(it, failure, it.since + 1, 0.0, LIMITS).instance
    while it.state is State.RETRYING and it.due is not None and it.due < end:
        now = it.due
        it = decide(it, ev.Due(), now, 0.0, LIMITS).instance
        it = decide(it, ev.Dialling(), now, 0.0, LIMITS).instance
        it = decide(it, failure, now + 1, 0.0, LIMITS).instance
    return it


@pytest.mark.parametrize("code", [0, 400, 408, 410, 418, 429, 500, 501, 502, 503, 504])
def test_one_refused_login_backs_off_and_shows_its_code(code: int) -> None:
    """F43."""
    it = decide(online(), ev.ConnectFailure(code), 2000.0, 0.0, LIMITS).instance
    assert (it.state, it.reason, it.due) == (State.RETRYING, Reason.LOGIN_REFUSED, 2002.0)
    assert it.detail == (f"code {code}" if code else "no code told")
    assert it.reason.code == ""


def test_what_is_final_is_held_at_once() -> None:
    it = decide(online(), ev.ConnectFailure(409), 2000.0, 0.0, LIMITS).instance
    assert (it.state, it.reason, it.detail) == (State.HELD, Reason.REFUSED, "code 409")


DAY_S = 86_400.0


@pytest.mark.parametrize(
    ("failure", "state"),
    [
        (ev.ConnectFailure(418), State.HELD),
        (ev.ConnectFailure(0), State.HELD),
        (ev.ConnectFailure(418, shared=True), State.RETRYING),
        (ev.ConnectFailure(429), State.RETRYING),
        (ev.ConnectFailure(503), State.RETRYING),
    ],
)
def test_only_a_lasting_refusal_of_one_number_alone_ends_in_held(
    failure: ev.ConnectFailure, state: State
) -> None:
    """An outage of WhatsApp that answers 429 or 503 for hours, or the same to all, holds nobody."""
    early = refused_for(online(), failure, 590.0)
    assert early.state is State.RETRYING
    it = refused_for(online(), failure, DAY_S)
    assert it.state is state
    assert it.reason is (Reason.REFUSED_AGAIN if state is State.HELD else Reason.LOGIN_REFUSED)
    assert len(it.refusals) <= 6


def test_a_login_between_refusals_begins_their_count_anew() -> None:
    it = refused_for(online(), ev.ConnectFailure(418), 590.0)
    assert it.refusals
    assert back_online(it).refusals == ()


def test_a_store_that_cannot_be_written_is_connected_once_more_then_held() -> None:
    """F41."""
    fault = ev.StoreFailing(ev.StoreFault.READ_ONLY, "attempt to write a readonly database")
    it = decide(online(), fault, 2000.0, 0.0, LIMITS)
    assert it.instance.reason is Reason.STORE_FAILING and StopWorker() in it.actions
    back = back_online(it.instance)
    held = decide(back, fault, 9000.0, 0.0, LIMITS).instance
    assert (held.state, held.reason) == (State.HELD, Reason.STORE_UNWRITABLE)
    assert held.detail == "attempt to write a readonly database"
    tried = decide(held, ev.ReconnectAsked(takeover=True), 9100.0, 0.0, LIMITS).instance
    assert tried.state is State.CONNECTING and not tried.store_faults


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (ev.StoreFault.FULL, Reason.STORE_FAILING),
        (ev.StoreFault.LOCKED, Reason.STORE_LOCKED),
    ],
)
def test_a_full_disk_holds_nobody(fault: ev.StoreFault, reason: Reason) -> None:
    it = online()
    for _ in range(20):
        it = decide(it, ev.StoreFailing(fault, "full"), it.since + 1, 0.0, LIMITS).instance
        assert (it.state, it.reason) == (State.RETRYING, reason)
        it = back_online(it)


def test_an_accepted_login_has_a_limit_of_its_own_and_says_what_is_missing() -> None:
    """F42."""
    it = decide(paired(), ev.StartAsked(), 1000.0, 0.0, LIMITS).instance
    it = decide(it, ev.Dialling(), 1000.0, 0.0, LIMITS).instance
    it = decide(it, ev.Authenticated(), 1100.0, 0.0, LIMITS).instance
    assert (it.state, it.reason) == (State.CONNECTING, Reason.AUTHENTICATED)
    assert it.due == 1100.0 + LIMITS.first_queries_s
    assert decide(it, ev.Connected(), 1175.0, 0.0, LIMITS).instance.state is State.CONNECTED
    over = decide(it, ev.Due(), it.due, 0.0, LIMITS)
    assert (over.instance.state, over.instance.reason) == (State.RETRYING, Reason.AUTHENTICATED)
    assert StopWorker() in over.actions


def test_our_limits_are_longer_than_the_librarys_own_inside_them() -> None:
    """Go net/http: 30 s for TCP, 60 s for a proxy's answer, 10 s for TLS; whatsmeow: 20 s
    for the Noise handshake, 75 s for each query, of which a login makes three."""
    assert LIMITS.connect_timeout_s > 30 + 60 + 10 + 20
    assert LIMITS.first_queries_s > 3 * 75


@pytest.mark.parametrize(
    "event",
    [ev.StartAsked(), ev.ReconnectAsked(False), ev.Booted()],
    ids=lambda e: type(e).__name__,
)
@pytest.mark.parametrize("wanted", list(Wanted))
def test_only_a_takeover_leaves_held(event: ev.Event, wanted: Wanted) -> None:
    held = replace(
        paired(), wanted=wanted, state=State.HELD, reason=Reason.RIVAL, hold=Reason.RIVAL
    )
    decision = decide(held, event, 5000.0, 0.0, LIMITS)
    assert decision.instance.state is State.HELD
    assert not queues(decision)
    tried = decide(held, ev.ReconnectAsked(True), 5000.0, 0.0, LIMITS)
    assert tried.instance.reason is Reason.TAKEOVER and queues(tried)


def test_a_stop_does_not_shorten_a_cooldown() -> None:
    it = decide(online(), ev.StreamReplaced(), 2000.0, 0.0, LIMITS).instance
    it = decide(it, ev.StopAsked(), 2001.0, 0.0, LIMITS).instance
    assert it.state is State.STOPPED
    started = decide(it, ev.StartAsked(), 2002.0, 0.0, LIMITS)
    assert started.instance.state is State.COOLDOWN
    assert started.instance.due == 2010.0 and not queues(started)


def told(*events: ev.Event) -> Instance:
    """The instance after a dial, and all of these in the same moment."""
    it = paired()
    for event in (ev.StartAsked(), ev.Dialling(), *events):
        it = decide(it, event, 2000.0, 0.0, LIMITS).instance
    return it


def test_another_library_ends_a_refused_version_and_not_the_ban_that_came_with_it() -> None:
    ban = ev.TemporaryBan(101, 60.0)
    it = told(ev.ClientOutdated(), ban, ev.Booted(library_changed=True))
    assert (it.state, it.hold, it.due) == (State.BANNED, None, 2060.0)
    again = decide(it, ev.Due(), 2060.0, 0.0, LIMITS)
    assert queues(again) and again.instance.state is State.CONNECTING


def test_a_clean_after_a_found_holder_does_not_shorten_the_cooldown() -> None:
    it = told(ev.StreamReplaced(), ev.HolderFound("python bot.py (pid 7)"), ev.CleanAsked())
    started = decide(it, ev.StartAsked(), 2001.0, 0.0, LIMITS)
    assert (started.instance.state, started.instance.due) == (State.COOLDOWN, 2010.0)
    assert not queues(started)


def test_a_conflict_in_a_pairing_is_of_the_device_that_is_found_after_it() -> None:
    """The manager may have died before it was told that the phone had linked it."""
    it = told(ev.CleanAsked())
    for event in (ev.StartAsked(), ev.Dialling(), ev.StreamReplaced()):
        it = decide(it, event, 2001.0, 0.0, LIMITS).instance
    assert it.state is State.COOLDOWN and not it.is_paired
    other = JID.replace(":1@", ":2@")
    found = decide(it, ev.DeviceFound(other, ""), 2002.0, 0.0, LIMITS).instance
    assert (found.jid, found.cooldown_until) == (other, it.cooldown_until)


def test_concurrent_connects_join_the_one_in_flight() -> None:
    first = decide(paired(), ev.StartAsked(), 1000.0, 0.0, LIMITS)
    assert queues(first)
    for again in (ev.StartAsked(), ev.ReconnectAsked(False), ev.ReconnectAsked(True)):
        assert decide(first.instance, again, 1001.0, 0.0, LIMITS).actions == ()


def test_the_back_off_grows_to_its_cap_and_a_stable_connection_resets_it() -> None:
    it, now, waits = online(), 2000.0, []
    for _ in range(12):
        it = decide(it, ev.ConnectFailure(503), now, 0.0, LIMITS).instance
        assert it.due is not None
        waits.append(it.due - now)
        now = it.due
        it = decide(it, ev.Due(), now, 0.0, LIMITS).instance
    assert waits[:4] == [2.0, 4.0, 8.0, 16.0] and waits[-1] == LIMITS.backoff_cap_s
    it = decide(it, ev.Connected(), now, 0.0, LIMITS).instance
    it = decide(it, ev.Due(), now + LIMITS.stable_s, 0.0, LIMITS).instance
    assert it.attempt == 0
