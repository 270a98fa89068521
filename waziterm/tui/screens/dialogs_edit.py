"""The dialog for what a person sets of one instance, or of several."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from textual.widgets import Input

from waziterm.domain.fleet.api import FleetError, InstanceView
from waziterm.domain.lifecycle.instance import OwnKey
from waziterm.lang import N_, tr
from waziterm.tui.paint.cells import inert
from waziterm.tui.screens.form import FormDialog


class EditDialog(FormDialog[None]):
    """Asks what is to be set. edited: the instance, or the names of several, of which a field that
    is left empty means nothing. edit: takes it to the fleet, by `OwnKey`; raises FleetError.
    beside: what has to be known of the several."""

    FIELDS = (
        (OwnKey.NOTE.value, N_("Note"), N_("one line for all operators")),
        (OwnKey.TAGS.value, N_("Tags"), N_("up to 10, with commas between; a-z, 0-9, - and _")),
        (
            OwnKey.PROXY.value,
            N_("Proxy"),
            N_("tested first; then it connects again if it is connected"),
        ),
        (OwnKey.DEVICE_NAME.value, N_("Device"), N_("shown on the phone from the next pairing on")),
        (
            OwnKey.ISOLATE.value,
            N_("Alone"),
            N_("true: a worker of its own; it connects again if it is connected"),
        ),
    )

    def __init__(
        self,
        edited: InstanceView | Sequence[str],
        edit: Callable[[Mapping[str, str]], Awaitable[None]],
        beside: str = "",
    ) -> None:
        super().__init__()
        self._edit = edit
        self._beside = beside
        self._names = (edited.name,) if isinstance(edited, InstanceView) else tuple(edited)
        self._before = _values(edited) if isinstance(edited, InstanceView) else {}

    def heading(self) -> str:
        if len(self._names) == 1:
            return tr("Edit {name}", name=inert(self._names[0]))
        return tr("Edit {count} marked instances", count=len(self._names))

    def text(self) -> str:
        said = tr("It changes this instance alone. No cool-down, hold or ban ends.")
        if not self._before:
            said = tr("What is left empty stays as it is for each. No cool-down, hold or ban ends.")
        return said + self._beside

    def verb(self) -> str:
        return tr("set it")

    def waits(self) -> str:
        return tr("is being tested and set …")

    def on_mount(self) -> None:
        for field, value in self._before.items():
            self.query_one(f"#{field}", Input).value = value
        super().on_mount()

    async def send(self, values: Mapping[str, str]) -> None:
        changed = {
            key: value for key, value in values.items() if value != self._before.get(key, "")
        }
        if not changed:
            raise FleetError(tr("nothing is changed yet"))
        await self._edit(changed)


def _values(view: InstanceView) -> dict[str, str]:
    """What is gone by now, as it is typed; a proxy without its login."""
    return {
        OwnKey.NOTE.value: inert(view.note),
        OwnKey.TAGS.value: ", ".join(view.tags),
        OwnKey.PROXY.value: inert(view.bare_proxy or ""),
        OwnKey.DEVICE_NAME.value: inert(view.device_name),
        OwnKey.ISOLATE.value: "true" if view.isolated else "false",
    }
