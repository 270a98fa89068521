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
from waziterm.tui.fleet.list import FleetList
from waziterm.tui.paint import look
from waziterm.tui.state.columns import CHOOSABLE, HEADINGS, Column
from waziterm.tui.state.model import FleetModel


class ColumnsDialog(ModalScreen[None]):
    """The columns with what each tells, and whether the detail stands beside them. What is chosen
    is shown at once, as far as it fits.

    shown: the list. changed: paints it anew.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "step(1)", show=False),
        Binding("up,k", "step(-1)", show=False),
        Binding("space", "switch", show=False),
        Binding("a", "by_width", show=False),
        Binding("escape,enter,q", "close", show=False),
    ]

    def __init__(self, model: FleetModel, shown: FleetList, changed: Callable[[], None]) -> None:
        super().__init__()
        self._model = model
        self._list = shown
        self._changed = changed
        self._at = 0

    @property
    def _fitting(self) -> set[Column]:
        return {column for column, _ in self._list.fitting()}

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Text(tr("Columns of the list"), "bold"), classes="title")
            yield Static(self._rows(), id="columns")
            yield Static(self._keys(), classes="answers")

    def _rows(self) -> Text:
        chosen, fitting = self._model.columns, self._fitting
        lines = [
            self._row(0, tr("DETAIL"), tr("beside the list, on a wide screen"), self._model.detail)
        ]
        for place, column in enumerate(CHOOSABLE, 1):
            heading = HEADINGS[column]
            on = column in (fitting if chosen is None else chosen)
            said = tr(heading.about)
            if on and column not in fitting:
                said = f"{said} · {tr('there is no room for it')}"
            lines.append(self._row(place, tr(heading.title), said, on))
        return Text("\n").join(lines)

    def _row(self, place: int, title: str, about: str, on: bool) -> Text:
        here = place == self._at
        return Text.assemble(
            ("▌" if here else " ", look.ACCENT),
            (f"[{'x' if on else ' '}] {title:<14}", f"bold {look.STRONG}" if here else look.TEXT),
            (about, look.DIM),
        )

    def _keys(self) -> Text:
        line = Text()
        for key, word in (
            ("space", tr("show or hide")),
            ("a", tr("by the width")),
            ("esc", tr("close")),
        ):
            line.append(f" {key} ", f"bold {look.ACCENT}")
            line.append(f"{word}  ", look.TEXT)
        return line

    def _show(self) -> None:
        self.query_one("#columns", Static).update(self._rows())

    def action_step(self, by: int) -> None:
        self._at = (self._at + by) % (len(CHOOSABLE) + 1)
        self._show()

    def action_switch(self) -> None:
        if self._at:
            chosen = self._model.columns
            known = frozenset(self._fitting) & {*CHOOSABLE} if chosen is None else chosen
            self._model.columns = known ^ {CHOOSABLE[self._at - 1]}
        else:
            self._model.detail = not self._model.detail
        self._tell()

    def _tell(self) -> None:
        """The list is another one; what fits in it is known when it is laid out."""
        self._changed()
        self.call_after_refresh(self._show)

    def action_by_width(self) -> None:
        """Those that are worth most, as many as fit."""
        self._model.columns = None
        self._tell()

    def action_close(self) -> None:
        self.dismiss(None)
