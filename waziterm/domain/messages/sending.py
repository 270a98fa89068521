"""What a queue of messages asks of the session manager, and what it is told."""

from collections.abc import Collection, Mapping
from dataclasses import field
from enum import StrEnum
from typing import Protocol

from waziterm.domain.errors import FleetError
from waziterm.domain.fieldless import Fieldless
from waziterm.domain.frozen import dataclass
from waziterm.domain.messages.message import Content

SEND_S = 90.0
"""Seconds to WhatsApp's acknowledgement. One that was lost blocks the library's sends for 75 s."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What a worker is to send. to: a JID. secret: 64 hex digits by chance, which the library
    stores with the message's id before it sends (`whatsmeow_message_secrets`)."""

    to: str
    content: Content
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """WhatsApp has it. whatsapp_id: the id that it has there. chat: the JID under which receipts
    come, which may be a LID where `to` is a number."""

    whatsapp_id: str
    chat: str


@dataclass(frozen=True, slots=True)
class Refused:
    """WhatsApp answered with an error, and the recipient does not get it. code: its number."""

    code: int
    error: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """It certainly did not reach WhatsApp. is_final: it never can, as for a number that is not on
    WhatsApp or a file that is gone; code: a slug that says so, or ""."""

    error: str
    code: str = ""
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Uncertain:
    """Nobody knows whether WhatsApp has it: the worker ended, or no acknowledgement came within
    `SEND_S`. Its connection is being given up; see `Phones.traces`."""

    error: str


Sent = Acknowledged | Refused | NotSent | Uncertain


class NoTraceError(FleetError):
    """The session that has sent is another one by now, so that nobody can ever know what was sent:
    not even what is not found in it was certainly not sent."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What the session file still knows of a message, by its secret: it was given to the socket, or
    was about to be. chat: as in `Acknowledged`."""

    whatsapp_id: str
    chat: str


class CannotSend(StrEnum):
    """Why an instance cannot send now. Those before `gone` pass by themselves."""

    CONNECTING = "connecting"
    COOLDOWN = "cooldown"
    RETRYING = "retrying"
    STOPPED = "stopped"
    HELD = "held"
    BANNED = "banned"
    LOGGED_OUT = "logged_out"
    NOT_PAIRED = "not_paired"
    OUTDATED = "outdated"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Standing:
    """How an instance stands for a sender. name: what it is called. why: None when it can send now.
    until: when that may change by itself, UTC seconds, None where nobody knows.
    no_new_chats_until: WhatsApp lets it start no new chats before, or None."""

    name: str
    why: CannotSend | None = None
    until: float | None = None
    no_new_chats_until: float | None = None


class Phones(Protocol):
    """The instances, by their ids, as senders. `manager` has one."""

    def standing(self, identity: str) -> Standing:
        """How it stands now; `gone` for an id that no instance has."""
        ...

    async def changed(self, identity: str) -> None:
        """Wait until its standing is another one."""
        ...

    async def send(self, identity: str, message: Outgoing) -> Sent:
        """Send a message and wait for WhatsApp's acknowledgement, `SEND_S` seconds at most. After
        `Uncertain` the instance connects anew, and `traces` is to be asked. One at a time."""
        ...

    def expect(self, identity: str) -> None:
        """Let it not connect before `traces` was asked about it, some seconds long at most: for
        whoever begins with messages that may have been sent before. After `Uncertain` that is so by
        itself."""
        ...

    async def traces(self, identity: str, secrets: Collection[str]) -> Mapping[str, Trace]:
        """Those of some secrets that its session file has. Waits until no worker that was given one
        of them can send any more. Raises FleetError when the file cannot be read; it is asked again
        then, and nothing is assumed. Raises NoTraceError when asking again is of no use."""
        ...


class ReceiptKind(StrEnum):
    """What a receipt says of a message."""

    DELIVERED = "delivered"
    READ = "read"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The recipient's phone, or WhatsApp, tells of a message that was sent. chat: who says so."""

    whatsapp_id: str
    chat: str
    kind: ReceiptKind
    at: float


@dataclass(frozen=True, slots=True)
class OptOut:
    """Somebody asked by message to be sent no more. chats: the JIDs that are theirs, as far as
    known: of the number, and the LID."""

    chats: tuple[str, ...]
    at: float


class InboxGrew(Fieldless):
    """Something may have been written to an instance's journal of messages in."""

    __slots__ = ()


Heard = Receipt | OptOut | InboxGrew


class HearsOfSent(Protocol):
    """Who hears what concerns messages that were sent; it must not block."""

    def heard(self, identity: str, what: Receipt | OptOut) -> None:
        """identity: the instance's id."""
        ...


class Hears(Protocol):
    """Whom the manager tells of what comes in; it must not block."""

    def heard(self, identity: str, what: Heard) -> None:
        """identity: the instance's id."""
        ...
