"""The `Fleet` protocol, and what it shows: instances, log lines, changes, results."""

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from waziterm.domain.alerts.told import SinkCounts
from waziterm.domain.codec import document_of
from waziterm.domain.errors import FleetError, InstanceNotFoundError
from waziterm.domain.fleet.counts import Counts, WebhookCounts, WorkerUse
from waziterm.domain.fleet.protocol import Fleet, Shown, Subscription
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.details import as_phrase
from waziterm.domain.lifecycle.instance import PHONE_DAYS, PairingCode, QrCode
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.messages.queue_counts import QueueCounts
from waziterm.domain.phrase import Phrase
from waziterm.domain.text import mask_proxy
from waziterm.domain.units import Moment, Seconds, Sentence, Told
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
    "OwnNumber",
    "SendResult",
    "Shown",
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
    at: Moment
    source: Source
    text: str


@document_of(
    *("name", "state", "reason", "code=reason.code", "sentence=reason.sentence", "detail"),
    *("next_step", "wanted", "paired", "jid", "since", "next_attempt"),
    *("connected_since=connected_at", "uptime_s", "attempt", "attempts", "attempts_ok"),
    *("probe_s", "probed_at", "sent", "proxy=bare_proxy", "pid", "phone", "version", "qr=qr.place"),
    *("no_new_chats_until=new_chats_barred", "other_number", "silenced_until=silenced"),
    *("phone_seen_at", "note", "tags", "device_name", "isolated", "receipts", "messages"),
)
@dataclass(frozen=True, slots=True)
class InstanceView:
    """One instance as it is shown.

    name: the operator's word for it. state: what it does now. reason: why, one word of a closed
    list. reason.code: the number that operators know for the reason, as 440, or "".
    reason.sentence: the reason as a sentence. detail: evidence for the reason, or "". next_step:
    what comes next, for a person; a letter in brackets is the key for it on the screen. wanted:
    what the operator last asked for. paired: whether a phone has linked it. jid: the WhatsApp
    address that it is linked as, masked; None when it is not. since: when the state began.
    next_attempt: moment of the next connect by the program itself, or None. connected_at: start of
    the connection that is open now, or None. uptime_s: how long it is open, or None. attempt:
    connects in a row that did not last. attempts: connect attempts since the program's start that
    have ended. attempts_ok: how many of them ended well. probe_s: the last probe's round trip, or
    None. probed_at: when it was made. sent: send-tests that WhatsApp accepted since the program's
    start. lost: events that the library told and that could not be taken in, since the program's
    start. proxy: that it connects through, without a login, or None. pid: the worker process that
    holds it, or None. phone: the number that it was added for, masked, or None. other_number: the
    number that has linked it although it was added for `phone`, masked, else "". version: that
    which its worker tells WhatsApp, or would; None while it is not known. qr.place: which QR code
    waits for a scan, without the code itself; None when none does. qr and code: secrets, shown on a
    screen alone. no_new_chats_until: the account may start no new chats before, by WhatsApp's word,
    or None. silenced_until: no sink of the alerts is told of it before, or None. phone_seen_at:
    when its phone itself last sent something or linked it, or None where that is not known. note:
    what a person has to say of it, one line, or "". tags: by which a person groups it. device_name:
    what the phone shows in its list of linked devices. isolated: whether its worker process is its
    own. receipts: whether it hears what phones say of its messages. messages: how many of its
    messages out wait and were sent, or None where it never had any, and while no manager runs. id:
    see `Instance`; "" where whoever told of it knows instances by their names alone.
    """

    name: str
    state: State
    reason: Reason
    detail: str
    next_step: str
    wanted: Wanted
    paired: bool
    jid: str | None
    since: Moment
    next_attempt: Moment | None = None
    connected_at: Moment | None = None
    probe_s: Seconds | None = None
    probed_at: Moment | None = None
    sent: int = 0
    lost: int = 0
    attempt: int = 0
    attempts: int = 0
    attempts_ok: int = 0
    proxy: str | None = None
    pid: int | None = None
    phone: str | None = None
    other_number: str = ""
    version: UsedVersion | None = None
    no_new_chats_until: Moment | None = None
    silenced_until: Moment | None = None
    phone_seen_at: Moment | None = None
    note: str = ""
    tags: tuple[str, ...] = ()
    device_name: str = ""
    isolated: bool = False
    receipts: bool = False
    messages: QueueCounts | None = None
    qr: QrCode | None = field(default=None, repr=False)
    code: PairingCode | None = field(default=None, repr=False)
    id: str = ""

    def uptime_s(self, at: float) -> Seconds | None:
        """How long the connection that is open has been so at a moment, or None."""
        return None if self.connected_at is None else max(0.0, at - self.connected_at)

    def new_chats_barred(self, at: float) -> Moment | None:
        """Until when the account may start no new chats, as seen at a moment; None when it may."""
        until = self.no_new_chats_until
        return until if until is not None and until > at else None

    def phone_silent_s(self, at: float) -> float | None:
        """For how many seconds nothing has come from its phone, as seen at a moment; None when it
        is not connected, and when that is shorter than `PHONE_DAYS`."""
        if self.phone_seen_at is None or self.state is not State.CONNECTED:
            return None
        silent_s = at - self.phone_seen_at
        return silent_s if silent_s >= PHONE_DAYS * 86_400.0 else None

    def silenced(self, at: float) -> Moment | None:
        """Until when no sink is told of it, as seen at a moment; None when they are."""
        until = self.silenced_until
        return until if until is not None and until > at else None

    @property
    def bare_proxy(self) -> str | None:
        """The proxy's URL without credentials."""
        return None if self.proxy is None else mask_proxy(self.proxy)


