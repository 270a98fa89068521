"""The life of an instance, with the real neonize on the lab, through the Fleet protocol."""

from pathlib import Path

import pytest

from tests.fleets import in_state, pair, shown
from tests.sessions import strangers
from waziterm.config import load_settings
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.lab.events import EventKind
from waziterm.lab.trouble import TroubleKind
from waziterm.manager.manager import open_manager
from waziterm.store.sessionfile import devices_in


async def test_pair_send_quit_and_resume_without_a_qr(lab: Lab, folder: Path) -> None:
    data, settings = folder / "data", load_settings(data_dir=folder / "data", environ={})
    file = LabFile.parse(lab.file.read_text())
    async with open_manager(data, settings, file) as fleet:
        phone = await pair(fleet, lab, "shop")
        sent = await fleet.send_test("shop")
        assert sent.ok and sent.message_id
        message = await lab.wait_message(phone.number, 10)
        assert message.text.startswith("waziterm test ") and message.id == sent.message_id
    assert not await lab.sessions()
    async with open_manager(data, settings, file) as fleet:
        view = await in_state(fleet, "shop", State.CONNECTED)
        assert view.paired and view.qr is None
        assert not any("QR" in line.text for line in fleet.tail("shop", 3))


async def test_a_clean_moves_the_session_to_the_trash_and_a_new_start_shows_a_qr(
    lab: Lab, folder: Path
) -> None:
    data, settings = folder / "data", load_settings(data_dir=folder / "data", environ={})
    async with open_manager(data, settings, LabFile.parse(lab.file.read_text())) as fleet:
        phone = await pair(fleet, lab, "shop")
        view = await fleet.clean("shop")
        assert (view.state, view.reason, view.paired) == (State.STOPPED, Reason.CLEANED, False)
        assert not list((data / "sessions").iterdir())
        (kept,) = (data / "trash").glob("shop-*/shop.db")
        # Until its worker has ended the library writes into it, so its bytes are not known before.
        assert [jid for jid, _ in devices_in(kept)] == [phone.jid]
        await fleet.start("shop")
        await shown(fleet, "shop", lambda view: view.qr is not None)


async def test_a_conflict_cools_down_and_one_guarded_attempt_brings_it_back(
    lab: Lab, folder: Path
) -> None:
    environ = {"WAZITERM_LIMITS__COOLDOWN_S": "1"}
    settings = load_settings(data_dir=folder / "data", environ=environ)
    async with open_manager(
        folder / "data", settings, LabFile.parse(lab.file.read_text())
    ) as fleet:
        phone = await pair(fleet, lab, "shop")
        await lab.trouble(TroubleKind.CONFLICT, phone.jid)
        view = await in_state(fleet, "shop", State.COOLDOWN)
        assert view.reason is Reason.CONFLICT and view.next_attempt is not None
        await in_state(fleet, "shop", State.CONNECTED)


@pytest.mark.parametrize(
    ("kind", "code"),
    [(TroubleKind.TCP_RESET, None), (TroubleKind.STREAM_ERROR, 503), (TroubleKind.WS_CLOSE, None)],
    ids=["tcp reset", "503", "websocket close"],
)
async def test_a_drop_recovers_while_the_others_see_no_event(
    lab: Lab, folder: Path, kind: TroubleKind, code: int | None
) -> None:
    data, settings = folder / "data", load_settings(data_dir=folder / "data", environ={})
    async with open_manager(data, settings, LabFile.parse(lab.file.read_text())) as fleet:
        phone = await pair(fleet, lab, "shop")
        await pair(fleet, lab, "other")
        lines = fleet.tail("other")
        position = lab.position
        await lab.trouble(kind, phone.jid, code=code)
        dropped = await shown(fleet, "shop", lambda view: view.state is not State.CONNECTED)
        assert dropped.state is State.RETRYING and dropped.reason is (
            Reason.STREAM_ERROR if code == 503 else Reason.DROPPED
        )
        await in_state(fleet, "shop", State.CONNECTED)
        await lab.wait_event(
            lambda event: event.kind is EventKind.LOGIN and event.jid == phone.jid,
            10,
            position=position,
        )
        assert fleet.tail("other") == lines


async def test_one_is_renamed_and_who_shares_its_worker_sees_no_event(
    lab: Lab, folder: Path
) -> None:
    data, settings = folder / "data", load_settings(data_dir=folder / "data", environ={})
    file = LabFile.parse(lab.file.read_text())
    async with open_manager(data, settings, file) as fleet:
        phone = await pair(fleet, lab, "shop")
        await pair(fleet, lab, "other")
    async with open_manager(data, settings, file) as fleet:
        shop = await in_state(fleet, "shop", State.CONNECTED)
        other = await in_state(fleet, "other", State.CONNECTED)
        assert shop.pid == other.pid
        moves, lines = await fleet.timeline("other"), fleet.tail("other")
        renamed = await fleet.rename("shop", "toko")
        assert renamed.id == shop.id and renamed.jid == shop.jid
        await in_state(fleet, "toko", State.CONNECTED)
        sent = await fleet.send_test("toko")
        assert sent.ok
        assert (await lab.wait_message(phone.number, 10)).id == sent.message_id
        now = await in_state(fleet, "other", State.CONNECTED)
        assert (now.pid, now.connected_at) == (other.pid, other.connected_at)
        assert await fleet.timeline("other") == moves and fleet.tail("other") == lines
        assert [view.name for view in fleet.snapshot().instances] == ["toko", "other"]
        assert len(await fleet.lines("shop")) == len(await fleet.lines("toko")) > 5
        assert strangers(data) == []
    assert not await lab.sessions()
