"""The lines of all instances, as they come."""

from collections.abc import Callable, Sequence

from textual.filter import LineFilter
from textual.strip import Strip

from waziterm.lang import tr
from waziterm.tui.instance.detail import edge
from waziterm.tui.instance.log_window import LogWindow
from waziterm.tui.paint import look
from waziterm.tui.paint.canvas import Canvas
from waziterm.tui.paint.cells import row
from waziterm.tui.paint.faded import FADED
from waziterm.tui.state.fleetlog import FleetLine, FleetLog
from waziterm.tui.state.here import Move
from waziterm.tui.state.model import FleetModel


def being_read(width: int) -> Strip:
    """What stands where lines will be."""
    return row([(tr("The log is being read …"), look.PLAIN)], width, look.PLAIN)


class LogOfAll(Canvas):
    """Beside the list and its detail. active: the keys scroll it. stream: what is kept for it."""

    DEFAULT_CSS = "LogOfAll { height: 1fr; }"

    def __init__(self, model: FleetModel, clock: Callable[[], float]) -> None:
        super().__init__(id="log-of-all")
        self._model = model
        self._clock = clock
        self._window = LogWindow(wrapped=False)
        self.stream: FleetLog | None = None
        self.active = False

    def open(self) -> None:
        """Keep the lines of all, unless that is so already."""
        if self.stream is None or self._model.log is not self.stream:
            self.stream = self._model.open_log()

    def close(self) -> None:
        """Keep them no longer."""
        if self._model.log is self.stream:
            self._model.log = None
        self.stream = None

    def scroll(self, to: Move) -> None:
        self._window.scroll(to, self._lines)
        self.repaint()

    @property
    def _lines(self) -> Sequence[FleetLine]:
        return () if self.stream is None else self.stream.lines

    def get_line_filters(self) -> Sequence[LineFilter]:
        """See Textual; a view without news fades."""
        filters = super().get_line_filters()
        return filters if self._model.as_of is None else [FADED, *filters]

    def paint(self, width: int, height: int) -> list[Strip]:
        left, blank = edge(self.active), row((), width - 1, look.PLAIN)
        lines = self._window.draw(self._lines, width - 3, height - 1, self._clock())
        side = row((), 1, look.PLAIN)
        strips = [
            self._window.rule(self._lines, width - 1, tr("log of all")),
            *(Strip.join([side, strip, side]) for strip in lines),
        ]
        if self.stream is not None and not (lines or self.stream.is_read):
            strips.append(Strip.join([side, being_read(width - 2)]))
        strips += [blank] * (height - len(strips))
        return [Strip.join([left, strip]) for strip in strips]
