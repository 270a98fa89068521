"""What was painted is gone without a search for garbage, however busy the screen is."""

import gc
from itertools import accumulate

import pytest
from rich.cells import cell_len
from textual.strip import Strip

from tests.tui.painted import shown
from tests.tui.scripted import big
from waziterm.tui.fleet.list import FleetList
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import row
from waziterm.tui.paint.outgoing import Outgoing, outgoing
from waziterm.tui.state.columns import Column

WIDTH = 160
ALONE = WIDTH - 1
"""So wide that the list has no detail beside it."""
LINES = 6


@pytest.mark.parametrize(
    ("view", "width"), [("1", WIDTH), ("2", ALONE), ("2", WIDTH), ("3", WIDTH)]
)
async def test_lines_that_pass_by_leave_no_garbage(view: str, width: int) -> None:
    fleet = big(4)
    async with shown(fleet, width, 50) as screen:
        screen.app.model.columns = frozenset({Column.LAST_LINE})
        await screen.press(view)
        fleet.log("shop-000", "the first one")
        await screen.sees("the first one")
        gc.collect()
        gc.disable()
        try:
            for number in range(LINES):
                fleet.log("shop-000", f"number {number} of them")
                await screen.sees(f"number {number} of them")
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            left = [each for each in gc.garbage if isinstance(each, Strip)]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
    wide = [strip for strip in left if strip.cell_length >= width // 2]
    assert len(wide) < LINES


@pytest.mark.parametrize("width", [ALONE, WIDTH])
async def test_nothing_has_to_be_cut_where_the_scroll_bar_begins(width: int) -> None:
    fleet = big(80)
    async with shown(fleet, width, 30) as screen:
        screen.app.model.columns = frozenset({Column.LAST_LINE})
        fleet.log("shop-000", "too long " * 30)
        await screen.press("2")
        await screen.sees("LAST LINE", "too long")
        rows = screen.app.screen.query_one(FleetList)
        assert (rows.outer_size.width == width) is (width == ALONE)
        bar = rows.outer_size.width - 1

        def is_parted(y: int) -> bool:
            return bar in accumulate(cell_len(text) for text, _, _ in rows.render_line(y))

        await screen.until(lambda _: all(is_parted(y) for y in range(rows.size.height)))


def test_a_line_is_cut_as_any_strip_is() -> None:
    strip = row([("left", look.PLAIN), (" and right", look.BRIGHT)], 20, look.PLAIN)
    (same,) = outgoing([strip])
    assert same == strip
    assert [part.text for part in same.divide([4, 20])] == ["left", " and right      "]
    assert list(same.divide([20])) == [same]
    assert isinstance(same, Outgoing)
