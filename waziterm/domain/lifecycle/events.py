"""Everything that can happen to an instance, from the library, its worker, the clock or a person.

The library's events are named after whatsmeow's (`types/events`), where they are described.
Texts in events come from the network: they are shown only after `domain.text.plain`.
"""

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from waziterm.domain.fieldless import Fieldless
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.instance import Instance, OwnKey, OwnValue


class PairingEnd(StrEnum):
    """How a pairing ended without a linked device (whatsmeow `qrchan.go`, `pair*.go`).

    PASSKEY: WhatsApp wants one, which neonize cannot show. REFUSED: with a code at the login.
    DEVICES_FULL, CODE_REFUSED: what WhatsApp answered in a pairing by code.
    """

    TIMEOUT = "timeout"
    ERROR = "error"
    NO_MULTIDEVICE = "err-scanned-without-multidevice"
    CLIENT_OUTDATED = "err-client-outdated"
    PASSKEY = "passkey-request"
    REFUSED = "refused"
    DEVICES_FULL = "devices-full"
    CODE_REFUSED = "code-refused"


class DropKind(StrEnum):
    """How an open connection ended, as far as the library said. CLOSED: in good order, or nobody
    said why. ERROR: WhatsApp named an error first. DIED: the socket died: a reset, a time-out, no
    route."""

    CLOSED = "closed"
    ERROR = "error"
    DIED = "died"


class StoreFault(StrEnum):
    """What keeps the library from writing its session file. MOVED: the file is not the one at its
    path any more. FULL and LOCKED pass by themselves; nothing else does."""

    READ_ONLY = "read_only"
    MOVED = "moved"
    IO = "io"
    DAMAGED = "damaged"
    FULL = "full"
    LOCKED = "locked"

    @property
    def passes(self) -> bool:
        return self in (StoreFault.FULL, StoreFault.LOCKED)


# -- from the library, through the worker ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class QrShown:
    """A new QR code is valid now. payload: its text, a secret. valid_s: seconds it stays valid."""

    payload: str = field(repr=False)
    index: int
    count: int
    valid_s: float


@dataclass(frozen=True, slots=True)
class CodeShown:
    """A pairing code was made; it replaces an earlier one. code: as it is typed on the phone, a
    secret. valid_s: seconds until the QR codes run out, with which it ends (whatsmeow
    `pair-code.go`)."""

    code: str = field(repr=False)
    valid_s: float


@dataclass(frozen=True, slots=True)
class PairSucceeded:
    """The phone linked this device. jid: the device's JID; lid: its LID or ""."""

    jid: str
    lid: str
    platform: str
    business_name: str = ""


@dataclass(frozen=True, slots=True)
class PairFailed:
    """No phone linked this device. code: WhatsApp's, 0 when it told none."""

    end: PairingEnd
    detail: str = ""
    code: int = 0


@dataclass(frozen=True, slots=True)
class Connected:
    """Logged in; the stream is open. jid: the device's own JID, or "" when unknown."""

    jid: str = ""
    lid: str = ""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The socket went away; whatsmeow dials again by itself (0, 2, 4 … s).

    detail: what it said of the end. shared: others of the fleet were dropped in the same seconds;
    the manager sets it.
    """

    how: DropKind = DropKind.CLOSED
    detail: str = ""
    shared: bool = False


@dataclass(frozen=True, slots=True)
class KeepAliveTimeout:
    """whatsmeow's own ping had no answer. misses: in a row."""

    misses: int


class KeepAliveRestored(Fieldless):
    """whatsmeow's own ping is answered again."""

    __slots__ = ()


class StreamReplaced(Fieldless):
    """stream:error with a conflict of type replaced (440): another client uses the same keys."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """The device was removed; its rows are already gone from the session file.

    on_connect: told as a connect failure. code: 401 unlinked, 403 locked, 406 banned.
    """

    on_connect: bool
    code: int


@dataclass(frozen=True, slots=True)
class TemporaryBan:
    """402. code: 101 to 106. expire_s: seconds until it ends, 0 when WhatsApp did not say."""

    code: int
    expire_s: float


@dataclass(frozen=True, slots=True)
class ConnectFailure:
    """WhatsApp refused the login for a reason that has no event of its own.

    code: 0 when it told none. shared: others of the fleet are refused too; the manager sets it.
    """

    code: int
    detail: str = ""
    shared: bool = False


class ClientOutdated(Fieldless):
    """405: this version of the library is no longer accepted."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class StreamError:
    """A stream error that whatsmeow does not know. code: as sent, for example 516."""

    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class NewChatsBarred:
    """WhatsApp lets the account start no new chats (whatsmeow `NotifyAccountReachoutTimelock`);
    those that exist go on. until: UTC seconds, as WhatsApp told it; None: it may again."""

    until: float | None


