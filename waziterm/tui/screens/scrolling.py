"""A dialog whose text may be longer than the screen."""

from abc import abstractmethod
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen, ScreenResultType
from textual.visual import VisualType
from textual.widgets import Static

from waziterm.lang import tr


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


class Page(ScrollDialog[None]):
    """Something to read."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "close", show=False)]

    @abstractmethod
    def heading(self) -> str:
        """What it is."""

    @abstractmethod
    def content(self) -> VisualType:
        """What there is to read."""

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog help", can_focus=False) as box:
            box.border_title = self.heading()
            box.border_subtitle = f"↑ ↓ {tr('scroll')} · esc {tr('close')}"
            yield Static(self.content())

    def action_close(self) -> None:
        self.dismiss(None)
