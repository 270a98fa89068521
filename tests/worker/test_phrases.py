"""What the library says of itself: lines that the real one wrote, and the real one writing some."""

import shutil
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace

import pytest
import pytest_asyncio

from tests.worker.conftest import Linked
from tests.worker.hand import NAME, Hand
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.events import DropKind, StoreFault
from waziterm.domain.messages.sending import Acknowledged, ReceiptKind, Refused
from waziterm.lab.trouble import TroubleKind
from waziterm.worker.neonize.phrases import (
    CodeRefused,
    EventLost,
    HandlerBusy,
    HandlerDone,
    LoginAccepted,
    LoginRefused,
    MessageIgnored,
    ReceiptSeen,
    RedialFailed,
    Sign,
    SocketEnded,
    StoreAlarm,
    StreamEnds,
    TimeLock,
    not_sent,
    sign_of,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

DIAL = (
    "failed to dial whatsapp web websocket: failed to WebSocket dial: failed to send handshake"
    ' request: Get "https://web.whatsapp.com/ws/chat": proxyconnect tcp: dial tcp 127.0.0.1:43293:'
    " connect: connection refused"
)
NODE = (
    '<message from="77018122724862@lid" id="3AB727D3F85DAA8051DA" notify="lab phone" t="1795827784"'
    ' type="text"><enc type="pkmsg" v="2"><!-- 260 bytes --></enc></message>'
)
READING = "Error reading from websocket: failed to get reader: "
IGNORED = "Ignoring message 3AD857DB5AB4CD3FA3A4"
DECRYPTING = "Error decrypting message 3A7F150B2974A276F4B8 from 833913904546725@lid: failed to"

LOCK = (
    '<notification from="s.whatsapp.net" id="3-1" t="1795828458" type="mex"><update'
    ' op_name="NotificationUserReachoutTimelockUpdate">{"data":'
    ' {"xwa2_notify_account_reachout_timelock": {"enforcement_type": "RESTRICT_ALL_COMPANIONS",'
    ' "is_active": true, "time_enforcement_ends": "1795832058"}}}</update></notification>'
)

REAL_LINES: tuple[tuple[str, str, Sign | None], ...] = (
    ("INFO", "Successfully authenticated", LoginAccepted()),
    ("INFO", "Uploading 812 new prekeys to server", None),
    ("INFO", "Got 515 code, reconnecting...", None),
    (
        "WARN",
        "Got 503 stream error, assuming automatic reconnect will handle it",
        StreamEnds(503),
    ),
    (
        "WARN",
        "Got 503/ connect failure, assuming automatic reconnect will handle it",
        LoginRefused(503),
    ),
    (
        "INFO",
        "Got 413/ connect failure, refreshing CAT before reconnecting...",
        LoginRefused(413, is_fatal=True),
    ),
    ("WARN", 'Unknown connect failure: <failure location="lab" reason="429"/>', None),
    ("ERROR", 'Unknown stream error: <stream:error code="516"/>', None),
    (
        "ERROR",
        READING + "failed to read frame header: read tcp 127.0.0.1:38430->127.0.0.1:43293: read:"
        " connection reset by peer",
        SocketEnded(DropKind.DIED, "connection reset by peer"),
    ),
    (
        "ERROR",
        READING + 'received close frame: status = StatusNormalClosure and reason = ""',
        SocketEnded(DropKind.CLOSED),
    ),
    ("ERROR", READING + "failed to read frame header: EOF", SocketEnded(DropKind.CLOSED)),
    ("ERROR", f"Error reconnecting after autoreconnect sleep: {DIAL}", RedialFailed(DIAL)),
    (
        "WARN",
        f"Node handling is taking long for {NODE} (started 30.005013461s ago)",
        HandlerBusy("message", 30.005013461),
    ),
    (
        "WARN",
        f"Node handling is taking long for {NODE} (started 1m0.004884567s ago)",
        HandlerBusy("message", 60.004884567),
    ),
    ("WARN", f"Node handling took 1m14.959000315s for {NODE}", HandlerDone()),
    (
        "ERROR",
        "Failed to save push name of 833913904546725@lid in device store: attempt to write a"
        " readonly database",
        StoreAlarm(StoreFault.READ_ONLY, "attempt to write a readonly database"),
    ),
    (
        "WARN",
        f"{DECRYPTING} decrypt prekey message: failed to save identity of 833913904546725_1:0:"
        " database is locked",
        StoreAlarm(StoreFault.LOCKED, "database is locked"),
    ),
    (
        "ERROR",
        "Failed to handle code pair notification: info query returned status 419: resource-limit",
        CodeRefused(419, "resource-limit"),
    ),
    ("DEBUG", LOCK, TimeLock(is_active=True, until=1795832058.0)),
    (
        "DEBUG",
        '<notification from="s.whatsapp.net" id="3-2" t="1795828458" type="mex"><update'
        ' op_name="NotificationUserReachoutTimelockUpdate">{"data":'
        ' {"xwa2_notify_account_reachout_timelock": {"enforcement_type": "RESTRICT_ALL_COMPANIONS",'
        ' "is_active": false}}}</update></notification>',
        TimeLock(is_active=False, until=None),
    ),
    (
        "WARN",
        f"{DECRYPTING} decrypt prekey message: failed to load session with 423840676773856_1:0:"
        " no such table: whatsmeow_sessions",
        StoreAlarm(StoreFault.DAMAGED, "no such table: whatsmeow_sessions"),
    ),
)
RECEIPT = '<receipt from="833913904546725@lid" id="3EB0D3C5A4A0A5F5F3C3D0" t="1795828458"/>'
READ = RECEIPT.replace("/>", ' type="read"/>')
_DELIVERED = ReceiptSeen(
    ("3EB0D3C5A4A0A5F5F3C3D0",), "833913904546725@lid", ReceiptKind.DELIVERED, 1795828458.0
)
_READ = replace(_DELIVERED, kind=ReceiptKind.READ)
# whatsmeow `receipt.go` and `binary/xml.go`: attributes are sorted, and nothing is escaped.
RECEIPTS: tuple[tuple[str, str, Sign | None], ...] = (
    ("DEBUG", RECEIPT, _DELIVERED),
    ("DEBUG", READ, _READ),
    ("DEBUG", RECEIPT.replace(' t="', ' offline="1" t="'), _DELIVERED),
    ("DEBUG", READ.replace('"read"', '"played"'), _READ),
    (
        "DEBUG",
        READ.replace("/>", '><list><item id="3EB0AAAAAAAA"/><item id="3EB0BBBBBBBB"/></list>')
        + "</receipt>",
        replace(_READ, ids=("3EB0D3C5A4A0A5F5F3C3D0", "3EB0AAAAAAAA", "3EB0BBBBBBBB")),
    ),
    # A group is no person who has read.
    (
        "DEBUG",
        READ.replace("833913904546725@lid", "120363041234567890@g.us").replace(
            ' t="', ' participant="833913904546725:2@lid" t="'
        ),
        replace(_DELIVERED, chat="120363041234567890@g.us"),
    ),
    # Of other matters, or of what the account itself has read.
    *(
        ("DEBUG", READ.replace('"read"', f'"{kind}"'), None)
        for kind in ("read-self", "sender", "inactive", "retry", "server-error", "peer_msg", "")
    ),
    ("INFO", RECEIPT, None),
    ("WARN", RECEIPT, None),
    # What strangers can put into a line.
    ("DEBUG", f"said: {RECEIPT}", None),
    ("DEBUG", f"{RECEIPT}{RECEIPT}", None),
    ("DEBUG", f"{RECEIPT}\n", None),
    ("DEBUG", f'<message from="1111@lid" notify="{RECEIPT}" type="text"/>', None),
    ("DEBUG", f'<receipt from="1111@lid" id="{RECEIPT}" t="1"/>', None),
    ("DEBUG", RECEIPT.replace("<receipt from", '<receipt a="b" from'), None),
    ("DEBUG", RECEIPT.replace("3EB0D3", "3EB0d3"), None),
    ("DEBUG", RECEIPT.replace("3EB0D3C5A4A0A5F5F3C3D0", 'A" type="read" x="'), None),
    ("DEBUG", RECEIPT.replace(' t="', ' notify="x" t="'), None),
    ("DEBUG", RECEIPT.replace("@lid", "@newsletter"), None),
    ("DEBUG", READ.replace("/>", "><list/></receipt>"), None),
    ("DEBUG", READ.replace("/>", '><retry id="3EB0AAAAAAAA"/></receipt>'), None),
)
OTHERS: tuple[tuple[str, str, Sign | None], ...] = (
    ("ERROR", "x: disk I/O error", StoreAlarm(StoreFault.IO, "disk I/O error")),
    ("ERROR", "x: disk I/O error (4874)", StoreAlarm(StoreFault.IO, "disk I/O error (4874)")),
    (
        "ERROR",
        "x: database or disk is full",
        StoreAlarm(StoreFault.FULL, "database or disk is full"),
    ),
    (
        "ERROR",
        "x: database disk image is malformed",
        StoreAlarm(StoreFault.DAMAGED, "database disk image is malformed"),
    ),
    ("ERROR", READING + "i/o timeout", SocketEnded(DropKind.DIED, "i/o timeout")),
    # whatsmeow `client.go`, `dispatchEvent`, with a stack behind it.
    (
        "ERROR",
        "Event handler panicked while handling a *events.Message: runtime error: x\ngoroutine 1",
        EventLost("events.Message"),
    ),
    (
        "WARN",
        "Node handling is taking long for <caf\ufffd \n/> (started 30s ago)",
        HandlerBusy("caf", 30.0),
    ),
    (
        "WARN",
        f"{IGNORED} from 137051@lid: failed to decrypt prekey message: failed to get or create"
        " message keys: received message with old counter (index: 4, count: 2)",
        MessageIgnored("3AD857DB5AB4CD3FA3A4", "137051@lid"),
    ),
    (
        "WARN",
        f"{IGNORED} from 137051:7@lid in 1203@g.us: failed to decrypt group message:"
        " received message with old counter: 5, 3",
        MessageIgnored("3AD857DB5AB4CD3FA3A4", "1203@g.us"),
    ),
    (
        "WARN",
        "Ignoring message x from y from caf\ufffd: failed to decrypt normal message: received"
        " message with old counter (index: 1, count: 0)",
        MessageIgnored("x from y", ""),
    ),
    ("INFO", f"{IGNORED} from 1@lid: failed to decrypt x: received message with old counter", None),
    # What strangers can put into a line: ids, names, whole nodes.
    ("WARN", "Ignoring message ID disk I/O error from 1@lid with old counter", None),
    ("WARN", f"{DECRYPTING} parse `: disk I/O error` as a message", None),
    ("ERROR", 'Unknown stream error: <stream:error code=": disk I/O error"/>', None),
    ("WARN", "Node took 10 s for <message notify=': attempt to write a readonly database'>", None),
    ("WARN", "said: Successfully authenticated", None),
    ("WARN", "Got a push name: Node handling is taking long for <x> (started 30s ago)", None),
    ("WARN", "Got a push name: Got 503 stream error, assuming automatic reconnect", None),
    ("INFO", "x: disk I/O error", None),
    # A time lock is a whole node of WhatsApp's own, and nobody else can write one.
    ("INFO", LOCK, None),
    ("DEBUG", f"said: {LOCK}", None),
    ("DEBUG", f"{LOCK}<x/>", None),
    ("DEBUG", LOCK.replace("s.whatsapp.net", "6281234567890@s.whatsapp.net"), None),
    ("DEBUG", f'<message from="1@lid" notify="{LOCK}" type="text"/>', None),
    ("DEBUG", LOCK.replace('t="1', 'notify="x<y" t="1'), None),
    ("DEBUG", LOCK.replace("}}}", "}}"), None),
    ("DEBUG", LOCK.replace('{"data"', '{"errors"'), None),
    ("DEBUG", LOCK.replace('"is_active": true', '"is_active": "yes"'), TimeLock(False, None)),
    ("DEBUG", LOCK.replace("1795832058", "soon"), None),
    ("DEBUG", LOCK.replace("1795832058", "nan"), TimeLock(True, None)),
    ("DEBUG", LOCK.replace("1795832058", "1e300"), TimeLock(True, None)),
    ("DEBUG", LOCK.replace(', "time_enforcement_ends": "1795832058"', ""), TimeLock(True, None)),
    ("DEBUG", "Successfully authenticated", None),
)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("failed to send message node: websocket not connected", "the connection was down"),
        # It may have been sent before.
        ("websocket not connected", None),
        ("failed to send message node: failed to write msg: broken pipe", None),
        ("failed to write msg: failed to flush: broken pipe", None),
        ("timed out waiting for message send response", None),
        ("websocket disconnected before message send returned response", None),
        (
            "failed to get device list: failed to send usync query: info query timed out",
            "the recipient's devices are not known: failed to send usync query: info query timed"
            " out",
        ),
        ("no LID found for 123456@s.whatsapp.net from server", "the number is not on WhatsApp"),
        (
            "failed to get group members: that group does not exist",
            "that group does not exist",
        ),
        (
            "failed to get group members: you're not participating in that group",
            "you're not participating in that group",
        ),
        (
            "failed to get group members: info query timed out",
            "the group's members are not known: info query timed out",
        ),
    ],
)
async def test_what_was_never_sent(error: str, said: str | None) -> None:
    told = not_sent(error)
    assert (told and told.error) == said


