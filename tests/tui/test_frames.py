"""The painter of differences shows what Textual's own painting shows, cell by cell, in pyte."""

import re
from collections.abc import Callable, Sequence
from typing import Any
from unicodedata import combining, normalize
from unittest import mock

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.color import Color, ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from bench.cells import Cells
from tests.tui.painted import AS_ADDED, shown
from tests.tui.scripted import ScriptedFleet, every_state, hostile
from waziterm.domain.screen import Ascii, Screen, Theme
from waziterm.tui.app.app import WazitermApp
from waziterm.tui.app.frames import Frames
from waziterm.tui.paint.finish import Finish
from waziterm.tui.textual_private import painted

SYSTEMS = {
    ColorSystem.TRUECOLOR: "truecolor",
    ColorSystem.EIGHT_BIT: "256",
    ColorSystem.STANDARD: "standard",
}
COLOURS = (None, "default", "red", "bright_blue", "color(133)", "#3a4452", "#3a4453", "#ffffff")
ALPHABET = (
    "a",
    "b",
    " ",
    " ",
    " ",
    "│",
    "●",
    "画",
    "界",
    "e\u0301",
    "⏳",
    "🟢",
    "\u0302",
)
"""Wide and combining among the plain ones, and many blanks."""
LINES = 4

styles = st.builds(
    lambda fg, bg, **on: Style(color=fg and Color.parse(fg), bgcolor=bg and Color.parse(bg), **on),
    st.sampled_from(COLOURS),
    st.sampled_from(COLOURS),
    bold=st.booleans(),
    dim=st.booleans(),
    underline=st.booleans(),
    reverse=st.booleans(),
)
texts = st.lists(st.sampled_from(ALPHABET), min_size=1, max_size=9).map("".join)
lines = st.lists(st.tuples(texts, st.sampled_from(range(4))), max_size=6).map(
    # What combines has something to combine with on its line.
    lambda spans: [("-", 0), *spans]
)


class Picture:
    """A terminal that is fed by hand."""

    def __init__(self, columns: int, rows: int) -> None:
        self.screen = pyte.Screen(columns, rows)
        self.screen.reset_mode(7, private=True)  # as Textual has it: nothing goes on below
        self.stream = pyte.Stream(self.screen)

    def cells(self) -> list[list[tuple[Any, ...]]]:
        """Every cell by what is seen of it: a blank has no colour of its own."""
        rows = []
        for y in range(self.screen.lines):
            line = [self.screen.buffer[y][x] for x in range(self.screen.columns)]
            rows.append([_seen(each) for each in line])
        return rows


def _seen(cell: Any) -> tuple[Any, ...]:
    if cell.data == " " and not (cell.reverse or cell.underscore or cell.strikethrough):
        return (" ", cell.bg)
    return tuple(cell)


def plain(line: str) -> str:
    """Without what combines, which pyte normalizes."""
    return "".join(each for each in normalize("NFD", line) if not combining(each))


def as_textual_does(strips: Sequence[Strip], columns: int, console: Console) -> Picture:
    """All of it, painted from corner to corner."""
    picture = Picture(columns, len(strips))
    update = LayoutUpdate([[each] for each in strips], Region(0, 0, columns, len(strips)))
    picture.screen.set_mode(20)  # a new line begins at the left
    picture.stream.feed(update.render_segments(console))
    return picture


