"""From the library's words to the domain's: its event messages, enums and error texts.

Messages are neonize's protobuf classes (`Neonize.proto`); they are read by field name, so that
nothing here loads the library. Sources of each meaning: neonize `utils/encoder.go`, whatsmeow
`types/events` and `connectionevents.go`.
"""

import re
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from google.protobuf.message import Message

from waziterm.domain.jid import Jid
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.messages.opt_out import opt_out_word
from waziterm.domain.messages.sending import OptOut
from waziterm.domain.text import plain, safe_line
from waziterm.worker.neonize.phrases import CodeRefused, is_broken_store, store_alarm

# neonize numbers these enums itself; the names are the only link to WhatsApp's codes. A name
# that a later neonize adds becomes code 0.
_FAILURE_CODES = {
    "GENERIC": 400,
    "LOGGED_OUT": 401,
    "TEMP_BANNED": 402,
    "MAIN_DEVICE_GONE": 403,
    "CLIENT_OUTDATED": 405,
    "UNKNOWN_LOGOUT": 406,
    "BAD_USER_AGENT": 409,
    "INTERNAL_SERVER_ERROR": 500,
    "EXPERIMENTAL": 501,
    "SERVICE_UNAVAILABLE": 503,
}
_BAN_CODES = {
    "SEND_TO_TOO_MANY_PEOPLE": 101,
    "BLOCKED_BY_USERS": 102,
    "CREATED_TOO_MANY_GROUPS": 103,
    "SENT_TOO_MANY_SAME_MESSAGE": 104,
    "BROADCAST_LIST": 106,
}
DEVICES_FULL = 419
"""whatsmeow's `ErrIQResourceLimit`, answered to a pairing by code."""
_ROUND_TRIP = "info query returned"
_PEOPLE = ("s.whatsapp.net", "lid")
_ATTRIBUTE = re.compile(r'\b(\w+)="(\d{1,9})"')


def log_line(text: str) -> str:
    """One inert line without secrets, fit for an instance's log."""
    return safe_line(text)


def readable(message: Any) -> Any:
    """The same message with all its texts as text, the messages in it included.

    neonize passes on what a stranger or WhatsApp sent, and protobuf hands a string that is not
    UTF-8 out as bytes: what is wrong in it becomes replacement characters.
    """
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for each in (value,) if isinstance(value, Message) else value:
                readable(each)
        elif field.type == field.TYPE_STRING and isinstance(value, bytes):
            setattr(message, field.name, _text(value))
        elif field.type == field.TYPE_STRING and not isinstance(value, str):
            value[:] = [_text(each) for each in value]
    return message


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def jid_text(jid: Any) -> str:
    """A JID message as text, or "" for an empty one."""
    return str(Jid(jid.User, jid.Device, jid.Server)) if jid.User else ""


def library_event(name: str, message: Any, jid: str, lid: str) -> ev.LibraryEvent:
    """The domain's event for a library event.

    name: one of `EVENT_NAMES`. jid, lid: of the device itself, as far as known.
    """
    return _EVENTS[name](readable(message), jid, lid)


def note(name: str) -> str:
    """A log line for a library event that changes nothing; name: one of `NOTE_NAMES`."""
    return _NOTES[name]


def history_part(message: Any) -> ev.HistoryCame | None:
    """What a `Message` tells of the phone's history, None when it is not the phone's, or of
    something else. The last part of all is a recent or a full one with 100 % (`HistorySync`)."""
    told = message.Message.protocolMessage
    if not (message.Info.MessageSource.IsFromMe and told.HasField("historySyncNotification")):
        return None
    part = told.historySyncNotification
    ends = part.progress >= 100 and _enum_name(part, "syncType") in ("RECENT", "FULL")
    return ev.HistoryCame(part.progress, is_last=ends)


