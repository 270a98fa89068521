"""The rules as a state machine: random events in random order never break an invariant."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from waziterm.domain import events as ev
from waziterm.domain.instance import Instance
from waziterm.domain.limits import Limits
from waziterm.domain.reasons import Reason
from waziterm.domain.rules import Action, Decision, decide
from waziterm.domain.states import State, Wanted

LIMITS = Limits()
JID = "6281234567890:1@s.whatsapp.net"


def paired(**changes: object) -> Instance:
    return replace(Instance("shop", created_at=0.0, jid=JID), **changes)  # type: ignore[arg-type]


def online(now: float = 1000.0) -> Instance:
    decision = decide(paired(), ev.StartAsked(), now, 0.0, LIMITS)
    decision = decide(decision.instance, ev.Dialling(), now, 0.0, LIMITS)
    return decide(decision.instance, ev.Connected(), now, 0.0, LIMITS).instance


LIBRARY = st.one_of(
    st.just(ev.QrShown("x" * 50, 1, 6, 60.0)),
    st.just(ev.CodeShown("ABCD-EFGH", 160.0)),
    st.just(ev.PairSucceeded(JID, "1@lid", "android")),
    st.builds(ev.PairFailed, st.sampled_from(ev.PairingEnd)),
    st.just(ev.Connected(JID)),
    st.just(ev.Disconnected()),
    st.just(ev.KeepAliveTimeout(1)),
    st.just(ev.KeepAliveRestored()),
    st.just(ev.StreamReplaced()),
    st.builds(ev.LoggedOut, st.booleans(), st.sampled_from([401, 403, 406])),
    st.builds(ev.TemporaryBan, st.integers(101, 106), st.sampled_from([0.0, 60.0, 3600.0])),
    st.builds(ev.ConnectFailure, st.sampled_from([409, 418, 500, 503])),
    st.just(ev.ClientOutdated()),
    st.builds(ev.StreamError, st.sampled_from(["515", "516", "599"])),
    st.just(ev.DialFailed("no route")),
    st.just(ev.SessionBroken("not a database")),
    st.just(ev.WorkerDied("signal 9")),
    st.just(ev.WorkerLost("signal 9")),
    st.just(ev.LibraryDeaf("it returned")),
    st.just(ev.NotStarted("a start before it hangs")),
    st.just(ev.RegroupAsked()),
    st.just(ev.ProbeAnswered(0.1)),
    st.just(ev.ProbeMissed()),
    st.just(ev.HolderFound("python bot.py (pid 7)")),
    st.just(ev.SessionMissing()),
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
        self.cleaned: Instance | None = None

    def tell(self, event: ev.Event, random: float = 0.5) -> Decision:
        before = self.instance
        decision = decide(before, event, self.now, random, LIMITS)
        self.instance = decision.instance
        takeover = isinstance(event, ev.ReconnectAsked) and event.takeover
        is_outdated = before.hold is Reason.OUTDATED_CLIENT
        # Nobody presses a key against a version that is refused; another version helps.
        released = takeover and not is_outdated
        if isinstance(event, ev.Booted) and event.library_changed:
            released = released or is_outdated
        if isinstance(event, ev.VersionChanged) and is_outdated:
            self.held = False
        if isinstance(event, ev.LoggedOut) and before.state.is_live:
            self.barrier_until = 0.0
        if released and self.now >= self.ban_until:
            self.barrier_until = 0.0
            self.held = False
        if isinstance(event, ev.CleanAsked) and before.is_paired:
            self.cleaned = before
        if not self.instance.is_paired:
            # A hold belongs to the device that is not there; 405 meets everybody.
            self.held = self.instance.hold is Reason.OUTDATED_CLIENT
        for action in decision.actions:
            if action is Action.STOP_WORKER:
                self.worker = self.queued = False
            if action is Action.DIAL:
                assert not self.worker, "a second worker"
                assert self.now >= self.ban_until, "an attempt inside a ban"
                assert self.now >= self.barrier_until, "an attempt inside a cool-down"
                assert not self.held, "an attempt while held"
                assert self.instance.state is State.CONNECTING
                self.queued = True
        if isinstance(event, ev.Dialling) and self.queued:
            if self.instance.state is State.CONNECTING:
                self.worker = True
            self.queued = False
        cooling = self.instance.state is State.COOLDOWN and before.state is not State.COOLDOWN
        if cooling and isinstance(event, ev.StreamReplaced | ev.Disconnected):
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
            self.barrier_until = max(kept[0], was.cooldown_until or 0.0)
            self.held = kept[1] or was.hold is not None

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
            assert self.tell(ev.Due()) == Decision(before)

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
TestLifecycle.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


@given(st.floats(0, 1, exclude_max=True))
def test_a_conflict_cools_down_and_is_tried_once(random: float) -> None:
    cooling = decide(online(), ev.StreamReplaced(), 2000.0, random, LIMITS)
    assert cooling.instance.state is State.COOLDOWN
    assert cooling.actions == (Action.STOP_WORKER, Action.FIND_HOLDER)
    until = cooling.instance.cooldown_until
    assert until is not None and 2010.0 <= until <= 2011.0
    again = decide(cooling.instance, ev.Due(), until, random, LIMITS)
    assert again.instance.reason is Reason.GUARDED and Action.DIAL in again.actions


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


def test_short_lived_connections_in_a_row_count_as_a_conflict() -> None:
    it, now = online(2000.0), 2000.0
    for _ in range(LIMITS.short_lived_budget - 1):
        it = decide(it, ev.Disconnected(), now + 1, 0.0, LIMITS).instance
        assert it.state is State.RETRYING and it.redialling
        now += 2
        it = decide(it, ev.Connected(), now, 0.0, LIMITS).instance
    it = decide(it, ev.Disconnected(), now + 1, 0.0, LIMITS).instance
    assert (it.state, it.reason) == (State.COOLDOWN, Reason.SUSPECTED_CONFLICT)


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
    assert Action.DIAL not in decision.actions
    tried = decide(held, ev.ReconnectAsked(True), 5000.0, 0.0, LIMITS)
    assert tried.instance.reason is Reason.TAKEOVER and Action.DIAL in tried.actions


def test_a_stop_does_not_shorten_a_cooldown() -> None:
    it = decide(online(), ev.StreamReplaced(), 2000.0, 0.0, LIMITS).instance
    it = decide(it, ev.StopAsked(), 2001.0, 0.0, LIMITS).instance
    assert it.state is State.STOPPED
    started = decide(it, ev.StartAsked(), 2002.0, 0.0, LIMITS)
    assert started.instance.state is State.COOLDOWN
    assert started.instance.due == 2010.0 and Action.DIAL not in started.actions


def test_concurrent_connects_join_the_one_in_flight() -> None:
    first = decide(paired(), ev.StartAsked(), 1000.0, 0.0, LIMITS)
    assert Action.DIAL in first.actions
    for again in (ev.StartAsked(), ev.ReconnectAsked(False), ev.ReconnectAsked(True)):
        assert decide(first.instance, again, 1001.0, 0.0, LIMITS).actions == ()


def test_the_back_off_grows_to_its_cap_and_a_stable_connection_resets_it() -> None:
    it, now, waits = online(), 2000.0, []
    for _ in range(12):
        it = decide(it, ev.DialFailed("no route"), now, 0.0, LIMITS).instance
        assert it.due is not None
        waits.append(it.due - now)
        now = it.due
        it = decide(it, ev.Due(), now, 0.0, LIMITS).instance
    assert waits[:4] == [2.0, 4.0, 8.0, 16.0] and waits[-1] == LIMITS.backoff_cap_s
    it = decide(it, ev.Connected(), now, 0.0, LIMITS).instance
    it = decide(it, ev.Due(), now + LIMITS.stable_s, 0.0, LIMITS).instance
    assert it.attempt == 0
