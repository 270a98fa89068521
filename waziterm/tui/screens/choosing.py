"""One of several is chosen, and seen while it is: a theme."""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from waziterm.lang import tr
from waziterm.tui.paint import look


class PreviewDialog(ModalScreen[str | None]):
    """Shows each while it is selected; its answer is the one that is kept, None for none.

    words: of each, by its value. now: the value at the beginning. show: shows one.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k,left", "move(-1)", show=False),
        Binding("down,j,right", "move(1)", show=False),
        Binding("enter", "keep", show=False),
        Binding("escape,q", "leave", show=False),
    ]

    def __init__(
        self, title: str, words: Mapping[str, str], now: str, show: Callable[[str], None]
    ) -> None:
        super().__init__()
        self._title = title
        self._words = words
        self._now = now
        self._show = show
        self._chosen = now

    @property
    def _values(self) -> Sequence[str]:
        return tuple(self._words)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog question"):
            yield Static(Text(self._title, "bold"), classes="title")
            yield Static(self._list(), id="choices")
            keys = Text()
            words = (("↑ ↓", tr("look at it")), ("enter", tr("keep it")), ("esc", tr("as before")))
            for key, word in words:
                keys.append(f"{key} ", f"bold {look.ACCENT}").append(f"{word}   ")
            yield Static(keys, classes="answers")

    def _list(self) -> Text:
        lines = []
        for value, word in self._words.items():
            chosen = value == self._chosen
            mark = ("▌ " if chosen else "  ", look.ACCENT)
            lines.append(
                Text.assemble(mark, (word, f"bold {look.STRONG}" if chosen else look.TEXT))
            )
        return Text("\n").join(lines)

    def action_move(self, step: int) -> None:
        here = self._values.index(self._chosen)
        self._chosen = self._values[(here + step) % len(self._values)]
        self.query_one("#choices", Static).update(self._list())
        self._show(self._chosen)

    def action_keep(self) -> None:
        self.dismiss(self._chosen)

    def action_leave(self) -> None:
        self._show(self._now)
        self.dismiss(None)
