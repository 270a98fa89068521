"""A dialog whose text may be longer than the screen."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen, ScreenResultType


class ScrollDialog(ModalScreen[ScreenResultType]):
    """Scrolls its one VerticalScroll by the keys that scroll a log."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll('down')", show=False),
        Binding("up,k", "scroll('up')", show=False),
        Binding("pagedown,space", "scroll('page_down')", show=False),
        Binding("pageup", "scroll('page_up')", show=False),
    ]

    def action_scroll(self, where: str) -> None:
        box = self.query_one(VerticalScroll)
        step = {
            "down": box.scroll_down,
            "up": box.scroll_up,
            "page_down": box.scroll_page_down,
            "page_up": box.scroll_page_up,
        }[where]
        step(animate=False)
