"""The second screen: one instance in full."""

from collections.abc import Callable, Sequence

from textual.strip import Strip
from textual.widget import Widget

from waziterm.domain.fleet import LogLine
from waziterm.tui import focuspaint, look, words
from waziterm.tui.canvas import Canvas
from waziterm.tui.keys import Place, bindings
from waziterm.tui.logwindow import LogWindow
from waziterm.tui.messages import Mood
from waziterm.tui.model import FleetModel
from waziterm.tui.paint import inert, row
from waziterm.tui.qrcells import Drawing, Matrix, Size, modules, size
from waziterm.tui.screens import FleetScreen


class FocusBody(Canvas):
    """State card, QR code and log of one instance, or its log alone."""

    def __init__(self, name: str, model: FleetModel, clock: Callable[[], float]) -> None:
        super().__init__(id="focus")
        self._model = model
        self._clock = clock
        self._matrix: tuple[str, Matrix] | None = None
        self.name_shown = name
        self.log_window = LogWindow()
        self.log_only = False
        self.preferred: Drawing | None = None

    def lines(self) -> Sequence[LogLine]:
        return self._model.lines(self.name_shown)

    def code(self) -> focuspaint.ShownCode | None:
        """The QR code to show now, with its modules; they are worked out once for each code."""
        view = self._model.get(self.name_shown)
        code = words.valid_qr(view, self._clock()) if view is not None else None
        if code is None or self.log_only:
            self._matrix = None
            return None
        if self._matrix is None or self._matrix[0] != code.payload:
            self._matrix = (code.payload, modules(code.payload))
        return focuspaint.ShownCode(code, self._matrix[1])

    def fitting(self) -> focuspaint.Fit | None:
        shown = self.code()
        if shown is None:
            return None
        return focuspaint.fit(shown.matrix, Size(*self.size), self.preferred)

    def paint(self, width: int, height: int) -> list[Strip]:
        view = self._model.get(self.name_shown)
        if view is None:
            gone = f" {inert(self.name_shown)} was removed. esc goes back to the wall."
            return [row([(gone, look.PLAIN)], width, look.PLAIN)]
        space, now = Size(width, height), self._clock()
        if self.log_only:
            return focuspaint.full_log(view, self.lines(), self.log_window, space, now)
        shown = self.code()
        fitting = focuspaint.fit(shown.matrix, space, self.preferred) if shown else None
        return focuspaint.paint(view, self.lines(), self.log_window, shown, fitting, space, now)


class FocusScreen(FleetScreen):
    """One instance. The bars make room where a QR code needs theirs."""

    place = Place.FOCUS
    BINDINGS = bindings(Place.FOCUS)

    def __init__(
        self,
        name: str,
        model: FleetModel,
        clock: Callable[[], float],
        tell: Callable[[Mood, str], None],
        *,
        log_only: bool = False,
    ) -> None:
        super().__init__(model, clock)
        self._tell = tell
        self._focus = FocusBody(name, model, clock)
        self._focus.log_only = log_only
        self._opened_as_log = log_only

    @property
    def target(self) -> str | None:
        return self._focus.name_shown

    def body(self) -> Widget:
        return self._focus

    def repaint_body(self) -> None:
        self._make_room()
        self._focus.repaint()

    def on_resize(self) -> None:
        self._make_room()

    def _make_room(self) -> None:
        """Give the bars' rows to the QR code where it does not fit otherwise."""
        shown = self._focus.code()
        rows = self.size.height
        need = size(shown.matrix, Drawing.SEXTANT).rows if shown is not None else 0
        need = need if need <= rows else 0
        for spared, bar in ((3, self.header), (2, self.message), (1, self.footer)):
            bar.display = need <= rows - spared

    # -- keys

    def toggle_log(self) -> None:
        """The log on the whole screen, or the card again."""
        self._focus.log_only = not self._focus.log_only
        self._opened_as_log = False
        self.repaint()

    def action_back(self) -> None:
        if self._focus.log_only and not self._opened_as_log:
            self.toggle_log()
        else:
            self.app.pop_screen()

    def action_follow(self) -> None:
        window = self._focus.log_window
        window.follow(self._focus.lines(), on=not window.following)
        self._focus.repaint()

    def action_scroll_log(self, where: str) -> None:
        self._focus.log_window.scroll(where, self._focus.lines())
        self._focus.repaint()

    def action_neighbour(self, step: int) -> None:
        names = self.model.names
        if self._focus.name_shown in names:
            there = (names.index(self._focus.name_shown) + step) % len(names)
            self._focus.name_shown = names[there]
            self._focus.log_window = LogWindow()
            self.repaint()

    def action_switch_qr(self) -> None:
        """The other drawing, for terminals whose font lacks sextants."""
        shown, fitting = self._focus.code(), self._focus.fitting()
        if shown is None or fitting is None:
            return
        other = fitting.drawing.other
        preferred = focuspaint.fit(shown.matrix, Size(*self._focus.size), other)
        if preferred is not None and preferred.drawing is other:
            self._focus.preferred = other
            self.repaint()
            return
        need = size(shown.matrix, other)
        self._tell(
            Mood.TROUBLE,
            f"{other.value} need {need.columns} columns and {need.rows} rows; enlarge the terminal",
        )
