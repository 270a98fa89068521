"""A link to the scan page, for who asked for it."""

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.visual import VisualType

from waziterm.domain.links import MadeLink
from waziterm.domain.screen import KeyAction
from waziterm.lang import tr
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import inert
from waziterm.tui.screens.scrolling import Page
from waziterm.tui.text.keynames import key_of


class LinkDialog(Page):
    """Closes by itself when the link has ended. left_s: for how many seconds that lasts at the
    most. copy: copies a text."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", show=False, id=KeyAction.COPY.value)
    ]

    def __init__(self, link: MadeLink, left_s: float, copy: Callable[[str], None]) -> None:
        super().__init__()
        self._link = link
        self._left_s = left_s
        self._copy = copy

    def heading(self) -> str:
        return tr("A link for {name}", name=inert(self._link.instance))

    def content(self) -> VisualType:
        sent = tr(
            "Send it to whoever holds the phone. The browser that opens it first shows the QR codes"
            " of this instance, for {minutes} min at most, and no other one does.",
            minutes=max(1, round(self._left_s / 60)),
        )
        once = tr("It is shown this once; {y} copies it.", y=key_of(KeyAction.COPY))
        return Text.assemble(
            (inert(self._link.url, 500), look.BRIGHT), "\n\n", sent, "\n\n", (once, look.DIM)
        )

    def on_mount(self) -> None:
        self.set_timer(max(1.0, self._left_s), self._time_is_up)

    def action_copy(self) -> None:
        self._copy(self._link.url)

    def _time_is_up(self) -> None:
        if self.is_current:
            self.dismiss(None)
        else:
            # A question stands over it.
            self.set_timer(1.0, self._time_is_up)
