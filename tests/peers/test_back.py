"""The way back: what the real neonize has had goes on in the real Baileys, its chats too."""

from pathlib import Path

import pytest

from tests.fleets import in_state, pair
from tests.peers.test_baileys import PEERS, pytestmark, running
from waziterm.config import load_settings
from waziterm.domain.fleet.tools import ExportFormat
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.lab.events import EventKind
from waziterm.manager.manager import open_manager

__all__ = ["pytestmark"]  # `make peers` alone


@pytest.mark.parametrize("version", ["baileys7", "baileys6"])
async def test_an_exported_session_goes_on_in_the_real_baileys(
    version: str, lab: Lab, folder: Path
) -> None:
    data, auth = folder / "data", folder / "auth"
    settings, file = load_settings(data_dir=data, environ={}), LabFile.parse(lab.file.read_text())
    async with open_manager(data, settings, file) as fleet:
        phone = await pair(fleet, lab, "shop")
        for peer in PEERS:
            assert (await fleet.send_test("shop", f"+{peer}")).ok
            await lab.wait_message(peer, 30)
        await lab.send_text(phone.jid, "an answer", PEERS[0])
        assert (await fleet.send_test("shop", f"+{PEERS[0]}")).ok
        await lab.wait_message(PEERS[0], 30, nth=2)
        paired = (await lab.counters())[EventKind.PAIRED]
        await fleet.export("shop", str(auth), format=ExportFormat.BAILEYS)
        await in_state(fleet, "shop", State.HELD)
    log = (lab.file.parent / "lab.log").read_text()
    async with running(version, auth, lab) as bot:
        await bot.says("open")
        await lab.send_text(phone.jid, "welcome", PEERS[0])
        assert await bot.says("got") == "welcome"
        for number, peer in enumerate(PEERS):
            bot.ask(send=f"{peer}@s.whatsapp.net", text="on from here")
            await bot.says("sent")
            await lab.wait_message(peer, 30, nth=3 - number)
        if version == "baileys7":
            # 6 writes to numbers, and begins anew; the lab's phones answer under hidden ids.
            await lab.send_text(phone.jid, "and again", PEERS[0])
            assert await bot.says("got") == "and again"
        await bot.end()
    assert (await lab.counters())[EventKind.PAIRED] == paired
    asked = (lab.file.parent / "lab.log").read_text()[len(log) :].count("asks for message")
    assert asked == 0, "a phone could not read what was sent on a carried ratchet"
