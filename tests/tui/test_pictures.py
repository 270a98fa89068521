"""Strips and sparklines: exact in width, and true in every cell."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waziterm.domain.lifecycle.states import State
from waziterm.domain.stats.strips import LEVELS, NOTHING, Cell, Recent
from waziterm.tui.instance.pictures import BARS, UNKNOWN, hourly, sparkline, strip, times
from waziterm.tui.paint.cells import width_of

widths = st.integers(0, 120)
figures = st.lists(st.none() | st.floats(0.0, 1e6), max_size=200)
some_cells = st.lists(
    st.builds(Cell, st.sampled_from(State), st.integers(0, LEVELS)) | st.just(NOTHING), max_size=96
)


@given(some_cells)
def test_a_strip_has_one_glyph_for_each_cell(cells: list[Cell]) -> None:
    text = "".join(text for text, _ in strip(cells))
    assert width_of(text) == len(text) == len(cells)
    assert [glyph == UNKNOWN for glyph in text] == [cell.state is None for cell in cells]
    heights = [BARS.index(glyph) for glyph in text if glyph != UNKNOWN]
    levels = [cell.level for cell in cells if cell.state is not None]
    for (one, other), (low, high) in zip(pairwise(levels), pairwise(heights), strict=True):
        assert (one <= other) <= (low <= high)


@given(some_cells, st.sampled_from((1, 2, 4)))
def test_fewer_cells_stand_for_all(cells: list[Cell], of: int) -> None:
    few = hourly(cells, of)
    assert len(few) == -(-len(cells) // of)
    known = {cell.state for cell in cells}
    assert {cell.state for cell in few} <= known | {None}


def test_what_is_unusual_is_said_in_figures() -> None:
    week = Recent("shop", 0, "", drops=(1, 1, 1, 1, 1, 1, 6), mean_drops=1.0)
    assert times(week) == "▲6.0×"
    assert times(replace(week, mean_drops=0.0)) == "▲"
    assert times(replace(week, drops=(1, 1, 1, 1, 1, 1, 2))) == ""


@given(figures, widths)
def test_a_sparkline_is_exactly_as_wide_as_asked(values: list[float | None], width: int) -> None:
    text = sparkline(values, width)
    assert len(text) == width_of(text) == width
    assert set(text) <= {" ", *BARS}
    known = [value for value in values if value is not None]
    if width and known and max(known) > 0:
        assert BARS[-1] in text, "the peak is always there"
    if not known:
        assert text == " " * width


@pytest.mark.parametrize(
    ("values", "width", "drawn"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7], 8, BARS),
        ([1, None, 1], 3, "█ █"),
        ([0, 0], 2, "▁▁"),
        ([7], 4, "   █"),
        ([0, 9, 0, 0, None, None], 3, "█▁ "),
        ([], 3, "   "),
    ],
)
def test_a_sparkline_cell_by_cell(values: list[float | None], width: int, drawn: str) -> None:
    assert sparkline(values, width) == drawn
