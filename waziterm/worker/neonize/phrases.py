"""The library's own sentences that mean something to us: the one place where they are matched.

Sources: whatsmeow `client.go`, `connectionevents.go`, `socket/framesocket.go`; SQLite's errors.
`tests/worker/test_phrases.py` holds lines that the real library wrote, and has it write some again.
Texts of strangers stand in its lines too (ids, names), so a sentence is matched from its beginning,
and what SQLite says only at the very end of an error, where nobody else's text can be.
"""

import re
from dataclasses import dataclass

from waziterm.domain.lifecycle.events import DropKind, StoreFault

FAILURE_NODE = re.compile(r"(<failure .*?>)")
PAIRING_ERROR = re.compile(r"Failed to pair device: (.*)")
_UNSENDABLE = re.compile(r"required field \w+\.(?P<event>\w+)\.\w+ not set")
_BROKEN_STORE = re.compile(
    r"failed to (?:open|upgrade) database|file is not a database|malformed|no such (?:table|column)"
)


@dataclass(frozen=True, slots=True)
class LoginAccepted:
    """WhatsApp has let the client in; the library's own first queries follow."""


@dataclass(frozen=True, slots=True)
class LoginRefused:
    """WhatsApp refused the login, and the library delivers no event of it. is_fatal: it crashes
    on it, with the whole process (a nil `RefreshCAT`)."""

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


Sign = LoginAccepted | LoginRefused | StreamEnds | SocketEnded | RedialFailed | StoreAlarm

_ACCEPTED = re.compile(r"Successfully authenticated")
_REFUSED = re.compile(r"Got (\d{1,9})/.* connect failure, (assuming|refreshing) .*")
_STREAM_ENDS = re.compile(r"Got (\d{1,9}) stream error, assuming automatic reconnect .*")
_SOCKET_ENDED = re.compile(r"Error reading from websocket: (.*)")
_REDIAL_FAILED = re.compile(r"Error reconnecting after autoreconnect sleep: (.*)")
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
_TROUBLES = ("WARN", "ERROR")


def sign_of(level: str, text: str) -> Sign | None:
    """What a record of the library means, None when it means nothing to us.

    level: `INFO`, `WARN` or `ERROR`.
    """
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
    return store_alarm(text)


def store_alarm(text: str) -> StoreAlarm | None:
    """What an error text says of the session file, None when it says nothing."""
    for fault, pattern in _ALARMS:
        if match := pattern.search(text):
            return StoreAlarm(fault, match[1])
    return None


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
