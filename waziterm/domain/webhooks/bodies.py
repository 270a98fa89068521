"""What an event says: its data, of one size at most, and as a target may read it."""

import json
from typing import assert_never

from waziterm.domain.jid import mask_number
from waziterm.domain.messages.inbound import MOST_NAME, Inbound, InboundMedia, MessageLost, Received
from waziterm.domain.messages.message import Message, MessageState
from waziterm.domain.text import storable
from waziterm.domain.units import moment_text
from waziterm.domain.webhooks.event import MOST_BODY, EventType, Json, WebhookEvent

_ENVELOPE = 1_000
"""Bytes that a body has around its data, at most; and by which a masked number may be longer."""
_MOST_ID = 256
"""Characters of an id, a JID or a type: what is longer is none."""
_JIDS = ("chat", "sender", "to")
_PHONES = ("@s.whatsapp.net", "@c.us")


def type_of(what: Inbound) -> EventType:
    match what:
        case Received():
            return EventType.MESSAGE_RECEIVED
        case MessageLost():
            return EventType.MESSAGE_LOST
        case _:
            assert_never(what)


def data_of(what: Inbound) -> Json:
    """What is told of a message that came in, or that nobody can read. What identifies its media to
    the library is not."""
    match what:
        case Received():
            return _fitted(
                {
                    "id": _id(what.whatsapp_id),
                    "chat": _id(what.chat),
                    "sender": _id(what.sender),
                    "number": _id(what.number),
                    "push_name": what.push_name[:MOST_NAME],
                    "at": moment_text(what.at),
                    "kind": what.kind.value,
                    "text": what.text,
                    "is_cut": what.is_cut,
                    "is_group": what.is_group,
                    "is_own": what.is_own,
                    "reply_to": _id(what.reply_to),
                    "edit_of": _id(what.edit_of),
                    "media": None if what.media is None else _media(what.media),
                }
            )
        case MessageLost():
            return {
                "id": _id(what.whatsapp_id),
                "chat": _id(what.chat),
                "at": moment_text(what.at),
                "why": what.why.value,
            }
        case _:
            assert_never(what)


def type_after(before: MessageState, after: MessageState) -> EventType | None:
    """What is told when a message out goes from one state to another; None when nothing is. One
    that expired or was taken back is told as `message.failed`: it is not sent, and its state says
    why."""
    if before is after:
        return None
    match after:
        case MessageState.QUEUED | MessageState.SENDING:
            return None
        case MessageState.SENT:
            return EventType.MESSAGE_SENT
        case MessageState.DELIVERED:
            return EventType.MESSAGE_DELIVERED
        case MessageState.READ:
            return EventType.MESSAGE_READ
        case MessageState.UNKNOWN:
            return EventType.MESSAGE_UNKNOWN
        case MessageState.FAILED | MessageState.EXPIRED | MessageState.CANCELLED:
            return EventType.MESSAGE_FAILED
        case _:
            assert_never(after)


def data_of_message(message: Message, now: float) -> Json:
    """What is told of a message out: never what it says. now: UTC seconds."""
    moments = {
        MessageState.SENT: message.sent_at,
        MessageState.DELIVERED: message.delivered_at,
        MessageState.READ: message.read_at,
    }
    return {
        "id": message.id,
        "ref": message.ref,
        "whatsapp_id": message.whatsapp_id,
        "to": message.to,
        "state": message.state.value,
        "code": message.code,
        "at": moment_text(moments.get(message.state) or now),
    }


def body_of(event: WebhookEvent, *, full: bool) -> Json:
    """The body of an event, see `gateway.webhooks`. full: with the phone numbers in full."""
    return {
        "type": event.type.value,
        "timestamp": moment_text(event.at),
        "instance": event.name,
        "seq": event.seq,
        "data": event.data if full else masked_data(event.data),
    }


def masked_data(data: Json) -> Json:
    """The same with the phone numbers masked; a LID is none."""
    found = dict(data)
    if found.get("number"):
        found["number"] = mask_number(str(found["number"]))
    for key in _JIDS:
        if key in found:
            found[key] = _masked_jid(str(found[key]))
    return found


def _masked_jid(jid: str) -> str:
    """A JID whose number is masked where it has one: a group's id may begin with its maker's."""
    user, _, server = jid.partition("@")
    if f"@{server}" in _PHONES:
        return f"{mask_number(user)}@{server}"
    number, dash, rest = user.partition("-")
    if server == "g.us" and dash:
        return f"{mask_number(number)}-{rest}@{server}"
    return jid


def _media(media: InboundMedia) -> Json:
    return {
        "mime_type": media.mime_type[:MOST_NAME],
        "size": media.size,
        "file_name": media.file_name[:MOST_NAME],
        "sha256": _id(media.sha256),
    }


def _id(text: str) -> str:
    return text[:_MOST_ID]


def _fitted(data: Json) -> Json:
    """The same with its text cut so that the body is not too large."""
    room = MOST_BODY - _ENVELOPE
    if size_of(data) <= room:
        return data
    text = str(data["text"])
    data = data | {"text": "", "is_cut": True}
    least, most = 0, len(text)
    left = room - size_of(data)
    while least < most:
        middle = (least + most + 1) // 2
        if size_of(text[:middle]) - 2 <= left:
            least = middle
        else:
            most = middle - 1
    return data | {"text": text[:least]}


def size_of(data: object) -> int:
    """The bytes of something as JSON."""
    return len(json_text(data).encode())


def json_text(data: object) -> str:
    """Something as JSON that can be stored and sent."""
    return storable(json.dumps(data, ensure_ascii=False, separators=(",", ":")))
