"""Messages in, through the real library: what a worker writes to its journal of what comes."""

import asyncio
import stat
from pathlib import Path

import pytest

from tests.hostile import keep_busy, quoting, until_receipted
from tests.worker.conftest import CUSTOMER, DEADLINE_S, Linked
from tests.worker.hand import NAME, Hand
from waziterm.domain.jid import Jid
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.messages import journal
from waziterm.domain.messages.inbound import (
    MOST_TEXT,
    Inbound,
    InboundKind,
    LostWhy,
    MessageLost,
    Received,
)
from waziterm.domain.messages.journal import ROLLED
from waziterm.lab.messages import sent_body
from waziterm.lab.phones import Phone
from waziterm.lab.protobufs import protobufs
from waziterm.lab.trouble import TroubleKind
from waziterm.worker.protocol import JournalGrew, Lost, Noted

pytestmark = pytest.mark.asyncio(loop_scope="module")


def read(path: Path) -> tuple[Inbound, ...]:
    """All that the journal has by now. Its last line may be on its way still."""
    data = path.read_bytes() if path.exists() else b""
    part = journal.part_of("", 0, data, is_whole=False)
    assert part.damaged == 0
    return part.messages


async def until(hand: Hand, path: Path, whatsapp_id: str) -> tuple[Inbound, ...]:
    """All that the journal has once it has this message."""
    position = 0
    async with asyncio.timeout(DEADLINE_S):
        while whatsapp_id not in [each.whatsapp_id for each in read(path)]:
            await hand.wait_for(JournalGrew, position)
            position = hand.position
    return read(path)


