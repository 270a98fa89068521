"""Messages out through the real library: what arrives, what is refused, and what is known of one
whose acknowledgement nobody has heard."""

import asyncio
import hashlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex

import pytest

from tests.fleets import in_state, pair, shown
from tests.hostile import until_receipted
from tests.programs import packing
from waziterm.config import load_settings
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.messages.message import MOST_MEDIA_BYTES, Content, MessageKind
from waziterm.domain.messages.sending import (
    Acknowledged,
    CannotSend,
    NoTraceError,
    NotSent,
    OptOut,
    Outgoing,
    Receipt,
    ReceiptKind,
    Refused,
    Sent,
    Standing,
    Trace,
    Uncertain,
)
from waziterm.lab.client import Lab
from waziterm.lab.events import EventKind
from waziterm.lab.trouble import TroubleKind
from waziterm.lab.words import ReceivedMessage, Scanned
from waziterm.manager.manager import SessionManager, open_manager

CUSTOMER = "628999000111"
TO = f"{CUSTOMER}@s.whatsapp.net"
DEADLINE_S = 20.0
KILLS = 12
SHORT = {
    "WAZITERM_LIMITS__BACKOFF_FIRST_S": "0.5",
    "WAZITERM_LIMITS__BACKOFF_CAP_S": "1",
    "WAZITERM_LIMITS__CRASH_BUDGET": "100",
}


class Ears:
    """Hears what comes in, and waits for it."""

    def __init__(self) -> None:
        self.heard_of: list[tuple[str, Receipt | OptOut]] = []
        self._news = asyncio.Event()

    def heard(self, identity: str, what: Receipt | OptOut) -> None:
        self.heard_of.append((identity, what))
        self._news.set()

    @property
    def receipts(self) -> list[tuple[str, ReceiptKind]]:
        whats = (what for _, what in self.heard_of)
        return [(each.whatsapp_id, each.kind) for each in whats if isinstance(each, Receipt)]

    @property
    def opt_outs(self) -> list[OptOut]:
        return [what for _, what in self.heard_of if isinstance(what, OptOut)]

    async def until(self, count: int) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while len(self.heard_of) < count:
                self._news.clear()
                await self._news.wait()


def hear_by(fleet: SessionManager, ears: Ears) -> None:
    """Let somebody else hear than the queue, which wants to from when a message comes in."""
    assert fleet.queue
    fleet.hears.to = ears


class Shop:
    """A fleet with one linked instance, and a customer with a phone."""

    def __init__(self, fleet: SessionManager, lab: Lab, phone: Scanned, ears: Ears) -> None:
        self.fleet, self.lab, self.phone, self.ears = fleet, lab, phone, ears
        self.id = fleet.snapshot().instance("shop").id
        self._read = 0

    async def send(self, content: Content, to: str = TO, secret: str = "") -> Sent:
        return await self.fleet.phones.send(self.id, outgoing(content, to, secret))

    async def text(self, text: str, to: str = TO, secret: str = "") -> Sent:
        return await self.send(Content(MessageKind.TEXT, text), to, secret)

    async def arrives(self) -> ReceivedMessage:
        """The next message that the customer reads."""
        self._read += 1
        return await self.lab.wait_message(TO, DEADLINE_S, nth=self._read)

    async def hears_from(self, number: str) -> None:
        """Somebody writes, and is known from then on."""
        position = self.lab.position
        sent = await self.lab.send_text(self.phone.jid, "me too", number)
        await until_receipted(self.lab, sent, position, DEADLINE_S)

    async def traces(self, *secrets: str) -> Mapping[str, Trace]:
        return await self.fleet.phones.traces(self.id, secrets)

    async def connected(self, after: int | None = None) -> int:
        """The worker's pid, once it is connected. after: that of one that was killed, whose end the
        sender hears of before the instance's state is stored."""
        view = await shown(
            self.fleet,
            "shop",
            lambda view: view.state is State.CONNECTED and view.pid not in (None, after),
        )
        assert view.pid is not None
        return view.pid