def phone_sent_at(message: Any) -> float | None:
    """When the phone itself sent a `Message`, UTC seconds by WhatsApp's clock; None when it was
    sent by somebody else, or by another linked device of the account, whose number is not 0."""
    source = message.Info.MessageSource
    if not source.IsFromMe or source.Sender.Device:
        return None
    # In milliseconds, as a lab's message shows.
    return float(message.Info.Timestamp) / 1000.0


_LONGEST_WORD = 200


def opted_out(message: Any, words: Collection[str]) -> OptOut | None:
    """Who asks, with a `Message`, to be sent no more: a person whose whole text is one of the
    words; else None. words: in lower case, without a dot at their end."""
    source, told = message.Info.MessageSource, message.Message
    if source.IsFromMe or source.IsGroup:
        return None
    said = told.conversation or told.extendedTextMessage.text
    if not 0 < len(said) <= _LONGEST_WORD or opt_out_word(_text(said)) not in words:
        return None
    jids = [readable(each) for each in (source.Sender, source.SenderAlt)]
    chats = (str(Jid(each.User, 0, each.Server)) for each in jids if each.Server in _PEOPLE)
    sent_at = float(message.Info.Timestamp) / 1000.0
    return OptOut(tuple(dict.fromkeys(chats)), min(sent_at or time.time(), time.time()))


def connect_error(text: str) -> ev.DialFailed | ev.SessionBroken | ev.StoreFailing:
    """Why a connect failed at once.

    A store that is locked, full or read-only is not broken.
    """
    detail = log_line(text) or "the library gave no reason"
    alarm = store_alarm(text)
    if alarm is not None and alarm.fault is not ev.StoreFault.DAMAGED:
        return ev.StoreFailing(alarm.fault, detail)
    return ev.SessionBroken(detail) if is_broken_store(text) else ev.DialFailed(detail)


def refusal(failure: str, name: str = "") -> ev.TemporaryBan | ev.ConnectFailure:
    """The event for a refused login that the library does not deliver.

    failure: the `<failure …/>` node that whatsmeow logged, or "" when it is not known; its
    numbers are then 0. name: the event's name as from `undelivered`, or "".
    """
    numbers = {key: int(value) for key, value in _ATTRIBUTE.findall(failure)}
    reason = numbers.get("reason", 0)
    if name == "TemporaryBan" or reason == 402:
        return ev.TemporaryBan(numbers.get("code", 0), float(numbers.get("expire", 0)))
    # Its code tells all that the node does, which stands in the log.
    return ev.ConnectFailure(reason)


def pairing_refusal(said: str) -> ev.TemporaryBan | ev.ConnectFailure | ev.PairFailed:
    """The event for a login that WhatsApp refused while a device was being paired.

    said: what `phrases.PAIRING_REFUSED` has found, or "".
    """
    if said.startswith("<"):
        return refusal(said)
    code = re.match(r"Got (\d+)", said)
    return ev.PairFailed(ev.PairingEnd.REFUSED, code=int(code[1]) if code else 0)


def pairing_error(said: str) -> ev.PairFailed:
    """The event for a pairing that went wrong. said: as found by `phrases.PAIRING_ERROR`, or ""."""
    what, _, why = said.partition(": ")
    end = ev.PairingEnd.PASSKEY if "passkey" in what else ev.PairingEnd.ERROR
    return ev.PairFailed(end, log_line(why))


def refused_code(refused: CodeRefused) -> ev.PairFailed:
    """The event for a pairing code that was typed, and that WhatsApp did not take."""
    full = refused.code == DEVICES_FULL
    end = ev.PairingEnd.DEVICES_FULL if full else ev.PairingEnd.CODE_REFUSED
    return ev.PairFailed(end, log_line(refused.detail), refused.code)


def no_code(refused: CodeRefused) -> str:
    """Why WhatsApp makes no pairing code, and what helps, in one line."""
    match refused.code:
        case 400 | 404:
            return f"WhatsApp does not take this number ({refused.code}): check it"
        case 429:
            return (
                "WhatsApp makes no more pairing codes for this number for now (429):"
                " scan the QR code, or wait an hour"
            )
        case code if code == DEVICES_FULL:
            return "the phone's list of linked devices is full (419): remove one there"
    return f"WhatsApp refused it ({refused.code}: {log_line(refused.detail)}): scan the QR code"


