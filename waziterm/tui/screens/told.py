"""What a tool tells, as lines to walk along; from one about an instance enter leads there."""

from collections.abc import Sequence
from typing import assert_never

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.strip import Strip

from waziterm.tui.paint import look
from waziterm.tui.paint.canvas import Canvas
from waziterm.tui.paint.cells import row, width_of
from waziterm.tui.state.here import Move
from waziterm.tui.text.tools import Told

_INDENT = 2
"""Cells for the mark of the selected one, and by which a line that goes on is moved to the right.
"""


class ToldList(Canvas):
    """As high as what it shows, as far as the screen is; it scrolls by itself.

    Where something is about an instance, up and down go from one such thing to the next; else they
    scroll.
    """

    def __init__(self) -> None:
        super().__init__(id="told")
        self._told: Sequence[Told] = ()
        self._chosen: int | None = None
        self._top = 0
        self._lines: list[tuple[int, Text]] = []

    def show(self, told: Sequence[Told]) -> None:
        """Show this instead. What is selected stays, by its place."""
        self._told = told
        places = self._places()
        if self._chosen not in places:
            self._chosen = places[0] if places else None
        self._arrange()

    def _places(self) -> list[int]:
        """Which can be selected."""
        return [place for place, each in enumerate(self._told) if each.instance]

    @property
    def instance(self) -> str | None:
        """Whom the selected one is about."""
        return None if self._chosen is None else self._told[self._chosen].instance

    def move(self, to: Move) -> None:
        """Select another one, or scroll."""
        places = self._places()
        last = max(0, len(self._lines) - self.size.height)
        page = max(1, self.size.height - 1)
        if not places or self._chosen is None:
            there = to.along(self._top, page, 0, last)
            self._top = self._top if there is None else there
        else:
            here = places.index(self._chosen)
            match to:
                case Move.UP | Move.DOWN | Move.FIRST | Move.LAST:
                    there = to.along(here, 1, 0, len(places) - 1)
                case Move.PAGE_UP | Move.PAGE_DOWN:
                    seen = {at for at, _ in self._lines[self._top : self._top + page]}
                    many = max(1, len(seen & set(places)) - 1)
                    there = to.along(here, many, 0, len(places) - 1)
                case Move.LEFT | Move.RIGHT:
                    there = None
                case _:
                    assert_never(to)
            self._chosen = places[here if there is None else there]
            self._show_chosen()
        self.repaint()

    def _show_chosen(self) -> None:
        """Scroll as far as it takes. Before the first that can be selected stands what is above."""
        places = self._places()
        rows = [y for y, (place, _) in enumerate(self._lines) if place == self._chosen]
        if not rows:
            return
        first = 0 if self._chosen == places[0] else rows[0]
        last = len(self._lines) - 1 if self._chosen == places[-1] else rows[-1]
        height = self.size.height
        self._top = min(max(self._top, last - height + 1), max(0, first))
        self._top = max(min(self._top, rows[0]), rows[-1] - height + 1, 0)

    # -- painting

    def _arrange(self) -> None:
        """Break the lines for the width that there is."""
        width = self.size.width
        if not width:
            return
        self._lines = [
            (place, part)
            for place, each in enumerate(self._told)
            for text in each.lines
            for part in _broken(text, width - _INDENT)
        ]
        high = max(1, min(len(self._lines), self.screen.size.height - 2))
        if self.styles.height is None or self.styles.height.value != high:
            self.styles.height = high
        self._top = min(self._top, max(0, len(self._lines) - high))
        self._show_chosen()
        self.repaint()

    def on_resize(self) -> None:
        self._arrange()
        super().on_resize()

    def paint(self, width: int, height: int) -> list[Strip]:
        strips = []
        for place, text in self._lines[self._top : self._top + height]:
            chosen = place == self._chosen
            base = look.CHOSEN if chosen else look.BAR
            mark = Segment("▌ " if chosen else "  ", base + Style(color=look.ACCENT))
            said = list(Segment.apply_style(text.render(self.app.console), base))
            if chosen:
                said = [Segment(part, look.on_selected(style or base)) for part, style, _ in said]
            strip = Strip([mark, *said])
            strips.append(strip.adjust_cell_length(width, base))
        return [*strips, *[row((), width, look.BAR)] * (height - len(strips))]


def _broken(text: Text, width: int) -> list[Text]:
    """A line on as many as it takes. Those after the first stand under its words, right of the
    blanks and of the glyph with which it begins."""
    body = text.plain.lstrip(" ")
    indent = len(text.plain) - len(body)
    if body[1:2] == " " and not body[0].isalnum():
        indent += 2
    parts: list[Text] = []
    rest = text
    while rest.plain.strip() or not parts:
        lead = indent if parts else 0
        end = _fitting(rest.plain, max(8, width - lead))
        part = Text.assemble(" " * lead, rest[:end])
        part.end = ""
        parts.append(part)
        rest = rest[end:]
        rest = rest[len(rest.plain) - len(rest.plain.lstrip(" ")) :]
    return parts


def _fitting(plain: str, width: int) -> int:
    """How many characters fit a line of this width, up to a blank where there is one."""
    used, blank = 0, 0
    lead = len(plain) - len(plain.lstrip(" "))
    for place, char in enumerate(plain):
        used += width_of(char)
        if used > width:
            return blank if blank > lead else max(1, place)
        if char == " ":
            blank = place
    return len(plain)
