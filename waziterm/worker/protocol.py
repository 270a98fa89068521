"""Messages between a manager and a worker: newline-delimited JSON on a socketpair.

Each is one flat object with `kind`, the class in snake case; every message that concerns an
instance carries its name, so that one worker may serve several.
"""

import json
from dataclasses import field

from waziterm.domain import codec
from waziterm.domain.codec import CodecError
from waziterm.domain.fieldless import Fieldless
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle import events
from waziterm.domain.lifecycle.instance import DEVICE_NAME
from waziterm.domain.messages.sending import OptOut, Outgoing, Receipt, Sent

MAX_LINE = 65536
PROTOCOL = 6
"""Raised with every change of these messages, or of those between a manager and its zygote."""
ANOTHER = b"zygote"
"""What a manager sends its zygote with one socket, to get another zygote that serves it."""


# -- manager to worker ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Connect:
    """Open the session and connect, once per instance and worker.

    session: path of the whatsmeow store. jid: resume this device, or None to pair a new one.
    proxy: URL or None. noise_root_key: 64 hex digits of a lab, or None for the real WhatsApp.
    alone: no other instance will share the worker. device_name: what the phone shows of a device
    that is new. inbox: path of the journal that messages in are written to, or "" for none.
    receipts: tell what the phones say of messages that were sent; never of a device
    that is paired here. opt_out_words: by which a person asks to be sent no more, as `opt_out_word`
    makes them.
    """

    instance: str
    session: str
    jid: str | None = None
    proxy: str | None = None
    noise_root_key: str | None = None
    alone: bool = True
    device_name: str = DEVICE_NAME
    inbox: str = ""
    receipts: bool = False
    opt_out_words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Send a message. request: answered by `Answered` with the same number, and its `sent`."""

    instance: str
    request: int
    message: Outgoing


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
class RollJournal:
    """Move the journal of messages in aside and begin a new one; see `worker.instance.journal`."""

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


class Heartbeat(Fieldless):
    """The worker's loop is alive; sent every 5 s."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of an instance."""

    instance: str
    event: events.WorkerEvent


@dataclass(frozen=True, slots=True)
class Answered:
    """The end of a request. error: "" when ok, else one redacted line. took_s: seconds. sent: of a
    message, how it went, the error too. is_refused: the error of a probe is WhatsApp's own answer.
    """

    instance: str
    request: int
    took_s: float
    error: str = ""
    sent: Sent | None = None
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class Noted:
    """A line for the instance's log, already without secrets."""

    instance: str
    text: str


@dataclass(frozen=True, slots=True)
class Lost:
    """Something that the library told of an instance was lost. total: so many since its connect."""

    instance: str
    total: int


@dataclass(frozen=True, slots=True)
class HeardReceipt:
    """A phone tells of a message that was sent."""

    instance: str
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class HeardOptOut:
    """Somebody asks to be sent no more."""

    instance: str
    opt_out: OptOut


@dataclass(frozen=True, slots=True)
class JournalGrew:
    """Something was written to the journal of messages in. One stands for all until it is sent."""

    instance: str


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


Command = Connect | SendMessage | Probe | Logout | Leave | PairByCode | RollJournal
Report = (
    Ready
    | Heartbeat
    | Happened
    | Answered
    | Noted
    | Lost
    | HeardReceipt
    | HeardOptOut
    | JournalGrew
)


def encode(message: Command | Report) -> bytes:
    """One line, its newline included."""
    return json.dumps(codec.encode(Command | Report, message)).encode() + b"\n"


def decode_command(line: bytes) -> Command:
    """A command from its line; raises CodecError."""
    command: Command = codec.decode(Command, _json(line))
    return command


def decode_report(line: bytes) -> Report:
    """A report from its line; raises CodecError."""
    report: Report = codec.decode(Report, _json(line))
    return report


def _json(line: bytes) -> object:
    if len(line) > MAX_LINE:
        raise CodecError(f"a line of {len(line)} bytes")
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CodecError("not JSON") from error
