"""To whom a message may go, and how they are shown."""

import pytest

from waziterm.domain.messages.checks import checked
from waziterm.domain.messages.message import Content, MessageKind, NewMessage
from waziterm.domain.messages.queue import MessageRefusedError, RefusalCode
from waziterm.domain.messages.recipient import WrongRecipientError, chat_key, masked, recipient

PERSON = "4915112345678@s.whatsapp.net"


@pytest.mark.parametrize(
    ("text", "jid"),
    [
        ("+4915112345678", PERSON),
        (PERSON, PERSON),
        ("4915112345678:12@s.whatsapp.net", PERSON),
        ("123456789012345@lid", "123456789012345@lid"),
        ("120363012345678901@g.us", "120363012345678901@g.us"),
        ("4915112345678-1600000000@g.us", "4915112345678-1600000000@g.us"),
    ],
)
def test_a_number_or_a_jid_of_a_person_or_a_group(text: str, jid: str) -> None:
    assert recipient(text) == jid


@pytest.mark.parametrize(
    "text",
    [
        *("", "+", "4915112345678", "+0151123456", "+49 151 12345678", "status@broadcast"),
        *("120363@newsletter", "1@g.us", f"{PERSON}\n", "a@s.whatsapp.net", "+4915112345678@x"),
        "١٢٣٤٥٦٧٨@s.whatsapp.net",
    ],
)
def test_nobody_else_is_written_to(text: str) -> None:
    with pytest.raises(WrongRecipientError):
        recipient(text)


def test_a_chat_is_known_however_its_number_is_written() -> None:
    assert chat_key("5511987654321@s.whatsapp.net") == chat_key("551187654321@s.whatsapp.net")
    assert chat_key("4915112345678:3@s.whatsapp.net") == chat_key(PERSON)
    assert chat_key("4915112345678@lid") != chat_key(PERSON)


def test_no_number_is_shown_whole() -> None:
    assert masked(PERSON) == "+49151••••5678"
    assert masked("4915112345678-1600000000@g.us") == "••••0000@g.us"


TEXT = Content(MessageKind.TEXT, "hello")


@pytest.mark.parametrize(
    "new",
    [
        NewMessage(PERSON, Content(MessageKind.TEXT, " \n")),
        NewMessage(PERSON, Content(MessageKind.TEXT, "x" * 4097)),
        NewMessage(PERSON, Content(MessageKind.TEXT, "\ud800")),
        NewMessage(PERSON, Content(MessageKind.TEXT, "a\0b")),
        NewMessage(PERSON, Content(MessageKind.TEXT, "a", media="media/x")),
        NewMessage(PERSON, Content(MessageKind.IMAGE)),
        NewMessage(PERSON, Content(MessageKind.IMAGE, media="media/../waziterm.db")),
        NewMessage(PERSON, Content(MessageKind.DOCUMENT, media="/etc/passwd")),
        NewMessage(PERSON, Content(MessageKind.TEXT, "a", reply_to="no id")),
        NewMessage(PERSON, TEXT, expires_in_s=0),
        NewMessage(PERSON, TEXT, expires_in_s=float("nan")),
        NewMessage(PERSON, TEXT, priority=10),
        NewMessage(PERSON, TEXT, ref="x" * 256),
    ],
)
def test_what_cannot_be_sent_is_refused_before_it_is_taken(new: NewMessage) -> None:
    with pytest.raises(MessageRefusedError) as caught:
        checked(new)
    assert caught.value.refusal is RefusalCode.WRONG_CONTENT


def test_a_recipient_that_is_none_is_refused() -> None:
    with pytest.raises(MessageRefusedError) as caught:
        checked(NewMessage("status@broadcast", TEXT))
    assert caught.value.refusal is RefusalCode.WRONG_RECIPIENT
