"""The wall: one widget that draws the whole fleet, cards for those that need somebody above rows
for the others.

A widget per instance was measured to be too slow for 50 of them; one that draws lines is not.
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
from waziterm.domain.screen import Density, KeyAction
from waziterm.lang import tr
from waziterm.tui.fleet import healthy, panel
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import Span, row, width_of
from waziterm.tui.paint.faded import FADED
from waziterm.tui.paint.outgoing import outgoing
from waziterm.tui.state.arrange import needs_somebody
from waziterm.tui.state.here import Move
from waziterm.tui.state.model import FleetModel
from waziterm.tui.text import words
from waziterm.tui.text.keynames import key_of

TALLEST, TALLEST_ABOVE_ROWS = 24, 9
WIDEST = 80


class Wall(ScrollView, can_focus=False, inherit_bindings=False):
    """The cards in as many columns as fit, and the rows below them; one instance is selected.

    The heading of the rows stays in view while they scroll.
    """

    def __init__(self, model: FleetModel, clock: Callable[[], float]) -> None:
        super().__init__(id="wall")
        self._model = model
        self._clock = clock
        self._names, self._cards = self._wanted()
        self._edges: list[tuple[int, int]] = []
        self._tall = panel.MIN_HEIGHT
        self._fits = healthy.columns(80, 0, remarks=False)
        self._drawn: dict[str, tuple[Hashable, list[Strip]]] = {}
        self._remarks = False
        self._messages = False
        self._headed: Strip | None = None
        self._head = 0
        self._width = 0
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

    def _wanted(self) -> tuple[list[str], int]:
        """All that are shown, the cards first, and how many cards there are."""
        names = self._model.shown
        if self._model.density is Density.CARDS:
            return names, len(names)
        views = map(self._model.get, names)
        is_card = [view is not None and needs_somebody(view) for view in views]
        cards = [name for name, card in zip(names, is_card, strict=True) if card]
        rows = [name for name, card in zip(names, is_card, strict=True) if not card]
        return cards + rows, len(cards)

    def _arrange(self) -> None:
        """Share the space out: the rows have a line each, the cards what is left, within bounds."""
        width, height = self.container_size
        count, rows = self._cards, len(self._names) - self._cards
        self._drawn.clear()
        self._headed = None
        self._edges = []
        if not self._names or not width or not height:
            self.virtual_size = Size(width, height)
            self.refresh()
            return
        below = rows + 1 if rows else 0
        tallest = TALLEST_ABOVE_ROWS if rows else TALLEST
        lines = 0
        if count:
            columns = min(max(1, width // panel.MIN_WIDTH), count)
            lines = -(-count // columns)
            self._tall = min(max((height - below) // lines, panel.MIN_HEIGHT), tallest)
            if lines * self._tall + below > height:
                width -= self.styles.scrollbar_size_vertical
                columns = max(1, min(columns, width // panel.MIN_WIDTH))
                lines = -(-count // columns)
            across = min(width, columns * WIDEST)
            bounds = [across * column // columns for column in range(columns + 1)]
            self._edges = list(pairwise(bounds))
        elif below > height:
            width -= self.styles.scrollbar_size_vertical
        self._head = lines * self._tall
        self._width = width
        self._remarks, self._messages = self._has_remarks(), self._model.has_messages
        self._fits = healthy.columns(
            *(width, healthy.longest(self._names)), remarks=self._remarks, messages=self._messages
        )
        self.virtual_size = Size(width, self._head + below)
        self._show_selected()
        self.refresh()

    def _has_remarks(self) -> bool:
        now = self._clock()
        views = (self._model.get(name) for name in self._names[self._cards :])
        return any(view is not None and words.has_remarks(view, now) for view in views)

    def _place(self, index: int) -> Region:
        """Where an instance is, relative to the upper left corner of what scrolls."""
        if index >= self._cards:
            return Region(0, self._head + 1 + index - self._cards, self._width, 1)
        line, column = divmod(index, len(self._edges))
        left, right = self._edges[column]
        return Region(left, line * self._tall, right - left, self._tall)

    def _at(self, y: int) -> range:
        """The indices of those on a line of what scrolls."""
        if y >= self._head:
            index = self._cards + y - self._head - 1
            return range(index, index + 1) if self._cards <= index < len(self._names) else range(0)
        first = y // self._tall * len(self._edges)
        return range(first, min(first + len(self._edges), self._cards))

    def _covered(self) -> bool:
        """Whether the heading of the rows stands over one that was scrolled below it."""
        return len(self._names) > self._cards and self.scroll_offset.y > self._head

    def _visible(self) -> list[int]:
        """The indices of those that are at least partly on the screen."""
        top = self.scroll_offset.y
        seen = {index for y in range(top, top + self.size.height) for index in self._at(y)}
        return sorted(seen)

    # -- painting

    def repaint(self) -> None:
        """Draw what changed and is visible."""
        if self._wanted() != (self._names, self._cards):
            self._take()
            return
        if (self._has_remarks(), self._model.has_messages) != (self._remarks, self._messages):
            self._arrange()
            return
        if not self._width:
            return
        top = self.scroll_offset.y
        for index in self._visible():
            old = self._drawn.get(self._names[index], (None, []))[1]
            new = self._strips(index)
            if new is old:
                continue
            place = self._place(index)
            changed = [y for y, strip in enumerate(new) if y >= len(old) or strip != old[y]]
            if changed:
                self.refresh(*(Region(place.x, place.y + y - top, place.width, 1) for y in changed))
        if len(self._names) > self._cards and self._heading() != self._headed:
            self._headed = self._heading()
            self.refresh(Region(0, max(0, self._head - top), self._width, 1))

    def _take(self) -> None:
        """A fleet with other instances, or in another order; the selection stays, or moves to the
        nearest one."""
        names, cards = self._wanted()
        if self.selected not in names:
            before = self._names.index(self.selected) if self.selected in self._names else 0
            self.selected = names[min(before, len(names) - 1)] if names else None
        self._names, self._cards = names, cards
        self._arrange()

    def _heading(self) -> Strip:
        begins = (
            self._model.recent[each].begin for each in self._names if each in self._model.recent
        )
        return healthy.heading(self._fits, self._width, next(begins, None))

    def _strips(self, index: int) -> list[Strip]:
        """The lines of an instance, drawn anew only when something that they show has changed."""
        name = self._names[index]
        view = self._model.get(name)
        if view is None:
            return []
        now = self._clock()
        recent = self._model.recent.get(name)
        selected = name == self.selected
        marked = name in self._model.marked
        stale = self._model.as_of is not None
        is_card = index < self._cards
        lines = self._model.lines(name) if is_card else ()
        seq = lines[-1].seq if lines else None
        moving = _moving(view, now) if is_card else _moving_in_row(view, now)
        key = (view, recent, seq, selected, marked, stale, is_card, *moving)
        known = self._drawn.get(name)
        if known is not None and known[0] == key:
            return known[1]
        if is_card:
            width = self._place(index).width
            strips = panel.draw(
                *(view, lines, width, self._tall, now),
                selected=selected,
                marked=marked,
                stale=stale,
                recent=recent,
            )
        else:
            row_ = healthy.draw(
                *(view, recent, self._fits, self._width, now), selected=selected, marked=marked
            )
            strips = [row_]
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
        if not self._names or not self._width:
            # Before the first look at the fleet it is not known to be empty.
            somebody = self._model.shows_somebody
            return Strip.blank(width, look.PLAIN) if somebody else self._welcome(y, width)
        line = y + self.scroll_offset.y
        has_rows = len(self._names) > self._cards
        if has_rows and (line == self._head or (y == 0 and self._covered())):
            return self._heading().extend_cell_length(width, look.PLAIN)
        if line < self._head:
            inside = line % self._tall
            parts = [self._strips(index)[inside] for index in self._at(line)]
        else:
            parts = [self._strips(index)[0] for index in self._at(line)]
        return Strip.join(parts).extend_cell_length(width, look.PLAIN)

    def _welcome(self, y: int, width: int) -> Strip:
        """What an empty fleet says."""
        if self._model.arrangement.hides:
            if y:
                return Strip.blank(width, look.PLAIN)
            said = tr("Nothing matches the filter; {esc} clears it.", esc=key_of(KeyAction.BACK))
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
        self._take()

    # -- moving about

    def move(self, to: Move) -> None:
        """Select another instance."""
        if not self._names or not self._width:
            return
        here = self._names.index(self.selected) if self.selected in self._names else 0
        last = len(self._names) - 1
        match to:
            case Move.UP:
                there = self._above(here)
            case Move.DOWN:
                there = self._below(here)
            case Move.LEFT:
                there = here - 1
            case Move.RIGHT:
                there = here + 1
            case Move.PAGE_UP:
                there = self._paged(here, self._above)
            case Move.PAGE_DOWN:
                there = self._paged(here, self._below)
            case Move.FIRST:
                there = 0
            case Move.LAST:
                there = last
            case _:
                assert_never(to)
        if 0 <= there <= last:
            self.select(self._names[there])

    def _above(self, here: int) -> int:
        """The one above another; below 0 where there is none."""
        columns = len(self._edges)
        if here > self._cards or not self._cards:
            return here - 1
        if here == self._cards:
            return (self._cards - 1) // columns * columns
        return here - columns

    def _below(self, here: int) -> int:
        """The one below another; beyond the last where there is none."""
        columns = len(self._edges)
        if here >= self._cards:
            return here + 1
        last = self._cards - 1
        if here // columns < last // columns:
            return min(here + columns, last)
        return self._cards if self._cards < len(self._names) else len(self._names)

    def _paged(self, here: int, step: Callable[[int], int]) -> int:
        """About a screen further."""
        begin, there = self._place(here).y, here
        while 0 <= (after := step(there)) < len(self._names):
            if abs(self._place(after).y - begin) > self.size.height and there != here:
                break
            there = after
        return there

    def select(self, name: str) -> None:
        """Select an instance and bring it into view."""
        if name in self._names:
            self.selected = name
            self._show_selected()
            self.repaint()

    def _show_selected(self) -> None:
        if self.selected not in self._names or not self._width:
            return
        index = self._names.index(self.selected)
        place = self._place(index)
        # Above the first row its heading is shown too, and over any other it covers a line.
        top = place.y - (index >= self._cards)
        target = min(max(self.scroll_offset.y, place.bottom - self.container_size.height), top)
        if index == 0 or (not self._cards and index == self._cards):
            target = 0
        if target != self.scroll_offset.y:
            self.scroll_to(y=target, animate=False)


def _with_key(text: str, named: str, style: Style) -> list[Span]:
    """A sentence with a key at its place `{key}`."""
    before, _, after = text.partition("{key}")
    return [(before, style), (named, look.KEY), (after, style)]


def _moving(view: InstanceView, now: float) -> tuple[str, ...]:
    """The parts of a card that change with time alone."""
    return (
        words.age(view, now),
        words.state_word(view, now),
        words.health(view, now),
        words.qr_line(view, now) if view.qr is not None else "",
    )


def _moving_in_row(view: InstanceView, now: float) -> tuple[str | bool, ...]:
    """The same of a row."""
    return (
        words.state_word(view, now),
        words.barred(view, now),
        words.remarks(view, now),
        view.probed_at is not None and now - view.probed_at > words.FRESH_PROBE_S,
    )
