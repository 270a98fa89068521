"""A manager that died before it stored the end of a pairing, or of a restore, finds a device in the
session file that its row does not name: what it waits for is of the device that it had last."""

import shutil
from pathlib import Path

import pytest

from tests.fleets import in_state, pair, shown
from tests.store.files import leave_unfinished
from waziterm.config import load_settings
from waziterm.domain.errors import FleetError
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.lab.trouble import TroubleKind
from waziterm.manager.manager import open_manager

SETTINGS = {"WAZITERM_LIMITS__KEEPALIVE_S": "600", "WAZITERM_LIMITS__CONFLICT_BUDGET": "1"}


async def test_a_new_device_that_is_found_is_not_held_and_the_old_one_is(
    lab: Lab, folder: Path
) -> None:
    data, kept = folder / "data", folder / "kept.db"
    settings = load_settings(data_dir=data, environ=SETTINGS)
    file = LabFile.parse(lab.file.read_text())
    database = data / "waziterm.db"

    def put_back() -> None:
        """The row as it was before the last manager: as if that had died before it wrote."""
        for each in data.glob("waziterm.db*"):
            each.unlink()
        shutil.copy(kept, database)
        # Its workers died in the middle of a write.
        [session] = (data / "sessions").glob("*.db")
        leave_unfinished(session)

    async with open_manager(data, settings, file) as fleet:
        await pair(fleet, lab, "shop")
        [session] = await lab.sessions()
        await lab.trouble(TroubleKind.CONFLICT, session.jid)
        await in_state(fleet, "shop", State.HELD)
        await fleet.clean("shop")
        [entry] = await fleet.trash()
    shutil.copy(database, kept)

    async with open_manager(data, settings, file) as fleet:
        await fleet.restore(entry.id)
    put_back()
    async with open_manager(data, settings, file) as fleet:
        await shown(fleet, "shop", lambda view: view.paired)
        with pytest.raises(FleetError, match="shop is held"):
            await fleet.start("shop")
        await fleet.clean("shop")
    shutil.copy(database, kept)

    async with open_manager(data, settings, file) as fleet:
        await fleet.start("shop")
        view = await shown(fleet, "shop", lambda view: view.qr is not None)
        assert view.qr is not None
        await lab.scan(view.qr.payload)
        await in_state(fleet, "shop", State.CONNECTED)
    put_back()
    async with open_manager(data, settings, file) as fleet:
        await shown(fleet, "shop", lambda view: view.paired)
        await fleet.start("shop")
        await in_state(fleet, "shop", State.CONNECTED)
