"""The library's own sentences that mean something to us: the one place where they are matched.

Sources: whatsmeow `client.go`, `connectionevents.go`, `socket/framesocket.go`; SQLite's errors.
`tests/worker/test_phrases.py` holds lines that the real library wrote, and has it write some again.
Texts of strangers stand in its lines too (ids, names), so a sentence is matched from its beginning,
and what SQLite says only at the very end of an error, where nobody else's text can be.
"""

import json
import re

from waziterm.domain.fieldless import Fieldless
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.events import DropKind, StoreFault
from waziterm.domain.messages.sending import NotSent, ReceiptKind
from waziterm.domain.text import safe_line

FAILURE_NODE = re.compile(r"(<failure .*?>)")
PAIRING_REFUSED = re.compile(
    r"(<failure .*?>|^Got \d{1,9}: .* connect failure, sending LoggedOut event)"
)
"""A login that was refused before there is a device: a node, or a code in a sentence."""
PAIRING_ERROR = re.compile(
    r"^Failed to ((?:pair device|parse passkey notification"
    r"|handle passkey continuation notification): .*)"
)
PAIRING_ENDS = re.compile(
    r'^(?:Unknown stream error: <stream:error code="|Got )(\d{1,9})(?:"|/.* connect f| stream e)'
)
"""The error that WhatsApp named before it closed the connection of a pairing."""
_UNSENDABLE = re.compile(r"required field \w+\.(?P<event>\w+)\.\w+ not set")
_BROKEN_STORE = re.compile(
    r"failed to (?:open|upgrade) database|file is not a database|malformed|no such (?:table|column)"
)


class LoginAccepted(Fieldless):
    """WhatsApp has let the client in; the library's own first queries follow."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class LoginRefused:
    """WhatsApp refused the login, and the library delivers no event of it. is_fatal: it crashes
    on it, with the whole process (a nil `RefreshCAT`), as soon as the record is taken."""

    code: int
    is_fatal: bool = False


@dataclass(frozen=True, slots=True)
class StreamEnds:
    """WhatsApp named this code before it ends the stream; the library delivers no event of it."""

    code: int


@dataclass(frozen=True, slots=True)
class SocketEnded:
    """The connection is gone. detail: why it died, "" when it was closed."""

    how: DropKind
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RedialFailed:
    """One of the library's own redials after a drop did not reach WhatsApp."""

    detail: str


@dataclass(frozen=True, slots=True)
class StoreAlarm:
    """The library could not use its session file. detail: what SQLite said."""

    fault: StoreFault
    detail: str


@dataclass(frozen=True, slots=True)
class CodeRefused:
    """WhatsApp refused the pairing code that was typed on a phone. detail: its words."""

    code: int
    detail: str


@dataclass(frozen=True, slots=True)
class TimeLock:
    """Whether the account may start new chats; neonize delivers no event of it. until: UTC seconds
    at which that ends, None when it is not in force or WhatsApp named no end."""

    is_active: bool
    until: float | None


@dataclass(frozen=True, slots=True)
class ReceiptSeen:
    """Phones tell of messages of ours. ids: WhatsApp's. chat: of whom, as WhatsApp says; a group is
    delivered when its first member has it. at: UTC seconds of WhatsApp's clock, 0 when not told."""

    ids: tuple[str, ...]
    chat: str
    kind: ReceiptKind
    at: float


@dataclass(frozen=True, slots=True)
class HandlerBusy:
    """The library works on one node and takes none behind it, for 30 s each time it says so. What
    is answered to a query does not stand in that queue, so probes are answered all the same.

    tag: of the node, "" when it has none to show. for_s: seconds since it began.
    """

    tag: str
    for_s: float


class HandlerDone(Fieldless):
    """The library is done with a node that took it more than 5 s."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class EventLost:
    """neonize failed while it made an event of what came. event: the event's name in Go."""

    event: str


@dataclass(frozen=True, slots=True)
class MessageIgnored:
    """WhatsApp has brought a message once more whose key was used up: it was decrypted before.
    chat: as the library names it, "" where that cannot be told."""

    whatsapp_id: str
    chat: str


Sign = (
    LoginAccepted
    | LoginRefused
    | StreamEnds
    | SocketEnded
    | RedialFailed
    | StoreAlarm
    | CodeRefused
    | TimeLock
    | ReceiptSeen
    | HandlerBusy
    | HandlerDone
    | EventLost
    | MessageIgnored
)

