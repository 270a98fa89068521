"""The wall: one widget that draws the panels of the whole fleet.

A widget per panel was measured to be too slow for 50 instances; one that draws lines is not.
"""

from collections.abc import Callable, Hashable, Sequence
from itertools import pairwise
from typing import assert_never

from rich.style import Style
from textual.filter import LineFilter
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.screen import KeyAction
from waziterm.lang import tr
from waziterm.tui.fleet import panel
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import Span, row, width_of
from waziterm.tui.paint.faded import FADED
from waziterm.tui.paint.outgoing import outgoing
from waziterm.tui.state.here import Move
from waziterm.tui.state.model import FleetModel
from waziterm.tui.text import words
from waziterm.tui.text.keynames import key_of

TALLEST = 24
WIDEST = 80


class Wall(ScrollView, can_focus=False, inherit_bindings=False):
    """The panels in as many columns as fit; one of them is selected."""

    def __init__(self, model: FleetModel, clock: Callable[[], float]) -> None:
        super().__init__(id="wall")
        self._model = model
        self._clock = clock
        self._names = model.shown
        self._edges: list[tuple[int, int]] = []
        self._tall = panel.MIN_HEIGHT
        self._drawn: dict[str, tuple[Hashable, list[Strip]]] = {}
        self.selected = self._names[0] if self._names else None

    @property
    def selected(self) -> str | None:
        return self._model.selected

    @selected.setter
    def selected(self, name: str | None) -> None:
        self._model.selected = name

    @property
    def target(self) -> str | None:
        """The instance that a key acts on."""
        return self.selected

    # -- what is where

    def _arrange(self) -> None:
        """Share the space out among the panels."""
        width, height = self.container_size
        count = len(self._names)
        self._drawn.clear()
        self._edges = []
        if not count or not width or not height:
            self.virtual_size = Size(width, height)
            self.refresh()
            return
        columns = min(max(1, width // panel.MIN_WIDTH), count)
        rows = -(-count // columns)
        self._tall = min(max(height // rows, panel.MIN_HEIGHT), TALLEST)
        if rows * self._tall > height:
            width -= self.styles.scrollbar_size_vertical
            columns = max(1, min(columns, width // panel.MIN_WIDTH))
            rows = -(-count // columns)
        width = min(width, columns * WIDEST)
        bounds = [width * column // columns for column in range(columns + 1)]
        self._edges = list(pairwise(bounds))
        self.virtual_size = Size(width, rows * self._tall)
        self._show_selected()
        self.refresh()

    def _visible(self) -> range:
        """The panels' indices that are at least partly on the screen."""
        columns = len(self._edges)
        if not columns:
            return range(0)
        first = self.scroll_offset.y // self._tall
        last = (self.scroll_offset.y + self.size.height - 1) // self._tall
        return range(first * columns, min((last + 1) * columns, len(self._names)))

    def _place(self, index: int) -> Region:
        """Where a panel is, relative to the widget's upper left corner."""
        line, column = divmod(index, len(self._edges))
        left, right = self._edges[column]
        top = line * self._tall - self.scroll_offset.y
        return Region(left, top, right - left, self._tall)

    # -- painting

    def repaint(self) -> None:
        """Draw what changed and is visible."""
        names = self._model.shown
        if names != self._names:
            self._take(names)
            return
        for index in self._visible():
            old = self._drawn.get(self._names[index], (None, []))[1]
            new = self._strips(index)
            if new is old:
                continue
            place = self._place(index)
            changed = [y for y, strip in enumerate(new) if y >= len(old) or strip != old[y]]
            if changed:
                self.refresh(*(Region(place.x, place.y + y, place.width, 1) for y in changed))

    def _take(self, names: list[str]) -> None:
        """A fleet with other instances; the selection stays, or moves to the nearest one."""
        if self.selected not in names:
            before = self._names.index(self.selected) if self.selected in self._names else 0
            self.selected = names[min(before, len(names) - 1)] if names else None
        self._names = names
        self._arrange()

    def _strips(self, index: int) -> list[Strip]:
        """A panel's lines, drawn anew only when something that it shows has changed."""
        name = self._names[index]
        view = self._model.get(name)
        if view is None:
            return []
        now = self._clock()
        lines = self._model.lines(name)
        selected = name == self.selected
        marked = name in self._model.marked
        stale = self._model.as_of is not None
        key = (view, lines[-1].seq if lines else None, selected, marked, stale, *_moving(view, now))
        known = self._drawn.get(name)
        if known is not None and known[0] == key:
            return known[1]
        width = self._place(index).width
        strips = panel.draw(
            view, lines, width, self._tall, now, selected=selected, marked=marked, stale=stale
        )
        self._drawn[name] = (key, strips)
        return strips

    def get_line_filters(self) -> Sequence[LineFilter]:
        """See Textual; a view without news fades."""
        filters = super().get_line_filters()
        return filters if self._model.as_of is None else [FADED, *filters]

    def render_lines(self, crop: Region) -> list[Strip]:
        return outgoing(super().render_lines(crop))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        columns = len(self._edges)
        if not columns:
            return self._welcome(y, width)
        line, inside = divmod(y + self.scroll_offset.y, self._tall)
        first = line * columns
        indices = range(first, min(first + columns, len(self._names)))
        parts = [self._strips(index)[inside] for index in indices]
        return Strip.join(parts).extend_cell_length(width, look.PLAIN)

    def _welcome(self, y: int, width: int) -> Strip:
        """What an empty fleet says."""
        if self._model.arrangement.hides:
            if y:
                return Strip.blank(width, look.PLAIN)
            said = tr("Nothing fits the filter; {esc} clears it.", esc=key_of(KeyAction.BACK))
            return row([(f" {said}", look.PLAIN)], width, look.PLAIN)
        text: list[list[Span]] = [
            [(tr("No WhatsApp number is linked here yet."), look.BRIGHT)],
            _with_key(
                tr("Press {key} to add an instance: it shows a QR code to scan."),
                key_of(KeyAction.ADD),
                look.PLAIN,
            ),
            _with_key(
                tr("To try it without a phone: waziterm demo; {key} lists the keys."),
                key_of(KeyAction.SHOW_HELP),
                look.FAINT,
            ),
        ]
        line = y - max(0, (self.size.height - len(text)) // 2)
        if not 0 <= line < len(text):
            return Strip.blank(width, look.PLAIN)
        spans = text[line]
        used = sum(width_of(part) for part, _ in spans)
        return row([(" " * max(0, (width - used) // 2), look.PLAIN), *spans], width, look.PLAIN)

    def on_resize(self) -> None:
        self._take(self._model.shown)

    # -- moving about

    def move(self, to: Move) -> None:
        """Select another panel."""
        if not self._names or not self._edges:
            return
        here = self._names.index(self.selected) if self.selected in self._names else 0
        columns = len(self._edges)
        page = columns * max(1, self.size.height // self._tall)
        last = len(self._names) - 1
        match to:
            case Move.UP:
                there = here - columns
            case Move.DOWN:
                there = here + columns
                if there > last and here // columns < last // columns:
                    there = last
            case Move.LEFT:
                there = here - 1
            case Move.RIGHT:
                there = here + 1
            case Move.PAGE_UP:
                there = max(here - page, here % columns)
            case Move.PAGE_DOWN:
                there = min(here + page, last)
            case Move.FIRST:
                there = 0
            case Move.LAST:
                there = last
            case _:
                assert_never(to)
        if 0 <= there <= last:
            self.select(self._names[there])

    def select(self, name: str) -> None:
        """Select an instance and bring its panel into view."""
        if name in self._names:
            self.selected = name
            self._show_selected()
            self.repaint()

    def _show_selected(self) -> None:
        if self.selected not in self._names or not self._edges:
            return
        top = self._names.index(self.selected) // len(self._edges) * self._tall
        bottom = top + self._tall - self.container_size.height
        target = min(max(self.scroll_offset.y, bottom), top)
        if target != self.scroll_offset.y:
            self.scroll_to(y=target, animate=False)


def _with_key(text: str, named: str, style: Style) -> list[Span]:
    """A sentence with a key at its place `{key}`."""
    before, _, after = text.partition("{key}")
    return [(before, style), (named, look.KEY), (after, style)]


def _moving(view: InstanceView, now: float) -> tuple[str, ...]:
    """The parts of a panel that change with time alone."""
    return (
        words.age(view, now),
        words.state_word(view, now),
        words.health(view, now),
        words.qr_line(view, now) if view.qr is not None else "",
    )
