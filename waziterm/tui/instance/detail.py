"""What is known of the selected instance, beside the list."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from textual.filter import LineFilter
from textual.strip import Strip

from waziterm.lang import tr
from waziterm.tui.instance.card import Card
from waziterm.tui.paint import look
from waziterm.tui.paint.canvas import Canvas
from waziterm.tui.paint.cells import row
from waziterm.tui.paint.faded import FADED
from waziterm.tui.state.here import Move
from waziterm.tui.state.model import FleetModel
from waziterm.tui.state.past import Past

_KEPT = 50
"""Of so many instances what was read stays, so that the selection can go there and back."""


def edge(active: bool) -> Strip:
    """The line left of what stands beside the list. active: the keys scroll it."""
    glyph, style = ("┃", look.MARKED) if active else ("│", look.BORDER)
    return row([(glyph, style)], 1, look.PLAIN)


class Detail(Canvas):
    """Shows whoever is selected. active: the keys scroll it."""

    DEFAULT_CSS = "Detail { height: 1fr; }"

    def __init__(self, model: FleetModel, clock: Callable[[], float]) -> None:
        super().__init__(id="detail")
        self._model = model
        self._clock = clock
        self._card = Card()
        self._whose: str | None = None
        self._pasts: dict[str, Past] = {}
        self.active = False

    def take(self, name: str, past: Past) -> None:
        """What was read of an instance."""
        self._pasts.pop(name, None)
        self._pasts[name] = past
        while len(self._pasts) > _KEPT:
            del self._pasts[next(iter(self._pasts))]
        self.repaint()

    def scroll(self, to: Move) -> None:
        self._card.window.scroll(to)
        self.repaint()

    def get_line_filters(self) -> Sequence[LineFilter]:
        """See Textual; a view without news fades."""
        filters = super().get_line_filters()
        return filters if self._model.as_of is None else [FADED, *filters]

    def paint(self, width: int, height: int) -> list[Strip]:
        name = self._model.selected
        if name != self._whose:
            self._card, self._whose = Card(), name
        view = self._model.get(name)
        lines: list[Strip] = []
        if view is not None:
            self._card.past = self._past(view.name)
            hint = "" if self.active else tr("→ scrolls here")
            beside = self._model.beside(view)
            if self._model.as_of is not None:
                # Whether it is up still nobody knows.
                view = replace(view, connected_at=None)
            lines = self._card.draw(view, beside, width - 1, height, self._clock(), hint)
        side, blank = edge(self.active), row((), width - 1, look.PLAIN)
        return [Strip.join([side, lines[y] if y < len(lines) else blank]) for y in range(height)]

    def _past(self, name: str) -> Past:
        """What was read of it; before that, the day that is known of all."""
        known = self._pasts.get(name)
        return known or Past(library=self._model.library, recent=self._model.recent.get(name))
