"""The `Fleet` protocol: all that a screen, an HTTP API or a test may ask of a session manager."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from waziterm.domain.errors import FleetError, InstanceNotFoundError
from waziterm.domain.fleet.history import History
from waziterm.domain.fleet.tools import Tools
from waziterm.domain.lifecycle.instance import PairingCode, QrCode
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.upkeep.janitor import Act
from waziterm.domain.version import UsedVersion

__all__ = [
    "Changes",
    "Fleet",
    "FleetError",
    "FleetView",
    "InstanceNotFoundError",
    "InstanceView",
    "LogLine",
    "Notice",
    "SendResult",
    "Source",
    "Subscription",
]


class Source(StrEnum):
    """Where a log line came from."""

    MANAGER = "manager"
    WORKER = "worker"
    LIBRARY = "library"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of an instance's log. seq: grows by instance. text: inert and redacted."""

    seq: int
    at: float
    source: Source
    text: str


@dataclass(frozen=True, slots=True)
class InstanceView:
    """One instance as it is shown. Nothing in it is a secret but `qr` and `code`.

    detail: evidence for the reason, or "". next_step: what comes next, for the operator.
    jid: masked. phone: masked, as it was added with it. next_attempt: moment of the next connect
    by the program itself, or None.
    connected_at: start of the connection that is open now. probe_s: last round trip in seconds,
    made at probed_at. sent: send-tests that WhatsApp accepted since the program's start.
    attempt: connects in a row that did not last. attempts: connect attempts since the program's
    start that have ended, attempts_ok: how many of them ended well.
    version: that which its worker tells WhatsApp, or would; None while it is not known.
    """

    name: str
    state: State
    reason: Reason
    detail: str
    next_step: str
    wanted: Wanted
    paired: bool
    jid: str | None
    since: float
    next_attempt: float | None = None
    connected_at: float | None = None
    probe_s: float | None = None
    probed_at: float | None = None
    sent: int = 0
    attempt: int = 0
    attempts: int = 0
    attempts_ok: int = 0
    proxy: str | None = None
    pid: int | None = None
    phone: str | None = None
    version: UsedVersion | None = None
    qr: QrCode | None = field(default=None, repr=False)
    code: PairingCode | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class FleetView:
    """The whole fleet at one moment. lab: a local WhatsApp is in use instead of the real one.

    attempts, attempts_ok: the sums over the instances. library: neonize's version. version: that
    which it tells WhatsApp, None while it is not known.
    """

    at: float
    lab: bool
    instances: tuple[InstanceView, ...]
    attempts: int = 0
    attempts_ok: int = 0
    library: str = ""
    version: UsedVersion | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence for whoever watches: what an action of the program or of a person led to."""

    at: float
    text: str
    instance: str | None = None
    trouble: bool = False


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since the subscriber last looked, merged: the newest view of each instance.

    snapshot: set the first time, and after the subscriber fell too far behind.
    """

    snapshot: FleetView | None = None
    changed: tuple[InstanceView, ...] = ()
    removed: tuple[str, ...] = ()
    lines: Mapping[str, tuple[LogLine, ...]] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class SendResult:
    """How a send-test ended. took_s: seconds to the server's acknowledgement.

    error: "" when ok, else one line for the operator.
    """

    ok: bool
    took_s: float
    message_id: str = ""
    error: str = ""


class Subscription(Protocol):
    """A subscriber's view of the fleet; slow readers get merged changes, never a longer queue."""

    async def next(self) -> Changes:
        """Wait until something changed, then return all of it."""
        ...


class Fleet(Tools, History, Protocol):
    """A session manager, in this process or behind a socket.

    Commands return when they were taken and stored, not when WhatsApp has answered, but
    `send_test`, which waits for its result. All raise FleetError.
    """

    def snapshot(self) -> FleetView: ...

    def now(self) -> float:
        """UTC seconds on the clock by which its moments are told."""
        ...

    def tail(self, name: str, limit: int = 200) -> tuple[LogLine, ...]:
        """The newest log lines of an instance, oldest first."""
        ...

    async def lines(
        self, name: str, *, limit: int, since: float = 0.0, after: int = 0
    ) -> tuple[LogLine, ...]:
        """The newest `limit` lines that are stored, oldest first: from `since` (UTC seconds) on,
        and with a number above `after`."""
        ...

    def subscribe(self) -> AbstractAsyncContextManager[Subscription]: ...

    async def add(
        self, name: str, phone: str | None = None, proxy: str | None = None
    ) -> InstanceView: ...

    async def start(self, name: str) -> InstanceView: ...

    async def stop(self, name: str) -> InstanceView: ...

    async def reconnect(self, name: str, *, takeover: bool = False) -> InstanceView: ...

    async def clean(self, name: str, *, logout: bool = False) -> InstanceView:
        """Stop the instance and move its session to the trash; the device stays linked.

        logout: unlink it at WhatsApp first, which cannot be undone. A logout that fails is told
        in the instance's log and does not stop the clean.
        """
        ...

    async def pairing_code(self, name: str, phone: str | None = None) -> InstanceView:
        """Let WhatsApp make a code that links the instance when it is typed on the phone, which
        is shown a notification; the instance, with the code.

        phone: the account's number (E.164), or None for the one that the instance was added with.
        Refused unless the instance waits to be linked. It ends an earlier code.
        """
        ...

    async def tidy_up(self, *, dry_run: bool = False) -> tuple[Act, ...]:
        """Let the janitor go round now; its acts. dry_run: only say what a round would do."""
        ...

    async def send_test(self, name: str, to: str | None = None) -> SendResult:
        """Send a short text to oneself, or to the number `to` (E.164), and wait for the ack."""
        ...