def outgoing(content: Content, to: str = TO, secret: str = "") -> Outgoing:
    return Outgoing(to, content, secret or token_hex(32))


@asynccontextmanager
async def fleet_on(lab: Lab, folder: Path, **more: str) -> AsyncIterator[SessionManager]:
    settings = load_settings(data_dir=folder / "data", environ=SHORT | packing() | more)
    file = LabFile.parse(lab.file.read_text())
    async with open_manager(folder / "data", settings, file) as fleet:
        yield fleet


@pytest.fixture
async def shop(lab: Lab, folder: Path) -> AsyncIterator[Shop]:
    async with fleet_on(lab, folder) as fleet:
        ears = Ears()
        hear_by(fleet, ears)
        phone = await pair(fleet, lab, "shop")
        await lab.send_text(phone.jid, "do you deliver?", CUSTOMER)
        yield Shop(fleet, lab, phone, ears)


async def test_texts_replies_and_files_arrive_as_they_were(shop: Shop, folder: Path) -> None:
    secret = token_hex(32)
    sent = await shop.text("yes, we do — ✓", secret=secret)
    assert isinstance(sent, Acknowledged)
    read = await shop.arrives()
    assert (read.id, read.text, read.secret) == (sent.whatsapp_id, "yes, we do — ✓", secret)
    assert "bot" not in read.nodes
    # What a receipt names is what stands beside the secret, in the answer too.
    assert await shop.traces(secret) == {secret: Trace(sent.whatsapp_id, sent.chat)}

    reply = Content(MessageKind.TEXT, "tomorrow", reply_to="3AB727D3F85DAA8051DA")
    assert isinstance(await shop.send(reply), Acknowledged)
    read = await shop.arrives()
    assert (read.text, read.reply_to) == ("tomorrow", "3AB727D3F85DAA8051DA")
    assert read.reply_from == TO

    image, document = os.urandom(70_001), os.urandom(16)
    (folder / "data" / "media").mkdir()
    (folder / "data" / "media" / "a").write_bytes(b"\x89PNG\r\n\x1a\n" + image)
    (folder / "data" / "media" / "b").write_bytes(document)
    assert isinstance(
        await shop.send(Content(MessageKind.IMAGE, "the menu", "media/a")), Acknowledged
    )
    read = await shop.arrives()
    assert (read.kind, read.text, read.mime_type) == ("image", "the menu", "image/png")
    assert read.sha256 == hashlib.sha256(b"\x89PNG\r\n\x1a\n" + image).hexdigest()
    bill = Content(MessageKind.DOCUMENT, "", "media/b", "bill.pdf", "application/pdf")
    assert isinstance(await shop.send(bill), Acknowledged)
    read = await shop.arrives()
    assert (read.kind, read.file_name, read.mime_type) == ("document", "bill.pdf", bill.mime_type)
    assert (read.sha256, read.size) == (hashlib.sha256(document).hexdigest(), 16)
    assert (await shop.lab.counters())[EventKind.UPLOAD] == 2
    said = "\n".join(line.text for line in shop.fleet.tail("shop", 500))
    assert not any(each in said for each in ("we do", "tomorrow", "menu", "bill.pdf", secret))