@dataclass(frozen=True, slots=True)
class HistoryCame:
    """The phone has sent a part of its history. percent: of all that it sends of this kind.
    is_last: nothing more of any size follows."""

    percent: int
    is_last: bool


@dataclass(frozen=True, slots=True)
class PhoneSeen:
    """The phone itself has sent something: a text of its own, a part of its history. At most one
    for each hour is told. ago_s: so many seconds ago, which are many for what has waited at
    WhatsApp while the instance was offline."""

    ago_s: float


# -- from the worker itself -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DialFailed:
    """The first dial failed, or the library's own redials do: no network, DNS, TLS or proxy. After
    a failed first dial the library does not try again."""

    detail: str


class Authenticated(Fieldless):
    """WhatsApp has accepted the login, but leaves the library's own first queries unanswered."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class StoreFailing:
    """The session file cannot be written. detail: what the library or our own look said."""

    fault: StoreFault
    detail: str


@dataclass(frozen=True, slots=True)
class SessionBroken:
    """The session file could not be opened as a whatsmeow store."""

    detail: str


# -- from the supervisor and the manager ----------------------------------------------------


@dataclass(frozen=True, slots=True)
class PairingsAhead:
    """Its turn to connect has to wait for the end of another pairing. count: how many are under
    way."""

    count: int


class Dialling(Fieldless):
    """The connect that was waiting for its turn starts now."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class NotStarted:
    """Its worker starts nothing any more: nothing was tried."""

    detail: str


@dataclass(frozen=True, slots=True)
class LibraryDeaf:
    """The library tells nothing more of this instance, whose connection may still stand.

    shared: others of the fleet are met too; the manager sets it.
    """

    detail: str
    shared: bool = False


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """The worker that it shared ended, and another instance is suspected. cause: as in
    `WorkerDied`."""

    cause: str


class RegroupAsked(Fieldless):
    """The manager wants it in another worker, in a quiet moment."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class WorkerDied:
    """The worker ended without being asked. cause: "signal 9", "exit 2", "heartbeat stopped", and
    what the library said last, "signal 6 (SIGABRT): panic: …"."""

    cause: str


@dataclass(frozen=True, slots=True)
class ProbeAnswered:
    """Our own probe made a round trip. took_s: seconds."""

    took_s: float


class ProbeMissed(Fieldless):
    """Our own probe had no answer before its deadline."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ProbeRefused:
    """Our own probe was answered with an error. detail: which."""

    detail: str


@dataclass(frozen=True, slots=True)
class SendUnanswered:
    """WhatsApp has not acknowledged a message within our time limit, and whatsmeow sends no other
    one before. after_s: seconds."""

    after_s: float


@dataclass(frozen=True, slots=True)
class HolderFound:
    """Another local process provably holds this session. who: name and pid, for the operator."""

    who: str


@dataclass(frozen=True, slots=True)
class TakenOver:
    """An operator let another instance of this fleet have the device. by: who, in words."""

    by: str


@dataclass(frozen=True, slots=True)
class SuspectsFound:
    """The search for a holder proved nothing. summary: what it found, for the operator."""

    summary: str


class NetworkBack(Fieldless):
    """WhatsApp can be reached again after an outage that met the whole fleet, or a connection has
    lasted again after a storm that met several instances."""

    __slots__ = ()


class DropShared(Fieldless):
    """Others of the fleet were dropped within seconds of this instance's own drop."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class DeviceFound:
    """The session file holds a device that the instance does not know of (a lost pairing)."""

    jid: str
    lid: str = ""


class SessionMissing(Fieldless):
    """A paired instance has no session file to resume from."""

    __slots__ = ()


class FleetOutdated(Fieldless):
    """Another instance of the fleet met `ClientOutdated`."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class VersionAwaited:
    """What the fleet knows of a version that WhatsApp would accept, told to who is outdated.

    detail: the numbers, and how the last look at WhatsApp's page ended. until: when the page is
    read again, UTC seconds, or None. by_itself: whether it is read at all.
    """

    detail: str
    until: float | None
    by_itself: bool


