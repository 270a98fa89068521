"""What a message out says, for who opened it."""

from rich.text import Text
from textual.visual import VisualType

from waziterm.domain.messages.message import MessageText, MessageView
from waziterm.lang import tr
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import inert
from waziterm.tui.screens.scrolling import Page
from waziterm.tui.text.of_messages import KINDS, whom

SHOWN_S = 60.0
"""So long it is on the screen, in seconds, unless somebody closes it before."""


class MessageDialog(Page):
    """Closes by itself, as whole numbers are masked again: nobody leaves it on a screen that others
    see."""

    def __init__(self, message: MessageView, text: MessageText) -> None:
        super().__init__()
        self._message = message
        self._text = text

    def heading(self) -> str:
        kind = tr(KINDS[self._message.kind])
        who, to = inert(self._message.instance), whom(self._message)
        return tr("{kind} from {name} to {whom}", kind=kind, name=who, whom=to)

    def content(self) -> VisualType:
        if not self._text.text:
            said = tr("Its text is kept no more: it is deleted some time after it was sent.")
            return Text(said, look.DIM)
        return Text("\n".join(inert(line, 5000) for line in self._text.text.splitlines()))

    def on_mount(self) -> None:
        self.set_timer(SHOWN_S, self._time_is_up)

    def _time_is_up(self) -> None:
        if self.is_current:
            self.dismiss(None)
        else:
            # A question stands over it.
            self.set_timer(1.0, self._time_is_up)
