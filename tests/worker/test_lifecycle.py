"""What the real library does on a local WhatsApp, as the manager hears of it."""

import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.hostile import history_notice, keep_busy
from tests.worker.conftest import CUSTOMER, DEADLINE_S, Linked
from tests.worker.hand import NAME, Hand, connecting, pair, spawned
from waziterm.domain.jid import Jid
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.messages.sending import Acknowledged, NotSent
from waziterm.lab.client import Lab
from waziterm.lab.trouble import TroubleKind
from waziterm.lab.words import ScanOutcome
from waziterm.worker.instance.session import MAX_REQUESTS
from waziterm.worker.protocol import Answered, Connect, Logout

pytestmark = pytest.mark.asyncio(loop_scope="module")


# -- pairing --------------------------------------------------------------------------------


async def test_pairs_by_qr_and_gives_nothing_secret_away(shared_lab: Lab, tmp_path: Path) -> None:
    session = tmp_path / "session.db"
    async with connecting(shared_lab, session) as hand:
        code = await hand.wait_for(ev.QrShown)
        phone = await pair(shared_lab, hand)
        assert (await hand.probe()).error == ""

        assert (code.index, code.count, code.valid_s) == (1, 6, 60.0)
        assert await hand.wait_for(ev.PairSucceeded) == ev.PairSucceeded(
            phone.jid, _device_lid(phone.jid, phone.lid), "android"
        )
        assert await hand.wait_for(ev.Connected) == ev.Connected(
            phone.jid, _device_lid(phone.jid, phone.lid)
        )
        assert stat.S_IMODE(session.stat().st_mode) == 0o600
        await _no_secret_in(hand, [*re.split("[,@#]", code.payload), phone.number])


async def test_f44_asks_the_phone_for_no_more_history_than_is_of_use(
    shared_lab: Lab, tmp_path: Path
) -> None:
    """Of ten months, ten parts, one month comes; a client that asks for nothing gets all ten
    (`tests/lab/test_life.py`)."""
    async with connecting(shared_lab, tmp_path / "session.db") as hand:
        phone = await pair(shared_lab, hand)
        assert await hand.wait_for(ev.HistoryCame) == ev.HistoryCame(100, is_last=True)
        position = len(hand.said)

        parts = await shared_lab.send_history(phone.jid, 1_000_000, part=100_000, days=280)

        assert parts == 1
        came = await hand.wait_for(ev.HistoryCame, position)
        assert came == ev.HistoryCame(100, is_last=True)


async def test_f44_tells_how_far_the_phones_history_has_come(linked: Linked) -> None:
    """Of the phone that owns the device, nobody else's."""
    async with linked.resume() as hand:
        await hand.wait_for(ev.Connected)
        await linked.lab.send_message(linked.phone.jid, history_notice(), "6281234567890")
        await hand.wait_for_line("message received")
        await linked.lab.send_history(linked.phone.jid, 40_000, part=20_000)
        await hand.wait_for_line("history received, 100 %")

        told = [event for event in hand.events_of(NAME) if isinstance(event, ev.HistoryCame)]
        assert told == [ev.HistoryCame(50, is_last=False), ev.HistoryCame(100, is_last=True)]


async def test_tells_that_the_phone_itself_has_written(linked: Linked) -> None:
    """When, once an hour, and neither what nor to whom; of another account's phone nothing."""
    lab, own, number = linked.lab, linked.phone.number, "6281234500001"
    async with linked.resume() as hand:
        await hand.wait_for(ev.Connected)
        await lab.send_text(linked.phone.jid, "of somebody else")
        await lab.write(own, "days ago", number, ago_s=2 * 86_400.0)
        await lab.write(own, "of today", number)
        await lab.write(own, "one more", number)
        await hand.wait_for_line("message received", nth=4)

        seen = [each.ago_s for each in hand.events_of(NAME) if isinstance(each, ev.PhoneSeen)]
        assert seen == [pytest.approx(2 * 86_400.0, abs=60.0), pytest.approx(0.0, abs=60.0)]
        await _no_secret_in(hand, ["days ago", "of today", number])