@dataclass(frozen=True, slots=True)
class VersionChanged:
    """The fleet uses another version than the one that WhatsApp has refused.

    scouting: this instance is the first to try it; its answer counts for all.
    """

    scouting: bool


@dataclass(frozen=True, slots=True)
class Booted:
    """The manager has started, or a pause is over.

    library_changed: neonize, or the version that it tells WhatsApp, is another than last time.
    """

    library_changed: bool = False


class ClockSet(Fieldless):
    """The machine's clock was set, or the machine was suspended: what is waited for is as far away
    as before, or nearer."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class NotCarriedOut:
    """An event was not carried out to its end, or nothing would bring the state to its end.

    cause: why, for the operator. is_carried: whether its worker lives, or its turn to connect is
    still waited for; None when that is to be looked at when it is decided.
    """

    cause: str
    is_carried: bool | None


class Due(Fieldless):
    """The moment in `Instance.due` has come."""

    __slots__ = ()


# -- from a person --------------------------------------------------------------------------


class StartAsked(Fieldless):
    """`start`, or the key s on a stopped instance."""

    __slots__ = ()


class StopAsked(Fieldless):
    """`stop`, or the key s on a running instance."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ReconnectAsked:
    """`reconnect`; takeover: the key r or `--takeover`, which may shorten a cool-down."""

    takeover: bool


@dataclass(frozen=True, slots=True)
class CleanAsked:
    """`clean`, `remove`: the session goes to the trash. unlinked: WhatsApp has removed the device
    before, so its keys are of no use any more. removing: the instance goes too. note: what the
    operator must know of it, or "". act_id: see `domain.fleet.protocol.Fleet.clean`.
    """

    unlinked: bool = False
    removing: bool = False
    note: str = ""
    act_id: str = ""


@dataclass(frozen=True, slots=True)
class NotMoved:
    """A session that was to go to the trash, or to come from there, is where it was.

    was: the instance as it was before that.
    """

    was: Instance = field(repr=False)


class PauseAsked(Fieldless):
    """The fleet is restarted, or this session's file repaired: nothing may use it until `Booted`.
    What is wanted, and every wait, stays."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class SessionRestored:
    """The session is to come back from the trash. entry: its id there. was: the instance when it
    went there; its cool-down, hold and ban come back with it."""

    entry: str
    was: Instance = field(repr=False)


@dataclass(frozen=True, slots=True)
class EditAsked:
    """`set`, the key e, or its undo: other values for what a person may set of an instance."""

    values: Mapping[OwnKey, OwnValue] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ExportAsked:
    """`export`: a copy of the session leaves, so that nothing may use it here from now on."""

    to: str
    """Where the copy goes, for the operator."""


LibraryEvent = (
    QrShown
    | CodeShown
    | PairSucceeded
    | PairFailed
    | Connected
    | Disconnected
    | KeepAliveTimeout
    | KeepAliveRestored
    | StreamReplaced
    | LoggedOut
    | TemporaryBan
    | ConnectFailure
    | ClientOutdated
    | StreamError
    | NewChatsBarred
    | HistoryCame
    | PhoneSeen
)
WorkerEvent = (
    LibraryEvent
    | Authenticated
    | DialFailed
    | NotStarted
    | SessionBroken
    | StoreFailing
    | LibraryDeaf
)
Order = (
    StartAsked
    | StopAsked
    | ReconnectAsked
    | CleanAsked
    | PauseAsked
    | SessionRestored
    | NotMoved
    | EditAsked
    | ExportAsked
)
LiveEvent = (
    WorkerEvent
    | PairingsAhead
    | Dialling
    | WorkerDied
    | WorkerLost
    | RegroupAsked
    | ProbeAnswered
    | ProbeMissed
    | ProbeRefused
    | SendUnanswered
    | TakenOver
)
"""What says something only of an instance that has a worker, or waits for its turn."""
Event = (
    Order
    | LiveEvent
    | HolderFound
    | SuspectsFound
    | NetworkBack
    | DropShared
    | DeviceFound
    | SessionMissing
    | FleetOutdated
    | VersionAwaited
    | VersionChanged
    | Booted
    | ClockSet
    | NotCarriedOut
    | Due
)


def is_verdict(event: Event) -> bool:
    """Whether WhatsApp has said something of the device or its account. The next connection may
    never hear of it: after a logout the library deletes the device from the session."""
    return isinstance(event, StreamReplaced | LoggedOut | TemporaryBan)
