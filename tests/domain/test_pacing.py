"""How fast one instance sends: never in a burst, however long it could not."""

from collections import deque
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from waziterm.domain.alerts.quiet import Quiet
from waziterm.domain.messages.codes import Waits
from waziterm.domain.messages.message_settings import Pacing
from waziterm.domain.messages.pacing import (
    DAY_S,
    HOUR_S,
    JITTER,
    Past,
    Stops,
    Turn,
    gap,
    new_chats,
    turn,
)

NOW = 1_700_000_000.0
NOBODY = Past()


def sent(
    pacing: Pacing, outages: list[tuple[float, float]], count: int, *, are_new: bool = False
) -> list[float]:
    """When so many messages that all wait are sent. outages: seconds after which, and for how
    long, nothing can be sent."""
    now, times, new, chance = NOW, deque[float](), deque[float](), Random(1)
    breaks, gap_s = deque(sorted(outages)), 0.0
    while len(times) < count:
        if breaks and now - NOW >= breaks[0][0]:
            now += breaks.popleft()[1]
        past = Past(NOW, gap_s, times, new)
        found = turn(pacing, past, Stops(), NOW, now, is_new=are_new)
        if found.why is not None:
            assert found.at > now
            now = found.at
            continue
        times.append(now)
        new.append(now)
        gap_s = gap(pacing, chance.random())
    return list(times)


OUTAGES = st.lists(st.tuples(st.floats(0, 20_000), st.floats(0, 40_000)), max_size=4)


@given(OUTAGES, st.integers(1, 60), st.floats(0.1, 30))
def test_no_outage_makes_a_burst(
    outages: list[tuple[float, float]], per_hour: int, gap_s: float
) -> None:
    times = sent(Pacing(gap_s=gap_s, per_hour=per_hour), outages, 150)
    for one, other in pairwise(times):
        assert other - one >= gap_s * (1 - JITTER) - 1e-3
    for first, last in zip(times, times[per_hour:], strict=False):
        assert last - first >= HOUR_S - 1e-3


def test_new_chats_are_few_at_first_and_grow_in_fourteen_days() -> None:
    pacing = Pacing(gap_s=0, per_hour=10_000)
    assert new_chats(pacing, None, NOW) == new_chats(pacing, NOW, NOW) == 20
    assert new_chats(pacing, NOW, NOW + 7 * DAY_S) == 110
    assert new_chats(pacing, NOW, NOW + 14 * DAY_S) == 200
    assert new_chats(pacing, NOW, NOW + 100 * DAY_S) == 200
    times = sent(pacing, [], 60, are_new=True)
    assert times[19] == NOW and times[20] >= NOW + DAY_S - 1
    known = turn(pacing, Past(NOW, 0, times[:20], times[:20]), Stops(), 0, NOW, is_new=False)
    assert known == Turn(NOW, None)


def test_the_first_message_of_an_idle_instance_goes_at_once() -> None:
    assert turn(Pacing(), NOBODY, Stops(), 0, NOW, is_new=True) == Turn(NOW, None)
    long_ago = Past(NOW - 1e6, 4.5, [NOW - 4.6], [])
    assert turn(Pacing(), long_ago, Stops(), 0, NOW, is_new=False) == Turn(NOW, None)
    just_now = Past(NOW - 1e6, 4.5, [NOW - 1], [])
    found = turn(Pacing(), just_now, Stops(), 0, NOW, is_new=False)
    assert found == Turn(NOW + 3.5, Waits.GAP)


def test_a_gap_varies_by_half() -> None:
    assert [gap(Pacing(gap_s=3), chance) for chance in (0, 0.5, 1)] == [1.5, 3, 4.5]


def test_refusals_stop_new_chats_or_all_although_nothing_is_paced() -> None:
    stops = Stops().after(463, NOW)
    pacing = Pacing(enabled=False)
    assert turn(pacing, NOBODY, stops, 0, NOW, is_new=False).why is None
    found = turn(pacing, NOBODY, stops, 0, NOW, is_new=True)
    assert found == Turn(NOW + DAY_S, Waits.TIME_LOCK)
    stops = Stops().after(429, NOW)
    found = turn(pacing, NOBODY, stops, 0, NOW, is_new=False)
    assert found == Turn(NOW + 900, Waits.RATE)
    assert Stops().after(479, NOW) == Stops()
    assert Stops().shifted(5) == Stops()


def test_quiet_hours_put_off_what_falls_into_them() -> None:
    quiet = Quiet.parse("22:00-07:00 UTC")
    pacing = Pacing(quiet=quiet, per_hour=1)
    midnight = 1_700_006_400.0
    at_21 = midnight - 3 * HOUR_S
    assert turn(pacing, NOBODY, Stops(), 0, at_21, is_new=False).why is None
    found = turn(pacing, NOBODY, Stops(), 0, midnight, is_new=False)
    assert found == Turn(midnight + 7 * HOUR_S, Waits.QUIET)
    # What would be allowed within them waits for their end.
    busy = Past(at_21, 0, [at_21 + 1800], [])
    found = turn(pacing, busy, Stops(), 0, at_21 + 1900, is_new=False)
    assert found == Turn(midnight + 7 * HOUR_S, Waits.QUIET)