@pytest.mark.parametrize(("level", "text", "sign"), REAL_LINES + RECEIPTS + OTHERS)
async def test_what_a_line_means(level: str, text: str, sign: Sign | None) -> None:
    assert sign_of(level, text) == sign


@pytest.mark.parametrize(
    ("trouble", "code", "told"),
    [
        (TroubleKind.STREAM_ERROR, 503, ev.Disconnected(DropKind.ERROR, "code 503")),
        (TroubleKind.TCP_RESET, None, ev.Disconnected(DropKind.DIED, "connection reset by peer")),
        (TroubleKind.WS_CLOSE, None, ev.Disconnected(DropKind.CLOSED)),
    ],
)
async def test_a_drop_says_how(
    linked: Linked, trouble: TroubleKind, code: int | None, told: ev.Disconnected
) -> None:
    async with linked.resume() as hand:
        await hand.wait_for(ev.Connected)
        position = hand.position
        await linked.lab.trouble(trouble, linked.phone.jid, code=code)
        assert await hand.wait_for(ev.Disconnected, position) == told
        await hand.wait_for(ev.Connected, position)
        position = hand.position
        # What was said of one end is not said of the next.
        await linked.lab.trouble(TroubleKind.WS_CLOSE, linked.phone.jid)
        assert await hand.wait_for(ev.Disconnected, position) == ev.Disconnected()


