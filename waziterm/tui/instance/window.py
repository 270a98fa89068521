"""A window on more lines than there is room for."""

from collections.abc import Sequence

from textual.strip import Strip

from waziterm.lang import trn
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import row
from waziterm.tui.state.here import Move


class Window:
    """Stays where it was put, as far as there are lines. top: the first line that is shown."""

    def __init__(self) -> None:
        self.top = 0
        self._height = 1
        self._count = 0

    @property
    def _last(self) -> int:
        """The lowest place: the last line is at the bottom."""
        return max(0, self._count - self._height)

    def scroll(self, to: Move) -> bool:
        """Move up or down, by what was drawn last; whether it moved."""
        there = to.along(self.top, max(1, self._height - 2), 0, self._last)
        moved = there is not None and there != self.top
        self.top = self.top if there is None else there
        return moved

    def draw(self, lines: Sequence[Strip], width: int, height: int, hint: str = "") -> list[Strip]:
        """At most `height` lines; what is hidden above or below is counted at that edge. hint: how
        to get there."""
        self._height, self._count = max(1, height), len(lines)
        self.top = min(self.top, self._last)
        shown = list(lines[self.top : self.top + height])
        above, below = self.top, len(lines) - self.top - len(shown)
        if above and shown:
            shown[0] = _hidden("↑", above + 1, width)
        if below and len(shown) > 1:
            shown[-1] = _hidden("↓", below + 1, width, hint)
        return shown


def _hidden(arrow: str, count: int, width: int, hint: str = "") -> Strip:
    said = trn("{n} line more", "{n} lines more", count)
    told = f" {arrow} {said}{' · ' if hint else ''}{hint}"
    return row([(told, look.FAINT if hint else look.MARKED)], width, look.PLAIN)
