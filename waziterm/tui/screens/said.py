"""What the screen said lately, the newest first."""

from collections.abc import Sequence

from rich.text import Text
from textual.visual import VisualType

from waziterm.lang import tr
from waziterm.tui.paint import look
from waziterm.tui.screens.scrolling import Page
from waziterm.tui.state.messages import Message, Mood
from waziterm.tui.text.format import clock

_COLOURS = {Mood.TAKEN: look.ACCENT, Mood.DONE: look.GOOD, Mood.TROUBLE: look.BAD}


class SaidDialog(Page):
    """Sentences with their moments. said: oldest first."""

    def __init__(self, said: Sequence[Message]) -> None:
        super().__init__()
        self._said = said

    def heading(self) -> str:
        return tr("What was said")

    def content(self) -> VisualType:
        if not self._said:
            return Text(tr("Nothing was said yet."), look.DIM)
        return Text("\n").join(map(_line, reversed(self._said)))


def _line(message: Message) -> Text:
    return Text.assemble(
        (f"{clock(message.at)} ", look.DIM),
        (f"{message.mood.glyph} {message.text}", _COLOURS[message.mood]),
    )
