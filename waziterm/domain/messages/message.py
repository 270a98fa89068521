"""One message out: what it holds, its state, and how it is shown without its text."""

from dataclasses import field, replace
from enum import StrEnum

from waziterm.domain.codec import document_of
from waziterm.domain.frozen import dataclass
from waziterm.domain.messages.codes import OnUnknown
from waziterm.domain.units import Moment, Told

MOST_TEXT = 4096
"""Characters of a text."""
MOST_MEDIA_BYTES = 64 * 1024 * 1024
LIFE_S = 86_400.0
"""Seconds after which a message that was not sent is given up, unless somebody says otherwise."""


class MessageState(StrEnum):
    """How far a message has come.

    `unknown`: it was given to WhatsApp, and no acknowledgement came: it may have arrived.
    """

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


WAITING = frozenset({MessageState.QUEUED, MessageState.SENDING})
"""What a queue still has to work on."""
ARRIVED = frozenset({MessageState.SENT, MessageState.DELIVERED, MessageState.READ})


class MessageKind(StrEnum):
    """What a message is."""

    TEXT = "text"
    IMAGE = "image"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Content:
    """What a message says. text: of a text, or the caption of the others. media: the path of an
    image or a document below the data directory, "" for a text. file_name, mime_type: of a
    document, of an image its type alone. reply_to: WhatsApp's id of the message of that chat that
    it answers, or ""; reply_from: the JID of who wrote that one, "" for the recipient."""

    kind: MessageKind
    text: str = field(default="", repr=False)
    media: str = ""
    file_name: str = field(default="", repr=False)
    mime_type: str = ""
    reply_to: str = ""
    reply_from: str = ""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message as somebody wants it sent. to: a JID, of a person or a group. ref: the caller's own
    word for it, or "". expires_in_s: after so many seconds it is not sent any more. priority: 0 to
    9, the greater first, among different chats. on_unknown: None for what the settings say."""

    to: str
    content: Content
    ref: str = ""
    expires_in_s: float = LIFE_S
    priority: int = 0
    on_unknown: OnUnknown | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it is kept, without what it says. instance: the instance's id. due: not sent
    before. code: why it failed or waits, a slug or WhatsApp's number, or "". whatsapp_id:
    WhatsApp's, "" while it is not known. held: it is not sent until a person says so. tries: how
    often it was given to a worker. refusals: how often WhatsApp refused it for now. doubles: how
    often it was sent again although it may have arrived. chat: the JID under which its receipts
    come, "" while that is not known. is_closed: nobody has to look at it any more, and its text is
    gone."""

    id: str
    instance: str
    to: str = field(repr=False)
    kind: MessageKind
    state: MessageState
    at: Moment
    due: Moment
    expires_at: Moment
    on_unknown: OnUnknown
    code: str = ""
    ref: str = ""
    priority: int = 0
    whatsapp_id: str = ""
    held: bool = False
    tries: int = 0
    sent_at: Moment | None = None
    delivered_at: Moment | None = None
    read_at: Moment | None = None
    ended_at: Moment | None = None
    refusals: int = 0
    doubles: int = 0
    chat: str = field(default="", repr=False)
    is_closed: bool = False

    def shifted(self, by: float) -> "Message":
        """The same after the clock was set by so many seconds."""

        def moved(at: float | None) -> float | None:
            return None if at is None else at + by

        return replace(
            self,
            at=self.at + by,
            due=self.due + by,
            expires_at=self.expires_at + by,
            sent_at=moved(self.sent_at),
            delivered_at=moved(self.delivered_at),
            read_at=moved(self.read_at),
            ended_at=moved(self.ended_at),
        )


@document_of(
    *("id", "state", "instance", "to", "kind", "code", "reason", "next_step", "ref", "priority"),
    *("created=at", "due", "expires_at", "sent_at", "delivered_at", "read_at", "ended_at"),
    *("tries", "on_unknown", "waits_for_person"),
)
@dataclass(frozen=True, slots=True)
class MessageView:
    """A message as it is shown: never with its text. instance: its name. to: masked. code, reason:
    why it waits, failed or is unknown, or "". next_step: what comes next, for a person. due: when
    it is sent at the earliest, None when it is sent no more, or nobody can know yet.
    waits_for_person: it is unknown, failed or held, and nobody has resolved it yet."""

    id: str
    instance: str
    to: str
    kind: MessageKind
    state: MessageState
    at: Moment
    due: Moment | None
    expires_at: Moment
    on_unknown: OnUnknown
    code: str = ""
    reason: Told = ""
    next_step: Told = ""
    ref: str = ""
    priority: int = 0
    tries: int = 0
    sent_at: Moment | None = None
    delivered_at: Moment | None = None
    read_at: Moment | None = None
    ended_at: Moment | None = None
    waits_for_person: bool = False


@dataclass(frozen=True, slots=True)
class MessageText:
    """What a message says, for a person who opened it. instance: its name. to: masked. text: ""
    when it is kept no more."""

    id: str
    instance: str
    to: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OptedOut:
    """Somebody who asked an instance to send them no more. id: by which it is taken back. instance:
    its name. to: masked. at: when they asked."""

    id: str
    instance: str
    to: str
    at: Moment
