"""F49, F51: a library that tells nothing more, and a crowd of strangers that tries to make it so."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fleets import in_state, pair, shown
from tests.hostile import STRANGERS, history_notice
from waziterm.config import load_settings
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.lab.trouble import TroubleKind
from waziterm.lab.words import Scanned
from waziterm.manager.manager import SessionManager, open_manager

PACK = {"WAZITERM_FLEET__INSTANCES_PER_WORKER": "10"}
HEARD_S = 30.0


@asynccontextmanager
async def packed(
    lab: Lab, folder: Path, count: int
) -> AsyncIterator[tuple[SessionManager, dict[str, Scanned]]]:
    """So many linked instances that share one worker, and the phone of each."""
    data, file = folder / "data", LabFile.parse(lab.file.read_text())
    settings = load_settings(data_dir=data, environ=PACK)
    names = [f"shop-{number}" for number in range(count)]
    async with open_manager(data, settings, file) as fleet:
        phones = await asyncio.gather(*(pair(fleet, lab, name) for name in names))
    async with open_manager(data, settings, file) as fleet:
        for name in names:
            await in_state(fleet, name, State.CONNECTED)
        assert len({view.pid for view in fleet.snapshot().instances}) == 1
        yield fleet, dict(zip(names, phones, strict=True))


async def said(fleet: SessionManager, name: str, text: str, after: int) -> None:
    """Wait for a line with this text in an instance's log. Raises TimeoutError."""
    async with asyncio.timeout(HEARD_S), fleet.subscribe() as changes:
        while not any(line.seq > after and text in line.text for line in fleet.tail(name, 500)):
            await changes.next()


async def hears(fleet: SessionManager, lab: Lab, name: str, phone: Scanned) -> None:
    """Wait until it has taken in all that came, and is told of one message more. Raises
    TimeoutError, as for a deaf one."""
    marker = f"MARK{secrets.token_hex(6).upper()}"
    sent = {"from": STRANGERS[0] + "@s.whatsapp.net", "id": marker, "t": "1764000000"}
    after = fleet.tail(name, 1)[-1].seq
    garbage = ("enc", {"v": "2", "type": "msg"}, "garbage")
    await lab.send_stanza(phone.jid, "message", {**sent, "type": "text"}, [garbage])
    await said(fleet, name, marker, after)
    after = fleet.tail(name, 1)[-1].seq
    await lab.send_text(phone.jid, "are you there?")
    await said(fleet, name, "message received", after)


@pytest.mark.soak
async def test_a_deaf_library_is_noticed_and_goes_on_in_a_new_worker(
    lab: Lab, folder: Path
) -> None:
    """F51: above 32 notices of a history that cannot be downloaded, nothing else is taken in for
    75 s each, while every probe is answered."""
    async with packed(lab, folder, 3) as (fleet, phones):
        phone, (before, *_) = phones["shop-0"], fleet.snapshot().instances
        await lab.trouble(TroubleKind.MUTE, phone.jid, query="w:m")
        began = time.monotonic()
        for _ in range(40):
            await lab.send_message(phone.jid, history_notice(), phone.number)
        deaf = await shown(fleet, "shop-0", lambda view: view.reason is Reason.DEAF, 60)
        took_s = time.monotonic() - began
        assert took_s < 35, took_s
        assert deaf.state is State.RETRYING and "message for 30 s" in deaf.detail
        assert deaf.next_attempt is not None
        back = await in_state(fleet, "shop-0", State.CONNECTED)
        assert back.pid != before.pid
        for name in phones:
            await hears(fleet, lab, name, phones[name])
        others = [view for view in fleet.snapshot().instances if view.name != "shop-0"]
        assert {view.pid for view in others} == {before.pid}
