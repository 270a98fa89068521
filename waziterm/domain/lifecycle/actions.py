"""What a decision asks for. Each action says all that whoever carries it out needs to know."""

from dataclasses import field

from waziterm.domain.care.trash import Why
from waziterm.domain.fieldless import Fieldless
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.limits import Limits
from waziterm.domain.phrase import Phrase


class StopWorker(Fieldless):
    """End the attempt that there is: its wait for a turn, its connection, its worker."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Queue:
    """Wait for a turn to connect; `Dialling` tells that it has come. paced: keep to the fleet's
    rate, and wait for the end of an outage. jid: of the device, None for a pairing."""

    paced: bool
    jid: str | None


@dataclass(frozen=True, slots=True)
class Dial:
    """Connect now. jid: of the linked device, None for a pairing. shared: other instances may be
    in the same worker, unless this one is kept apart. receipts: let it tell what phones say of
    messages that were sent."""

    jid: str | None
    proxy: str | None = field(repr=False)
    device: str
    shared: bool
    receipts: bool = False


class Probe(Fieldless):
    """Do not wait for the next probe's moment."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class FindHolder:
    """Look in the background for whoever took this device over."""

    jid: str


@dataclass(frozen=True, slots=True)
class Trash:
    """Move the session to the trash. restorable: its keys are still of use. was: the instance
    as it was, for whoever restores it. act_id: see `domain.fleet.protocol.Fleet.clean`."""

    why: Why
    restorable: bool
    was: Instance = field(repr=False)
    act_id: str = ""


@dataclass(frozen=True, slots=True)
class Restore:
    """Bring the session back from the trash. entry: its id there."""

    entry: str


class ReportRefusedVersion(Fieldless):
    """Tell the fleet that WhatsApp refused the version of the worker that was stopped last."""

    __slots__ = ()


class ReadVersion(Fieldless):
    """Read WhatsApp's current version, for this instance's sake."""

    __slots__ = ()


class LoggedIn(Fieldless):
    """Tell the fleet that a login has come: refusals before it count no more, and a storm may be
    over."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class KeepApart:
    """From now on share no worker, or do again. apart: it is suspected of a crash."""

    apart: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """This device is live here."""

    jid: str


class Release(Fieldless):
    """No device of this instance is live here."""

    __slots__ = ()


class NetworkFailed(Fieldless):
    """Tell the fleet that WhatsApp could not be reached."""

    __slots__ = ()


class NetworkReached(Fieldless):
    """Tell the fleet that WhatsApp was reached."""

    __slots__ = ()


class FreePlace(Fieldless):
    """Give the turn to connect to the next: this connect has come to its end."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class HoldPairing:
    """Give the turn to pair to the next in so many seconds, if this one has one; 0: at once."""

    for_s: float


class NoteAddresses(Fieldless):
    """Note in the background where the worker's connections lead."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Watch:
    """Probe the connection from now on. limits: how often, and how long an answer may take."""

    limits: Limits


class Unwatch(Fieldless):
    """Probe no more: there is no connection that could answer."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Tell:
    """Say a sentence to whoever watches, and write it into the log. text: masked."""

    text: Phrase


Action = (
    StopWorker
    | Queue
    | Dial
    | Probe
    | FindHolder
    | Trash
    | Restore
    | ReportRefusedVersion
    | ReadVersion
    | LoggedIn
    | KeepApart
    | Claim
    | Release
    | NetworkFailed
    | NetworkReached
    | FreePlace
    | HoldPairing
    | NoteAddresses
    | Watch
    | Unwatch
    | Tell
)
