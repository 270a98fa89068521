"""Half hours as cells: aligned to the local clock, judged by shares, unknown where nobody saw."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waziterm.domain.lifecycle.states import State
from waziterm.domain.stats.strips import (
    CELL_S,
    DAY_CELLS,
    NOTHING,
    Cell,
    Recent,
    Stood,
    cells_of,
    first_cell,
    joined,
    read_cells,
)

AT = 1_767_225_600.0
UP, RETRYING, HELD = State.CONNECTED, State.RETRYING, State.HELD


def cells(*moves: tuple[float, State | None], now: float, count: int) -> list[Cell]:
    """Of moves and a moment in half hours since the begin of the first cell."""
    stood_ = [Stood(AT + at * CELL_S, state) for at, state in moves]
    return list(read_cells(cells_of(stood_, AT, AT + now * CELL_S, count)))


def test_a_state_fills_the_cells_until_the_next_and_the_last_one_holds_now() -> None:
    found = cells((-9, UP), (1, HELD), (2.5, UP), now=4.2, count=5)
    assert found == [Cell(UP, 8), Cell(HELD, 0), Cell(HELD, 4), Cell(UP, 8), Cell(UP, 8)]


@pytest.mark.parametrize(
    ("down_s", "cell"),
    [(10, Cell(UP, 8)), (170, Cell(UP, 7)), (181, Cell(RETRYING, 7)), (900, Cell(RETRYING, 4))],
)
def test_seconds_without_a_connection_do_not_colour_half_an_hour(down_s: int, cell: Cell) -> None:
    end = 0.2 + down_s / CELL_S
    assert cells((-1, UP), (0.2, RETRYING), (end, UP), now=1, count=1) == [cell]


def test_many_short_drops_count_together_with_what_is_worse_than_they() -> None:
    drops = [(part / 20 + shift, state) for part in range(20) for shift, state in ((0, UP),)]
    for part in range(20):
        drops.append((part / 20 + 0.045, HELD if part % 2 else RETRYING))
    # A twentieth held and a twentieth retried: neither is a tenth, both together are.
    assert cells(*sorted(drops), now=1, count=1) == [Cell(RETRYING, 7)]


def test_what_nobody_saw_is_no_part_of_a_cell() -> None:
    found = cells((0.5, UP), (1.5, None), (3.5, HELD), now=5, count=6)
    known = [Cell(UP, 8), Cell(UP, 8), NOTHING, Cell(HELD, 0), Cell(HELD, 0), NOTHING]
    assert found == known and NOTHING not in (Cell(HELD, 0), Cell(State.STOPPED, 0))


def test_without_a_move_nothing_is_known() -> None:
    assert cells(now=3, count=3) == [NOTHING] * 3


def test_a_clock_that_was_set_back_makes_no_time_below_zero() -> None:
    assert cells((0, UP), (2, HELD), (1, UP), now=3, count=3) == [Cell(UP, 8)] * 3


@pytest.mark.parametrize(
    "zone", ["UTC", "Asia/Jakarta", "Asia/Kathmandu", "Asia/Kolkata", "America/St_Johns"]
)
def test_cells_begin_at_the_half_hours_of_the_local_clock(zone: str) -> None:
    now = datetime(2026, 1, 5, 3, 12, 30, tzinfo=ZoneInfo(zone))
    offset = now.utcoffset()
    assert offset is not None
    begin = first_cell(now.timestamp(), DAY_CELLS, offset.total_seconds())
    assert datetime.fromtimestamp(begin, now.tzinfo) == now.replace(day=4, minute=30, second=0)


@given(
    st.lists(st.tuples(st.floats(-3, 60), st.sampled_from([*State, None])), max_size=30),
    st.floats(0, 50),
    st.integers(1, 60),
)
def test_any_course_makes_as_many_cells_as_were_asked_for(
    moves: list[tuple[float, State | None]], now: float, count: int
) -> None:
    found = cells(*sorted(moves, key=lambda each: each[0]), now=now, count=count)
    assert len(found) == count
    # Only what is connected lifts a cell, and after now there is nothing.
    states = {state for _, state in moves}
    assert all(cell.level == 0 for cell in found) or State.CONNECTED in states
    assert all(cell == NOTHING for cell in found[int(now) + 1 :])


@given(st.text(max_size=20))
def test_no_text_from_elsewhere_breaks_the_reading(text: str) -> None:
    assert all(0 <= cell.level <= 8 for cell in read_cells(text))


def test_several_as_one_show_the_worst_and_the_mean() -> None:
    assert joined([Cell(UP, 8), Cell(HELD, 3), NOTHING]) == Cell(HELD, 5)
    assert joined([NOTHING, NOTHING]) == NOTHING


@pytest.mark.parametrize(
    ("today", "mean", "times"),
    [(12, 4.0, 3.0), (7, 4.0, None), (2, 0.0, None), (3, 0.0, float("inf")), (3, None, None)],
)
def test_todays_drops_are_told_by_its_own_mean(
    today: int, mean: float | None, times: float | None
) -> None:
    assert Recent("a", AT, "", drops=(0, today), mean_drops=mean).times == times
