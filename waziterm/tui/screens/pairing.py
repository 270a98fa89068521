"""Asking for a pairing code: for which number, that it was asked, and how that ended."""

from collections.abc import Awaitable, Callable, Mapping

from waziterm.domain.fleet.api import FleetError
from waziterm.lang import N_, tr
from waziterm.tui.paint.cells import inert
from waziterm.tui.screens.form import FormDialog


class PhoneDialog(FormDialog[bool]):
    """Asks for the phone's number. ask: takes it to the fleet; raises FleetError. The answer is
    whether a code was made."""

    FIELDS = (("phone", N_("Phone"), N_("with its country code: +62 812 3456 7890")),)

    def __init__(self, name: str, ask: Callable[[str], Awaitable[None]]) -> None:
        super().__init__()
        self._name_shown = name
        self._ask = ask

    def heading(self) -> str:
        return tr("Pairing code for {name}", name=inert(self._name_shown))

    def text(self) -> str:
        return tr(
            "The number of the phone that is to be linked. WhatsApp shows a notification there, and"
            " a code here that is typed on it."
        )

    def verb(self) -> str:
        return tr("ask for a code")

    def waits(self) -> str:
        return tr("asking WhatsApp …")

    async def send(self, values: Mapping[str, str]) -> bool:
        if not values["phone"]:
            raise FleetError(tr("a number is needed"), code=2)
        await self._ask(values["phone"])
        return True