_ACCEPTED = re.compile(r"Successfully authenticated")
_REFUSED = re.compile(r"Got (\d{1,9})/.* connect failure, (assuming|refreshing) .*")
_STREAM_ENDS = re.compile(r"Got (\d{1,9}) stream error, assuming automatic reconnect .*")
_SOCKET_ENDED = re.compile(r"Error reading from websocket: (.*)")
_REDIAL_FAILED = re.compile(r"Error reconnecting after autoreconnect sleep: (.*)")
_CODE_REFUSED = re.compile(
    r"Failed to handle code pair notification: info query returned status (\d{1,9}): (.*)"
)
_QUERY_REFUSED = re.compile(r"info query returned status (\d{1,9}): (.*)")
_SEND_REFUSED = re.compile(r"server returned error (\d{1,9})")
# Without the words before it, it comes of a frame that was sent once before the connection dropped
# (whatsmeow `request.go`, `retryFrame`).
_DOWN = re.compile(r"failed to .{1,300}: websocket not connected")
_NOT_PREPARED = re.compile(
    r"failed to get (?:device list|user info for \S{1,80} to fill LID cache): (.{1,300})"
)
_NO_MEMBERS = re.compile(r"failed to get group members: (.{1,300})")
_NOT_IN_GROUP = ("that group does not exist", "you're not participating in that group")
_NOT_ON_WHATSAPP = re.compile(r"no LID found for [\w.:-]{1,60}@[\w.]{1,20}(?: from server)?$")
TIME_LOCK = "xwa2_notify_account_reachout_timelock"
"""What a DEBUG record holds that tells of a time lock."""
# whatsmeow `client.go` logs each node that it gets, attributes sorted and nothing escaped: all of
# the node has to match, up to JSON that can be read, for names of strangers stand in others.
_MEX = re.compile(
    r'<notification from="s\.whatsapp\.net"(?: [a-z_]+="[^"<>]*")* type="mex">'
    r'<update(?: [a-z_]+="[^"<>]*")*>(\{.*\})</update></notification>'
)
_LAST_MOMENT_S = 4_102_444_800.0
RECEIPT = '<receipt from="'
"""How a DEBUG record begins that is a receipt."""
# As above: `from` is what WhatsApp says of whose it is, and comes first of what is of use; nothing
# that a stranger can put into an attribute, a text or a name makes another one of it.
_RECEIPT = re.compile(
    r'<receipt from="(?P<chat>[\w.:-]{3,60}@(?:s\.whatsapp\.net|lid|g\.us))"'
    r' id="(?P<id>[0-9A-F]{8,40})"(?: offline="\d{0,6}")?'
    r'(?P<member> participant="[\w.:@-]{3,80}")?(?: sts="\d{1,20}")?'
    r'(?: t="(?P<at>\d{1,12})")?(?: type="(?P<type>[a-z_-]{1,20})")?'
    r'(?:/>|><list>(?P<more>(?:<item id="[0-9A-F]{8,40}"/>){1,500})</list></receipt>)'
)
_ITEM = re.compile(r'"([0-9A-F]+)"')
_RECEIPT_KINDS = {
    None: ReceiptKind.DELIVERED,
    "read": ReceiptKind.READ,
    "played": ReceiptKind.READ,
}
_BUSY = re.compile(
    r"Node handling is taking long for (?:<([\w:-]{1,30})\b)?.*"
    r" \(started (?:(\d{1,4})m)?(\d{1,2}(?:\.\d+)?)s ago\)",
    re.DOTALL,
)
_DONE = re.compile(r"Node handling took .*", re.DOTALL)
_EVENT_LOST = re.compile(r"Event handler panicked while handling a \*?([\w.]{1,60}): .*", re.DOTALL)
# whatsmeow `message.go`, libsignal `SessionCipher.go`; `types.MessageSource.SourceString` names the
# sender, and then the chat where that is another one. An id is a stranger's text.
_IGNORED = re.compile(
    r"Ignoring message (.{1,200}) from (?:\S{1,200} in )?(\S{1,200}): failed to decrypt .{1,200}"
    r"received message with old counter.{0,80}",
    re.DOTALL,
)
# An end of file is how a server closes; so is a close frame.
_DIED = re.compile(
    r"(connection reset by peer|broken pipe|connection timed out|i/o timeout|no route to host"
    r"|network is (?:unreachable|down)|connection aborted|host is down)$"
)
_STORE_ALARMS = (
    (StoreFault.READ_ONLY, r"attempt to write a readonly database"),
    (StoreFault.IO, r"disk I/O error|unable to open database file"),
    (StoreFault.FULL, r"database or disk is full"),
    (StoreFault.LOCKED, r"database (?:table )?is locked"),
    (
        StoreFault.DAMAGED,
        r"database disk image is malformed|file is not a database|no such (?:table|column): \w+",
    ),
)
_ALARMS = tuple(
    (fault, re.compile(rf"(?:^|: )((?:{texts})(?: \(\d+\))?)$")) for fault, texts in _STORE_ALARMS
)
_CHAT = re.compile(r"([\w.-]{1,80})(?::\d{1,5})?@([\w.]{1,20})")
_TROUBLES = ("WARN", "ERROR")


