"""Why a message does not go on, by our own words; read by whoever moves sessions, too."""

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
