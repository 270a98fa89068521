"""What fills the screen of one instance: its card, its codes and its log, or one of them alone."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from textual.filter import LineFilter
from textual.strip import Strip

from waziterm.domain.fleet.api import LogLine
from waziterm.domain.screen import KeyAction
from waziterm.lang import tr
from waziterm.tui.instance import layout as focuspaint
from waziterm.tui.instance.card import Card
from waziterm.tui.instance.code import paint_code
from waziterm.tui.instance.log_window import LogWindow
from waziterm.tui.instance.qrcells import Drawing, Matrix, Size, modules
from waziterm.tui.paint import look
from waziterm.tui.paint.canvas import Canvas
from waziterm.tui.paint.cells import inert, row
from waziterm.tui.paint.faded import FADED
from waziterm.tui.state.model import FleetModel
from waziterm.tui.text import words
from waziterm.tui.text.keynames import key_of


class FocusBody(Canvas):
    """State, history, codes and log of one instance.

    log_only: the log fills it. code_view: the pairing code is shown instead of the QR code.
    preferred: the drawing of the QR code that the operator chose. scrolls_card: the keys scroll
    what is known of it instead of its log.
    """

    def __init__(self, name: str, model: FleetModel, clock: Callable[[], float]) -> None:
        super().__init__(id="focus")
        self._model = model
        self._clock = clock
        self._matrix: tuple[str, Matrix] | None = None
        self.name_shown = name
        self.card = Card()
        self.log_window = LogWindow()
        self.scrolls_card = False
        self.log_only = False
        self.code_view = False
        self.preferred: Drawing | None = None

    def turn_to(self, name: str) -> None:
        """Show another instance."""
        self.name_shown = name
        self.card = Card()
        self.log_window = LogWindow(wrapped=self.log_window.wrapped)
        self.code_view = False

    def lines(self) -> Sequence[LogLine]:
        return self._model.lines(self.name_shown)

    def code(self) -> focuspaint.ShownCode | None:
        """The QR code to show now, with its modules; they are worked out once for each code."""
        view = self._model.get(self.name_shown)
        code = words.valid_qr(view, self._clock()) if view is not None else None
        if code is None or self.log_only or self.code_view:
            self._matrix = None
            return None
        if self._matrix is None or self._matrix[0] != code.payload:
            self._matrix = (code.payload, modules(code.payload))
        return focuspaint.ShownCode(code, self._matrix[1])

    def fitting(self) -> focuspaint.Fit | None:
        """How the QR code is drawn now, None where there is none or no room for it."""
        shown = self.code()
        if shown is None or not self.draws_codes:
            return None
        return focuspaint.fit(shown.matrix, Size(*self.size), self.preferred)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """See Textual; a view without news fades."""
        filters = super().get_line_filters()
        return filters if self._model.as_of is None else [FADED, *filters]

    def paint(self, width: int, height: int) -> list[Strip]:
        view, now = self._model.get(self.name_shown), self._clock()
        if view is None:
            name = inert(self.name_shown)
            gone = tr(
                "{name} was removed. {esc} goes back to the fleet.",
                name=name,
                esc=key_of(KeyAction.BACK),
            )
            return [row([(f" {gone}", look.PLAIN)], width, look.PLAIN)]
        if self._model.as_of is not None:
            # Whether it is up still nobody knows.
            view = replace(view, connected_at=None)
        space = Size(width, height)
        if self.log_only:
            return focuspaint.full_log(view, self.lines(), self.log_window, space, now)
        if self.code_view:
            return paint_code(view, width, height, now)
        return focuspaint.paint(
            view,
            self.card,
            self._model.beside(view),
            self.lines(),
            self.log_window,
            self.code(),
            self.fitting(),
            space,
            now,
            scrolls_card=self.scrolls_card,
            draws_codes=self.draws_codes,
        )
