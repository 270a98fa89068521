"""From the library's messages to what a journal keeps of them.

A stranger has written all that is in them, so each text is cut, and each may be bytes: protobuf
hands a string out so that is not UTF-8. Only what is kept is read, for a text may have megabytes.
Sources: whatsmeow `types/events` (`Message.UnwrapRaw`), WhatsApp's `WAWebProtobufsE2E.proto`.
"""

from collections.abc import Callable, Iterator
from typing import Any

from waziterm.domain.jid import Jid
from waziterm.domain.messages.inbound import (
    MOST_NAME,
    MOST_TEXT,
    InboundKind,
    InboundMedia,
    LostWhy,
    MessageLost,
    Received,
)

_MOST_ID = 128
_NUMBERS, _LIDS = "s.whatsapp.net", "lid"
_DEEPEST = 8
# What a message may have beside its content, or instead of it when it is for programs alone.
_BESIDE = frozenset(
    {
        "messageContextInfo",
        "protocolMessage",
        "senderKeyDistributionMessage",
        "fastRatchetKeySenderKeyDistributionMessage",
        "stickerSyncRmrMessage",
        "groupRootKeyShare",
        "rootSecretDistributeMessage",
    }
)
# whatsmeow opens most of them; one inside of another it leaves.
_WRAPPERS = (
    "deviceSentMessage",
    "ephemeralMessage",
    "viewOnceMessage",
    "viewOnceMessageV2",
    "viewOnceMessageV2Extension",
    "documentWithCaptionMessage",
    "lottieStickerMessage",
    "editedMessage",
    "groupMentionedMessage",
    "botInvokeMessage",
    "associatedChildMessage",
    "groupStatusMessage",
    "groupStatusMessageV2",
    "spoilerMessage",
    "botForwardedMessage",
    "questionMessage",
    "questionReplyMessage",
)
_POLLS = (
    "pollCreationMessage",
    "pollCreationMessageV2",
    "pollCreationMessageV3",
    "pollCreationMessageV5",
    "pollCreationMessageV6",
)
_MEDIA = {
    "imageMessage": InboundKind.IMAGE,
    "videoMessage": InboundKind.VIDEO,
    "ptvMessage": InboundKind.VIDEO,
    "audioMessage": InboundKind.AUDIO,
    "documentMessage": InboundKind.DOCUMENT,
    "stickerMessage": InboundKind.STICKER,
}
_REVOKE, _EDIT = 0, 14
"""Types of a `ProtocolMessage` by which a person does something."""


def received(message: Any) -> Received | None:
    """What a journal keeps of a `Message`; None when it is for programs alone: the history of a
    phone, keys, settings. A text is cut to `MOST_TEXT`. An edit is a message with the new content,
    and so is a deletion, without any."""
    told, edit_of = _opened(message.Message)
    if (content := _content(told)) is None:
        return None
    info = message.Info
    chat, sender, number = _who(info.MessageSource)
    text, is_cut = _cut(content.text)
    return Received(
        whatsapp_id=_id(info.ID),
        chat=chat,
        sender=sender,
        at=_moment(info),
        kind=content.kind,
        text=text,
        number=number,
        push_name=_name(info.Pushname),
        is_group=bool(info.MessageSource.IsGroup),
        is_own=bool(info.MessageSource.IsFromMe),
        is_cut=is_cut,
        reply_to=content.reply_to,
        edit_of=edit_of,
        media=content.media,
    )


def lost(info: Any, why: LostWhy, at: float) -> MessageLost:
    """What a journal keeps of a message that cannot be read. info: its `MessageInfo`."""
    return MessageLost(_id(info.ID), _who(info.MessageSource)[0], at, why)


class _Content:
    """What is in a message. context: where it says what it answers."""

    def __init__(
        self,
        kind: InboundKind,
        text: str | bytes = "",
        *,
        reply_to: str = "",
        context: Any = None,
        media: InboundMedia | None = None,
    ) -> None:
        self.kind, self.text, self.media = kind, text, media
        self.reply_to = reply_to or (_id(context.stanzaID) if context is not None else "")


def _opened(told: Any) -> tuple[Any, str]:
    """What is inside of all wrappers, and the id of the message that it changes, or ""."""
    edit_of = ""
    for _ in range(_DEEPEST):
        inner = next((name for name in _WRAPPERS if told.HasField(name)), None)
        if inner is not None:
            told = getattr(told, inner).message
        elif told.HasField("protocolMessage") and told.protocolMessage.type == _EDIT:
            edit_of = _id(told.protocolMessage.key.ID)
            told = told.protocolMessage.editedMessage
        else:
            return told, edit_of
    return told, edit_of


def _content(told: Any) -> _Content | None:
    if told.conversation:
        return _Content(InboundKind.TEXT, told.conversation)
    there = [field.name for field, _ in told.ListFields()]
    fields = [name for name in there if name not in _BESIDE]
    if not fields and "protocolMessage" in there:
        protocol = told.protocolMessage
        if protocol.type == _REVOKE and protocol.HasField("key"):
            return _Content(InboundKind.REVOKED, reply_to=_id(protocol.key.ID))
    if not fields:
        # Without any field that is known it may be something new.
        return None if there else _Content(InboundKind.OTHER)
    for name in fields:
        if (make := _KINDS.get(name)) is not None:
            return make(getattr(told, name))
    for name in fields:
        if (kind := _MEDIA.get(name)) is not None:
            return _file(kind, getattr(told, name))
    part = getattr(told, fields[0])
    context = getattr(part, "contextInfo", None)
    return _Content(InboundKind.OTHER, context=context)