@settings(max_examples=60, deadline=None)
@given(
    columns=st.integers(2, 24),
    looks=st.lists(styles, min_size=4, max_size=4),
    steps=st.lists(st.lists(lines, min_size=LINES, max_size=LINES), min_size=1, max_size=5),
    pieces=st.sampled_from((None, 1, 40)),
    system=st.sampled_from(list(SYSTEMS)),
)
def test_differences_add_up_to_the_whole_picture(
    columns: int,
    looks: list[Style],
    steps: list[list[list[tuple[str, int]]]],
    pieces: int | None,
    system: ColorSystem,
) -> None:
    console = Console(color_system=SYSTEMS[system], force_terminal=True)  # type: ignore[arg-type]
    frames, ours, read = Frames(), Picture(columns, LINES), Cells(columns, LINES)
    for step in steps:
        strips = [
            Strip([Segment(text, looks[look]) for text, look in line]).adjust_cell_length(columns)
            for line in step
        ]
        frames.take([(0, y, strip) for y, strip in enumerate(strips)], (columns, LINES), system)
        first = True
        while first or frames.has_more:
            text, first = frames.difference(pieces), False
            ours.stream.feed(text)
            read.feed(text.encode())
        whole = as_textual_does(strips, columns, console)
        assert ours.cells() == whole.cells()
        assert list(map(plain, read.display())) == list(map(plain, whole.screen.display))
    assert frames.difference() == ""


class BothWays:
    """What an app paints, painted as Textual does and as differences."""

    def __init__(self, columns: int, rows: int) -> None:
        self.ours, self.whole = Picture(columns, rows), Picture(columns, rows)
        self.whole.screen.set_mode(20)
        self._frames = Frames()
        self.parts = 0

    def display(self, app: WazitermApp, screen: Any, renderable: Any) -> None:
        update = painted(renderable)
        if update is not None:
            self._frames.take(update.pieces, screen.outer_size, ColorSystem.TRUECOLOR)
            self.ours.stream.feed(self._frames.difference())
            self.whole.stream.feed(renderable.render_segments(app.console))
            self.parts += not update.whole


WALK = (
    *("?", "escape", "2", "down", "down", "enter", "right", "escape", "4", "1", "h", "z"),
    *("ctrl+p", "escape", "a", "escape", "x", "n", "/", "s", "h", "escape", "l", "escape"),
)


@pytest.mark.parametrize(
    ("fleet", "look"),
    [
        (every_state, AS_ADDED),
        (hostile, Screen(title=False, theme=Theme.LIGHT)),
        (hostile, Screen(title=False, ascii=Ascii.ON)),
    ],
    ids=["colours", "light", "ascii"],
)
async def test_every_screen_is_painted_the_same_both_ways(
    fleet: Callable[[], ScriptedFleet], look: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A walk through screens and dialogs, whole ones and parts."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    both, found = BothWays(100, 30), fleet()

    def display(app: WazitermApp, screen: Any, renderable: Any) -> None:
        both.display(app, screen, renderable)

    with mock.patch.object(WazitermApp, "_display", display):
        async with shown(found, 100, 30, look=look) as screen:
            Finish.of(look, screen.app.console.color_system).put_on(screen.app)
            for key in WALK:
                await screen.press(key)
                found.log(next(iter(found.views)), f"{key} 画像 ⏳ e\u0301")
                assert both.ours.cells() == both.whole.cells(), key
    assert both.parts


def test_parts_of_sequences_wait_for_their_rest() -> None:
    """What is measured is cut anywhere."""
    text = "\x1b[2J\x1b[2;3H\x1b[38;2;1;2;3m画a\x1b]0;title\x07b\x1b[1;1H\x1b[K–\x1b[?2026l"
    whole, cut = Cells(20, 3), Cells(20, 3)
    whole.feed(text.encode())
    for byte in text.encode():
        cut.feed(bytes([byte]))
    assert cut.display() == whole.display() == ["–".ljust(20), "  画ab".ljust(19), " " * 20]


def test_what_is_shown_already_costs_nothing() -> None:
    frames = Frames()
    line = [(0, 0, Strip([Segment("shop", Style(bold=True))]).adjust_cell_length(20))]
    frames.take(line, (20, 1), ColorSystem.TRUECOLOR)
    assert re.findall("shop", frames.difference()) == ["shop"]
    frames.take(line, (20, 1), ColorSystem.TRUECOLOR)
    assert frames.difference() == ""
    assert cell_len("shop") == 4
