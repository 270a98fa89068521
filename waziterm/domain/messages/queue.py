"""What the API, the verbs and the screen may ask of the queue of messages."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

from waziterm.domain.errors import FleetError
from waziterm.domain.frozen import dataclass
from waziterm.domain.messages.message import MessageState, MessageView, NewMessage, OptedOut
from waziterm.domain.messages.queue_counts import QueueCounts
from waziterm.domain.phrase import Phrase

ONCE_S = 86_400.0
"""So long an idempotency key is remembered."""
MOST_QUEUED = 1_000
"""Messages of one instance that may wait."""


class RefusalCode(StrEnum):
    """Why a message is not taken, by its word in the API's answer."""

    INSTANCE_NOT_FOUND = "instance_not_found"
    MESSAGE_NOT_FOUND = "message_not_found"
    OPT_OUT_NOT_FOUND = "opt_out_not_found"
    HELD = "held"
    BANNED = "banned"
    LOGGED_OUT = "logged_out"
    NOT_PAIRED = "not_paired"
    OPTED_OUT = "opted_out"
    OTHER_BODY = "other_body"
    QUEUE_FULL = "queue_full"
    RATE = "rate"
    TOO_LATE = "too_late"
    WRONG_RECIPIENT = "wrong_recipient"
    WRONG_CONTENT = "wrong_content"


_WRONG = (
    *(RefusalCode.INSTANCE_NOT_FOUND, RefusalCode.MESSAGE_NOT_FOUND),
    *(RefusalCode.OPT_OUT_NOT_FOUND, RefusalCode.WRONG_RECIPIENT, RefusalCode.WRONG_CONTENT),
)
"""What is wrong usage, as an id that nothing has: exit code 2."""


class MessageRefusedError(FleetError):
    """A message, or an act on one, was refused. refusal: why. retry_after_s: for a full queue and a
    rate, when to ask again."""

    def __init__(
        self,
        refusal: RefusalCode,
        message: str,
        hint: str = "",
        *,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, hint, code=2 if refusal in _WRONG else 1)
        self.refusal = refusal
        self.retry_after_s = retry_after_s


def no_such_message(message_id: str) -> MessageRefusedError:
    """What is told of an id that no message has."""
    return MessageRefusedError(
        RefusalCode.MESSAGE_NOT_FOUND,
        Phrase("there is no message {id}", id=message_id[:60]),
        Phrase("see `waziterm messages`"),
    )


@dataclass(frozen=True, slots=True)
class Once:
    """An idempotency key. owner: whose it is: a token's name, or what no token is called. digest:
    an HMAC of the request's body, 64 hex digits, never the body. for_s: so long the first message
    is meant by it, at most `ONCE_S`."""

    owner: str
    key: str
    digest: str
    for_s: float = ONCE_S


class Resolution(StrEnum):
    """What a person makes of a message that is `unknown`, `failed` or held: send it again, or close
    it, after which its text is gone."""

    RESEND = "resend"
    CLOSE = "close"


class MessageQueue(Protocol):
    """The queue. All that fails raises FleetError, what is refused MessageRefusedError."""

    async def accept(self, instance: str, new: NewMessage, once: Once | None = None) -> MessageView:
        """Take a message for the instance with this name; it is stored for good when this returns.
        once: the same key with the same digest within its time is the first message again."""
        ...

    async def taken_with(self, instance: str, once: Once) -> MessageView | None:
        """The message that was taken with a key; None where `accept` would take one. Raises
        MessageRefusedError for another digest."""
        ...

    async def digest(self, body: bytes) -> str:
        """The HMAC of a request's body, for `Once`: 64 hex digits, by a key of this queue alone."""
        ...

    async def message(self, message_id: str) -> MessageView: ...

    async def messages(
        self,
        *,
        instance: str | None = None,
        state: MessageState | None = None,
        ref: str | None = None,
        limit: int = 200,
        before: str | None = None,
    ) -> tuple[MessageView, ...]:
        """The newest first. before: the id of the last one of the page before. Refused
        (`message_not_found`) when there is no such message."""
        ...

    async def cancel(self, message_id: str) -> MessageView:
        """Take back what waits. Refused (`too_late`) when a worker has it, or had it."""
        ...

    async def resolve(self, message_id: str, how: Resolution) -> MessageView: ...

    async def text_of(self, message_id: str) -> str:
        """What it says, for a person who asks for it by a key; "" when that is kept no more."""
        ...

    def counts(self) -> Mapping[str, QueueCounts]:
        """By the names of the instances that have or had any."""
        ...

    async def changed(self) -> None:
        """Wait until the counts may be others than when this returned last; for one caller."""
        ...

    async def opt_outs(self, instance: str | None = None) -> tuple[OptedOut, ...]:
        """Who asked to be sent no more, of one instance or of all, the newest first."""
        ...

    async def take_back_opt_out(self, opt_out_id: str) -> OptedOut:
        """Let somebody be sent to again who asked for the opposite; returns it as it was."""
        ...
