"""What a journal keeps of the library's messages, odd ones among them."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hostile import Message as Hostile
from tests.hostile import Strangers
from waziterm.domain.messages import journal
from waziterm.domain.messages.inbound import (
    MOST_NAME,
    MOST_TEXT,
    InboundKind,
    InboundMedia,
    LostWhy,
    MessageLost,
    Received,
)
from waziterm.worker.neonize.library import e2e, messages
from waziterm.worker.neonize.received import lost, received

LID, NUMBER, GROUP = ("4711", "lid"), ("628999000111", "s.whatsapp.net"), ("120363", "g.us")
OURS = ("555", "lid")
KEY = {"ID": "3EB0AA"}


def came(
    body: Any = None,
    *,
    chat: tuple[str, str] = LID,
    sender: tuple[str, str] = LID,
    alt: tuple[str, str] | None = NUMBER,
    to: tuple[str, str] | None = None,
    **info: Any,
) -> Any:
    """A message as neonize passes it on. body: an `E2E.Message`, or bytes of one."""
    message = messages.Message()
    source = message.Info.MessageSource
    for field, jid in (
        ("Chat", chat),
        ("Sender", sender),
        ("SenderAlt", alt),
        ("RecipientAlt", to),
    ):
        if jid is not None:
            given_jid = getattr(source, field)
            given_jid.User, given_jid.Server = jid
            given_jid.Device = 3
    source.IsFromMe = info.pop("own", False)
    source.IsGroup = chat == GROUP
    message.Info.ID = info.pop("id", "3A01")
    message.Info.Timestamp = 1_700_000_000_500
    message.Info.Pushname = info.pop("name", "Ani")
    if isinstance(body, bytes):
        message.Message.MergeFromString(body)
    elif body is not None:
        message.Message.CopyFrom(body)
    return message


def kept(body: Any, **how: Any) -> Received:
    found = received(came(body, **how))
    assert found is not None
    return found


def test_a_text() -> None:
    assert kept(e2e.Message(conversation="do you deliver?")) == Received(
        *("3A01", "4711@lid", "4711@lid", 1_700_000_000.5, InboundKind.TEXT, "do you deliver?"),
        *("628999000111", "Ani"),
    )


@pytest.mark.parametrize(
    ("where", "chat", "sender", "number"),
    [
        ({"chat": NUMBER, "sender": NUMBER, "alt": LID}, "4711@lid", "4711@lid", "628999000111"),
        ({"chat": NUMBER, "sender": NUMBER, "alt": None}, *("628999000111@s.whatsapp.net",) * 2,
         "628999000111"),
        ({"alt": None}, "4711@lid", "4711@lid", ""),
        ({"chat": GROUP}, "120363@g.us", "4711@lid", "628999000111"),
        ({"chat": GROUP, "sender": NUMBER, "alt": LID}, "120363@g.us", "4711@lid", "628999000111"),
        ({"own": True, "sender": OURS, "alt": None}, "4711@lid", "555@lid", ""),
        ({"own": True, "chat": NUMBER, "sender": OURS, "alt": None, "to": LID}, "4711@lid",
         "555@lid", ""),
        ({"chat": ("status", "broadcast")}, "status@broadcast", "4711@lid", "628999000111"),
        ({"chat": ("", ""), "sender": ("", ""), "alt": None}, "", "", ""),
    ],
)  # fmt: skip
def test_whose_it_is(where: dict[str, Any], chat: str, sender: str, number: str) -> None:
    found = kept(e2e.Message(conversation="x"), **where)
    assert (found.chat, found.sender, found.number) == (chat, sender, number)
    assert found.is_own == where.get("own", False)
    assert found.is_group == (where.get("chat") == GROUP)


def context(**more: Any) -> Any:
    return e2e.ContextInfo(stanzaID="3EB0BB", **more)


def within(name: str, inner: Any) -> Any:
    return e2e.Message(**{name: e2e.FutureProofMessage(message=inner)})


def edited(inner: Any) -> Any:
    told = e2e.ProtocolMessage(key=KEY, type=14, editedMessage=inner)
    return e2e.Message(protocolMessage=told)


@pytest.mark.parametrize(
    ("body", "kind", "text", "reply_to"),
    [
        (e2e.Message(extendedTextMessage={"text": "yes", "contextInfo": context()}), "text", "yes",
         "3EB0BB"),
        (e2e.Message(reactionMessage={"text": "👍", "key": KEY}), "reaction", "👍", "3EB0AA"),
        (e2e.Message(reactionMessage={"text": "", "key": KEY}), "reaction", "", "3EB0AA"),
        (e2e.Message(encReactionMessage={"targetMessageKey": KEY}), "reaction", "", "3EB0AA"),
        (e2e.Message(locationMessage={"degreesLatitude": -6.2, "degreesLongitude": 106.8,
                                      "name": "Monas"}), "location", "-6.200000,106.800000\nMonas",
         ""),
        (e2e.Message(liveLocationMessage={"degreesLatitude": 1}), "location", "1.000000,0.000000",
         ""),
        (e2e.Message(contactMessage={"displayName": "Budi", "vcard": "BEGIN:VCARD"}), "contact",
         "BEGIN:VCARD", ""),
        (e2e.Message(contactsArrayMessage={"contacts": [{"vcard": "a"}, {"vcard": "b"}]}),
         "contact", "a\nb", ""),
        (e2e.Message(pollCreationMessageV3={"name": "when?", "options": [{"optionName": "now"}]}),
         "poll", "when?\nnow", ""),
        (e2e.Message(pollUpdateMessage={"pollCreationMessageKey": KEY}), "other", "", "3EB0AA"),
        (e2e.Message(buttonsResponseMessage={"selectedDisplayText": "Yes", "selectedButtonID": "1"}
                     ), "text", "Yes", ""),
        (e2e.Message(buttonsResponseMessage={"selectedButtonID": "1"}), "text", "1", ""),
        (e2e.Message(listResponseMessage={"title": "Two"}), "text", "Two", ""),
        (e2e.Message(templateButtonReplyMessage={"selectedID": "3"}), "text", "3", ""),
        (e2e.Message(groupInviteMessage={"groupName": "x", "contextInfo": context()}), "other", "",
         "3EB0BB"),
        (e2e.Message(), "other", "", ""),
        (b"\xfa\x3f\x01x", "other", "", ""),
        (within("ephemeralMessage", e2e.Message(conversation="x")), "text", "x", ""),
        (within("ephemeralMessage", within("viewOnceMessage", e2e.Message(conversation="x"))),
         "text", "x", ""),
        (e2e.Message(deviceSentMessage={"message": e2e.Message(conversation="x")}), "text", "x",
         ""),
        (within("editedMessage", edited(e2e.Message(conversation="new"))), "text", "new", ""),
        (edited(e2e.Message(conversation="new")), "text", "new", ""),
        (e2e.Message(protocolMessage={"key": KEY, "type": 0}), "revoked", "", "3EB0AA"),
        (e2e.Message(conversation="x", protocolMessage={"type": 6}), "text", "x", ""),
        (e2e.Message(conversation="x", senderKeyDistributionMessage={"groupID": "1"}), "text", "x",
         ""),
    ],
)  # fmt: skip
def test_forms(body: Any, kind: str, text: str, reply_to: str) -> None:
    found = kept(body)
    assert (found.kind, found.text, found.reply_to) == (kind, text, reply_to)
    assert found.edit_of == ("3EB0AA" if text == "new" else "")


@pytest.mark.parametrize(
    "body",
    [
        e2e.Message(senderKeyDistributionMessage={"groupID": "1"}),
        e2e.Message(senderKeyDistributionMessage={"groupID": "1"}, messageContextInfo={}),
        *(e2e.Message(protocolMessage={"key": KEY, "type": each}) for each in (3, 4, 5, 6, 7, 9)),
        e2e.Message(protocolMessage={"type": 0}),
        e2e.Message(protocolMessage={}),
        within("ephemeralMessage", e2e.Message(protocolMessage={"type": 5})),
        e2e.Message(deviceSentMessage={"message": e2e.Message(protocolMessage={"type": 6})}),
    ],
)
def test_what_is_for_programs_is_no_message(body: Any) -> None:
    assert received(came(body)) is None


@pytest.mark.parametrize("field", ["image", "video", "ptv", "audio", "document", "sticker"])
def test_a_file(field: str) -> None:
    part = {"mimetype": "a/b", "fileLength": 2**64 - 1, "fileSHA256": b"\xaa" * 32,
            "mediaKey": b"secret key of it", "contextInfo": context()}  # fmt: skip
    said = {"caption": "look"} if field in ("image", "video", "ptv", "document") else {}
    named = {"fileName": "n" * 300} if field == "document" else {}
    found = kept(e2e.Message(**{f"{field}Message": part | said | named}))
    kind = "video" if field == "ptv" else field
    name = "n" * MOST_NAME if named else ""
    assert found.media == InboundMedia("a/b", 2**63 - 1, name, "aa" * 32)
    assert (found.kind, found.text, found.reply_to) == (kind, said.get("caption", ""), "3EB0BB")
    line = journal.line_of(found)
    assert base64.b64encode(b"secret key")[:12] not in line and b"secret key" not in line


@pytest.mark.parametrize(
    ("said", "is_cut"),
    [
        ("x" * MOST_TEXT, False),
        ("x" * (MOST_TEXT + 1), True),
        ("é" * (MOST_TEXT // 2), False),
        ("xé" + "é" * (MOST_TEXT // 2), True),
        ("\U0001f600" * (MOST_TEXT // 4) + "x", True),
        ("xy\U0001f600" * (MOST_TEXT // 4), True),
        ("x" * 10_000_000, True),
        ("a\0b\n\u2028\x1b[2J", False),
    ],
)
def test_a_long_text_is_cut_between_characters(said: str, is_cut: bool) -> None:
    found = kept(e2e.Message(conversation=said))
    assert found.is_cut is is_cut
    assert said.startswith(found.text)
    size = len(found.text.encode())
    assert (size == len(said.encode())) if not is_cut else (MOST_TEXT - 4 < size <= MOST_TEXT)


@given(st.binary(min_size=1, max_size=300), st.integers(0, 70_000))
def test_any_bytes_are_text(odd: bytes, fill: int) -> None:
    raw = b"x" * fill + odd
    length = bytearray()
    size = len(raw)
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    found = kept(b"\x0a" + bytes((*length, size)) + raw)
    assert raw.decode(errors="replace").startswith(found.text)
    assert len(found.text.encode()) <= MOST_TEXT
    (again,) = journal.part_of("x", 0, journal.line_of(found), is_whole=False).messages
    assert again == found


def test_all_that_is_bytes() -> None:
    """Each text of the message and of what is told of it, in what is not UTF-8."""
    message = came(b"\x32\x05\x0a\x03\xff\xfea")
    for raw in (b"\x12\x02\xff\xfe", b"\x2a\x02\xff\xfe", b"\x0a\x06\x12\x04\x0a\x02\xff\xfe"):
        message.Info.MergeFromString(raw)
    found = received(message)
    assert found is not None
    assert (found.whatsapp_id, found.push_name, found.text) == ("��", "��", "��a")
    assert found.sender.startswith("��@")
    assert b"\xff" not in journal.line_of(found)


def test_names_and_ids_are_cut() -> None:
    found = kept(e2e.Message(conversation="x"), id="i" * 5000, name="\U0001f600" * 5000)
    assert found.push_name == "\U0001f600" * MOST_NAME
    assert found.whatsapp_id == "i" * 128
    assert len(kept(e2e.Message(conversation="x"), chat=("9" * 9000, "lid")).chat) < 300


def test_what_cannot_be_read_is_named() -> None:
    told = messages.UndecryptableMessage(Info=came().Info)
    expected = MessageLost("3A01", "4711@lid", 5.0, LostWhy.UNDECRYPTABLE)
    assert lost(told.Info, LostWhy.UNDECRYPTABLE, 5.0) == expected


def test_strangers() -> None:
    """Whatever can be parsed is kept or is none, and fits into a line."""
    strangers, seen = Strangers(7), 0
    while seen < 300:
        made = strangers.next()
        if not isinstance(made, Hostile):
            continue
        seen += 1
        body = e2e.Message()
        try:
            body.ParseFromString(made.body)
        except Exception:  # noqa: BLE001 - the library cannot read it either
            continue
        found = received(came(body))
        assert found is None or len(journal.line_of(found)) < journal.MOST_BYTES / 2
