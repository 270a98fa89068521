"""F14: what is kept ages by the time in which a manager saw it, and by nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from waziterm.domain.care.trash import EXPIRES_SOON_S
from waziterm.domain.upkeep.ages import Ages

DAY_S = 86_400.0
KEEP_S = 30 * DAY_S


def kept(ages: Ages, days: float, keep_s: float = KEEP_S, *, step_s: float = DAY_S / 4) -> Ages:
    """So many days of running time, with looks at the entry "e" in between."""
    for _ in range(round(days * DAY_S / step_s)):
        ages = ages.looked(step_s, ["e"], keep_s)
    return ages


def test_an_entry_goes_after_thirty_days_of_running_and_is_announced_for_seven() -> None:
    ages = kept(Ages().looked(0.0, ["e"], KEEP_S), 22.5)
    assert ages.left_s("e", KEEP_S) > EXPIRES_SOON_S
    ages = kept(ages, 7.0)
    assert 0.0 < ages.left_s("e", KEEP_S) < EXPIRES_SOON_S
    assert kept(ages, 0.5).left_s("e", KEEP_S) == 0.0


def test_what_nobody_has_seen_yet_is_young() -> None:
    old = kept(Ages(), 400.0)
    assert old.left_s("new", KEEP_S) == KEEP_S
    assert old.looked(DAY_S, ["e", "new"], KEEP_S).left_s("new", KEEP_S) == KEEP_S


@given(now_s=st.floats(1.0, 29 * DAY_S))
def test_a_shorter_time_to_keep_is_announced_before_it_counts(now_s: float) -> None:
    """`trash.keep_days` is lowered: what would be over at once is announced first."""
    ages = kept(Ages(), 29.0)
    told_s = min(EXPIRES_SOON_S, now_s)
    assert ages.left_s("e", now_s) >= told_s - 1e-6 or ages.trash["e"].announced_s is not None
    ages = ages.looked(0.0, ["e"], now_s)
    passed_s = 0.0
    while ages.left_s("e", now_s) > 0.0:
        assert ages.left_s("e", now_s) <= now_s
        ages, passed_s = ages.looked(3600.0, ["e"], now_s), passed_s + 3600.0
    announced = kept(Ages(), 29.0).trash["e"].announced_s
    already_s = 29 * DAY_S - announced if announced is not None else 0.0
    assert passed_s + already_s >= told_s - 1e-6


def test_for_ever_is_for_ever_and_its_end_begins_with_the_announcement() -> None:
    ages = kept(Ages(), 400.0, 0.0)
    assert ages.trash["e"].announced_s is None
    assert ages.left_s("e", KEEP_S) == EXPIRES_SOON_S
    ages = kept(ages, 6.0)
    assert ages.left_s("e", KEEP_S) > 0.0
    assert kept(ages, 1.25).left_s("e", KEEP_S) == 0.0


def test_of_the_history_only_what_was_there_so_long_ago_may_go() -> None:
    ages = Ages()
    for day in range(100):
        if ages.wants_mark:
            ages = ages.marked(1e9 + day, {"transitions": day})
        ages = ages.looked(DAY_S, [], KEEP_S)
    past = ages.past(90 * DAY_S)
    assert past is not None and past.rows["transitions"] == 10
    assert Ages().past(0.0) is None
    assert ages.without_marks_before(past).past(90 * DAY_S) == past