@document_of("at", "lab", "library", "version", "attempts", "attempts_ok", "instances")
@dataclass(frozen=True, slots=True)
class FleetView:
    """The whole fleet at one moment. lab: a local WhatsApp is in use instead of the real one.

    attempts, attempts_ok: the sums over the instances. library: neonize's version. version: that
    which it tells WhatsApp, None while it is not known. sinks: how many alerts each has. webhooks:
    how many events each has. counts: by name, those that were removed since the program's start
    too. workers: at the newest look at them. workers_cpu_s: what all have used since the program's
    start. aliases: by each name that an instance had before, the one that it has.
    """

    at: Moment
    lab: bool
    instances: tuple[InstanceView, ...]
    attempts: int = 0
    attempts_ok: int = 0
    library: str = ""
    version: UsedVersion | None = None
    sinks: tuple[SinkCounts, ...] = ()
    webhooks: tuple[WebhookCounts, ...] = ()
    counts: Mapping[str, Counts] = field(default_factory=dict)
    workers: tuple[WorkerUse, ...] = ()
    workers_cpu_s: Seconds = 0.0
    aliases: Mapping[str, str] = field(default_factory=dict)

    def everyone(self) -> tuple[InstanceView, ...]:
        """See `domain.fleet.protocol.Shown`, for the next two as well."""
        return self.instances

    def instance(self, name: str) -> InstanceView:
        for view in self.instances:
            if view.name == name:
                return view
        raise InstanceNotFoundError(name, self.aliases.get(name))

    def qr(self, name: str) -> QrCode:
        view = self.instance(name)
        if view.qr is None and view.state is State.CONNECTING and not view.paired:
            why = as_phrase(view.detail) if view.detail else Phrase(view.reason.sentence)
            raise FleetError(
                Phrase("{name} shows no QR code yet: {why}", name=view.name, why=why),
                Phrase("ask again soon"),
            )
        if view.qr is None:
            raise FleetError(
                Phrase(
                    "{name} shows no QR code: {state}, {why}",
                    name=view.name,
                    state=Phrase(view.state.label),
                    why=Phrase(view.reason.sentence),
                ),
                "" if view.paired else _way_to_code(view),
            )
        return view.qr


def _way_to_code(view: InstanceView) -> Phrase:
    if view.state is State.HELD:
        return Phrase("`waziterm reconnect {name} --takeover`", name=view.name)
    return Phrase("`waziterm start {name}`", name=view.name)


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence for whoever watches: what an action of the program or of a person led to.

    rings: it is a new critical alert, which a screen may ring for.
    """

    at: Moment
    text: Sentence
    instance: str | None = None
    trouble: bool = False
    rings: bool = False


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

    error: "" when ok, else one line for the operator. code: with which WhatsApp refused it, "" when
    it did not. next_step: what the operator can do about a refusal, or "".
    """

    ok: bool
    took_s: Seconds
    message_id: str = ""
    error: Told = ""
    code: str = ""
    next_step: Told = ""


@dataclass(frozen=True, slots=True)
class OwnNumber:
    """The whole number that an instance is linked as, for the screen of whoever asks. number: with
    its country code, E.164."""

    instance: str
    number: str = field(repr=False)
