"""Which columns the list has."""

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from waziterm.lang import tr
from waziterm.tui.paint import look
from waziterm.tui.state.columns import CHOOSABLE, HEADINGS, Column, columns
from waziterm.tui.state.model import FleetModel


class ColumnsDialog(ModalScreen[None]):
    """The columns with what each tells. What is chosen is shown at once, as far as it fits.

    width: of the list, in cells. changed: paints the list.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "step(1)", show=False),
        Binding("up,k", "step(-1)", show=False),
        Binding("space", "switch", show=False),
        Binding("a", "by_width", show=False),
        Binding("escape,enter,q", "close", show=False),
    ]

    def __init__(self, model: FleetModel, width: int, changed: Callable[[], None]) -> None:
        super().__init__()
        self._model = model
        self._width = width
        self._changed = changed
        self._at = 0

    @property
    def _fitting(self) -> set[Column]:
        return {column for column, _ in columns(self._width, self._model.columns)}

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog question"):
            yield Static(Text(tr("Columns of the list"), "bold"), classes="title")
            yield Static(self._rows(), id="columns")
            yield Static(self._keys(), classes="answers")

    def _rows(self) -> Text:
        chosen, fitting = self._model.columns, self._fitting
        lines = []
        for place, column in enumerate(CHOOSABLE):
            heading = HEADINGS[column]
            on = column in (fitting if chosen is None else chosen)
            said = tr(heading.about)
            if on and column not in fitting:
                said = f"{said} · {tr('there is no room for it')}"
            style = f"bold {look.STRONG}" if place == self._at else look.TEXT
            lines.append(
                Text.assemble(
                    ("▌" if place == self._at else " ", look.ACCENT),
                    (f"[{'x' if on else ' '}] {tr(heading.title):<12}", style),
                    (said, look.DIM),
                )
            )
        return Text("\n").join(lines)

    def _keys(self) -> Text:
        named = (("space", tr("show or hide")), ("a", tr("as many as fit")), ("esc", tr("close")))
        parts = [(f" {key} ", f"bold {look.ACCENT}", word) for key, word in named]
        return Text.assemble(
            *(each for key, style, word in parts for each in ((key, style), f"{word}  "))
        )

    def _show(self) -> None:
        self.query_one("#columns", Static).update(self._rows())

    def action_step(self, by: int) -> None:
        self._at = (self._at + by) % len(CHOOSABLE)
        self._show()

    def action_switch(self) -> None:
        chosen = self._model.columns
        known = frozenset(self._fitting) if chosen is None else chosen
        self._model.columns = known ^ {CHOOSABLE[self._at]}
        self._show()
        self._changed()

    def action_by_width(self) -> None:
        """Those that are worth most, as many as fit."""
        self._model.columns = None
        self._show()
        self._changed()

    def action_close(self) -> None:
        self.dismiss(None)