def answered_with(error: str) -> str:
    """What WhatsApp answered a query with instead of a result (whatsmeow `IQError`), for example
    `error 429: rate-overlimit`; "" when it did not answer."""
    if not error.startswith(_ROUND_TRIP):
        return ""
    told = log_line(error.removeprefix(_ROUND_TRIP).removeprefix(" status").strip())
    return f"error {told}"


def _enum_name(message: Any, field: str) -> str:
    enum = message.DESCRIPTOR.fields_by_name[field].enum_type
    return str(enum.values_by_number[getattr(message, field)].name)


def _failure_code(message: Any) -> int:
    return _FAILURE_CODES.get(_enum_name(message, "Reason"), 0)


def _pair_status(message: Any, jid: str, lid: str) -> ev.LibraryEvent:
    if _enum_name(message, "Status") == "SUCCESS":
        return ev.PairSucceeded(
            jid_text(message.ID), lid, plain(message.Platform), plain(message.BusinessName)
        )
    return ev.PairFailed(ev.PairingEnd.ERROR, log_line(message.Error))


def _stream_error(message: Any, jid: str, lid: str) -> ev.LibraryEvent:
    children = ", ".join(node.Tag for node in message.Raw.Nodes)
    return ev.StreamError(plain(message.Code, 40), log_line(children))


_EVENTS: Mapping[str, Callable[[Any, str, str], ev.LibraryEvent]] = {
    "PairStatus": _pair_status,
    "Connected": lambda message, jid, lid: ev.Connected(jid, lid),
    "Disconnected": lambda message, jid, lid: ev.Disconnected(),
    "KeepAliveTimeout": lambda message, jid, lid: ev.KeepAliveTimeout(message.ErrorCount),
    "KeepAliveRestored": lambda message, jid, lid: ev.KeepAliveRestored(),
    "StreamReplaced": lambda message, jid, lid: ev.StreamReplaced(),
    "LoggedOut": lambda message, jid, lid: ev.LoggedOut(message.OnConnect, _failure_code(message)),
    # neonize passes whole seconds: EncodeTemporaryBan, ban.Expire.Seconds()
    "TemporaryBan": lambda message, jid, lid: ev.TemporaryBan(
        _BAN_CODES.get(_enum_name(message, "Code"), 0), float(message.Expire)
    ),
    "ConnectFailure": lambda message, jid, lid: ev.ConnectFailure(
        _failure_code(message), log_line(message.Message)
    ),
    "ClientOutdated": lambda message, jid, lid: ev.ClientOutdated(),
    "StreamError": _stream_error,
}
# Not Receipt: its types are an enum as above, and whoever can write to this number can send a
# receipt of a type that neonize does not name (`server-error` is one), which would make the
# library deaf.
_NOTES: Mapping[str, str] = {
    "Message": "message received",
    "UndecryptableMessage": "a message came that cannot be decrypted",
}
EVENT_NAMES = tuple(_EVENTS)
NOTE_NAMES = tuple(_NOTES)
EVENT_NUMBERS: Mapping[str, int] = {
    "PairStatus": 2,
    "Connected": 3,
    "KeepAliveTimeout": 4,
    "KeepAliveRestored": 5,
    "LoggedOut": 6,
    "StreamReplaced": 7,
    "TemporaryBan": 8,
    "ConnectFailure": 9,
    "ClientOutdated": 10,
    "StreamError": 11,
    "Disconnected": 12,
    "Message": 17,
    "UndecryptableMessage": 44,
}
"""What is subscribed to, by the numbers of neonize's `EVENT_TO_INT` (goneonize `main.go`)."""
REFUSALS = ("TemporaryBan", "ConnectFailure")
