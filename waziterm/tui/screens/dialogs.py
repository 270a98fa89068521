"""Questions over the screen."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Key
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from waziterm.domain.fleet.api import FleetError, InstanceView
from waziterm.domain.frozen import dataclass
from waziterm.domain.names import ALLOWED
from waziterm.domain.screen import KeyAction
from waziterm.lang import N_, tr
from waziterm.tui.paint import look
from waziterm.tui.screens.field import Field
from waziterm.tui.screens.form import FormDialog


def _question(title: str, text: str, *below: Widget) -> ComposeResult:
    """What every question is made of. below: how it is answered."""
    with Vertical(classes="dialog question"):
        yield Static(Text(title, "bold"), classes="title")
        yield Static(Text(text), classes="text")
        yield from below


class ConfirmDialog(ModalScreen[bool]):
    """A question with two answers. enter takes the default; esc is always no.

    is_quit: it asks about quitting, so that another press of that key means yes.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", show=False),
        Binding("n,escape", "answer(False)", show=False),
        Binding("enter", "default", show=False),
        Binding("q", "quit_key", show=False, id=KeyAction.LEAVE.value),
    ]

    def __init__(
        self, title: str, text: str, yes: str, no: str, *, default: bool, is_quit: bool = False
    ) -> None:
        super().__init__()
        self.is_quit = is_quit
        self._title = title
        self._text = text
        self._yes = yes
        self._no = no
        self._default = default

    def compose(self) -> ComposeResult:
        answers = Static(self._answers(), classes="answers")
        return _question(self._title, self._text, answers)

    def _answers(self) -> Text:
        """Both answers with their keys, the default one marked."""
        line = Text()
        for key, label, value in (("y", self._yes, True), ("n", self._no, False)):
            mark = " ⏎" if value is self._default else ""
            line.append(f" {key} ", f"bold {look.ACCENT}")
            line.append(f"{label}{mark}   ", f"bold {look.STRONG}" if mark else look.TEXT)
        return line

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)

    def action_quit_key(self) -> None:
        if self.is_quit:
            self.dismiss(True)

    def action_default(self) -> None:
        self.dismiss(self._default)


class ChoiceDialog(ModalScreen[str | None]):
    """A question with several answers; its own is the key of the one that was taken.

    choices: the word of each by its key. default: the key that enter means, "" for none of them.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False),
        Binding("enter", "default", show=False),
    ]

    def __init__(self, title: str, text: str, choices: Mapping[str, str], default: str) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._choices = choices
        self._default = default

    def compose(self) -> ComposeResult:
        answers = Static(self._answers(), classes="answers")
        return _question(self._title, self._text, answers)

    def _answers(self) -> Text:
        """A line for each answer, with its key; the default one is marked."""
        lines = []
        for key, word in (*self._choices.items(), ("esc", tr("cancel"))):
            mark = " ⏎" if key == (self._default or "esc") else ""
            style = f"bold {look.STRONG}" if mark else look.TEXT
            lines.append(
                Text.assemble((f" {key:<3} ", f"bold {look.ACCENT}"), (f"{word}{mark}", style))
            )
        return Text("\n").join(lines)

    def on_key(self, event: Key) -> None:
        if event.key in self._choices:
            event.stop()
            self.dismiss(event.key)

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_default(self) -> None:
        self.dismiss(self._default or None)


class NumberDialog(ModalScreen[int | None]):
    """Asks for a number to be typed, so that nobody does it by a slip. count: the right one."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", show=False)]

    def __init__(self, title: str, text: str, count: int) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._count = count

    def compose(self) -> ComposeResult:
        said = tr("Type {count} and press enter; esc leaves it.", count=self._count)
        typed = Field(id="number", compact=True, type="integer", max_length=6)
        return _question(self._title, self._text, Static(Text(said)), typed)

    def on_mount(self) -> None:
        self.query_one(Field).focus()

    def action_enter(self) -> None:
        typed = self.query_one(Field).value.strip()
        self.dismiss(int(typed) if typed.isdigit() else None)

    def action_cancel(self) -> None:
        self.dismiss(None)


class TextDialog(FormDialog[str]):
    """Asks for one line. verb: what enter does."""

    FIELDS = (("text", N_("Note"), ""),)

    def __init__(self, title: str, text: str, verb: str) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._verb = verb

    def heading(self) -> str:
        return self._title

    def text(self) -> str:
        return self._text

    def verb(self) -> str:
        return self._verb

    def waits(self) -> str:
        return ""

    async def send(self, values: Mapping[str, str]) -> str:
        if not values["text"]:
            raise FleetError(tr("write one line"), code=2)
        return values["text"]


def _whole(path: str) -> str:
    """A path whose `~` is the home directory of whoever looks at the screen."""
    try:
        return str(Path(path).expanduser()) if path.startswith("~") else path
    except RuntimeError:
        return path


@dataclass(frozen=True, slots=True)
class ImportAsked:
    """What is to be imported, and how; see `domain.fleet.protocol.Fleet.import_sessions`."""

    sources: str
    prefix: str
    device: str
    keys_db: str
    start: bool
    force: bool


class ImportDialog(FormDialog[ImportAsked]):
    """Asks where the sessions of another program lie, and how they are to come in."""

    FIELDS = (
        ("source", N_("Source"), N_("a folder or a file: /srv/waziper/shop")),
        ("prefix", N_("Prefix"), N_("optional, before each name: shop-")),
        ("device", N_("Device"), N_("optional, one of several in a store: its JID")),
        ("keys", N_("Key store"), N_("optional, a second store that holds the keys")),
        ("start", N_("Start"), N_("y: they connect at once")),
        ("force", N_("Force"), N_("y: also from a source that is in use")),
    )

    def heading(self) -> str:
        return tr("Import sessions")

    def text(self) -> str:
        return tr(
            "Folders of Baileys, whatsmeow stores, rows of Evolution. First it is shown what would"
            " be done; the source stays as it is."
        )

    def verb(self) -> str:
        return tr("look")

    def waits(self) -> str:
        return ""

    async def send(self, values: Mapping[str, str]) -> ImportAsked:
        source, keys = _whole(values["source"]), _whole(values["keys"])
        if not source.startswith("/") or (keys and not keys.startswith("/")):
            raise FleetError(tr("write the whole path, from / on"), code=2)
        return ImportAsked(
            *(source, values["prefix"], values["device"], keys),
            start=_is_yes(values["start"]),
            force=_is_yes(values["force"]),
        )


class AddDialog(FormDialog[InstanceView]):
    """Asks for a new instance. add: takes it to the fleet; raises FleetError."""

    FIELDS = (
        ("name", N_("Name"), ALLOWED),
        ("phone", N_("Phone"), N_("optional, with its country code: +62 812 3456 7890")),
        ("proxy", N_("Proxy"), N_("optional, http, https or socks5: socks5://proxy.example:1080")),
    )

    def __init__(
        self, add: Callable[[str, str | None, str | None], Awaitable[InstanceView]]
    ) -> None:
        super().__init__()
        self._add = add

    def heading(self) -> str:
        return tr("Add an instance")

    def verb(self) -> str:
        return tr("add")

    def waits(self) -> str:
        return tr("adding …")

    async def send(self, values: Mapping[str, str]) -> InstanceView:
        return await self._add(values["name"], values["phone"] or None, values["proxy"] or None)


def _is_yes(text: str) -> bool:
    """Whether a field says so. Raises FleetError for what says neither."""
    if text.lower() not in ("", "y", "n"):
        raise FleetError(tr("write y, or leave it empty"), code=2)
    return text.lower() == "y"