async def test_the_phone_refuses_the_pairing(shared_lab: Lab, tmp_path: Path) -> None:
    async with connecting(shared_lab, tmp_path / "session.db") as hand:
        code = await hand.wait_for(ev.QrShown)
        await shared_lab.scan(code.payload, outcome=ScanOutcome.WRONG_HMAC)

        failed = await hand.wait_for(ev.PairFailed)
        assert failed.end is ev.PairingEnd.ERROR
        assert "HMAC" in failed.detail


async def test_a_phone_without_multidevice(shared_lab: Lab, tmp_path: Path) -> None:
    async with connecting(shared_lab, tmp_path / "session.db") as hand:
        code = await hand.wait_for(ev.QrShown)
        await shared_lab.scan(code.payload, outcome=ScanOutcome.NO_MULTIDEVICE)

        assert (await hand.wait_for(ev.PairFailed)).end is ev.PairingEnd.NO_MULTIDEVICE


async def test_a_drop_while_the_code_is_shown_is_no_timeout(
    shared_lab: Lab, tmp_path: Path
) -> None:
    async with connecting(shared_lab, tmp_path / "session.db") as hand:
        await hand.wait_for(ev.QrShown)
        await shared_lab.trouble(TroubleKind.OUTAGE)
        failed = await hand.wait_for(ev.PairFailed)
    await shared_lab.clear()
    assert failed.end is ev.PairingEnd.ERROR
    assert "closed" in failed.detail


# -- a linked device ------------------------------------------------------------------------


async def test_resumes_sends_and_probes(linked: Linked) -> None:
    async with linked.resume() as hand:
        assert await hand.wait_for(ev.Connected) == ev.Connected(
            linked.phone.jid, _device_lid(linked.phone.jid, linked.phone.lid)
        )
        text = "saldo anda: 1.000 — ✓ @628123456789"
        before = len(await linked.lab.messages(linked.phone.jid))
        to_self = await hand.answer(await hand.start_text(text))
        received = await linked.lab.wait_message(linked.phone.jid, 10, nth=before + 1)
        assert isinstance(to_self.sent, Acknowledged)
        assert (received.text, received.id) == (text, to_self.sent.whatsapp_id)
        assert to_self.error == "" and to_self.took_s < 5
        assert (await hand.probe()).error == ""
        assert not any(isinstance(event, ev.QrShown) for event in hand.events)
        await _no_secret_in(hand, [text, "saldo", linked.phone.number])


async def test_sends_to_another_number(linked: Linked, tmp_path: Path) -> None:
    async with connecting(linked.lab, tmp_path / "other.db") as other:
        phone = await pair(linked.lab, other)
    async with linked.resume() as hand:
        await hand.wait_for(ev.Connected)
        await hand.text_id("hello", str(Jid.parse(phone.jid).account))
        received = await linked.lab.wait_message(phone.jid, 10)
        assert (received.text, received.sender) == ("hello", linked.phone.jid)


async def test_notes_a_message_without_its_text(linked: Linked) -> None:
    async with linked.resume() as hand:
        await hand.wait_for(ev.Connected)
        await linked.lab.send_text(linked.phone.jid, "the code is 4711", "628999000111")
        await hand.wait_for_line("message received")
        await _no_secret_in(hand, ["4711", "628999000111"])


async def test_refuses_requests_while_not_connected(linked: Linked) -> None:
    async with spawned() as hand:
        assert "does not hold" in (await hand.probe()).error
        await linked.lab.trouble(TroubleKind.SILENT)
        file = LabFile.parse(linked.lab.file.read_text())
        command = Connect(NAME, str(linked.session), linked.phone.jid, file.proxy)
        await hand.tell(command)
        assert (await hand.probe()).error == "not connected"
        assert await hand.send_text("x") == NotSent("not connected")


