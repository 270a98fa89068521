"""Messages in: what a worker writes to an instance's journal, and what the webhooks tell of it."""

from dataclasses import field
from enum import StrEnum
from typing import Protocol

from waziterm.domain.frozen import dataclass

MOST_TEXT = 65_536
"""Bytes of a text, in UTF-8, that are kept."""
MOST_NAME = 200
"""Characters of a name that somebody has given himself, or a file."""


class InboundKind(StrEnum):
    """What a message is. REVOKED: its sender deletes the one that it answers for everybody. OTHER:
    something that this program does not know."""

    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    DOCUMENT = "document"
    STICKER = "sticker"
    LOCATION = "location"
    CONTACT = "contact"
    REACTION = "reaction"
    POLL = "poll"
    REVOKED = "revoked"
    OTHER = "other"


class LostWhy(StrEnum):
    """Why a message that WhatsApp has delivered cannot be told. OLD_COUNTER: it was decrypted
    before by a worker that ended before it stored it. UNDECRYPTABLE: its keys are not there; the
    phone that sent it is asked for it again, and it may still come, with the same id. UNREADABLE:
    it was decrypted, and is nothing that this program can read. NOT_STORED: it could not be written
    to the disk, which may have been full; it is told when there is room again."""

    OLD_COUNTER = "old_counter"
    UNDECRYPTABLE = "undecryptable"
    UNREADABLE = "unreadable"
    NOT_STORED = "not_stored"


@dataclass(frozen=True, slots=True)
class InboundMedia:
    """What a message brings beside its text. size: bytes, as its sender says. sha256: of the file,
    64 hex digits, or "". reference: by which the library can fetch it, in base64, a secret; or "".
    """

    mime_type: str
    size: int
    file_name: str = ""
    sha256: str = ""
    reference: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Received:
    """A message that came in. Of all texts the sender is the author: nothing of them is ours.

    whatsapp_id: its id there. chat: the JID of the chat, by its LID where it has one. sender: the
    JID of whoever wrote it, without a device. number: the digits of the sender's phone number, ""
    where it is not known. at: when it was sent, by WhatsApp's clock, UTC seconds. is_cut: its text
    was longer than `MOST_TEXT`. reply_to: the id of the message that it answers, reacts to or
    deletes. edit_of: the id of the message whose new text this is, "" for any other. is_own: it was
    written on the account's own phone, or by another linked device.
    """

    whatsapp_id: str
    chat: str
    sender: str
    at: float
    kind: InboundKind
    text: str = field(default="", repr=False)
    number: str = ""
    push_name: str = ""
    is_group: bool = False
    is_own: bool = False
    is_cut: bool = False
    reply_to: str = ""
    edit_of: str = ""
    media: InboundMedia | None = None


@dataclass(frozen=True, slots=True)
class MessageLost:
    """A message that WhatsApp has delivered and that nobody can read. chat: "" where the library
    does not say it. at: when that was seen, UTC seconds."""

    whatsapp_id: str
    chat: str
    at: float
    why: LostWhy


Inbound = Received | MessageLost


@dataclass(frozen=True, slots=True)
class JournalPart:
    """What was read of a journal. journal: the id in its first line, 16 hex digits. start, end: the
    bytes of the file that this is. damaged: lines in it that cannot be read."""

    journal: str
    start: int
    end: int
    messages: tuple[Inbound, ...]
    damaged: int = 0


class TakesInbound(Protocol):
    """Whoever keeps the messages that came in. All of it raises StoreError, and is tried again."""

    async def read_to(self, journal: str) -> int:
        """Up to which byte a journal was taken."""
        ...

    async def take(self, identity: str, part: JournalPart) -> None:
        """Take a part of a journal of the instance with this id, once: it is stored for good, with
        how far that journal was taken, when this returns. The same part again changes nothing."""
        ...

    async def forget(self, journal: str) -> None:
        """A journal was taken to its end, and is deleted."""
        ...
