"""A message that WhatsApp never acknowledges blocks nobody for longer than our deadline."""

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path

from tests.fleets import in_state, pair, shown
from tests.programs import packing
from waziterm.config import load_settings
from waziterm.domain.fleet.api import SendResult
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.lab.events import EventKind
from waziterm.lab.trouble import TroubleKind
from waziterm.manager.manager import SessionManager, open_manager

DEADLINE_S = 2.0
SHORT = {
    "WAZITERM_LIMITS__QUERY_TIMEOUT_S": str(DEADLINE_S),
    "WAZITERM_LIMITS__BACKOFF_FIRST_S": "0.5",
    # The library's own redial is left alone after a connection that was stable: one that has
    # answered a probe.
    "WAZITERM_LIMITS__STABLE_S": "1",
    "WAZITERM_LIMITS__KEEPALIVE_S": "2",
}


def fleet_on(lab: Lab, folder: Path) -> AbstractAsyncContextManager[SessionManager]:
    settings = load_settings(data_dir=folder / "data", environ=SHORT | packing())
    return open_manager(folder / "data", settings, LabFile.parse(lab.file.read_text()))


async def test_a_lost_acknowledgement_costs_one_reconnect(lab: Lab, folder: Path) -> None:
    async with fleet_on(lab, folder) as fleet:
        phone = await pair(fleet, lab, "shop")
        await pair(fleet, lab, "other")
    # Both share a worker now.
    async with fleet_on(lab, folder) as fleet:
        await in_state(fleet, "shop", State.CONNECTED)
        other = await in_state(fleet, "other", State.CONNECTED)
        lines = fleet.tail("other")
        await lab.trouble(TroubleKind.DROP_ACKS, phone.jid, times=1)
        retrying = asyncio.create_task(
            shown(fleet, "shop", lambda view: view.state is State.RETRYING)
        )
        began = time.monotonic()
        sent = await fleet.send_test("shop")
        assert not sent.ok and sent.error == "no acknowledgement within 2 s"
        assert time.monotonic() - began < DEADLINE_S + 1
        view = await retrying
        assert view.reason is Reason.SEND_UNANSWERED and view.detail == "for 2 s"
        assert view.next_step and view.next_attempt is not None
        await in_state(fleet, "shop", State.CONNECTED)
        assert (await fleet.send_test("shop")).ok
        assert fleet.tail("other") == lines
        assert (await in_state(fleet, "other", State.CONNECTED)).pid == other.pid
        assert not await fleet.conflicts()


async def test_a_message_that_is_sent_again_after_a_drop_hangs_no_longer(
    lab: Lab, folder: Path
) -> None:
    """whatsmeow waits for its acknowledgement without any limit (facts, messages 7)."""
    async with fleet_on(lab, folder) as fleet:
        phone = await pair(fleet, lab, "shop")
        await shown(fleet, "shop", lambda view: view.probed_at is not None)
        await lab.trouble(TroubleKind.DROP_ACKS, phone.jid)
        position = lab.position
        sending = asyncio.create_task(fleet.send_test("shop"))
        await lab.wait_event(lambda e: e.kind is EventKind.MESSAGE, 10, position=position)
        position = lab.position
        await lab.trouble(TroubleKind.TCP_RESET, phone.jid)
        await lab.wait_event(lambda e: e.kind is EventKind.LOGIN, 10, position=position)
        sent = await sending
        assert not sent.ok and sent.error == "no acknowledgement within 2 s"
        await shown(fleet, "shop", lambda view: view.reason is Reason.SEND_UNANSWERED)
        await in_state(fleet, "shop", State.CONNECTED)
        await lab.clear()
        assert (await fleet.send_test("shop")).ok


async def test_what_waits_behind_a_lost_acknowledgement_ends_too(lab: Lab, folder: Path) -> None:
    """Sends of one client are serial: the second one cannot go out before the reconnect."""
    async with fleet_on(lab, folder) as fleet:
        phone = await pair(fleet, lab, "shop")
        await lab.trouble(TroubleKind.DROP_ACKS, phone.jid, times=1)
        began = time.monotonic()
        both = await asyncio.gather(
            fleet.send_test("shop"), fleet.send_test("shop"), return_exceptions=True
        )
        assert time.monotonic() - began < 2 * DEADLINE_S + 1
        assert not any(isinstance(each, SendResult) and each.ok for each in both), both
        await shown(fleet, "shop", lambda view: view.reason is Reason.SEND_UNANSWERED)
        await in_state(fleet, "shop", State.CONNECTED)
        assert (await fleet.send_test("shop")).ok


async def test_a_refused_message_says_why_and_changes_no_connection(lab: Lab, folder: Path) -> None:
    async with fleet_on(lab, folder) as fleet:
        phone = await pair(fleet, lab, "shop")
        online = await in_state(fleet, "shop", State.CONNECTED)
        logins = (await lab.counters())[EventKind.LOGIN]
        for code, said in (
            (463, "does not let this number start a chat with that contact (463)"),
            (479, "did not accept the message as it was made (479)"),
            (429, "takes no more messages of this number for now (429)"),
            (500, "refused the message (500)"),
        ):
            await lab.trouble(TroubleKind.SEND_REFUSED, phone.jid, code=code)
            sent = await fleet.send_test("shop")
            assert (sent.ok, sent.code) == (False, str(code)) and said in sent.error
            assert sent.next_step and "reconnect" not in sent.next_step
        layer = (await fleet.test("shop", send=True)).failed
        assert layer is not None and "(500)" in layer.detail and "reconnect" not in layer.act
        await lab.clear()
        assert not await lab.messages(phone.jid), "it was sent again by itself"
        assert (await fleet.send_test("shop")).ok
        view = fleet.snapshot().instance("shop")
        assert (view.state, view.connected_at) == (State.CONNECTED, online.connected_at)
        assert (await lab.counters())[EventKind.LOGIN] == logins


async def test_a_time_lock_is_shown_with_its_end_and_outlives_a_restart(
    lab: Lab, folder: Path
) -> None:
    async with fleet_on(lab, folder) as fleet:
        phone = await pair(fleet, lab, "shop")
    # The library tells of it in its records of a linked device alone, not of a pairing.
    async with fleet_on(lab, folder) as fleet:
        await in_state(fleet, "shop", State.CONNECTED)
        await lab.trouble(TroubleKind.TIME_LOCK, phone.jid, expire_s=7200)
        locked = await shown(fleet, "shop", lambda view: view.no_new_chats_until is not None)
        assert locked.state is State.CONNECTED and locked.no_new_chats_until is not None
        assert 7100 < locked.no_new_chats_until - fleet.snapshot().at < 7300
        await lab.trouble(TroubleKind.SEND_REFUSED, phone.jid, code=463, times=1)
        sent = await fleet.send_test("shop")
        ends = datetime.fromtimestamp(locked.no_new_chats_until, UTC)
        assert f"start new chats (463) until {ends:%Y-%m-%d %H:%M} UTC" in sent.error
    async with fleet_on(lab, folder) as fleet:
        again = await in_state(fleet, "shop", State.CONNECTED)
        assert again.no_new_chats_until == locked.no_new_chats_until
        await lab.trouble(TroubleKind.TIME_LOCK, phone.jid, expire_s=0)
        await shown(fleet, "shop", lambda view: view.no_new_chats_until is None)
        assert (await in_state(fleet, "shop", State.CONNECTED)).pid == again.pid