async def test_a_hanging_request_does_not_block_the_others(linked: Linked) -> None:
    async with linked.resume() as hand:
        await hand.wait_for(ev.Connected)
        await linked.lab.trouble(TroubleKind.DROP_ACKS, linked.phone.jid)
        hanging = {await hand.start_text("never acknowledged") for _ in range(MAX_REQUESTS - 1)}
        assert (await hand.probe()).error == ""
        hanging.add(await hand.start_text("never acknowledged"))
        assert "unanswered" in (await hand.probe()).error
        assert not hanging & {m.request for m in hand.said if isinstance(m, Answered)}


async def test_logs_out(shared_lab: Lab, tmp_path: Path) -> None:
    async with connecting(shared_lab, tmp_path / "session.db") as hand:
        phone = await pair(shared_lab, hand)
        await hand.tell(Logout(NAME, 9))
        assert (await hand.answer(9)).error == ""
        assert await hand.send_text("x") == NotSent("not connected")
        assert phone.jid not in {session.jid for session in await shared_lab.sessions()}


# -- the table of troubles ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trouble", "options", "expected"),
    [
        (TroubleKind.CONFLICT, {}, ev.StreamReplaced()),
        (TroubleKind.STREAM_ERROR, {"code": 516}, ev.StreamError("516")),
    ],
    ids=["440", "516"],
)
async def test_a_stream_error(
    linked: Linked, trouble: TroubleKind, options: dict[str, Any], expected: ev.LibraryEvent
) -> None:
    async with linked.resume() as hand:
        await hand.wait_for(ev.Connected)
        await linked.lab.trouble(trouble, linked.phone.jid, **options)
        assert await hand.wait_for(type(expected)) == expected
        if trouble is TroubleKind.CONFLICT:
            assert (await hand.probe()).error == "not connected"


@pytest.mark.parametrize(
    ("trouble", "options"),
    [
        (TroubleKind.STREAM_ERROR, {"code": 503}),
        (TroubleKind.TCP_RESET, {}),
        (TroubleKind.WS_CLOSE, {}),
    ],
    ids=["503", "tcp", "websocket"],
)
async def test_a_drop_and_the_library_comes_back(
    linked: Linked, trouble: TroubleKind, options: dict[str, Any]
) -> None:
    async with linked.resume() as hand:
        await hand.wait_for(ev.Connected)
        position = hand.position
        await linked.lab.trouble(trouble, linked.phone.jid, **options)
        await hand.wait_for(ev.Disconnected, position)
        await hand.wait_for(ev.Connected, position)
        assert (await hand.probe()).error == ""


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        ({"code": 401}, ev.LoggedOut(on_connect=True, code=401)),
        ({"code": 403}, ev.LoggedOut(on_connect=True, code=403)),
        ({"code": 406}, ev.LoggedOut(on_connect=True, code=406)),
        ({"code": 402, "ban_code": 101, "expire_s": 90}, ev.TemporaryBan(101, 90.0)),
        ({"code": 402, "ban_code": 106, "expire_s": 7200}, ev.TemporaryBan(106, 7200.0)),
        # Codes that neonize has no name for: it stops delivering events.
        ({"code": 402, "ban_code": 105, "expire_s": 3600}, ev.TemporaryBan(105, 3600.0)),
        ({"code": 418}, ev.ConnectFailure(418)),
        ({"code": 405}, ev.ClientOutdated()),
        ({"code": 409}, ev.ConnectFailure(409)),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)
async def test_a_refused_login(
    linked: Linked, failure: dict[str, Any], expected: ev.LibraryEvent
) -> None:
    await linked.lab.trouble(TroubleKind.LOGIN_FAILURE, linked.phone.jid, times=1, **failure)
    async with linked.resume() as hand:
        assert await hand.wait_for(type(expected)) == expected
        assert hand.events == [expected]
        assert (await hand.probe()).error == "not connected"


