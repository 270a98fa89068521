"""What it means that WhatsApp refuses a message, and what helps. Pure.

The codes stand in the acknowledgement (whatsmeow `send.go`: `server returned error N`). None of
them is a fault of the connection, so none is a reason to connect anew, and nothing that was refused
is sent again by itself: that would make it worse. 463: WhatsApp Web calls it a reach-out time lock;
WhatsApp gives it too for a single contact of whom the account has no privacy token. 479: Baileys
calls it SMAX_INVALID, a stanza that fails validation, most often to a device that is gone.
"""

from time import gmtime

from waziterm.domain import moments
from waziterm.domain.frozen import dataclass
from waziterm.domain.phrase import Phrase


@dataclass(frozen=True, slots=True)
class SendRefusal:
    """A refused message. said: what happened, one line. next_step: what the operator can do."""

    said: Phrase
    next_step: Phrase


def send_refusal(code: int, no_new_chats_until: float | None) -> SendRefusal:
    """What a refusal with this code means. no_new_chats_until: UTC seconds, None when WhatsApp has
    told of no time lock, or it is over."""
    match code:
        case 463 if no_new_chats_until is not None:
            return SendRefusal(
                Phrase(
                    "WhatsApp does not let this number start new chats (463) until {moment}",
                    moment=moments.stored(gmtime(no_new_chats_until)),
                ),
                Phrase("write only where a chat exists until then"),
            )
        case 463:
            return SendRefusal(
                Phrase(
                    "WhatsApp does not let this number start a chat with that contact (463);"
                    " it told no end"
                ),
                Phrase(
                    "let them write first; when other new contacts are refused too, it is the"
                    " number: wait a day"
                ),
            )
        case 479:
            return SendRefusal(
                Phrase("WhatsApp did not accept the message as it was made (479)"),
                Phrase(
                    "check the number; most often one contact's device has changed: let them write"
                    " first"
                ),
            )
        case 429:
            return SendRefusal(
                Phrase("WhatsApp takes no more messages of this number for now (429)"),
                Phrase("wait an hour, then send fewer"),
            )
    return SendRefusal(
        Phrase("WhatsApp refused the message ({code})", code=code),
        Phrase("see the log; nothing is sent again by itself"),
    )
