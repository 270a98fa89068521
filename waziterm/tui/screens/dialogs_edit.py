"""The dialogs for what a person sets of one instance, or of several."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import ClassVar, Protocol

from textual.widgets import Input

from waziterm.domain.fleet.api import FleetError, InstanceView
from waziterm.domain.lifecycle.instance import OwnKey
from waziterm.lang import N_, tr
from waziterm.tui.paint.cells import inert
from waziterm.tui.screens.form import FormDialog

NAME = "name"
"""The field of the name."""
_FIELDS = (
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


class Rename(Protocol):
    """Gives an instance another name, see `Fleet.rename`."""

    async def __call__(self, name: str, new: str, *, take: bool) -> None: ...


class EditDialog(FormDialog[None]):
    """What those of one and of several have in common."""

    def verb(self) -> str:
        return tr("set it")

    def waits(self) -> str:
        return tr("is being tested and set …")


class EditOne(EditDialog):
    """Asks what is to be set of one instance; its name is a field too.

    edit: takes it to the fleet, by name and `OwnKey`; rename: gives it another name. Both raise
    FleetError. led_to: whom a name leads to that another instance had before.
    """

    FIELDS: ClassVar[tuple[tuple[str, str, str], ...]] = (
        (NAME, N_("Name"), N_("another one stops it for a moment where it is connected")),
        *_FIELDS,
    )
    # Most come for another field: a name is not to be typed over by mistake.
    BEGINS = OwnKey.NOTE.value

    def __init__(
        self,
        view: InstanceView,
        edit: Callable[[str, Mapping[str, str]], Awaitable[None]],
        rename: Rename,
        led_to: Callable[[str], str | None],
    ) -> None:
        super().__init__()
        self._edit = edit
        self._rename = rename
        self._led_to = led_to
        self._before = _values(view)
        self._warned_of = ""

    @property
    def _called(self) -> str:
        return self._before[NAME]

    def heading(self) -> str:
        return tr("Edit {name}", name=inert(self._called))

    def text(self) -> str:
        return tr("It changes this instance alone. No cool-down, hold or ban ends.")

    def on_mount(self) -> None:
        for field, value in self._before.items():
            self.query_one(f"#{field}", Input).value = value

    async def send(self, values: Mapping[str, str]) -> None:
        changed = {key: value for key, value in values.items() if value != self._before[key]}
        if not changed:
            raise FleetError(tr("nothing is changed yet"))
        if (new := changed.pop(NAME, None)) is not None:
            await self._give_name(new)
        if changed:
            await self._edit(self._called, changed)

    async def _give_name(self, new: str) -> None:
        """Rename it; a name that another one had before is taken when enter is pressed again."""
        holder = self._led_to(new)
        if holder not in (None, self._called) and self._warned_of != new:
            self._warned_of = new
            said = tr(
                "{new} is the name that {holder} had before, and still leads to it; enter again"
                " takes it",
                new=inert(new),
                holder=inert(holder),
            )
            raise FleetError(said)
        await self._rename(self._called, new, take=self._warned_of == new)
        self._before[NAME] = new


class EditSeveral(EditDialog):
    """Asks what is to be set of several; a field that is left empty means nothing.

    names: of whom. edit: takes it to the fleet, by `OwnKey`; raises FleetError. beside: what has to
    be known of them.
    """

    FIELDS: ClassVar[tuple[tuple[str, str, str], ...]] = _FIELDS

    def __init__(
        self,
        names: Sequence[str],
        edit: Callable[[Mapping[str, str]], Awaitable[None]],
        beside: str = "",
    ) -> None:
        super().__init__()
        self._names = tuple(names)
        self._edit = edit
        self._beside = beside

    def heading(self) -> str:
        return tr("Edit {count} marked instances", count=len(self._names))

    def text(self) -> str:
        said = tr("What is left empty stays as it is for each. No cool-down, hold or ban ends.")
        return said + self._beside

    async def send(self, values: Mapping[str, str]) -> None:
        changed = {key: value for key, value in values.items() if value}
        if not changed:
            raise FleetError(tr("nothing is changed yet"))
        await self._edit(changed)


def _values(view: InstanceView) -> dict[str, str]:
    """What is gone by now, as it is typed; a proxy without its login."""
    return {
        NAME: inert(view.name),
        OwnKey.NOTE.value: inert(view.note),
        OwnKey.TAGS.value: ", ".join(view.tags),
        OwnKey.PROXY.value: inert(view.bare_proxy or ""),
        OwnKey.DEVICE_NAME.value: inert(view.device_name),
        OwnKey.ISOLATE.value: "true" if view.isolated else "false",
    }
