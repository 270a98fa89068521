"""Asking for a pairing code: for which number, that it was asked, and how that ended."""

import logging
from collections.abc import Awaitable, Callable
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from waziterm.domain.fleet.api import FleetError
from waziterm.lang import tr
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import inert
from waziterm.tui.state.acts import begin
from waziterm.tui.state.messages import failed_inside, log_of, refusal

logger = logging.getLogger(__name__)


class PhoneDialog(ModalScreen[bool]):
    """Asks for the phone's number; what the fleet refuses is said here, with the number kept.

    ask: takes the number to the fleet; raises FleetError. The answer is whether it was taken.
    """

    DEFAULT_CSS = "PhoneDialog { align: center middle; background: $background 60%; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", show=False)]

    def __init__(self, name: str, ask: Callable[[str], Awaitable[None]]) -> None:
        super().__init__()
        self._name_shown = name
        self._ask = ask
        self._busy = False

    def compose(self) -> ComposeResult:
        about = tr(
            "The number of the phone that is to be linked, with its country code:"
            " +62 812 3456 7890. The phone is shown a notification."
        )
        title = tr("Pairing code for {name}", name=inert(self._name_shown))
        with Vertical(classes="dialog question"):
            yield Static(Text(title, "bold"))
            yield Static(Text(about), classes="text")
            yield Input(id="phone", compact=True, max_length=40)
            yield Static(id="error")

    def on_mount(self) -> None:
        self.query_one("#phone", Input).focus()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        number = event.value.strip()
        if number and not self._busy:
            self._busy = True
            self._say(Text(tr("asking WhatsApp …"), look.ACCENT))
            begin(self.app, self._submit(number), group="commands")

    async def _submit(self, number: str) -> None:
        try:
            await self._ask(number)
        except FleetError as error:
            self._say(Text(f"✖ {refusal(error)}", f"bold {look.BAD}"))
        except Exception:
            logger.exception("a pairing code was not made")
            said = failed_inside(log_of(self.app))
            self._say(Text(f"✖ {said}", f"bold {look.BAD}"))
        else:
            if self.is_current:
                self.dismiss(True)
        finally:
            self._busy = False

    def _say(self, text: Text) -> None:
        if self.is_attached:
            self.query_one("#error", Static).update(text)

    def action_cancel(self) -> None:
        self.dismiss(False)
