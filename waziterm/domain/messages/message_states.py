"""How a message goes from state to state: one pure function."""

from dataclasses import replace
from typing import assert_never

from waziterm.domain.frozen import dataclass
from waziterm.domain.messages.codes import Code, OnUnknown
from waziterm.domain.messages.message import LIFE_S, Message, MessageState
from waziterm.domain.messages.sending import (
    Acknowledged,
    NotSent,
    Receipt,
    ReceiptKind,
    Refused,
    Trace,
)

RETRY_S = (5.0, 15.0, 60.0, 300.0)
"""After one more time that it did not reach WhatsApp it waits so long; the last one stays."""
RATE_S = 900.0
"""So long nothing is sent after WhatsApp said that it takes no more for now (429)."""
MOST_REFUSALS = 3
"""After so many refusals that may pass, a message is given up."""
_RATE = 429


@dataclass(frozen=True, slots=True)
class Given:
    """A worker is about to get it."""


@dataclass(frozen=True, slots=True)
class Traced:
    """The session file was asked for it: what it knows, None for nothing."""

    trace: Trace | None


@dataclass(frozen=True, slots=True)
class Adrift:
    """A worker had it, and nobody can find out any more what became of it. code: why."""

    code: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Somebody took it back. code: why, "" for a person."""

    code: str = ""


@dataclass(frozen=True, slots=True)
class Overdue:
    """Its time is over."""


@dataclass(frozen=True, slots=True)
class Held:
    """It waits for a person from now on. code: why; the newest reason counts."""

    code: str


@dataclass(frozen=True, slots=True)
class Resent:
    """A person has it sent, or sent again."""


@dataclass(frozen=True, slots=True)
class Closed:
    """A person is done with it, or nobody came for too long."""


Happening = (
    Given
    | Acknowledged
    | Refused
    | NotSent
    | Traced
    | Adrift
    | Receipt
    | Cancelled
    | Overdue
    | Held
    | Resent
    | Closed
)


def step(message: Message, event: Happening, now: float) -> Message | None:
    """The message after something happened to it; None when that cannot happen to it as it stands.

    now: UTC seconds. A receipt that tells nothing new leaves it as it is.
    """
    match event:
        case Given():
            if message.state is not MessageState.QUEUED or message.held:
                return None
            return replace(message, state=MessageState.SENDING, tries=message.tries + 1, code="")
        case Acknowledged() | Refused() | NotSent() | Traced():
            return _sent(message, event, now) if message.state is MessageState.SENDING else None
        case Adrift(code):
            if message.state is not MessageState.SENDING:
                return None
            return replace(message, state=MessageState.UNKNOWN, code=code)
        case Receipt():
            return _received(message, event)
        case Cancelled(code):
            if message.state is not MessageState.QUEUED:
                return None
            return _not_sent(message, MessageState.CANCELLED, code, now, is_closed=True)
        case Overdue():
            if message.state is not MessageState.QUEUED:
                return None
            return _not_sent(message, MessageState.EXPIRED, Code.EXPIRED, now)
        case Held(code):
            is_so = message.held and message.code == code
            if message.state is not MessageState.QUEUED or is_so:
                return None
            return replace(message, held=True, code=code)
        case Resent():
            return _resent(message, now)
        case Closed():
            return _closed(message, now)
        case _:
            assert_never(event)


def is_kept(message: Message) -> bool:
    """Whether its text may be needed again: to send it, or for whoever decides about it."""
    match message.state:
        case MessageState.QUEUED | MessageState.SENDING:
            return True
        case MessageState.UNKNOWN | MessageState.FAILED:
            return not message.is_closed
        case MessageState.SENT | MessageState.DELIVERED | MessageState.READ:
            return False
        case MessageState.EXPIRED | MessageState.CANCELLED:
            return False
        case _:
            assert_never(message.state)


def _sent(
    message: Message, event: Acknowledged | Refused | NotSent | Traced, now: float
) -> Message:
    """What became of one that a worker had."""
    match event:
        case Acknowledged(whatsapp_id, chat):
            return replace(
                message,
                state=MessageState.SENT,
                whatsapp_id=whatsapp_id,
                chat=chat,
                sent_at=now,
                ended_at=now,
            )
        case Refused(code):
            refusals = message.refusals + 1
            if (code == _RATE or code >= 500) and refusals < MOST_REFUSALS:
                due = now + (RATE_S if code == _RATE else RETRY_S[2])
                return _again(replace(message, refusals=refusals), str(code), due)
            return _failed(replace(message, refusals=refusals), str(code), now)
        case NotSent(_, code, is_final):
            if is_final:
                return _failed(message, code or Code.NOT_SENT, now)
            wait_s = RETRY_S[min(message.tries, len(RETRY_S)) - 1]
            return _again(message, code or Code.NOT_SENT, now + wait_s)
        case Traced(trace):
            if trace is None:
                # What a worker's end has kept from going is given again at once; what was given
                # before too may be what no worker can send, and each time costs a connection.
                wait_s = RETRY_S[min(message.tries - 1, len(RETRY_S)) - 1]
                return _again(message, "", now + (wait_s if message.tries > 1 else 0.0))
            known = replace(message, whatsapp_id=trace.whatsapp_id, chat=trace.chat)
            if message.on_unknown is OnUnknown.RESEND and not message.doubles:
                return _again(replace(known, doubles=1), "", now)
            return replace(known, state=MessageState.UNKNOWN, code="")
        case _:
            assert_never(event)


def _again(message: Message, code: str, due: float) -> Message:
    return replace(message, state=MessageState.QUEUED, code=code, due=due)


def _failed(message: Message, code: str, now: float) -> Message:
    if message.doubles:
        # An earlier one may have arrived all the same.
        return replace(message, state=MessageState.UNKNOWN, code=code)
    return replace(message, state=MessageState.FAILED, code=code, ended_at=now)


def _not_sent(
    message: Message, state: MessageState, code: str, now: float, *, is_closed: bool = False
) -> Message:
    """One that is not sent any more. It may have arrived if it was to be sent once more."""
    state = MessageState.UNKNOWN if message.doubles else state
    ended_at = None if message.doubles and not is_closed else now
    is_closed = is_closed or not message.doubles
    ended = replace(message, state=state, code=code, held=False)
    return replace(ended, ended_at=ended_at, is_closed=is_closed)


def _received(message: Message, receipt: Receipt) -> Message | None:
    if not message.whatsapp_id or message.whatsapp_id != receipt.whatsapp_id:
        return None
    if message.state in (MessageState.SENDING, MessageState.FAILED):
        return None
    at, is_read = receipt.at, receipt.kind is ReceiptKind.READ
    if message.state is MessageState.READ:
        return message
    if message.state is MessageState.DELIVERED and not is_read:
        return message
    return replace(
        message,
        state=MessageState.READ if is_read else MessageState.DELIVERED,
        code="",
        held=False,
        sent_at=at if message.sent_at is None else message.sent_at,
        delivered_at=at if message.delivered_at is None else message.delivered_at,
        read_at=at if is_read else None,
        ended_at=at if message.ended_at is None else message.ended_at,
    )


def _resent(message: Message, now: float) -> Message | None:
    if not _waits_for_person(message):
        return None
    may_have_arrived = message.state is MessageState.UNKNOWN
    return replace(
        message,
        state=MessageState.QUEUED,
        code="",
        held=False,
        due=now,
        expires_at=max(message.expires_at, now + LIFE_S),
        ended_at=None,
        refusals=0,
        doubles=message.doubles + may_have_arrived,
    )


def _closed(message: Message, now: float) -> Message | None:
    if not _waits_for_person(message):
        return None
    if message.state is MessageState.QUEUED:
        return _not_sent(message, MessageState.CANCELLED, message.code, now, is_closed=True)
    ended_at = now if message.ended_at is None else message.ended_at
    return replace(message, is_closed=True, ended_at=ended_at)


def _waits_for_person(message: Message) -> bool:
    if message.state is MessageState.QUEUED:
        return message.held
    is_open = message.state in (MessageState.UNKNOWN, MessageState.FAILED)
    return is_open and not message.is_closed
