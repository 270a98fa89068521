"""Our own words for messages: why one does not go on, what becomes of an uncertain one, and who may
ask. They are read before the first paint and by every verb, so nothing else is here."""

from enum import StrEnum


class Code(StrEnum):
    """Why a message waits for a person, or is not sent any more, where it is not WhatsApp's number
    and not a word of `CannotSend` or `Waits`."""

    REMOVED = "removed"
    CLEANED = "cleaned"
    RESTORED = "restored"
    OPTED_OUT = "opted_out"
    NOT_SENT = "not_sent"
    EXPIRED = "expired"


class Waits(StrEnum):
    """Why a message is not sent now although its instance could send."""

    GAP = "gap"
    PER_HOUR = "per_hour"
    NEW_CHATS = "new_chats"
    QUIET = "quiet"
    TIME_LOCK = "time_lock"
    RATE = "rate"
    RETRY = "retry"
    LINE = "line"


class OnUnknown(StrEnum):
    """What happens to a message of which nobody knows whether it arrived: `hold` keeps it
    `unknown` until a receipt or a person says more (at most once); `resend` sends it again (at
    least once)."""

    HOLD = "hold"
    RESEND = "resend"


class Scope(StrEnum):
    """What a token allows: to send, which is to change messages too; to read how they stand; to
    receive what comes in, with its texts; or to manage instances: to add, link and reconnect them
    through the facade."""

    SEND = "send"
    READ = "read"
    RECEIVE = "receive"
    MANAGE = "manage"