@pytest.mark.parametrize("code", [500, 503])
async def test_a_login_refused_for_now(linked: Linked, code: int) -> None:
    await linked.lab.trouble(TroubleKind.LOGIN_FAILURE, linked.phone.jid, times=1, code=code)
    async with linked.resume() as hand:
        await hand.wait_for(ev.Connected)
        told = [type(event) for event in hand.events]
        assert told == [ev.ConnectFailure, ev.Disconnected, ev.Connected]
        assert hand.events[0] == ev.ConnectFailure(code)


@pytest.mark.parametrize(
    ("failure", "verdict"),
    [
        ({"code": 401}, ev.LoggedOut(on_connect=True, code=401)),
        ({"code": 406}, ev.LoggedOut(on_connect=True, code=406)),
        ({"code": 402, "ban_code": 101, "expire_s": 90}, ev.TemporaryBan(101, 90.0)),
    ],
    ids=["401", "406", "402"],
)
async def test_what_leaves_tells_what_whatsapp_has_said_of_the_device(
    linked: Linked, failure: dict[str, Any], verdict: ev.WorkerEvent
) -> None:
    """The library redials at once after a drop, and deletes a device before it tells why."""
    lab, jid = linked.lab, linked.phone.jid
    async with linked.resume() as hand:
        await hand.wait_for(ev.Connected)
        await keep_busy(lab, jid, CUSTOMER, DEADLINE_S)
        await lab.trouble(TroubleKind.LOGIN_FAILURE, jid, times=1, **failure)
        await lab.trouble(TroubleKind.TCP_RESET, jid)
        await hand.wait_for_line("connect failure")
        assert not (await hand.leave(NAME)).error
        assert verdict in hand.events_of(NAME)


async def test_the_phone_unlinks_the_device(shared_lab: Lab, tmp_path: Path) -> None:
    async with connecting(shared_lab, tmp_path / "session.db") as hand:
        phone = await pair(shared_lab, hand)
        await shared_lab.remove_device(phone.jid)
        assert await hand.wait_for(ev.LoggedOut) == ev.LoggedOut(on_connect=False, code=401)


# -- over 20 seconds ------------------------------------------------------------------------


@pytest.mark.soak
async def test_nobody_scans(shared_lab: Lab, tmp_path: Path) -> None:
    await shared_lab.settings(refs=2)
    try:
        async with connecting(shared_lab, tmp_path / "session.db") as hand:
            failed = await hand.wait_for(ev.PairFailed, timeout_s=60)
            assert failed.end is ev.PairingEnd.TIMEOUT
            codes = [event for event in hand.events if isinstance(event, ev.QrShown)]
            assert [code.index for code in codes] == [1, 2]
            assert codes[0].payload != codes[1].payload
    finally:
        await shared_lab.settings(refs=6)


@pytest.mark.soak
async def test_keepalives_fail_and_come_back(linked: Linked) -> None:
    async with linked.resume() as hand:
        await hand.wait_for(ev.Connected)
        await linked.lab.trouble(TroubleKind.NO_PONG, linked.phone.jid)
        assert await hand.wait_for(ev.KeepAliveTimeout, timeout_s=60) == ev.KeepAliveTimeout(1)
        await linked.lab.clear(TroubleKind.NO_PONG)
        await hand.wait_for(ev.KeepAliveRestored, timeout_s=60)


def _device_lid(jid: str, lid: str) -> str:
    """The device's own LID: that of the account with the device's number."""
    account = Jid.parse(lid)
    return str(Jid(account.user, Jid.parse(jid).device, account.server))


async def _no_secret_in(hand: Hand, secrets: list[str]) -> None:
    """Look for secrets in all text that the worker gave away, once it is ended and read."""
    os.kill(hand.process.pid, 9)
    await hand.end()
    assert hand.lines
    shown = "\n".join(hand.lines)
    for secret in secrets:
        if len(secret) > 3 and not secret.startswith("http"):
            assert secret not in shown
