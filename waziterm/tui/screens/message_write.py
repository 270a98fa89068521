"""The dialog in which a person writes one message out."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Static, TextArea

from waziterm.domain.fleet.api import FleetError
from waziterm.domain.messages.message import MOST_TEXT, MessageView
from waziterm.lang import N_, tr
from waziterm.tui.paint.cells import inert
from waziterm.tui.screens.form import FormDialog

_SEND = "ctrl+s"


class _Lines(TextArea):
    """Several lines of text. typed: see `WazitermApp.on_event`."""

    typed = True


class _Field(Horizontal):
    """A label beside what is typed."""

    def __init__(self, label: str, widget: Widget, classes: str) -> None:
        super().__init__(classes=classes)
        self._label = label
        self._widget = widget

    def compose(self) -> ComposeResult:
        yield Static(Text(self._label), classes="label")
        yield self._widget


class WriteDialog(FormDialog[MessageView]):
    """Asks to whom an instance is to send what. enter is a new line of the text, as in a paste.

    send: takes recipient and text to the fleet; raises FleetError.
    """

    FIELDS = (
        ("to", N_("To"), N_("a number, +62 812 3456 7890, or the JID of a person or a group")),
    )
    BINDINGS: ClassVar[list[BindingType]] = [Binding(_SEND, "send", show=False)]

    def __init__(self, name: str, send: Callable[[str, str], Awaitable[MessageView]]) -> None:
        super().__init__()
        self._sender = name
        self._send = send
        self._lines = _Lines(id="lines", compact=True, highlight_cursor_line=False)

    def heading(self) -> str:
        return tr("Message from {name}", name=inert(self._sender))

    def text(self) -> str:
        return tr("It goes into the queue; pacing says when it is sent.")

    def below(self) -> Iterable[Widget]:
        yield _Field(tr("Text"), self._lines, "field lines")

    def keys(self) -> list[tuple[str, str]]:
        return [(_SEND, self.verb()), ("tab", tr("next field")), ("esc", tr("cancel"))]

    def values(self) -> dict[str, str]:
        return {**super().values(), "lines": self._lines.text.strip()}

    def verb(self) -> str:
        return tr("send")

    def waits(self) -> str:
        return tr("is being taken …")

    def action_enter(self) -> None:
        """enter in the first field leads to the text."""
        self._lines.focus()

    def action_send(self) -> None:
        self.submit()

    async def send(self, values: Mapping[str, str]) -> MessageView:
        to, text = values["to"], values["lines"]
        if not to:
            raise FleetError(tr("write to whom it goes"), code=2)
        if not text:
            raise FleetError(tr("write what it says"), code=2)
        if len(text) > MOST_TEXT:
            said = tr(
                "the text has {count} characters, {most} are allowed",
                count=len(text),
                most=MOST_TEXT,
            )
            raise FleetError(said, code=2)
        return await self._send(to, text)