@pytest.mark.parametrize("code", [0, 408, 429, 502])
async def test_a_client_that_is_told_nothing_more_does_not_end_its_worker(
    linked: Linked, code: int
) -> None:
    """The library's call ends on a code that it cannot name, and its client logs on: with freed
    callbacks that was a SIGSEGV, for all that shared the worker."""
    await linked.lab.trouble(TroubleKind.LOGIN_FAILURE, linked.phone.jid, code=code, times=1)
    async with linked.resume() as hand:
        assert (await hand.wait_for(ev.ConnectFailure)).code == code
        await hand.wait_for_line("Error reading from websocket")
        assert (await hand.probe()).error == "not connected"
        assert not hand.ended


@pytest.mark.parametrize("code", [413, 414])
async def test_a_refusal_on_which_the_library_would_crash_ends_no_worker(
    linked: Linked, code: int
) -> None:
    """F49. What is not started any more is let go without a call: the library holds its lock."""
    await linked.lab.trouble(TroubleKind.LOGIN_FAILURE, linked.phone.jid, code=code, times=1)
    async with linked.resume() as hand:
        assert await hand.wait_for(ev.ConnectFailure) == ev.ConnectFailure(code)
        assert (await hand.probe()).error == "not connected"
        assert (await hand.leave(NAME)).error == ""
        assert hand.process.alive and not hand.ended
        # The server has closed that connection by now, and nobody dials it anew.
        assert [type(event) for event in hand.events] == [ev.ConnectFailure]
        async with linked.resume() as other:
            await other.wait_for(ev.Connected)
        assert hand.process.alive and not hand.ended


