"""How a message is shown: why it is as it is, and what comes next, without what it says."""

from collections.abc import Mapping
from time import gmtime
from typing import NamedTuple, assert_never

from waziterm.domain import moments
from waziterm.domain.messages.codes import Code, Waits
from waziterm.domain.messages.message import Message, MessageState, MessageView
from waziterm.domain.messages.recipient import masked
from waziterm.domain.messages.sending import CannotSend
from waziterm.domain.phrase import NOTHING, Phrase
from waziterm.domain.send_refusals import send_refusal


class Outlook(NamedTuple):
    """When a message that waits is sent at the earliest, None where nobody knows; and what it waits
    for: a word of `CannotSend` or `Waits`, or ""."""

    due: float | None
    code: str


def view_of(message: Message, name: str, outlook: Outlook) -> MessageView:
    """A message as it is shown. name: of its instance. outlook: of one that waits."""
    is_waiting = message.state is MessageState.QUEUED and not message.held
    code = outlook.code if is_waiting else message.code
    due = outlook.due if is_waiting else None
    return MessageView(
        id=message.id,
        instance=name,
        to=masked(message.to),
        kind=message.kind,
        state=message.state,
        at=message.at,
        due=due,
        expires_at=message.expires_at,
        on_unknown=message.on_unknown,
        code=code,
        reason=_reason(message, code, name),
        next_step=_next_step(message, due, name),
        ref=message.ref,
        priority=message.priority,
        tries=message.tries,
        sent_at=message.sent_at,
        delivered_at=message.delivered_at,
        read_at=message.read_at,
        ended_at=message.ended_at,
        waits_for_person=_waits_for_person(message),
    )


def _waits_for_person(message: Message) -> bool:
    if message.state in (MessageState.UNKNOWN, MessageState.FAILED):
        return not message.is_closed
    return message.held and message.state is MessageState.QUEUED


_WAITS: Mapping[str, Phrase] = {
    Waits.GAP: Phrase("a pause lies between two messages"),
    Waits.PER_HOUR: Phrase("so many messages as are allowed were sent in the last hour"),
    Waits.NEW_CHATS: Phrase("so many new chats as are allowed were begun in the last 24 hours"),
    Waits.QUIET: Phrase("nothing is sent in the quiet hours"),
    Waits.TIME_LOCK: Phrase("WhatsApp refused a new chat (463): none is begun for a while"),
    Waits.RATE: Phrase("WhatsApp takes no more messages for now (429)"),
    Waits.RETRY: Phrase("it did not reach WhatsApp and is tried again"),
    Waits.LINE: Phrase("others are before it"),
    CannotSend.CONNECTING: Phrase("its instance is connecting"),
    CannotSend.COOLDOWN: Phrase("its instance is in a cool-down"),
    CannotSend.RETRYING: Phrase("its instance is not connected and tries again"),
    CannotSend.STOPPED: Phrase("its instance is stopped"),
    CannotSend.HELD: Phrase("its instance is held: somebody has to look at it"),
    CannotSend.BANNED: Phrase("its number is banned"),
    CannotSend.LOGGED_OUT: Phrase("its instance was logged out"),
    CannotSend.NOT_PAIRED: Phrase("its instance is not linked"),
    CannotSend.OUTDATED: Phrase("WhatsApp refuses this version of the library"),
    CannotSend.GONE: Phrase("its instance was removed"),
    Code.REMOVED: Phrase("its instance was removed"),
    Code.CLEANED: Phrase("its instance's session was moved away"),
    Code.RESTORED: Phrase("its instance, or all of it, was brought back from elsewhere"),
}
_ENDS: Mapping[str, Phrase] = {
    Code.OPTED_OUT: Phrase("the recipient asked to be sent no more"),
    Code.NOT_SENT: Phrase("it could not be sent"),
    Code.EXPIRED: Phrase("its time was over before it could be sent"),
    "not_on_whatsapp": Phrase("the number is not on WhatsApp"),
    "not_in_group": Phrase("the group is not there, or the number is not in it"),
}


def _reason(message: Message, code: str, name: str) -> Phrase:
    match message.state:
        case MessageState.QUEUED:
            return _WAITS.get(code) or _failure(code)
        case MessageState.SENDING:
            return Phrase("{name} is sending it", name=name)
        case MessageState.SENT | MessageState.DELIVERED | MessageState.READ:
            return NOTHING
        case MessageState.FAILED:
            return _failure(code)
        case MessageState.UNKNOWN:
            said = Phrase("WhatsApp was given it and acknowledged nothing: it may have arrived")
            more = _WAITS.get(code) or _ENDS.get(code)
            return said if more is None else Phrase("{what}; {why}", what=said, why=more)
        case MessageState.EXPIRED:
            return _ENDS[Code.EXPIRED]
        case MessageState.CANCELLED:
            return _ENDS.get(code) or Phrase("it was taken back")
        case _:
            assert_never(message.state)


def _failure(code: str) -> Phrase:
    if code.isascii() and code.isdecimal():
        return send_refusal(int(code), None).said
    if not code:
        return NOTHING
    return _ENDS.get(code) or Phrase("it could not be sent ({code})", code=code)


def _next_step(message: Message, due: float | None, name: str) -> Phrase:
    match message.state:
        case MessageState.QUEUED:
            return _when(message, due, name)
        case MessageState.UNKNOWN if not message.is_closed:
            return Phrase(
                "a receipt settles it, or `waziterm messages resend {id}` or `messages close {id}`",
                id=message.id,
            )
        case MessageState.FAILED if not message.is_closed:
            return Phrase(
                "`waziterm messages resend {id}` sends it again, `messages close {id}` ends it",
                id=message.id,
            )
        case MessageState.SENDING:
            return Phrase("WhatsApp's acknowledgement is waited for")
        case (
            MessageState.UNKNOWN
            | MessageState.FAILED
            | MessageState.SENT
            | MessageState.DELIVERED
            | MessageState.READ
            | MessageState.EXPIRED
            | MessageState.CANCELLED
        ):
            return Phrase("nothing is left to do")
        case _:
            assert_never(message.state)


def _when(message: Message, due: float | None, name: str) -> Phrase:
    if message.held:
        return Phrase(
            "`waziterm messages resend {id}` sends it, `messages cancel {id}` takes it back",
            id=message.id,
        )
    if due is None:
        return Phrase("it is sent when {name} can send again", name=name)
    return Phrase("it is sent at {moment}", moment=moments.stored(gmtime(due)))
