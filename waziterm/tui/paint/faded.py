"""How a view without news looks: grey, and with a question mark in place of every state's glyph."""

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from waziterm.tui.paint import look

_UNKNOWN = str.maketrans({sign.glyph: "?" for sign in look.SIGNS.values()})


class Faded(LineFilter):
    """Takes the colours and the states' glyphs away, so that nothing is shown as live."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment
            if segment.control
            else Segment(segment.text.translate(_UNKNOWN), _grey(segment.style))
            for segment in segments
        ]


@lru_cache(256)
def _grey(style: Style | None) -> Style:
    raised = style is not None and style.bgcolor in (look.BAR.bgcolor, look.CHOSEN.bgcolor)
    return look.BAR_FAINT if raised else look.FAINT


FADED = Faded()
"""One for all widgets, because a line remembers what a filter made of it."""
