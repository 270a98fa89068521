"""The log of the whole fleet, in one stream."""

from collections.abc import Callable, Sequence

from textual.filter import LineFilter
from textual.strip import Strip
from textual.widget import Widget

from waziterm.domain.fleet.api import Fleet, LogLine
from waziterm.domain.screen import Place
from waziterm.lang import tr
from waziterm.tui.commands.keys import bindings
from waziterm.tui.instance.log_pane import being_read
from waziterm.tui.instance.log_window import LogWindow
from waziterm.tui.paint import look
from waziterm.tui.paint.canvas import Canvas
from waziterm.tui.paint.cells import row
from waziterm.tui.paint.faded import FADED
from waziterm.tui.screens.log import LogScreen
from waziterm.tui.screens.reading import fill
from waziterm.tui.state.fleetlog import FleetLine, FleetLog
from waziterm.tui.state.here import Here
from waziterm.tui.state.messages import Mood
from waziterm.tui.state.model import FleetModel


class _Body(Canvas):
    """The lines."""

    DEFAULT_CSS = "_Body { height: 1fr; }"

    def __init__(self, model: FleetModel, clock: Callable[[], float], log: FleetLog) -> None:
        super().__init__(id="fleetlog")
        self._clock = clock
        self._model = model
        self.stream = log
        self.window = LogWindow(wrapped=False)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """See Textual; a view without news fades."""
        filters = super().get_line_filters()
        return filters if self._model.as_of is None else [FADED, *filters]

    def paint(self, width: int, height: int) -> list[Strip]:
        side = row((), 1, look.PLAIN)
        lines = self.window.draw(self.stream.lines, width - 2, height - 1, self._clock())
        rule = self.window.rule(self.stream.lines, width, tr("log of all"))
        strips = [rule, *(Strip.join([side, strip, side]) for strip in lines)]
        if not (lines or self.stream.is_read):
            strips.append(Strip.join([side, being_read(width - 1)]))
        return [*strips, *[row((), width, look.PLAIN)] * (height - len(strips))][:height]


class FleetLogScreen(LogScreen):
    """All lines of all instances as they come. fleet: whom they are asked of. show: shows an
    instance in full.

    No key acts on an instance here: which one has the lowest line changes by itself.
    """

    place = Place.LOG
    BINDINGS = bindings(Place.LOG)

    def __init__(
        self,
        model: FleetModel,
        fleet: Fleet,
        clock: Callable[[], float],
        tell: Callable[[Mood, str], None],
        show: Callable[[str], None],
    ) -> None:
        super().__init__(model, clock, tell)
        self._fleet = fleet
        self._show = show
        self._body = _Body(model, clock, model.open_log())

    @property
    def target(self) -> str | None:
        return None

    def here(self) -> Here:
        return Here(
            self.place,
            self.clock(),
            instances=len(self.model.names),
            read_only=not self.model.takes_commands,
            typing=self.searches,
        )

    def body(self) -> Widget:
        return self._body

    def repaint_body(self) -> None:
        if self._body.stream.begins_asking():
            self.run_worker(self._fill(), group="log")
        self._body.repaint()

    async def _fill(self) -> None:
        await fill(self._body.stream, self._fleet)
        self._body.repaint()

    def on_unmount(self) -> None:
        if self.model.log is self._body.stream:
            self.model.log = None

    # -- the log

    @property
    def window(self) -> LogWindow:
        return self._body.window

    def lines(self) -> Sequence[LogLine]:
        return self._body.stream.lines

    def show_lines(self) -> None:
        """Nothing else is shown here."""

    def back(self) -> None:
        if not self.leaves_search():
            self.app.pop_screen()

    def copy(self) -> None:
        line = self.window.current(self.lines())
        self.copy_line(line.instance if isinstance(line, FleetLine) else "")

    def show_whose(self) -> None:
        line = self.window.current(self.lines())
        if isinstance(line, FleetLine):
            self._show(line.instance)