async def test_what_people_write(linked: Linked) -> None:
    lab, to, e2e = linked.lab, linked.phone.jid, protobufs().e2e
    customer = Phone(CUSTOMER, b"").lid
    bodies = {
        "text": e2e.Message(conversation="do you deliver? ✓\0\n"),
        "image": e2e.Message(imageMessage={"caption": "this one", "mimetype": "image/png"}),
        "reply": e2e.Message(
            extendedTextMessage={"text": "yes", "contextInfo": {"stanzaID": "3EB0"}}
        ),
        "long": e2e.Message(conversation="é" * MOST_TEXT),
        "hidden": e2e.Message(
            ephemeralMessage={"message": {"viewOnceMessage": {"message": {"conversation": "x"}}}}
        ),
        "reaction": e2e.Message(reactionMessage={"text": "👍", "key": {"ID": "3EB0"}}),
        "revoked": e2e.Message(protocolMessage={"type": 0, "key": {"ID": "3EB0"}}),
        "edited": e2e.Message(
            editedMessage={
                "message": {
                    "protocolMessage": {
                        "type": 14,
                        "key": {"ID": "3EB0"},
                        "editedMessage": {"conversation": "new"},
                    }
                }
            }
        ),
        "keys": e2e.Message(protocolMessage={"type": 6}),
        "settings": e2e.Message(protocolMessage={"type": 3}),
    }
    async with linked.resume(listens=True) as hand:
        await hand.wait_for(ev.Connected)
        ids = {
            name: await lab.send_message(to, body.SerializeToString(), CUSTOMER)
            for name, body in bodies.items()
        }
        garbled = await lab.send_message(to, b"\x0a\x05caf\xe9\xff", CUSTOMER)
        own = Jid.parse(to).user
        to_customer = Jid(CUSTOMER)
        own_id = await lab.send_message(to, sent_body(to_customer, "we do"), own)
        last = await lab.send_text(to, "the last", CUSTOMER)
        found = {each.whatsapp_id: each for each in await until(hand, linked.inbox, last)}
        there = {name: found.get(each) for name, each in ids.items()}
        lines = hand.lines
        text = there["text"]
        assert isinstance(text, Received)
        assert (text.chat, text.sender, text.number) == (*(str(customer),) * 2, CUSTOMER)
        assert (text.text, text.push_name, text.is_own) == (
            "do you deliver? ✓\0\n",
            "lab phone",
            False,
        )
        assert abs(text.at - found[last].at) < DEADLINE_S
        kinds = {name: each.kind for name, each in there.items() if isinstance(each, Received)}
        plain = dict.fromkeys(("text", "reply", "long", "hidden", "edited"), InboundKind.TEXT)
        assert kinds == plain | {
            "image": InboundKind.IMAGE,
            "reaction": InboundKind.REACTION,
            "revoked": InboundKind.REVOKED,
        }
        edited, long, reply = there["edited"], there["long"], there["reply"]
        assert isinstance(edited, Received) and (edited.text, edited.edit_of) == ("new", "3EB0")
        assert isinstance(long, Received) and long.is_cut
        assert long.text == "é" * (MOST_TEXT // 2)
        assert isinstance(reply, Received) and reply.reply_to == "3EB0"
        odd, ours = found[garbled], found[own_id]
        assert isinstance(odd, Received) and odd.text == "caf��"
        assert isinstance(ours, Received) and ours.is_own and ours.text == "we do"
        assert set(found) == {*(ids[name] for name in kinds), garbled, own_id, last}
        assert stat.S_IMODE(linked.inbox.stat().st_mode) == 0o600
        assert not any(each in "\n".join(lines) for each in ("deliver", "this one", "the last"))


async def test_what_cannot_be_read_is_named(linked: Linked) -> None:
    lab, to = linked.lab, linked.phone.jid
    async with linked.resume(listens=True) as hand:
        await hand.wait_for(ev.Connected)
        deep = await lab.send_message(to, quoting(90), CUSTOMER)
        no_message = await lab.send_message(to, b"\xff" * 9, CUSTOMER)
        for _ in range(2):
            attrs = {"from": "137051@lid", "t": "1764000000", "type": "text", "id": "3AGARBLED"}
            inner = ("enc", {"v": "2", "type": "pkmsg"}, "nothing")
            await lab.send_stanza(to, "message", attrs, [inner])
        last = await lab.send_text(to, "the last", CUSTOMER)
        *found, _ = await until(hand, linked.inbox, last)
        told = [(each.whatsapp_id, getattr(each, "why", None)) for each in found]
        assert (deep, LostWhy.UNREADABLE) in told
        assert told.count(("3AGARBLED", LostWhy.UNDECRYPTABLE)) == 1
        taken = await lab.receipted(to)
        named = {each for each, _ in told}
        assert {each for each in (deep, no_message) if taken.get(each) == "inactive"} <= named


async def test_what_whatsapp_brings_again_is_named(linked: Linked) -> None:
    lab, to = linked.lab, linked.phone.jid
    async with linked.resume(listens=True) as hand:
        await hand.wait_for(ev.Connected)
        position = lab.position
        await lab.trouble(TroubleKind.DROP_RECEIPTS, to, times=1)
        lost = await lab.send_text(to, "again", CUSTOMER)
        await until(hand, linked.inbox, lost)
        await lab.trouble(TroubleKind.TCP_RESET, to)
        await hand.wait_for_line("Ignoring message")
        # It is in the journal before its receipt is sent: the second one may have got lost.
        await lab.clear()
        await lab.trouble(TroubleKind.TCP_RESET, to)
        await until_receipted(lab, lost, position, DEADLINE_S)
        last = await lab.send_text(to, "the last", CUSTOMER)
        found = await until(hand, linked.inbox, last)
        told = {
            (each.whatsapp_id, each.why, each.chat)
            for each in found
            if isinstance(each, MessageLost)
        }
        assert told == {(lost, LostWhy.OLD_COUNTER, str(Phone(CUSTOMER, b"").lid))}


async def test_what_the_lab_has_dropped_is_not_brought(linked: Linked) -> None:
    """A test's session file is as it was before the last test: what that one's worker had no time
    to take would be new to it."""
    lab, to = linked.lab, linked.phone.jid
    await lab.send_text(to, "dropped", CUSTOMER)
    await lab.drop_messages(to)
    async with linked.resume(listens=True) as hand:
        await hand.wait_for(ev.Connected)
        last = await lab.send_text(to, "the last", CUSTOMER)
        assert [each.whatsapp_id for each in await until(hand, linked.inbox, last)] == [last]


async def test_a_journal_is_rolled_and_goes_on(linked: Linked) -> None:
    lab, to = linked.lab, linked.phone.jid
    rolled = linked.inbox.with_name(linked.inbox.name + ROLLED)
    async with linked.resume(listens=True) as hand:
        await hand.wait_for(ev.Connected)
        assert not (await hand.roll()).error
        first = await lab.send_text(to, "one", CUSTOMER)
        await until(hand, linked.inbox, first)
        assert not (await hand.roll()).error
        second = await lab.send_text(to, "two", CUSTOMER)
        assert len(await until(hand, linked.inbox, second)) == len(read(rolled)) == 1
        assert (await hand.roll()).error
        rolled.unlink()
        assert not (await hand.roll()).error
        assert not linked.inbox.exists()


async def test_what_leaves_has_written_all_that_has_a_receipt(linked: Linked) -> None:
    """The library sends the receipt before it tells of the message."""
    async with linked.resume(listens=True) as hand:
        await hand.wait_for(ev.Connected)
        sent = await keep_busy(linked.lab, linked.phone.jid, CUSTOMER, DEADLINE_S)
        assert not (await hand.leave(NAME)).error
        assert [each.whatsapp_id for each in read(linked.inbox)] == sent
        assert linked.inbox.read_bytes().endswith(b"\n")


async def test_a_disk_that_takes_nothing(linked: Linked) -> None:
    """The library goes on, and that it was lost is told once; then it is named."""
    lab, to = linked.lab, linked.phone.jid
    linked.inbox.parent.write_text("no folder")
    async with linked.resume(listens=True) as hand:
        await hand.wait_for(ev.Connected)
        lost = [await lab.send_text(to, f"lost {number}", CUSTOMER) for number in range(5)]
        position = 0
        while (told := await hand.wait_for(Lost, position)).total < 5:
            position = hand.said.index(told) + 1
        assert await hand.text_id("still there")
        said = [each.text for each in hand.said if isinstance(each, Noted)]
        (line,) = (each for each in said if "was lost" in each)
        assert "journal" in line and "lost 0" not in line
        linked.inbox.parent.unlink()
        last = await lab.send_text(to, "the last", CUSTOMER)
        found = await until(hand, linked.inbox, last)
        named = [each.whatsapp_id for each in found if isinstance(each, MessageLost)]
        assert named == lost


async def test_without_a_journal_nothing_is_kept(linked: Linked) -> None:
    async with linked.resume() as hand:
        await hand.wait_for(ev.Connected)
        await linked.lab.send_text(linked.phone.jid, "nobody keeps it", CUSTOMER)
        await hand.wait_for_line("message received")
        assert not (await hand.roll()).error
        assert not any(isinstance(each, JournalGrew) for each in hand.said)
        assert not linked.inbox.parent.exists()
        assert (await hand.leave(NAME)).error == ""
