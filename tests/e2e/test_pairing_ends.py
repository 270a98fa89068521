"""Every way in which a pairing ends without a device: the real neonize, and a phone of the lab."""

import asyncio
import shutil
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fleets import in_state, pair, shown
from tests.sessions import session_of
from waziterm.config import load_settings
from waziterm.domain.fleet.api import FleetError, InstanceView
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.lab.trouble import TroubleKind
from waziterm.lab.words import LabError, ScanOutcome
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.manager import SessionManager, open_manager
from waziterm.manager.stored.fleet import StoredFleet


def fleet_on(lab: Lab, folder: Path) -> AbstractAsyncContextManager[SessionManager]:
    settings = load_settings(data_dir=folder / "data", environ={})
    return open_manager(folder / "data", settings, LabFile.parse(lab.file.read_text()))


@dataclass(frozen=True)
class Row:
    """What a scan ends in. code: with which WhatsApp refuses. helps: part of the next step."""

    outcome: ScanOutcome
    reason: Reason
    helps: str
    detail: str = ""
    code: int = 0


ROWS = (
    Row(ScanOutcome.PASSKEY, Reason.PASSKEY, "link another number"),
    Row(ScanOutcome.PASSKEY_GARBLED, Reason.PASSKEY, "link another number", "unmarshal"),
    Row(ScanOutcome.PASSKEY_CONTINUED, Reason.PASSKEY, "link another number", "linking cache"),
    Row(ScanOutcome.WRONG_HMAC, Reason.PAIRING_FAILED, "start it (s)", "HMAC"),
    Row(ScanOutcome.WRONG_SIGNATURE, Reason.PAIRING_FAILED, "start it (s)", "signature"),
    Row(ScanOutcome.GARBLED, Reason.PAIRING_FAILED, "start it (s)", "failed to parse"),
    Row(ScanOutcome.REFUSED, Reason.PAIRING_REFUSED, "wait an hour", "code 401", 401),
    Row(ScanOutcome.REFUSED, Reason.LOCKED, "unlock it", "code 403", 403),
    Row(ScanOutcome.REFUSED, Reason.ACCOUNT_BANNED, "appeal", "code 406", 406),
)


async def code_of(fleet: SessionManager, name: str) -> InstanceView:
    await fleet.add(name)
    return await shown(fleet, name, lambda view: view.qr is not None)


async def test_each_says_what_to_do_and_shows_no_code_by_itself(lab: Lab, folder: Path) -> None:
    failed: list[str] = []
    few_at_once = asyncio.Semaphore(4)
    async with fleet_on(lab, folder) as fleet:

        async def one(name: str, row: Row) -> None:
            async with few_at_once:
                view = await code_of(fleet, name)
                assert view.qr is not None
                await lab.scan(view.qr.payload, outcome=row.outcome, code=row.code)
                ended = await shown(fleet, name, lambda view: view.state is not State.PAIRING)
                ended = await shown(fleet, name, lambda view: view.pid is None)
            found = (ended.state, ended.reason, ended.qr, ended.next_attempt)
            if found != (State.STOPPED, row.reason, None, None):
                failed.append(f"{row}: {ended}")
            if row.detail not in ended.detail or row.helps not in ended.next_step:
                failed.append(f"{row}: {ended.detail}, {ended.next_step}")

        async with asyncio.TaskGroup() as rows:
            for number, row in enumerate(ROWS):
                rows.create_task(one(f"row-{number}", row))
        assert not failed, "\n".join(failed)
        # What ended so is started by a key, and links.
        await fleet.start("row-0")
        view = await shown(fleet, "row-0", lambda view: view.qr is not None)
        assert view.qr is not None
        await lab.scan(view.qr.payload)
        await in_state(fleet, "row-0", State.CONNECTED)


async def test_a_pairing_code_that_whatsapp_refuses(lab: Lab, folder: Path) -> None:
    """419 is the full list of linked devices; of others the QR code goes on, unless the code was
    typed already."""
    numbers = {419: "+6281234567890", 429: "+6281234567891"}
    ends = {419: Reason.DEVICES_FULL, 429: Reason.CODE_REFUSED}
    async with fleet_on(lab, folder) as fleet:
        for code, number in numbers.items():
            name = f"typed-{code}"
            await code_of(fleet, name)
            view = await fleet.pairing_code(name, number)
            assert view.code is not None
            await lab.trouble(TroubleKind.CODE_REFUSED, number, code=code)
            with pytest.raises(LabError, match="refused"):
                await lab.enter_code(view.code.text, number)
            ended = await in_state(fleet, name, State.STOPPED)
            assert (ended.reason, ended.code, ended.qr) == (ends[code], None, None)
        assert "remove one there (Settings, Linked devices)" in Reason.DEVICES_FULL.next_step

        await code_of(fleet, "asked-429")
        with pytest.raises(FleetError, match=r"for now \(429\): scan the QR code"):
            await fleet.pairing_code("asked-429", numbers[429])
        assert fleet.snapshot().instance("asked-429").state is State.PAIRING
        await code_of(fleet, "asked-419")
        with pytest.raises(FleetError, match="list of linked devices is full"):
            await fleet.pairing_code("asked-419", numbers[419])
        ended = await in_state(fleet, "asked-419", State.STOPPED)
        assert ended.reason is Reason.DEVICES_FULL


async def test_a_full_list_is_told_by_the_phone_alone(lab: Lab, folder: Path) -> None:
    """The client hears nothing when such a phone scans: its code goes on."""
    async with fleet_on(lab, folder) as fleet:
        view = await code_of(fleet, "shop")
        assert view.qr is not None
        await lab.scan(view.qr.payload, outcome=ScanOutcome.DEVICES_FULL)
        await lab.scan(view.qr.payload)
        await in_state(fleet, "shop", State.CONNECTED)


async def test_a_pairing_that_is_refused_before_its_first_code(lab: Lab, folder: Path) -> None:
    async with fleet_on(lab, folder) as fleet:
        await lab.trouble(TroubleKind.LOGIN_FAILURE, code=401)
        await fleet.add("shop")
        ended = await shown(fleet, "shop", lambda view: view.reason is Reason.PAIRING_REFUSED)
        assert (ended.state, ended.detail) == (State.STOPPED, "code 401")


async def test_a_session_that_was_linked_elsewhere_is_brought_as_readme_says(
    lab: Lab, folder: Path
) -> None:
    async with fleet_on(lab, folder / "elsewhere") as fleet:
        phone = await pair(fleet, lab, "old")
    data = DataDir(folder / "data")
    data.create()
    (data.root / "sessions").mkdir(exist_ok=True)
    shutil.copy(session_of(folder / "elsewhere" / "data", "old"), data.root / "sessions/new.db")
    await StoredFleet(data, load_settings).add("new")
    async with fleet_on(lab, folder) as fleet:
        await in_state(fleet, "new", State.CONNECTED)
        assert (await lab.sessions())[0].jid == phone.jid
