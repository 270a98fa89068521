"""Messages between a manager and a worker: newline-delimited JSON on a socketpair.

Each is one flat object with `kind`, the class in snake case; every message that concerns an
instance carries its name, so that one worker may serve several.
"""

import dataclasses
import functools
import json
import re
import types
import typing
from dataclasses import dataclass, field
from enum import StrEnum

from waziterm.domain.lifecycle import events

MAX_LINE = 65536


class ProtocolError(ValueError):
    """A line is not a message of this protocol."""


# -- manager to worker ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Connect:
    """Open the session and connect, once per instance and worker.

    session: path of the whatsmeow store. jid: resume this device, or None to pair a new one.
    proxy: URL or None. noise_root_key: 64 hex digits of a lab, or None for the real WhatsApp.
    alone: no other instance will share the worker.
    """

    instance: str
    session: str
    jid: str | None = None
    proxy: str | None = None
    noise_root_key: str | None = None
    alone: bool = True


@dataclass(frozen=True, slots=True)
class SendText:
    """Send a text. request: answered by `Answered` with the same number. to: JID or None = self."""

    instance: str
    request: int
    text: str = field(repr=False)
    to: str | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """One light round trip to WhatsApp."""

    instance: str
    request: int


@dataclass(frozen=True, slots=True)
class Logout:
    """Unlink this device at WhatsApp."""

    instance: str
    request: int


@dataclass(frozen=True, slots=True)
class Leave:
    """Close this instance's connection for good; nothing is reported of it any more. The answer
    says that it is closed, and that the library does not dial again."""

    instance: str
    request: int


@dataclass(frozen=True, slots=True)
class PairByCode:
    """Have a pairing code made, while QR codes are shown. phone: the account's number, digits.

    `CodeShown` comes before the answer.
    """

    instance: str
    request: int
    phone: str = field(repr=False)


# -- worker to manager ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker runs. library: neonize's version."""

    pid: int
    library: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The worker's loop is alive; sent every 5 s."""


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of an instance."""

    instance: str
    event: events.WorkerEvent


@dataclass(frozen=True, slots=True)
class Answered:
    """The end of a request. error: "" when ok, else one redacted line. took_s: seconds."""

    instance: str
    request: int
    took_s: float
    error: str = ""
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class Noted:
    """A line for the instance's log, already without secrets."""

    instance: str
    text: str


class LineSplitter:
    """Cuts a byte stream into lines without their newline.

    limit: the longest line in bytes; a longer one is cut to `limit + 1` bytes, by which it is
    recognised, and the rest of it is skipped. Memory stays bounded by the limit.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._line = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that end in `data`."""
        *ends, rest = data.split(b"\n")
        lines = []
        for end in ends:
            self._extend(end)
            lines.append(self.rest())
        self._extend(rest)
        return lines

    def rest(self) -> bytes:
        """What stands after the last newline, for the end of the stream."""
        line = bytes(self._line)
        self._line.clear()
        return line

    def _extend(self, part: bytes) -> None:
        self._line += part[: self._limit + 1 - len(self._line)]


Command = Connect | SendText | Probe | Logout | Leave | PairByCode
Report = Ready | Heartbeat | Happened | Answered | Noted


def _kind(cls: type) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


def _by_kind(union: object) -> dict[str, type]:
    return {_kind(cls): cls for cls in typing.get_args(union)}


_COMMANDS = _by_kind(Command)
_REPORTS = _by_kind(Report)
_EVENTS = _by_kind(events.WorkerEvent)


def encode(message: Command | Report) -> bytes:
    """One line, its newline included."""
    return json.dumps(_to_json(message), ensure_ascii=True).encode() + b"\n"


def decode_command(line: bytes) -> Command:
    """A command from its line; raises ProtocolError."""
    return typing.cast(Command, _from_line(line, _COMMANDS))


def decode_report(line: bytes) -> Report:
    """A report from its line; raises ProtocolError."""
    return typing.cast(Report, _from_line(line, _REPORTS))


def _to_json(message: object) -> dict[str, object]:
    assert dataclasses.is_dataclass(message) and not isinstance(message, type)
    data: dict[str, object] = {"kind": _kind(type(message))}
    for item in dataclasses.fields(message):
        value = getattr(message, item.name)
        data[item.name] = _to_json(value) if dataclasses.is_dataclass(value) else value
    return data


def _from_line(line: bytes, kinds: dict[str, type]) -> object:
    if len(line) > MAX_LINE:
        raise ProtocolError(f"a line of {len(line)} bytes")
    try:
        data = json.loads(line)
    except ValueError as error:
        raise ProtocolError("not JSON") from error
    return _from_json(data, kinds)


def _from_json(data: object, kinds: dict[str, type]) -> object:
    if not isinstance(data, dict):
        raise ProtocolError("not an object")
    cls = kinds.get(str(data.pop("kind", None)))
    if cls is None:
        raise ProtocolError("unknown kind")
    hints = _hints(cls)
    values = {}
    for name, value in data.items():
        if name not in hints:
            raise ProtocolError(f"{_kind(cls)}: unknown field {name!r}")
        values[name] = _checked(value, hints[name], f"{_kind(cls)}.{name}")
    try:
        return cls(**values)
    except TypeError as error:
        raise ProtocolError(f"{_kind(cls)}: {error}") from error


@functools.cache
def _hints(cls: type) -> dict[str, object]:
    return typing.get_type_hints(cls)


def _checked(value: object, hint: object, where: str) -> object:
    if hint == events.WorkerEvent:
        return _from_json(value, _EVENTS)
    allowed = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if float in allowed and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    for kind in allowed:
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            try:
                return kind(str(value))
            except ValueError as error:
                raise ProtocolError(f"{where}: {error}") from error
        if isinstance(kind, type) and type(value) is kind:
            return value
    raise ProtocolError(f"{where}: {type(value).__name__} is not allowed")
