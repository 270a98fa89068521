"""What the library says of itself: lines that the real one wrote, and the real one writing some."""

import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing

import pytest
import pytest_asyncio

from tests.worker.conftest import Linked
from tests.worker.hand import Hand
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.events import DropKind, StoreFault
from waziterm.lab.trouble import TroubleKind
from waziterm.worker.neonize.phrases import (
    LoginAccepted,
    LoginRefused,
    RedialFailed,
    Sign,
    SocketEnded,
    StoreAlarm,
    StreamEnds,
    sign_of,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

DIAL = (
    "failed to dial whatsapp web websocket: failed to WebSocket dial: failed to send handshake"
    ' request: Get "https://web.whatsapp.com/ws/chat": proxyconnect tcp: dial tcp 127.0.0.1:43293:'
    " connect: connection refused"
)
READING = "Error reading from websocket: failed to get reader: "
DECRYPTING = "Error decrypting message 3A7F150B2974A276F4B8 from 833913904546725@lid: failed to"

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
        "WARN",
        f"{DECRYPTING} decrypt prekey message: failed to load session with 423840676773856_1:0:"
        " no such table: whatsmeow_sessions",
        StoreAlarm(StoreFault.DAMAGED, "no such table: whatsmeow_sessions"),
    ),
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
    # What strangers can put into a line: ids, names, whole nodes.
    ("WARN", "Ignoring message ID disk I/O error from 1@lid with old counter", None),
    ("WARN", f"{DECRYPTING} parse `: disk I/O error` as a message", None),
    ("ERROR", 'Unknown stream error: <stream:error code=": disk I/O error"/>', None),
    ("WARN", "Node took 10 s for <message notify=': attempt to write a readonly database'>", None),
    ("WARN", "said: Successfully authenticated", None),
    ("WARN", "Got a push name: Got 503 stream error, assuming automatic reconnect", None),
    ("INFO", "x: disk I/O error", None),
)


@pytest.mark.parametrize(("level", "text", "sign"), REAL_LINES + OTHERS)
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
async def test_a_refusal_on_which_the_library_crashes_is_told_before(
    linked: Linked, code: int
) -> None:
    """F49."""
    await linked.lab.trouble(TroubleKind.LOGIN_FAILURE, linked.phone.jid, code=code, times=1)
    async with linked.resume() as hand:
        assert await hand.wait_for(ev.ConnectFailure) == ev.ConnectFailure(code)
        await hand.end()


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
        assert (await connected.send_text("x")).error
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