async def test_first_queries_without_an_answer_are_told(linked: Linked) -> None:
    """F42."""
    await linked.lab.trouble(TroubleKind.MUTE, linked.phone.jid, query="encrypt/count")
    async with linked.resume() as hand:
        await hand.wait_for(ev.Authenticated)
        assert hand.events == [ev.Authenticated()]
    await linked.lab.clear()
    async with linked.resume() as hand:
        await hand.wait_for(ev.Connected)
        assert hand.events == [ev.Connected(linked.phone.jid, hand.events[0].lid)]  # type: ignore[union-attr]


async def test_redials_that_fail_are_told_once(linked: Linked) -> None:
    async with linked.resume() as hand:
        await hand.wait_for(ev.Connected)
        await linked.lab.trouble(TroubleKind.OUTAGE)
        failed = await hand.wait_for(ev.DialFailed)
        assert "connection refused" in failed.detail
        assert [type(event) for event in hand.events[1:]] == [ev.Disconnected, ev.DialFailed]


# -- refused messages, and the lock on new chats ---------------------------------------------


async def test_a_refused_message_says_its_code_and_the_next_one_goes(linked: Linked) -> None:
    async with linked.resume() as hand:
        await hand.wait_for(ev.Connected)
        for code in (463, 479, 429):
            await linked.lab.trouble(TroubleKind.SEND_REFUSED, linked.phone.jid, code=code, times=1)
            sent = await hand.send_text("x")
            assert isinstance(sent, Refused) and sent.code == code
        assert isinstance(await hand.send_text("x"), Acknowledged)
        assert hand.events == [ev.Connected(linked.phone.jid, hand.events[0].lid)]  # type: ignore[union-attr]


