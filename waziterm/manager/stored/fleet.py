"""The fleet while no manager runs: what the files say, and an instance added for later."""

import time
from dataclasses import replace

from waziterm.domain.fleet.api import FleetError, InstanceView
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.version import VersionChoice
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.files.lock import owned, unowned
from waziterm.manager.version.kept import stored_version
from waziterm.manager.views import Health, view_of
from waziterm.store.store import open_store


async def stored_views(data: DataDir, choice: VersionChoice) -> tuple[InstanceView, ...]:
    """All instances as the last manager left them; none when there is no database.

    What was connecting or connected then is shown as stopped, for it is. Makes no directory.
    choice: the setting of the version that the library tells WhatsApp.
    Raises FleetError: code 3 when a manager starts meanwhile, 1 when the database is refused.
    """
    if not data.database.exists():
        return ()
    with unowned(data.lock):
        async with open_store(data.database) as store:
            version = await stored_version(store, choice, time.time())
            stored = await store.instances()
            return tuple(replace(at_rest(each), version=version) for each in stored)


async def add_stored(
    data: DataDir, choice: VersionChoice, name: str, phone: str | None, proxy: str | None
) -> InstanceView:
    """Add an instance that the next manager will know. Its values were checked by the caller.
    choice: as in `stored_views`.

    Raises FleetError: code 3 when a manager owns the directory, 1 when the name is taken or
    nothing could be written.
    """
    data.create()
    with owned(data.lock):
        async with open_store(data.database) as store:
            if any(instance.name == name for instance in await store.instances()):
                raise FleetError(f"{name} exists already", "choose another name")
            now = time.time()
            instance = Instance(name, created_at=now, since=now, phone=phone, proxy=proxy)
            await store.save(instance, event="Added", at=now)
            version = await stored_version(store, choice, now)
            return replace(at_rest(instance), version=version)


def at_rest(instance: Instance) -> InstanceView:
    """A stored instance as it is shown while no manager runs: nobody is connected."""
    if instance.state.is_live:
        said = f"last seen {instance.state.label}"
        instance = replace(
            instance,
            state=State.STOPPED,
            reason=Reason.NO_MANAGER,
            detail=said,
            connected_at=None,
            due=None,
        )
    view = view_of(instance, Health(), None)
    return replace(view, next_attempt=None, next_step=Reason.NO_MANAGER.next_step)
