"""How a message about an incident reaches a sink: its body, its order, and what follows a try."""

import json
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, assert_never

from waziterm.domain.alerts.alert import Alert, AlertSeverity
from waziterm.domain.alerts.alert_settings import Numbers
from waziterm.domain.alerts.silence import Silence
from waziterm.domain.codec import document_of
from waziterm.domain.frozen import dataclass
from waziterm.domain.jid import mask_number
from waziterm.domain.units import Moment, Seconds, moment_text

Json = dict[str, Any]

FIRST_S = 5.0
LONGEST_S = 3600.0
"""The first wait before another try, and the longest; each is twice the one before."""
JITTER = 0.1
"""The share by which a wait is longer or shorter, so that many do not come together."""
LONGEST_ASKED_S = 86_400.0
"""The longest wait that a receiver may ask for."""
TEST = "test"
"""The word for the rule, and for the incident, of a message that only tries a sink."""
NOTHING = "nothing to do"
"""What a person has to do where that is nothing."""
TRIAL = "A test of waziterm's alerts: they reach you here. There is nothing to do."


class Delivery(StrEnum):
    """How it stands with a message; the value is the word in the database."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"


class SinkKind(StrEnum):
    """By what a sink is told."""

    WEBHOOK = "webhook"
    APPRISE = "apprise"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message in the outbox that has not arrived, without its body.

    number: its place in the outbox. id: `msg_…`, the same for each try. keys: what it is about; of
    two messages to one sink that have a key in common, the later one waits for the earlier.
    due: when the next try is, UTC seconds. wait_s: the length of the wait that ends then. waited_s:
    that of all waits so far. tries: how many there were.
    """

    number: int
    id: str
    keys: frozenset[str]
    due: Moment
    wait_s: float
    waited_s: float
    tries: int


@dataclass(frozen=True, slots=True)
class Letter:
    """A message on its way. at: the moment of this try, UTC seconds."""

    id: str
    at: Moment
    body: Json


@dataclass(frozen=True, slots=True)
class Arrived:
    """The sink has taken it."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """It did not arrive, and may later. why: one line. after_s: the wait that the receiver asks
    for, None when it asks for none."""

    why: str
    after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Never:
    """The receiver does not want it, now or later. why: one line."""

    why: str


Outcome = Arrived | NotYet | Never


@dataclass(frozen=True, slots=True)
class Settled:
    """How it stands with a message after a try. wait_s: until the next one, 0 when there is
    none. waited_s, tries: as of `Waiting`. error: why it did not arrive, or ""."""

    state: Delivery
    wait_s: float
    waited_s: float
    tries: int
    error: str


def settled(message: Waiting, outcome: Outcome, chance: float, give_up_s: float) -> Settled:
    """What follows from a try. chance: from 0 to 1. give_up_s: so long it is tried, in seconds of
    waiting: a machine that was off, or whose clock was set, gives nothing up for that."""
    tries = message.tries + 1
    match outcome:
        case Arrived():
            return Settled(Delivery.SENT, 0.0, message.waited_s, tries, "")
        case Never(why):
            return Settled(Delivery.FAILED, 0.0, message.waited_s, tries, why)
        case NotYet(why, after_s):
            wait_s = delay_s(message.tries, chance) if after_s is None else asked_s(after_s)
            waited_s = message.waited_s + wait_s
            if waited_s > give_up_s:
                return Settled(Delivery.FAILED, 0.0, message.waited_s, tries, why)
            return Settled(Delivery.PENDING, wait_s, waited_s, tries, why)
        case _:
            assert_never(outcome)


def delay_s(tries: int, chance: float) -> float:
    """The wait after a failed try, in seconds. tries: how many there were before it."""
    wait_s = FIRST_S * 2.0 ** min(tries, 32) * (1.0 + JITTER * (2.0 * chance - 1.0))
    return min(wait_s, LONGEST_S)


def asked_s(seconds: float) -> float:
    """A wait that a receiver asks for, within bounds."""
    return min(max(seconds, 1.0), LONGEST_ASKED_S)


def in_turn(messages: Sequence[Waiting]) -> tuple[Waiting, ...]:
    """Those that no earlier one holds back. messages: all of a sink, in order."""
    held: set[str] = set()
    found = []
    for message in messages:
        if held.isdisjoint(message.keys):
            found.append(message)
        held |= message.keys
    return tuple(found)


def keys_of(alert: Alert) -> frozenset[str]:
    """What a message is about: its incident, and each instance that it met."""
    return frozenset((f"incident {alert.id}", *alert.met))


def body_of(alert: Alert) -> Json:
    """The body of a message, with the phone number in full."""
    return {
        "id": alert.id,
        "at": moment_text(alert.at),
        "rule": alert.rule.value,
        "severity": alert.severity.value,
        "state": alert.state.value,
        "instance": alert.instance,
        "instances": list(alert.instances),
        "number": alert.number,
        "reason": alert.reason,
        "code": alert.code,
        "since": moment_text(alert.since),
        "text": alert.text,
        "next": alert.next,
    }


def body_for(body: Json, numbers: Numbers) -> Json:
    """A body as a sink may read it."""
    number = body["number"]
    if number is None or numbers is Numbers.FULL:
        return body
    return body | {"number": mask_number(number)}


def trial_body(at: float, translate: Callable[[str], str] = str) -> Json:
    """The body of a message that only tries a sink: it opens nothing, and is over at once.
    translate: a text in the language of the alerts."""
    return {
        "id": TEST,
        "at": moment_text(at),
        "rule": TEST,
        "severity": AlertSeverity.INFO.value,
        "state": "resolved",
        "instance": None,
        "instances": [],
        "number": None,
        "reason": TEST,
        "code": "",
        "since": moment_text(at),
        "text": translate(TRIAL),
        "next": translate(NOTHING),
    }


def json_of(body: Json) -> bytes:
    """A body as it is sent and signed."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class SinkView:
    """A sink of the settings, and how it stands with its messages. where: of a webhook its host, of
    Apprise the service, of a command the program. rules: those that it gets, all when empty.
    quiet: its quiet hours, or "". last_sent_at: when a message arrived last, UTC seconds, None when
    none is remembered. pending, failed: how many messages wait, and how many were given up.
    last_error: why the last message that did not arrive did not, "" once one has arrived."""

    name: str
    kind: SinkKind
    where: str
    min_severity: AlertSeverity
    rules: tuple[str, ...]
    quiet: str
    numbers: Numbers
    last_sent_at: Moment | None = None
    pending: int = 0
    failed: int = 0
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class AlertsView:
    """Who is told when something happens, and of whom nobody is told: `silences`, the first to end
    first."""

    sinks: tuple[SinkView, ...] = ()
    silences: tuple[Silence, ...] = ()


@dataclass(frozen=True, slots=True)
class SinkTest:
    """Whether a sink has taken a test. error: why not, or ""."""

    sink: str
    ok: bool
    took_s: Seconds
    error: str = ""


@document_of("id", "sink", "incident", "at", "failed_at", "tries", "error", "text")
@dataclass(frozen=True, slots=True)
class FailedAlert:
    """A message that was given up. id: of the message. incident: the id of what it told. at: when
    it was written. failed_at: when it was given up. tries: how many there were. error: why the last
    one failed. text: what it says."""

    id: str
    sink: str
    incident: str
    at: Moment
    failed_at: Moment
    tries: int
    error: str
    text: str
