"""A widget that paints whole lines and repaints only those that changed."""

from abc import abstractmethod

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from waziterm.tui.paint import look
from waziterm.tui.paint.finish import only_ascii
from waziterm.tui.paint.outgoing import outgoing


class Canvas(Widget):
    """Lines from `paint`, compared with what is on the screen, so that a slow line stays quiet."""

    DEFAULT_CSS = "Canvas { width: 1fr; height: 1; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's own name)
        super().__init__(id=id)
        self._painted: list[Strip] = []

    @property
    def draws_codes(self) -> bool:
        """Whether this terminal has the glyphs of which a QR code is drawn."""
        return not only_ascii(self.app)

    @abstractmethod
    def paint(self, width: int, height: int) -> list[Strip]:
        """At most `height` lines, each exactly `width` cells wide."""

    def repaint(self) -> None:
        """Paint anew and send the lines that differ to the terminal."""
        width, height = self.size
        fresh = self.paint(width, height) if width and height else []
        stale = self._painted
        self._painted = fresh
        if len(fresh) != len(stale):
            self.refresh()
            return
        changed = [y for y, strip in enumerate(fresh) if strip != stale[y]]
        if changed:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def on_resize(self) -> None:
        self._painted = []
        self.repaint()

    def render_lines(self, crop: Region) -> list[Strip]:
        return outgoing(super().render_lines(crop))

    def render_line(self, y: int) -> Strip:
        if y < len(self._painted):
            return self._painted[y]
        return Strip.blank(self.size.width, look.PLAIN)
