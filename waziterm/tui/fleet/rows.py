"""A list of lines of which one is selected: the base of the list, the incidents and the queue."""

from abc import abstractmethod
from collections.abc import Callable, Sequence

from textual.filter import LineFilter
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from waziterm.tui.instance.card import wrapped
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import Span, row
from waziterm.tui.paint.faded import FADED
from waziterm.tui.paint.outgoing import outgoing
from waziterm.tui.state.here import Move
from waziterm.tui.state.model import FleetModel

SELECTED = "▌"
HEADED = 2
"""Lines of what `headed` says; a short one leaves the last blank."""


def headed(said: str, width: int) -> list[Strip]:
    """What stands above all rows; on as many lines always, so that no row moves for it."""
    lines = wrapped(said, width, HEADED, look.FAINT)
    return [*lines, *[row((), width, look.PLAIN)] * (HEADED - len(lines))]


class Rows(ScrollView, can_focus=False, inherit_bindings=False):
    """Draws the rows that are on the screen, and only those that changed.

    A row has a key, by which it stays selected while others come and go.
    """

    def __init__(self, model: FleetModel, clock: Callable[[], float], *, id: str) -> None:  # noqa: A002 (Textual's own name)
        super().__init__(id=id)
        self.model = model
        self.clock = clock
        self._keys: list[str] = []
        self._chosen: str | None = None
        self._drawn: dict[int, Strip] = {}
        self._head: list[Strip] = []
        self._top = 0

    # -- for subclasses

    @abstractmethod
    def keys(self) -> list[str]:
        """The rows, in order."""

    @abstractmethod
    def spans(self, key: str, width: int, now: float) -> list[Span]:
        """What stands in a row, right of the mark of the selected one."""

    def head(self, width: int, now: float) -> list[Strip]:
        """The lines above the rows, which do not scroll."""
        return []

    def empty(self, width: int) -> list[Strip]:
        """What stands where there is no row."""
        return []

    @property
    def chosen(self) -> str | None:
        """The key of the selected row."""
        return self._chosen

    def choose(self, key: str | None) -> None:
        """Another row is selected."""
        self._chosen = key

    @property
    def target(self) -> str | None:
        """The instance that a key acts on."""
        return self.chosen

    # -- painting

    @property
    def _across(self) -> int:
        """How many cells are not below the scroll bar. A text that went on there would be cut in
        every paint, and rich remembers 16,384 such cuts with their texts, 15 MB of them.

        Textual shows the bar only after the first paint; what is drawn by then leaves its room, or
        it would move when the next news comes.
        """
        scrolls = len(self._keys) + len(self._head) > self.size.height
        return self.size.width - (self.styles.scrollbar_size_vertical if scrolls else 0)

    def repaint(self) -> None:
        """Draw what changed and is visible."""
        now = self.clock()
        if not self.size.width:
            return
        keys = self.keys()
        if keys != self._keys:
            self._take(keys)
        width = self._across
        head = self.head(width, now)
        if len(head) != len(self._head):
            self._head = head
            if self._across != width:
                # With the new head they scroll, or do not any more.
                self._head = self.head(self._across, now)
            self._drawn.clear()
            self._sized()
            self._show_chosen()
            self.refresh()
            return
        for y, strip in enumerate(head):
            if strip != self._head[y]:
                self.refresh(Region(0, y, width, 1))
        self._head = head
        self._top = self.scroll_offset.y
        for y in range(len(head), self.size.height):
            fresh = self._line(y, width, now)
            if fresh != self._drawn.get(y):
                self._drawn[y] = fresh
                self.refresh(Region(0, y, width, 1))

    def _take(self, keys: list[str]) -> None:
        chosen = self.chosen
        if chosen not in keys:
            place = self._keys.index(chosen) if chosen in self._keys else 0
            self.choose(keys[min(place, len(keys) - 1)] if keys else None)
        self._keys = keys
        self._sized()
        self._show_chosen()

    def _sized(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._keys) + len(self._head))

    def _line(self, y: int, width: int, now: float) -> Strip:
        place = y - len(self._head) + self.scroll_offset.y
        if not self._keys:
            # Textual may ask before anything was laid out.
            told = [] if self.keys() else self.empty(width)
            top = max(0, (self.size.height - len(told)) // 2)
            return told[y - top] if 0 <= y - top < len(told) else Strip.blank(width, look.PLAIN)
        if place >= len(self._keys):
            return Strip.blank(width, look.PLAIN)
        key = self._keys[place]
        chosen = key == self.chosen
        spans = self.spans(key, width - 1, now)
        if not chosen:
            return row([(" ", look.PLAIN), *spans], width, look.PLAIN)
        spans = [(SELECTED, look.MARKED), *spans]
        on_it = [(text, look.on_selected(style)) for text, style in spans]
        return row(on_it, width, look.CHOSEN)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """See Textual; a view without news fades."""
        filters = super().get_line_filters()
        return filters if self.model.as_of is None else [FADED, *filters]

    def render_lines(self, crop: Region) -> list[Strip]:
        return outgoing(super().render_lines(crop))

    def render_line(self, y: int) -> Strip:
        if y < len(self._head):
            line = self._head[y]
        elif self._top == self.scroll_offset.y and (drawn := self._drawn.get(y)) is not None:
            line = drawn
        else:
            line = self._line(y, self._across, self.clock())
        return line.extend_cell_length(self.size.width, look.PLAIN)

    def on_resize(self) -> None:
        self._drawn.clear()
        self._sized()
        self._show_chosen()
        self.repaint()
        self.refresh()

    # -- moving about

    def move(self, to: Move) -> None:
        """Select another row."""
        keys = self.keys()
        if not keys:
            return
        chosen = self.chosen
        here = keys.index(chosen) if chosen in keys else 0
        page = max(1, self.size.height - len(self._head) - 1)
        there = to.along(here, page, 0, len(keys) - 1)
        if there is not None:
            self._keys = keys
            self.select(keys[there])

    def select(self, key: str) -> None:
        """Select this row and bring it into view."""
        self.choose(key)
        self._show_chosen()
        self.repaint()

    def _show_chosen(self) -> None:
        chosen = self.chosen
        if chosen not in self._keys:
            return
        place, room = self._keys.index(chosen), self.size.height - len(self._head)
        target = min(max(self.scroll_offset.y, place - room + 1), place)
        if target != self.scroll_offset.y:
            self.scroll_to(y=max(0, target), animate=False)
            self.refresh()


class MarkedRows(Rows):
    """Rows of which several can be marked, for an act on all of them. marked: their keys."""

    def __init__(self, model: FleetModel, clock: Callable[[], float], *, id: str) -> None:  # noqa: A002 (Textual's own name)
        super().__init__(model, clock, id=id)
        self.marked: set[str] = set()

    @abstractmethod
    def waiting(self) -> set[str]:
        """The keys of the rows that wait for somebody."""

    @property
    def meant_keys(self) -> list[str]:
        """Those that a key acts on, in order: the marked ones, else the selected one."""
        keys = self.keys()
        if marked := [key for key in keys if key in self.marked]:
            return marked
        return [key for key in keys if key == self._chosen]

    def mark(self) -> None:
        """Mark the selected one, or take its mark away."""
        if self._chosen is not None:
            self.marked ^= {self._chosen}

    def mark_all(self) -> None:
        """Mark all that wait for somebody; where they are marked already, none."""
        waiting = self.waiting()
        self.marked = set() if waiting <= self.marked else waiting