def _file(kind: InboundKind, part: Any) -> _Content:
    names = (getattr(part, "fileName", ""), getattr(part, "title", ""))
    media = InboundMedia(
        mime_type=_name(part.mimetype),
        size=min(int(part.fileLength), 2**63 - 1),
        file_name=next(filter(None, map(_name, names)), ""),
        sha256=part.fileSHA256.hex() if len(part.fileSHA256) == 32 else "",
    )
    return _Content(kind, getattr(part, "caption", ""), context=part.contextInfo, media=media)


def _text_of(part: Any) -> _Content:
    return _Content(InboundKind.TEXT, part.text, context=part.contextInfo)


def _answer(*fields: str) -> Callable[[Any], _Content]:
    """The text of what somebody has chosen by a button or from a list."""

    def make(part: Any) -> _Content:
        said: str | bytes = ""
        for name in fields:
            said = said or getattr(part, name)
        return _Content(InboundKind.TEXT, said, context=part.contextInfo)

    return make


def _reaction(part: Any) -> _Content:
    return _Content(InboundKind.REACTION, part.text, reply_to=_id(part.key.ID))


def _hidden_reaction(part: Any) -> _Content:
    return _Content(InboundKind.REACTION, reply_to=_id(part.targetMessageKey.ID))


def _place(part: Any) -> _Content:
    place = f"{part.degreesLatitude:.6f},{part.degreesLongitude:.6f}"
    names = (getattr(part, name, "") for name in ("name", "address", "caption"))
    lines = (place, *filter(None, map(_name, names)))
    return _Content(InboundKind.LOCATION, "\n".join(lines), context=part.contextInfo)


def _contact(part: Any) -> _Content:
    return _Content(InboundKind.CONTACT, part.vcard or part.displayName, context=part.contextInfo)


def _contacts(part: Any) -> _Content:
    cards = "\n".join(_within(_string(each.vcard) for each in part.contacts))
    return _Content(InboundKind.CONTACT, cards, context=part.contextInfo)


def _poll(part: Any) -> _Content:
    options = (_string(each.optionName) for each in part.options)
    text = "\n".join(_within(iter((_string(part.name), *options))))
    return _Content(InboundKind.POLL, text, context=part.contextInfo)


def _vote(part: Any) -> _Content:
    return _Content(InboundKind.OTHER, reply_to=_id(part.pollCreationMessageKey.ID))


_KINDS: dict[str, Callable[[Any], _Content]] = {
    "extendedTextMessage": _text_of,
    "buttonsResponseMessage": _answer("selectedDisplayText", "selectedButtonID"),
    "templateButtonReplyMessage": _answer("selectedDisplayText", "selectedID"),
    "listResponseMessage": _answer("title"),
    "reactionMessage": _reaction,
    "encReactionMessage": _hidden_reaction,
    "locationMessage": _place,
    "liveLocationMessage": _place,
    "contactMessage": _contact,
    "contactsArrayMessage": _contacts,
    "pollUpdateMessage": _vote,
    **dict.fromkeys(_POLLS, _poll),
}


def _who(source: Any) -> tuple[str, str, str]:
    """The chat, whoever wrote, and the digits of that one's number, "" where it is not known. A
    person is named by a LID where one is known, for a number may be hidden in the next message."""
    sender = _lid_of(source.Sender, source.SenderAlt)
    numbers = (each for each in (source.Sender, source.SenderAlt) if each.Server == _NUMBERS)
    number = next((_string(each.User)[:20] for each in numbers), "")
    if source.IsGroup or source.Chat.Server not in (_NUMBERS, _LIDS):
        chat = _jid(source.Chat)
    elif source.IsFromMe:
        chat = _lid_of(source.Chat, source.RecipientAlt)
    else:
        chat = sender if source.Chat.User in _users(source) else _jid(source.Chat)
    return chat, sender, number


def _users(source: Any) -> tuple[Any, Any]:
    return source.Sender.User, source.SenderAlt.User


def _lid_of(jid: Any, other: Any) -> str:
    return _jid(other if other.Server == _LIDS and jid.Server != _LIDS else jid)


def _jid(jid: Any) -> str:
    """Without a device."""
    if not jid.User:
        return ""
    return _clean(str(Jid(_string(jid.User)[:_MOST_ID], 0, _string(jid.Server)[:_MOST_ID])))


def _moment(info: Any) -> float:
    # In milliseconds, as a lab's message shows.
    return max(0, int(info.Timestamp)) / 1000.0


def _string(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _clean(text: str) -> str:
    """Without halves of characters, which no UTF-8 has."""
    return text.encode(errors="replace").decode()


def _id(value: str | bytes) -> str:
    return _clean(_string(value[:_MOST_ID])) if value else ""


def _name(value: str | bytes) -> str:
    # Four bytes are one character at most.
    return _clean(_string(value[: 4 * MOST_NAME])[:MOST_NAME]) if value else ""


def _cut(value: str | bytes) -> tuple[str, bool]:
    """A text of at most `MOST_TEXT` bytes of UTF-8, and whether something of it is gone."""
    # No character is longer than its bytes, so this much is enough of it.
    text = _string(value[: MOST_TEXT + 4]) if value else ""
    data = text.encode(errors="replace")
    if len(data) <= MOST_TEXT and len(value) <= MOST_TEXT + 4:
        return data.decode(), False
    return data[:MOST_TEXT].decode(errors="ignore"), True


def _within(texts: Iterator[str]) -> Iterator[str]:
    """So many of them as may be kept of a text, and one more."""
    left = MOST_TEXT
    for each in texts:
        yield each
        left -= len(each)
        if left < 0:
            return
