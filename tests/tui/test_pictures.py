"""Sparklines: exact in width, and true in every cell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waziterm.tui.instance.pictures import BARS, sparkline
from waziterm.tui.paint.cells import width_of

widths = st.integers(0, 120)
figures = st.lists(st.none() | st.floats(0.0, 1e6), max_size=200)


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
