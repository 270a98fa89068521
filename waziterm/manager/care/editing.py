"""What a person sets of one instance: checked, tried, told; see `Fleet.edit`."""

from collections.abc import Mapping

from waziterm.domain.care.layers import Verdict
from waziterm.domain.errors import FleetError
from waziterm.domain.fleet.history import Edit
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.instance import Instance, OwnKey, OwnValue
from waziterm.domain.text import mask_proxy
from waziterm.store.store import Store

MOST_EDITS = 50
"""So many can be undone at most, the newest."""


async def changed_by(
    instance: Instance, values: Mapping[OwnKey, OwnValue], lab: LabFile | None
) -> dict[OwnKey, OwnValue]:
    """Those of the values that differ from what is set. Raises FleetError when a variable stands
    above one of them, and when they lead to a way that does not reach WhatsApp: nothing is changed
    then."""
    for key in values:
        if key in instance.configured.fixed:
            variable = f"WAZITERM_INSTANCES__{instance.name.upper()}__{key.value.upper()}"
            raise FleetError(
                f"{instance.name}: the variable {variable} of the manager sets its {key.value}",
                "a variable stands above what is set; take it away first",
            )
    changed = {key: value for key, value in values.items() if instance.own((key,))[key] != value}
    way = instance.with_own(changed).way
    if way != instance.way:
        await _refuse_unreachable(instance.name, way, lab)
    return changed


async def edits_in(store: Store) -> tuple[Edit, ...]:
    """See `Fleet.edits`. Raises StoreError."""
    return tuple(edit for edit, _ in await store.edits(MOST_EDITS))


async def before_edit(store: Store, name: str, number: int) -> tuple[Edit, dict[OwnKey, OwnValue]]:
    """An instance's edit, its newest, and how it was before. Raises FleetError for any other."""
    found = [each for each in await store.edits(MOST_EDITS) if each[0].instance == name]
    if not found or number not in (edit.id for edit, _ in found):
        said = f"{name} has no edit {number} that could be undone"
        raise FleetError(said, "it was undone already, or is older than the history", code=2)
    edit, before = found[0]
    if edit.id != number:
        raise FleetError(f"{name} was set anew after edit {number}", "undo that one first", code=2)
    return edit, before


async def _refuse_unreachable(name: str, way: str | None, lab: LabFile | None) -> None:
    """Test a way up to WhatsApp's certificate. Raises FleetError when it does not lead there."""
    from waziterm.manager.care.layer_test import test_way  # noqa: PLC0415 - httpx takes 0.1 s
    from waziterm.manager.care.route import WHATSAPP, Route, route_of  # noqa: PLC0415 - as above

    route = route_of(WHATSAPP, way, lab)
    if way is not None and lab is not None:
        # Whatever the lab would put in its place: what is to be set is what is tested.
        route = Route(WHATSAPP, way, lab.ca_file)
    for layer in await test_way(route):
        if layer.verdict is Verdict.FAILED:
            whose = "the direct way" if way is None else f"the proxy {mask_proxy(way)}"
            raise FleetError(
                f"{name}: nothing was changed, {whose} failed its test at {layer.name.value}:"
                f" {layer.detail}",
                str(layer.act),
            )
