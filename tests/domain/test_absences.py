"""The history as absences: one line for each drop, however many moves it took."""

from hypothesis import given
from hypothesis import strategies as st

from waziterm.domain.fleet.history import Moved
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.stats.absences import Absence, absences
from waziterm.domain.stats.hours import Hour, Step, stepped

ONLINE = (State.CONNECTED, Reason.ONLINE)


def test_a_drop_and_all_that_followed_is_one_absence() -> None:
    moves = (
        Moved(0, *ONLINE),
        Moved(100, State.RETRYING, Reason.DROPPED, "EOF"),
        Moved(110, State.CONNECTING, Reason.RETRY),
        Moved(130, State.RETRYING, Reason.DIAL_FAILED, "no route"),
        Moved(140, State.CONNECTING, Reason.RETRY),
        Moved(171, *ONLINE),
    )
    (absence,) = absences(moves)
    assert absence == Absence(
        *(100, Reason.DROPPED, "EOF", True, State.CONNECTING, Reason.DIAL_FAILED, "no route"),
        ended=171,
        is_back=True,
    )
    assert absence.lasted_s(9999) == 71


def test_what_lasts_says_where_it_stands() -> None:
    moves = (
        Moved(0, *ONLINE),
        Moved(5, State.COOLDOWN, Reason.CONFLICT),
        Moved(6, State.COOLDOWN, Reason.CONFLICT, "python bot.py (pid 7)"),
        Moved(16, State.CONNECTING, Reason.GUARDED),
        Moved(17, State.HELD, Reason.RIVAL, "held"),
    )
    (absence,) = absences(moves)
    assert absence == Absence(
        *(5, Reason.CONFLICT, "python bot.py (pid 7)", True, State.HELD, Reason.RIVAL, "held")
    )
    assert absence.lasted_s(25) == 20


def test_a_stop_ends_a_drop_and_begins_an_absence_that_was_meant() -> None:
    moves = (
        Moved(0, *ONLINE),
        Moved(10, State.RETRYING, Reason.DROPPED),
        Moved(40, State.STOPPED, Reason.BY_OPERATOR),
        Moved(90, State.CONNECTING, Reason.ASKED),
        Moved(91, *ONLINE),
    )
    dropped, stopped = absences(moves)
    assert dropped.is_drop and dropped.ended == 40 and not dropped.is_back
    assert not stopped.is_drop and stopped.reason is Reason.BY_OPERATOR and stopped.is_back


def test_a_degraded_connection_that_ends_has_the_reason_of_its_end() -> None:
    moves = (
        Moved(0, *ONLINE),
        Moved(10, State.DEGRADED, Reason.KEEPALIVE_MISSED),
        Moved(50, State.CONNECTING, Reason.RETRY),
        Moved(60, *ONLINE),
        Moved(70, State.DEGRADED, Reason.KEEPALIVE_MISSED),
        Moved(80, *ONLINE),
    )
    first, second = absences(moves)
    assert first.is_drop and first.reason is Reason.KEEPALIVE_MISSED and first.at == 50
    assert not second.is_drop and second.lasted_s(0) == 10


@given(
    st.lists(
        st.tuples(
            st.floats(0.1, 5000),
            st.sampled_from(State),
            st.sampled_from(Reason),
            st.text(max_size=3),
        ),
        max_size=40,
    )
)
def test_there_are_as_many_drops_as_are_counted(
    steps: list[tuple[float, State, Reason, str]],
) -> None:
    """The lines and the figures above them tell of the same drops."""
    at, moves = 0.0, [Moved(0.0, *ONLINE)]
    for passed, state, reason, detail in steps:
        at += passed
        moves.append(Moved(at, state, reason, detail))
    hours: dict[tuple[str, int], Hour] = {}
    standing = None
    for move in moves:
        step = Step("x", move.at, move.state, move.reason, "")
        standing = stepped(hours, standing, step, None)
    counted = sum(hour.drops for hour in hours.values())
    found = absences(moves)
    assert sum(each.is_drop for each in found) == counted
    assert [each.at for each in found] == sorted(each.at for each in found)
    assert all(each.ended is not None for each in found[:-1])
