"""Questions and lists over the screen."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import ClassVar

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from waziterm.domain.fleet import FleetError, InstanceView
from waziterm.domain.names import ALLOWED
from waziterm.tui import look
from waziterm.tui.keys import Key, Place, keys_of
from waziterm.tui.messages import refusal
from waziterm.tui.scrolling import ScrollDialog

logger = logging.getLogger(__name__)


class ConfirmDialog(ModalScreen[bool]):
    """A question with two answers. enter takes the default; esc is always no.

    is_quit: it asks about quitting, so that another press of that key means yes.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", show=False),
        Binding("n,escape", "answer(False)", show=False),
        Binding("enter", "default", show=False),
        Binding("q", "quit_key", show=False),
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
        with Vertical(classes="dialog question"):
            yield Static(Text(self._title, "bold"), classes="title")
            yield Static(Text(self._text), classes="text")
            yield Static(self._answers(), classes="answers")

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


class NumberDialog(ModalScreen[int | None]):
    """Asks for a number to be typed, so that nobody does it by a slip. count: the right one."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", show=False)]

    def __init__(self, title: str, text: str, count: int) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._count = count

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog question"):
            yield Static(Text(self._title, "bold"), classes="title")
            yield Static(Text(self._text), classes="text")
            yield Static(Text(f"Type {self._count} and press enter; esc leaves it."))
            yield Input(id="number", compact=True, type="integer", max_length=6)

    def on_mount(self) -> None:
        self.query_one("#number", Input).focus()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        typed = event.value.strip()
        self.dismiss(int(typed) if typed.isdigit() else None)

    def action_cancel(self) -> None:
        self.dismiss(None)


class AddDialog(ModalScreen[InstanceView | None]):
    """Asks for a new instance; what the fleet refuses is said here, with the fields kept."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", show=False)]

    FIELDS = (
        ("name", "Name", ALLOWED),
        ("phone", "Phone", "optional, with its country code: +62 812 3456 7890"),
        ("proxy", "Proxy", "optional, http, https or socks5: socks5://proxy.example:1080"),
    )

    def __init__(
        self, add: Callable[[str, str | None, str | None], Awaitable[InstanceView]]
    ) -> None:
        super().__init__()
        self._add = add
        self._busy = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Text("Add an instance", "bold"), classes="title")
            for field, label, about in self.FIELDS:
                with Horizontal(classes="field"):
                    yield Static(Text(label), classes="label")
                    yield Input(id=field, compact=True)
                yield Static(Text(about), classes="about")
            yield Static(id="error")
            yield Static(
                Text.assemble(
                    ("enter ", f"bold {look.ACCENT}"),
                    "add   ",
                    ("tab ", f"bold {look.ACCENT}"),
                    "next field   ",
                    ("esc ", f"bold {look.ACCENT}"),
                    "cancel",
                ),
                classes="answers",
            )

    def on_mount(self) -> None:
        self.query_one("#name", Input).focus()

    def _value(self, field: str) -> str | None:
        return self.query_one(f"#{field}", Input).value.strip() or None

    @on(Input.Submitted)
    def _submitted(self) -> None:
        if not self._busy:
            self._busy = True
            self._say("adding …", trouble=False)
            self.app.run_worker(self._submit(), group="commands")

    async def _submit(self) -> None:
        name, phone, proxy = self._value("name"), self._value("phone"), self._value("proxy")
        try:
            view = await self._add(name or "", phone, proxy)
        except FleetError as error:
            self._say(refusal(error), trouble=True)
        except Exception:
            logger.exception("add failed")
            self._say("failed inside the program; waziterm.log has the details", trouble=True)
        else:
            if self.is_current:
                self.dismiss(view)
        finally:
            self._busy = False

    def _say(self, text: str, *, trouble: bool) -> None:
        if self.is_attached:
            style = f"bold {look.BAD}" if trouble else look.ACCENT
            self.query_one("#error", Static).update(Text(f"✖ {text}" if trouble else text, style))

    def action_cancel(self) -> None:
        self.dismiss(None)


class HelpDialog(ScrollDialog[None]):
    """The keys, from the same list as the bindings, and what the glyphs mean."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter", "close", show=False),
    ]

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog", can_focus=False) as box:
            box.border_title = "Keys"
            box.border_subtitle = "↑ ↓ scroll · esc close"
            yield Static(help_text(keys_of(self.app)))

    def action_close(self) -> None:
        self.dismiss(None)


def help_text(keys: Iterable[Key]) -> Group:
    """Every key by the place where it works, then every state's glyph."""
    parts: list[RenderableType] = []

    def section(title: str, rows: list[tuple[str, str, str]]) -> None:
        table = Table.grid(padding=(0, 1))
        table.add_column(width=9)
        table.add_column(ratio=1)
        for sign, colour, about in rows:
            table.add_row(Text(f"  {sign}", f"bold {colour}"), Text(about, look.TEXT))
        parts.extend((Text(title, f"bold {look.STRONG}"), table, Text()))

    for place in Place:
        here = [key for key in keys if key.place is place]
        section(place.value.capitalize(), [(key.shown, look.ACCENT, key.about) for key in here])
    section(
        "States", [(sign.glyph, sign.colour, state.label) for state, sign in look.SIGNS.items()]
    )
    return Group(*parts)
