"""The plan of a demo: same seed, same course; trouble is over in time; nobody is hit too often."""

from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waziterm.cli.demo.plan import FIRST_S, Act, Turn, names, plan
from waziterm.domain.lifecycle.limits import Limits
from waziterm.domain.names import check_name

SEEDS = st.integers(0, 10_000)
COUNTS = st.integers(1, 60)


def test_the_names_are_names_and_differ() -> None:
    found = [check_name(name) for name in names(200)]
    assert len(set(found)) == 200
    assert names(3) == found[:3]


@given(SEEDS, COUNTS)
def test_the_same_seed_gives_the_same_course(seed: int, count: int) -> None:
    assert list(islice(plan(seed, count), 50)) == list(islice(plan(seed, count), 50))


def test_another_seed_gives_another_course() -> None:
    assert list(islice(plan(1, 6), 50)) != list(islice(plan(2, 6), 50))


@given(SEEDS, COUNTS)
def test_it_begins_after_the_pairing_and_names_real_victims(seed: int, count: int) -> None:
    acts = list(islice(plan(seed, count), 60))
    assert acts == sorted(acts, key=lambda act: act.at_s)
    assert acts[0].at_s >= FIRST_S
    assert {act.victim for act in acts} <= set(range(count))


@given(SEEDS, COUNTS, st.floats(1, 400))
def test_trouble_is_over_before_the_end(seed: int, count: int, seconds: float) -> None:
    limits = Limits()
    for act in plan(seed, count, seconds):
        if act.turn is Turn.CONFLICT:
            assert seconds - act.at_s > limits.cooldown_s * (1 + limits.jitter) + 10
        elif act.turn is Turn.SILENCE:
            assert seconds - act.at_s > limits.keepalive_s * limits.keepalive_misses + 40
        else:
            assert seconds - act.at_s >= 5


@given(SEEDS, COUNTS)
def test_no_instance_gets_into_a_budget(seed: int, count: int) -> None:
    """Three conflicts in ten minutes, or one within `guard_s` of our guarded attempt, hold it."""
    limits = Limits()
    by_victim: dict[int, list[Act]] = {}
    for act in islice(plan(seed, count), 400):
        if act.turn.is_trouble:
            by_victim.setdefault(act.victim, []).append(act)
    for acts in by_victim.values():
        gaps = [after.at_s - before.at_s for before, after in pairwise(acts)]
        assert all(gap > limits.short_lived_s for gap in gaps)
        conflicts = [act.at_s for act in acts if act.turn is Turn.CONFLICT]
        for first, third in zip(conflicts, conflicts[2:], strict=False):
            assert third - first > limits.conflict_window_s
        for first, second in pairwise(conflicts):
            assert second - first > limits.guard_s + limits.cooldown_s * 2


@pytest.mark.parametrize("seconds", [1.0, 10.0])
def test_a_short_demo_has_no_trouble(seconds: float) -> None:
    assert list(plan(1, 6, seconds)) == []


def test_a_minute_shows_something() -> None:
    turns = {act.turn for act in plan(1, 6, 60.0)}
    assert Turn.CONFLICT in turns and len(turns) >= 3