def sign_of(level: str, text: str) -> Sign | None:
    """What a record of the library means, None when it means nothing to us.

    level: `DEBUG`, `INFO`, `WARN` or `ERROR`.
    """
    if level == "DEBUG":
        return _receipt(text) if text.startswith(RECEIPT) else _time_lock(text)
    if _ACCEPTED.fullmatch(text):
        return LoginAccepted()
    if match := _REFUSED.fullmatch(text):
        return LoginRefused(int(match[1]), is_fatal=match[2] == "refreshing")
    if level not in _TROUBLES:
        return None
    if match := _STREAM_ENDS.fullmatch(text):
        return StreamEnds(int(match[1]))
    if match := _SOCKET_ENDED.fullmatch(text):
        died = _DIED.search(match[1])
        return SocketEnded(DropKind.DIED, died[1]) if died else SocketEnded(DropKind.CLOSED)
    if match := _REDIAL_FAILED.fullmatch(text):
        return RedialFailed(match[1])
    if match := _CODE_REFUSED.fullmatch(text):
        return CodeRefused(int(match[1]), match[2])
    if match := _BUSY.fullmatch(text):
        return HandlerBusy(match[1] or "", 60.0 * int(match[2] or 0) + float(match[3]))
    if _DONE.fullmatch(text):
        return HandlerDone()
    if match := _EVENT_LOST.fullmatch(text):
        return EventLost(match[1])
    if match := _IGNORED.fullmatch(text):
        chat = _CHAT.fullmatch(match[2])
        return MessageIgnored(match[1], f"{chat[1]}@{chat[2]}" if chat else "")
    return store_alarm(text)


def store_alarm(text: str) -> StoreAlarm | None:
    """What an error text says of the session file, None when it says nothing."""
    for fault, pattern in _ALARMS:
        if match := pattern.search(text):
            return StoreAlarm(fault, match[1])
    return None


def code_refusal(error: str) -> CodeRefused | None:
    """Why WhatsApp makes no pairing code, None when the error is another one."""
    match = _QUERY_REFUSED.fullmatch(error)
    return CodeRefused(int(match[1]), match[2]) if match else None


def send_refused(error: str) -> int:
    """The code with which WhatsApp refused a message, 0 when the error is another one (whatsmeow
    `ErrServerReturnedError`)."""
    match = _SEND_REFUSED.fullmatch(error)
    return int(match[1]) if match else 0


def not_sent(error: str) -> NotSent | None:
    """Why a message certainly did not reach WhatsApp, None when that is not known (whatsmeow
    `send.go`, `user.go`, `group.go`)."""
    if _NOT_ON_WHATSAPP.search(error):
        return NotSent("the number is not on WhatsApp", "not_on_whatsapp", is_final=True)
    if _DOWN.fullmatch(error):
        return NotSent("the connection was down")
    if match := _NOT_PREPARED.fullmatch(error):
        return NotSent(f"the recipient's devices are not known: {safe_line(match[1])}")
    if match := _NO_MEMBERS.fullmatch(error):
        if match[1] in _NOT_IN_GROUP:
            return NotSent(match[1], "not_in_group", is_final=True)
        return NotSent(f"the group's members are not known: {safe_line(match[1])}")
    return None


def _receipt(text: str) -> ReceiptSeen | None:
    """From `<receipt …>` (whatsmeow `receipt.go`); the types that are left out are of other
    matters, or of what the account itself has read."""
    match = _RECEIPT.fullmatch(text)
    kind = _RECEIPT_KINDS.get(match["type"]) if match is not None else None
    if match is None or kind is None:
        return None
    ids = (match["id"], *_ITEM.findall(match["more"] or ""))
    known = kind if not match["member"] else ReceiptKind.DELIVERED
    return ReceiptSeen(tuple(dict.fromkeys(ids)), match["chat"], known, float(match["at"] or 0))


def _time_lock(text: str) -> TimeLock | None:
    """From `<notification type="mex">` (whatsmeow `notification.go`, `types/events`)."""
    match = _MEX.fullmatch(text)
    if match is None:
        return None
    try:
        told = json.loads(match[1])["data"][TIME_LOCK]
        is_active = told.get("is_active", False) is True
        ends = float(told.get("time_enforcement_ends") or 0)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    known = is_active and 0.0 < ends <= _LAST_MOMENT_S
    return TimeLock(is_active, ends if known else None)


def is_broken_store(text: str) -> bool:
    """Whether a connect failed because its session file is no whatsmeow store."""
    return _BROKEN_STORE.search(text) is not None


def undelivered(text: str) -> str:
    """The name of the event that ended the library's event loop, or "" for any other end.

    neonize cannot encode an event with an enum value that its own enums do not name (for example
    a ban with code 105, or a failure 418); `connect` then ends with a protobuf error, and
    nothing is delivered any more.
    """
    match = _UNSENDABLE.search(text)
    return match["event"] if match else ""