async def test_a_time_lock_is_told_and_nothing_else_of_what_the_library_says_of_nodes(
    linked: Linked,
) -> None:
    async with linked.resume() as hand:
        await hand.wait_for(ev.Connected)
        began = time.time()
        await linked.lab.trouble(TroubleKind.TIME_LOCK, linked.phone.jid, expire_s=3600)
        told = await hand.wait_for(ev.NewChatsBarred)
        assert told.until is not None and abs(told.until - began - 3600) < 30
        position = hand.position
        await linked.lab.trouble(TroubleKind.TIME_LOCK, linked.phone.jid, expire_s=0)
        assert await hand.wait_for(ev.NewChatsBarred, position) == ev.NewChatsBarred(None)
        await hand.send_text("a text that nobody is to see")
        said = "\n".join(hand.lines)
        assert "may start no new chats" in said
        assert "<" not in said and "nobody is to see" not in said


# -- F41: a session file that cannot be written ---------------------------------------------


@pytest_asyncio.fixture(loop_scope="module")
async def connected(linked: Linked) -> AsyncIterator[Hand]:
    async with linked.resume() as hand:
        await hand.wait_for(ev.Connected)
        yield hand


async def test_a_file_that_was_replaced_is_found_by_the_next_probe(
    linked: Linked, connected: Hand
) -> None:
    copy = linked.session.with_name("copy.db")
    shutil.copy2(linked.session, copy)
    copy.rename(linked.session)
    assert (await connected.probe()).error == ""
    told = await connected.wait_for(ev.StoreFailing)
    assert told.fault is StoreFault.MOVED and "another file" in told.detail


async def test_a_file_that_is_gone_is_found_by_the_next_probe(
    linked: Linked, connected: Hand
) -> None:
    linked.session.rename(linked.session.with_name("away.db"))
    await connected.probe()
    assert (await connected.wait_for(ev.StoreFailing)).fault is StoreFault.MOVED


@pytest.mark.parametrize("by", ["message", "send"])
async def test_what_the_library_could_not_write_is_told_once(
    linked: Linked, connected: Hand, by: str
) -> None:
    with closing(sqlite3.connect(linked.session)) as db, db:
        db.execute("ALTER TABLE whatsmeow_sessions RENAME TO gone")
    if by == "message":
        await linked.lab.send_text(linked.phone.jid, "one")
        await linked.lab.send_text(linked.phone.jid, "two")
    else:
        assert not isinstance(await connected.send_text("x"), Acknowledged)
    told = await connected.wait_for(ev.StoreFailing)
    assert told == ev.StoreFailing(StoreFault.DAMAGED, "no such table: whatsmeow_sessions")
    await connected.probe()
    assert [e for e in connected.events if isinstance(e, ev.StoreFailing)] == [told]


@pytest.mark.soak
async def test_a_lock_that_is_soon_gone_is_no_fault_of_the_file(
    linked: Linked, connected: Hand
) -> None:
    with closing(sqlite3.connect(linked.session, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        await linked.lab.send_text(linked.phone.jid, "one")
        await connected.wait_for_line("database is locked")
        db.execute("ROLLBACK")
    assert (await connected.probe()).error == ""
    assert not any(isinstance(event, ev.StoreFailing) for event in connected.events)
