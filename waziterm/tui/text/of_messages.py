"""What the screen says of messages out, as words and sentences; never what one of them says."""

from collections.abc import Mapping

from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.lifecycle.states import State
from waziterm.domain.messages.codes import Waits
from waziterm.domain.messages.message import WAITING, MessageKind, MessageState, MessageView
from waziterm.domain.messages.queue_counts import QueueCounts
from waziterm.domain.messages.sending import CannotSend
from waziterm.domain.screen import KeyAction
from waziterm.lang import N_, retold, tr, trn
from waziterm.tui.paint.cells import inert
from waziterm.tui.text.format import clock_minute, is_same_day, since, stamp
from waziterm.tui.text.keynames import key_of, with_keys

_STATES: Mapping[MessageState, str] = {
    MessageState.QUEUED: N_("queued"),
    MessageState.SENDING: N_("sending"),
    MessageState.SENT: N_("sent"),
    MessageState.DELIVERED: N_("delivered"),
    MessageState.READ: N_("read"),
    MessageState.FAILED: N_("failed"),
    MessageState.UNKNOWN: N_("unknown"),
    MessageState.EXPIRED: N_("expired"),
    MessageState.CANCELLED: N_("cancelled"),
}
KINDS: Mapping[MessageKind, str] = {
    MessageKind.TEXT: N_("text"),
    MessageKind.IMAGE: N_("image"),
    MessageKind.DOCUMENT: N_("document"),
}
_AT_ONCE_S = 1.0
_WAITS_FOR: Mapping[str, str] = {
    Waits.GAP: N_("gap"),
    Waits.PER_HOUR: N_("hourly limit"),
    Waits.NEW_CHATS: N_("limit of new chats"),
    Waits.QUIET: N_("quiet hours"),
    Waits.TIME_LOCK: N_("no new chats, 463"),
    Waits.RATE: N_("too many, 429"),
    Waits.RETRY: N_("another try"),
    Waits.LINE: N_("others go first"),
    CannotSend.CONNECTING: State.CONNECTING.label,
    CannotSend.COOLDOWN: State.COOLDOWN.label,
    CannotSend.RETRYING: State.RETRYING.label,
    CannotSend.STOPPED: State.STOPPED.label,
    CannotSend.HELD: State.HELD.label,
    CannotSend.BANNED: State.BANNED.label,
    CannotSend.LOGGED_OUT: State.LOGGED_OUT.label,
    CannotSend.NOT_PAIRED: N_("not linked yet"),
    CannotSend.OUTDATED: State.OUTDATED.label,
    CannotSend.GONE: N_("removed"),
}
"""By the slug for which a queue waits."""


def state_word(state: MessageState) -> str:
    """How far a message has come, in one word."""
    return tr(_STATES[state])


def whom(message: MessageView) -> str:
    """The recipient, masked, without what every person's address ends with."""
    return inert(message.to).removesuffix("@s.whatsapp.net")


def why(message: MessageView) -> str:
    """Why it waits or failed, with its code where that is WhatsApp's number, and what comes
    next."""
    reason = inert(retold(message.reason))
    if message.code.isdecimal():
        reason = f"{message.code} {reason}".rstrip()
    return "; ".join(each for each in (reason, _step(message)) if each)


def _step(message: MessageView) -> str:
    """What comes next, or what a person can do; "" when nothing does."""
    if not message.waits_for_person:
        waits = message.state in WAITING
        return inert(with_keys(retold(message.next_step))) if waits else ""
    send = key_of(KeyAction.RESEND_MESSAGE)
    if message.state is MessageState.QUEUED:
        cancel = key_of(KeyAction.CANCEL_MESSAGE)
        return tr("{S} sends it, {X} cancels it", S=send, X=cancel)
    return tr("{S} sends it again, {D} closes it", S=send, D=key_of(KeyAction.CLOSE_MESSAGE))


def when(message: MessageView, now: float) -> str:
    """When one is sent that was just taken, and why not at once."""
    reason = inert(retold(message.reason))
    if message.due is None:
        said = state_word(message.state)
    elif message.due - now < _AT_ONCE_S:
        return tr("is being sent")
    else:
        said = tr("is sent at {moment} at the earliest", moment=since(message.due, now))
    return f"{said} ({reason})" if reason else said


def queue_line(view: InstanceView, now: float) -> str:
    """What waits in an instance's queue and for what, and what waits for a person; "" when nothing
    does."""
    counts = view.messages
    if counts is None:
        return ""
    return "; ".join(each for each in (_waiting(counts, now), _unknown(counts)) if each)


def _waiting(counts: QueueCounts, now: float) -> str:
    if not counts.queued:
        return ""
    said = trn("{n} message waits", "{n} messages wait", counts.queued)
    if counts.next_at is not None:
        moment = _moment(counts.next_at, now)
        said = tr("{what}, next {moment}", what=said, moment=moment)
    cause = waits_for(counts)
    return f"{said} ({cause})" if cause else said


def _unknown(counts: QueueCounts) -> str:
    if not counts.unknown:
        return ""
    view = key_of(KeyAction.VIEW_MESSAGES)
    return trn(
        "{n} unknown: {view} shows it", "{n} unknown: {view} shows them", counts.unknown, view=view
    )


def waits_for(counts: QueueCounts) -> str:
    """For what a queue waits, in few words; "" when it does not wait."""
    slug = counts.waits_for
    return tr(_WAITS_FOR[slug]) if slug in _WAITS_FOR else inert(slug.replace("_", " "), 30)


def sent_line(counts: QueueCounts) -> str:
    """How much an instance sent lately."""
    return tr("sent {hour} in an hour, {day} in 24 h", hour=counts.sent_hour, day=counts.sent_day)


def waiting_cell(counts: QueueCounts | None) -> str:
    """How many wait, and how many are unknown, for a column: `12 ?2`."""
    if counts is None:
        return ""
    unknown = f"?{counts.unknown}" if counts.unknown else ""
    return " ".join(each for each in (str(counts.queued or ""), unknown) if each)


def _moment(at: float, now: float) -> str:
    return clock_minute(at) if is_same_day(at, now) else stamp(at, now)
