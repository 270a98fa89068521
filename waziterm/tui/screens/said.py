"""What the screen said lately, the newest first."""

from collections.abc import Sequence

from rich.text import Text
from textual.visual import VisualType

from waziterm.lang import tr
from waziterm.tui.paint import look
from waziterm.tui.screens.scrolling import Page
from waziterm.tui.state.messages import Message, Mood
from waziterm.tui.text.format import stamp

_COLOURS = {
    Mood.TAKEN: look.ACCENT,
    Mood.DONE: look.GOOD,
    Mood.REFUSED: look.BAD,
    Mood.TROUBLE: look.BAD,
}


class SaidDialog(Page):
    """Sentences with their moments. said: oldest first."""

    def __init__(self, said: Sequence[Message], now: float) -> None:
        super().__init__()
        self._said = said
        self._now = now

    def heading(self) -> str:
        return tr("What was said here lately")

    def content(self) -> VisualType:
        if not self._said:
            return Text(tr("Nothing yet."), look.DIM)
        return Text("\n").join(_line(each, self._now) for each in reversed(self._said))


def _line(message: Message, now: float) -> Text:
    return Text.assemble(
        (f"{stamp(message.at, now)} ", look.DIM),
        (f"{message.mood.glyph} {message.text}", _COLOURS[message.mood]),
    )