async def test_what_whatsapp_refuses_and_what_was_never_sent(shop: Shop, folder: Path) -> None:
    await shop.text("hello")
    pid = await shop.connected()
    for code in (463, 479, 429, 400, 500):
        await shop.lab.trouble(TroubleKind.SEND_REFUSED, shop.phone.jid, code=code, times=1)
        refused = await shop.text("x")
        assert isinstance(refused, Refused) and refused.code == code
    (folder / "data" / "big").write_bytes(b"")
    os.truncate(folder / "data" / "big", MOST_MEDIA_BYTES + 1)
    os.mkfifo(folder / "data" / "pipe")
    (folder / "data" / "small").write_bytes(b"x")
    (folder / "data" / "link").symlink_to("small")
    for content, to, slug in (
        (Content(MessageKind.TEXT, "x"), "123456@s.whatsapp.net", "not_on_whatsapp"),
        (Content(MessageKind.TEXT, "x"), "120363000000000000@g.us", "not_in_group"),
        (Content(MessageKind.TEXT, " \n"), TO, "wrong_content"),
        (Content(MessageKind.TEXT, "x"), "status@broadcast", "wrong_recipient"),
        (Content(MessageKind.TEXT, "x"), "120363000000000000@newsletter", "wrong_recipient"),
        (Content(MessageKind.IMAGE, "", "gone"), TO, "file_gone"),
        (Content(MessageKind.IMAGE, "", "pipe"), TO, "file_unreadable"),
        (Content(MessageKind.IMAGE, "", "link"), TO, "file_unreadable"),
        (Content(MessageKind.DOCUMENT, "", "big"), TO, "file_too_large"),
    ):
        sent = await shop.send(content, to)
        assert isinstance(sent, NotSent) and (sent.code, sent.is_final) == (slug, True), sent
    await shop.lab.trouble(TroubleKind.QUERY_ERROR, shop.phone.jid, code=503, query="w:m")
    sent = await shop.send(Content(MessageKind.IMAGE, "", "small"))
    assert isinstance(sent, NotSent) and (sent.code, sent.is_final) == ("upload", False)
    await shop.lab.clear()
    await shop.hears_from("628999000222")
    await shop.lab.trouble(TroubleKind.QUERY_ERROR, shop.phone.jid, code=429, query="usync")
    for to in ("628999000222@s.whatsapp.net", "628999000333@s.whatsapp.net"):
        sent = await shop.text("x", to)
        assert isinstance(sent, NotSent) and not sent.is_final and "429" in sent.error, sent
        assert not await shop.lab.messages(to)
    await shop.lab.trouble(TroubleKind.QUERY_ERROR, shop.phone.jid, code=503, query="w:g2")
    sent = await shop.text("x", "120363000000000001@g.us")
    assert isinstance(sent, NotSent) and not sent.is_final and "503" in sent.error, sent
    assert (await shop.connected()) == pid
    assert len(await shop.lab.messages(TO)) == 1
    assert (await shop.fleet.phones.send("0" * 16, outgoing(Content(MessageKind.TEXT, "x")))) == (
        NotSent("the instance is gone")
    )


async def test_a_lost_acknowledgement_is_known_by_its_trace(shop: Shop) -> None:
    shop.fleet.phones.limit_s = 2.0
    await shop.text("hello")
    await shop.arrives()
    await shop.lab.trouble(TroubleKind.DROP_ACKS, shop.phone.jid, times=1)
    secret, absent = token_hex(32), token_hex(32)
    moving = asyncio.create_task(shop.fleet.phones.changed(shop.id))
    sent = await shop.text("lost?", secret=secret)
    assert isinstance(sent, Uncertain) and "within 2 s" in sent.error
    found = await shop.traces(secret, absent)
    read = await shop.arrives()
    assert set(found) == {secret} and found[secret].whatsapp_id == read.id
    async with asyncio.timeout(DEADLINE_S):
        await moving
    view = await shown(shop.fleet, "shop", lambda view: view.reason is Reason.SEND_UNANSWERED)
    assert shop.fleet.phones.standing(shop.id) == Standing(
        "shop", CannotSend.RETRYING, view.next_attempt
    )
    await shop.connected()
    assert shop.fleet.phones.standing(shop.id) == Standing("shop")
    assert isinstance(await shop.text("and on"), Acknowledged)


