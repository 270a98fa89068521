"""F44: one pairing after the other, from the fleet's setting to the history of a phone."""

import asyncio
from pathlib import Path

from tests.fleets import in_state, shown
from waziterm.config import load_settings
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.manager.manager import open_manager


async def test_f44_the_next_code_is_shown_when_the_phone_before_has_sent_its_history(
    lab: Lab, folder: Path
) -> None:
    environ = {"WAZITERM_FLEET__PAIRINGS_AT_ONCE": "1"}
    settings = load_settings(data_dir=folder / "data", environ=environ)
    lab_file = LabFile.parse(lab.file.read_text())
    async with open_manager(folder / "data", settings, lab_file) as fleet:
        await fleet.add("one")
        first = await shown(fleet, "one", lambda view: view.qr is not None)
        await fleet.add("two")
        waits = await shown(fleet, "two", lambda view: "pairings under way: 1" in view.detail)
        assert (waits.state, waits.pid) == (State.CONNECTING, None)

        assert first.qr is not None
        await lab.scan(first.qr.payload)
        second = await shown(fleet, "two", lambda view: view.qr is not None)

        said = [line.text for line in fleet.tail("one")]
        assert "history received, 100 %" in said
        assert second.qr is not None
        await lab.scan(second.qr.payload)
        await asyncio.gather(*(in_state(fleet, name, State.CONNECTED) for name in ("one", "two")))
