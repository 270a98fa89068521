"""F4: moments that a wrong clock has left, and states that nothing would end."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.future import (
    has_future,
    longest_cooldown,
    longest_wait,
    settled,
    stuck,
)
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.limits import Limits
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.rules import decide
from waziterm.domain.lifecycle.states import State, Wanted

LIMITS = Limits()
JID = "6281234567890:1@s.whatsapp.net"
NOW = 1_700_000_000.0
MOMENTS = st.floats(-1e9, 4e9) | st.sampled_from([NOW, NOW - 5, NOW + 5, NOW + 3600, NOW - 3600])
MAYBE = st.none() | MOMENTS
STORED = st.builds(
    Instance,
    name=st.just("shop"),
    created_at=MOMENTS,
    jid=st.sampled_from([None, JID]),
    wanted=st.sampled_from(Wanted),
    state=st.sampled_from(State),
    reason=st.sampled_from(Reason),
    since=MOMENTS,
    due=MAYBE,
    connected_at=MAYBE,
    attempt=st.integers(0, 50),
    cooldown_until=MAYBE,
    banned_until=MAYBE,
    hold=st.sampled_from([None, Reason.RIVAL, Reason.OUTDATED_CLIENT]),
    guarded_at=MAYBE,
    conflicts=st.lists(MOMENTS, max_size=4).map(tuple),
    crashes=st.lists(MOMENTS, max_size=4).map(tuple),
    redialling=st.booleans(),
)


@given(stored=STORED, random=st.floats(0, 1, exclude_max=True))
def test_after_a_boot_no_wait_is_longer_than_its_limit_whatever_was_stored(
    stored: Instance, random: float
) -> None:
    booted = decide(stored, ev.Booted(), NOW, random, LIMITS).instance
    assert booted.since <= NOW
    assert (booted.cooldown_until or 0.0) <= NOW + longest_cooldown(LIMITS) + 1e-3
    if booted.due is not None and booted.state is not State.BANNED:
        longest_s = longest_wait(booted, LIMITS)
        assert longest_s is not None and booted.due <= NOW + longest_s + 1e-3
    carried = booted.state is State.CONNECTING
    if not has_future(booted, is_carried=carried):
        # Its supervisor sees that.
        event = ev.NotCarriedOut("nothing follows Booted", carried)
        booted = decide(booted, event, NOW, random, LIMITS).instance
    assert has_future(booted, is_carried=carried)
    for moment in (booted.guarded_at, *booted.conflicts, *booted.crashes):
        assert moment is None or moment <= NOW
    if stored.banned_until is not None and booted.banned_until is not None:
        assert booted.banned_until - booted.since >= min(
            stored.banned_until - stored.since, booted.banned_until - NOW
        ) - 1e-3  # fmt: skip


@given(stored=STORED, steps=st.lists(st.floats(-1e8, 1e8), max_size=5))
@example(stored=Instance("shop", NOW, jid=JID, state=State.COOLDOWN, due=NOW + 10), steps=[-3600.0])
def test_a_step_of_the_clock_changes_no_duration(stored: Instance, steps: list[float]) -> None:
    now, moved = NOW, stored
    for by in steps:
        now, moved = now + by, moved.shifted(by)
    for before, after in (
        (stored.since, moved.since),
        (stored.due, moved.due),
        (stored.cooldown_until, moved.cooldown_until),
        (stored.banned_until, moved.banned_until),
        (stored.guarded_at, moved.guarded_at),
        *zip(stored.conflicts, moved.conflicts, strict=True),
    ):
        assert (before is None) == (after is None)
        if before is not None and after is not None:
            assert after - now == pytest.approx(before - NOW, abs=1e-3)


@given(
    stored=STORED.filter(lambda each: each.state.is_live and each.jid is not None),
    random=st.floats(0, 1, exclude_max=True),
)
def test_a_conflict_is_no_rival_s_because_of_a_moment_in_the_future(
    stored: Instance, random: float
) -> None:
    future = replace(
        stored, guarded_at=NOW + 600, conflicts=(NOW + 600, NOW + 700), hold=None, since=NOW - 1
    )
    after = decide(future, ev.StreamReplaced(), NOW, random, LIMITS).instance
    assert (after.state, after.reason) == (State.COOLDOWN, Reason.CONFLICT)
    assert after.conflicts == (NOW,)


def test_a_ban_stays_as_long_as_whatsapp_said_when_the_clock_was_set_back() -> None:
    banned = Instance(
        "shop", NOW, jid=JID, state=State.BANNED, reason=Reason.TEMPORARY_BAN, since=NOW,
        due=NOW + 600, banned_until=NOW + 600,
    )  # fmt: skip
    kept = settled(banned, NOW - 3600, LIMITS)
    assert (kept.since, kept.banned_until, kept.due) == (NOW - 3600, NOW - 3000, NOW - 3000)
    assert settled(banned, NOW + 100, LIMITS) == banned


@given(
    stored=STORED, is_carried=st.booleans(), random=st.floats(0, 1, exclude_max=True),
    cause=st.text(max_size=20),
)  # fmt: skip
def test_f5_what_was_not_carried_out_has_a_future(
    stored: Instance, is_carried: bool, random: float, cause: str
) -> None:
    event = ev.NotCarriedOut(cause, is_carried)
    after = decide(stored, event, NOW, random, LIMITS).instance
    assert has_future(after, is_carried=is_carried)
    if not stored.state.is_live:
        assert after.state is stored.state or not has_future(stored, is_carried=is_carried)
    if after.state is stored.state and stored.state is State.CONNECTED:
        assert is_carried, "a session without a worker is shown as connected"


@pytest.mark.parametrize(
    ("state", "due", "is_carried", "said"),
    [
        (State.CONNECTING, None, True, ""),
        (State.CONNECTING, None, False, "nothing would end that"),
        (State.CONNECTING, NOW - 29, True, ""),
        (State.CONNECTING, NOW - 31, True, "should have gone on 31 s ago"),
        (State.RETRYING, None, False, "nothing would end that"),
        (State.RETRYING, NOW + 300, False, ""),
        (State.RETRYING, NOW + 3600, False, "longer than its limit"),
        (State.COOLDOWN, NOW + 3600, False, "longer than its limit"),
        (State.BANNED, NOW + 1e7, False, ""),
        (State.BANNED, None, False, "nothing would end that"),
        (State.CONNECTED, None, True, ""),
        (State.CONNECTED, None, False, "nothing would end that"),
        (State.HELD, None, False, ""),
        (State.STOPPED, None, False, ""),
    ],
)
def test_who_is_longer_in_a_state_than_its_limit_is_found(
    state: State, due: float | None, is_carried: bool, said: str
) -> None:
    instance = Instance("shop", NOW - 9e6, jid=JID, state=state, since=NOW - 9e6, due=due)
    found = stuck(instance, NOW, LIMITS, is_carried=is_carried)
    assert (said in found) if said else found == ""