async def test_a_worker_that_is_killed_leaves_what_was_sent_in_the_session(shop: Shop) -> None:
    await shop.text("hello")
    await shop.arrives()

    # Before it had the message: the secret is nowhere.
    pid, unsent = await shop.connected(), token_hex(32)
    os.kill(pid, signal.SIGSTOP)
    sending = asyncio.create_task(shop.text("never", secret=unsent))
    await asyncio.sleep(0)
    os.kill(pid, signal.SIGKILL)
    assert isinstance(await sending, Uncertain)
    assert await shop.traces(unsent) == {}

    # With the secret, before the wire: what comes between is not answered.
    pid, about = await shop.connected(after=pid), token_hex(32)
    await shop.hears_from("628999000222")
    await shop.lab.trouble(TroubleKind.MUTE, shop.phone.jid, query="usync")
    position = shop.lab.position
    sending = asyncio.create_task(shop.text("about", "628999000222@s.whatsapp.net", about))
    await shop.lab.wait_event(lambda e: e.detail == TroubleKind.MUTE, 10, position=position)
    os.kill(pid, signal.SIGKILL)
    assert isinstance(await sending, Uncertain)
    assert set(await shop.traces(about)) == {about}
    await shop.lab.clear()

    # With the message on its way: the recipient has it.
    pid, gone = await shop.connected(after=pid), token_hex(32)
    await shop.lab.trouble(TroubleKind.DROP_ACKS, shop.phone.jid)
    sending = asyncio.create_task(shop.text("gone", secret=gone))
    read = await shop.arrives()
    os.kill(pid, signal.SIGKILL)
    assert isinstance(await sending, Uncertain)
    assert (await shop.traces(gone))[gone].whatsapp_id == read.id
    assert read.text == "gone"


async def test_the_next_connect_waits_until_it_was_looked_up(shop: Shop) -> None:
    """What the customer's phone says of it comes with the connection."""
    await shop.text("hello")
    pid = await shop.connected()
    await shop.lab.trouble(TroubleKind.DROP_ACKS, shop.phone.jid)
    secret = token_hex(32)
    sending = asyncio.create_task(shop.text("lost", secret=secret))
    await shop.lab.wait_message(TO, DEADLINE_S, nth=2)
    position = shop.lab.position
    os.kill(pid, signal.SIGKILL)
    assert isinstance(await sending, Uncertain)
    await shown(shop.fleet, "shop", lambda view: view.state is State.CONNECTING)
    # Nobody has asked for the traces yet.
    with pytest.raises(TimeoutError):
        await shop.lab.wait_event(lambda e: e.kind is EventKind.DIAL, 1.5, position=position)
    assert set(await shop.traces(secret)) == {secret}
    await shop.connected()


async def test_nothing_can_be_said_of_a_session_that_was_unlinked(shop: Shop) -> None:
    secret = token_hex(32)
    assert isinstance(await shop.text("hello", secret=secret), Acknowledged)
    await shop.lab.remove_device(shop.phone.jid)
    await in_state(shop.fleet, "shop", State.LOGGED_OUT)
    assert shop.fleet.phones.standing(shop.id).why is CannotSend.LOGGED_OUT
    with pytest.raises(NoTraceError):
        await shop.traces(secret)
    assert await shop.text("x") == NotSent("it is logged out")


async def test_receipts_are_heard_where_they_are_wanted(lab: Lab, folder: Path) -> None:
    async with fleet_on(lab, folder) as fleet:
        phone = await pair(fleet, lab, "shop")
        await lab.send_text(phone.jid, "do you deliver?", CUSTOMER)
    async with fleet_on(lab, folder, WAZITERM_MESSAGES__RECEIPTS="true") as fleet:
        ears = Ears()
        hear_by(fleet, ears)
        shop = Shop(fleet, lab, phone, ears)
        await shop.connected()
        sent = await shop.text("yes")
        assert isinstance(sent, Acknowledged)
        await ears.until(2)
        assert ears.receipts == [
            (sent.whatsapp_id, ReceiptKind.DELIVERED),
            (sent.whatsapp_id, ReceiptKind.READ),
        ]
        (_, first), _ = ears.heard_of
        assert isinstance(first, Receipt) and first.chat == sent.chat
        assert abs(first.at - time.time()) < 60

        # A stranger's text, name and receipt make no receipt of the customer's.
        line = f'<receipt from="{sent.chat}" id="{sent.whatsapp_id}" t="1" type="read"/>'
        await lab.send_text(phone.jid, line, "628777000111")
        for attrs in (
            {"from": "628777000111@s.whatsapp.net", "id": sent.whatsapp_id, "type": "read"},
            {"from": "628777000111@s.whatsapp.net", "id": line, "type": "read"},
            {"from": "628777000111@s.whatsapp.net", "id": "AAAAAAAA", "notify": line},
            {"a": line, "from": "628777000111@s.whatsapp.net", "id": "BBBBBBBB"},
        ):
            await lab.send_stanza(phone.jid, "receipt", attrs)
        await ears.until(3)
        await lab.send_text(phone.jid, " Stop. ", CUSTOMER)
        await ears.until(4)
        _, strangers, opted_out = (what for _, what in ears.heard_of[1:])
        assert strangers == Receipt(
            sent.whatsapp_id, "628777000111@s.whatsapp.net", ReceiptKind.READ, strangers.at
        )
        assert isinstance(opted_out, OptOut)
        assert set(opted_out.chats) == {TO, sent.chat}

        # Without them nothing is heard; an opt-out always is, and only as a whole message.
        await fleet.edit("shop", receipts="false")
        await shop.connected()
        assert isinstance(await shop.text("are you sure?"), Acknowledged)
        await lab.send_text(phone.jid, "please stop", CUSTOMER)
        await lab.send_text(phone.jid, "BERHENTI", CUSTOMER)
        await ears.until(5)
        assert len(ears.opt_outs) == 2 and len(ears.heard_of) == 5
        said = "\n".join(each.text for each in fleet.tail("shop", 500))
        assert not any(each in said for each in ("Stop", "BERHENTI", "<receipt", "are you sure"))


async def test_what_the_last_manager_left_is_found_without_a_connect(
    lab: Lab, folder: Path
) -> None:
    secret = token_hex(32)
    async with fleet_on(lab, folder) as fleet:
        phone = await pair(fleet, lab, "shop")
        await lab.send_text(phone.jid, "do you deliver?", CUSTOMER)
        shop = Shop(fleet, lab, phone, Ears())
        await lab.trouble(TroubleKind.DROP_ACKS, phone.jid)
        sending = asyncio.create_task(shop.text("left", secret=secret))
        read = await shop.arrives()
    assert isinstance(await sending, Uncertain)
    await lab.trouble(TroubleKind.OUTAGE)
    async with fleet_on(lab, folder) as fleet:
        shop = Shop(fleet, lab, phone, Ears())
        found = await shop.traces(secret, token_hex(32))
        assert {key: each.whatsapp_id for key, each in found.items()} == {secret: read.id}


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.parametrize("ack_s", [0.0, 0.03, 0.3])
async def test_at_whatever_moment_a_worker_is_killed_its_session_tells(
    shop: Shop, ack_s: float
) -> None:
    """What is not found was not sent; what was sent is found, with the id that it has."""
    chance, ends = random.Random(f"kill {ack_s}"), Counter[str]()
    await shop.text("hello")
    for _ in range(KILLS):
        pid, secret = await shop.connected(), token_hex(32)
        # The first one asks for the recipient's devices before it goes out.
        await shop.text("first")
        if ack_s:
            await shop.lab.trouble(TroubleKind.SLOW, shop.phone.jid, delay_s=ack_s)
        sending = asyncio.create_task(shop.text("once", secret=secret))
        asyncio.get_running_loop().call_later(
            chance.uniform(0, 0.1 + ack_s), os.kill, pid, signal.SIGKILL
        )
        sent = await sending
        found: Mapping[str, Trace] = {}
        if not isinstance(sent, Acknowledged):
            assert isinstance(sent, Uncertain), sent
            found = await shop.traces(secret)
        await shop.lab.clear()
        await shop.connected(after=pid)
        received = [each for each in await shop.lab.messages(TO) if each.secret == secret]
        ids = [each.id for each in received]
        match sent, found.get(secret):
            case Acknowledged(whatsapp_id), _:
                assert ids == [whatsapp_id]
                ends["acknowledged"] += 1
            case _, None:
                assert not ids, "it was sent, and the session does not tell"
                ends["certainly not sent"] += 1
            case _, trace:
                assert trace is not None and ids in ([], [trace.whatsapp_id])
                ends["uncertain, arrived" if ids else "uncertain, not arrived"] += 1
    print(f"\nacknowledged after {ack_s} s: {dict(ends)}")
