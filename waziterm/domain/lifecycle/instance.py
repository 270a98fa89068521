"""One instance: its identity, where it stands, and the budgets that the rules keep."""

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from enum import StrEnum
from os import urandom
from typing import Any

from waziterm.domain.codec import document_of
from waziterm.domain.frozen import dataclass
from waziterm.domain.jid import Jid, mask_number, same_number
from waziterm.domain.lifecycle.details import WHEN_ITS_TURN, is_queued
from waziterm.domain.lifecycle.reasons import ONLY_WAITS, Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.units import Moment

_BY_NUMBER = "s.whatsapp.net"
"""The server of a JID that is a phone number; others hide it."""
PHONE_DAYS = 12.0
"""After so many days without a sign from the phone somebody is told: WhatsApp unlinks its devices
after about 14."""
DEVICE_NAME = "waziterm"
"""What the phone shows in its list of linked devices, unless somebody wants another name."""


class OwnKey(StrEnum):
    """What a person may set of one instance while it runs, by its name in `set`."""

    NOTE = "note"
    TAGS = "tags"
    PROXY = "proxy"
    DEVICE_NAME = "device_name"
    ISOLATE = "isolate"
    RECEIPTS = "receipts"


OwnValue = str | tuple[str, ...] | bool | None
"""A value of one of these; None, "" and () where nothing is set."""


@dataclass(frozen=True, slots=True)
class Configured:
    """What the config says of one instance, or of all: it counts where nobody has set another.

    proxy: a URL, or None. fixed: what a variable sets for this instance, which beats whatever a
    person has set.
    """

    proxy: str | None = field(default=None, repr=False)
    device_name: str = DEVICE_NAME
    isolate: bool = False
    receipts: bool = False
    fixed: frozenset[OwnKey] = frozenset()


def new_id() -> str:
    """An id for a new instance: 16 hex digits by chance, which no instance had or will have."""
    return urandom(8).hex()


def first_id(name: str) -> str:
    """The id of whatever was kept by its name alone, by the programs before instances had ids.

    It comes from the name, so that a database that was migrated twice, or a trash entry of those
    days, leads to the same session file and the same history.
    """
    from hashlib import blake2b  # noqa: PLC0415 - each worker would load it

    return blake2b(name.encode(), digest_size=8).hexdigest()


@document_of("index", "count", "seconds_left")
@dataclass(frozen=True, slots=True)
class QrPlace:
    """A QR code without the code: which one it is, and how long it is valid."""

    index: int
    count: int
    expires_at: Moment

    def seconds_left(self, at: float) -> float:
        """Until it ends, to a tenth."""
        return _left(self.expires_at, at)


@document_of("payload", "index", "count", "seconds_left")
@dataclass(frozen=True, slots=True)
class QrCode:
    """The QR code that is valid now. payload: its text, a secret, never stored or logged."""

    payload: str = field(repr=False)
    index: int
    count: int
    expires_at: Moment

    @property
    def place(self) -> QrPlace:
        return QrPlace(self.index, self.count, self.expires_at)

    def seconds_left(self, at: float) -> float:
        """Until it ends, to a tenth."""
        return _left(self.expires_at, at)


@document_of("code=text", "seconds_left")
@dataclass(frozen=True, slots=True)
class PairingCode:
    """The code to type on the phone instead of a scan. text: a secret, never stored or logged."""

    text: str = field(repr=False)
    expires_at: Moment

    def seconds_left(self, at: float) -> float:
        """Until it ends, to a tenth."""
        return _left(self.expires_at, at)


@dataclass(frozen=True, slots=True)
class Instance:
    """All that the rules know of one instance. All but `qr`, `code` and `configured` survives a
    restart.

    id: what its session file, its history and its log are kept by, the same for life and nobody
    else's: who is added anew under a name that was in use is another one. Operators never type it.
    jid, lid: of the linked device; None while the instance is not paired.
    due: when the rules want to be asked again with `Due`; None when only an event can help.
    attempt: connects in a row that did not last; it sets the back-off.
    cooldown_until, banned_until: no attempt before; they outlive a stop.
    hold: the reason for which the program stopped trying, until a person says so.
    guarded_at: when our own guarded attempt started.
    conflicts, crashes, store_faults: moments inside their windows.
    refusals: moments of the logins in a row that WhatsApp refused, this instance's alone.
    short_lived: connections that were closed at once, since the last that was stable.
    no_new_chats_until: the account may start no new chats before, as WhatsApp has told it. It is a
        moment on WhatsApp's clock: ours does not move it, and nothing else waits for it.
    former_jid: of the device that it had last, once it has none: to that one its hold, cool-down
    and guarded attempt belong; None where that is not known.
    phone_seen_at: when its phone itself has last sent something, the pairing included; None when
        that is not known.
    trouble, trouble_detail, trouble_at: what kept it from being connected last, with its evidence
    and its beginning; a barrier has them again when it is met again.
    down_since: since when it is wanted, linked and not connected; a connection that did not last
    ends nothing. It stands until the next that lasted.
    imported_from, imported_at: where its session was brought in from, and when; "" and None for one
    that was linked here. untried: it has not connected with that yet.
    redialling: the library dials by itself after a drop; no attempt of ours is pending.
    note, tags, proxy, device_name, isolate, receipts: as a person has set them for it alone, see
    `OwnKey`; None where nobody has. configured: what the config says of it, which is stored
    nowhere; `way`, `device`, `is_isolated` and `hears_receipts` tell what is gone by.
    """

    name: str
    created_at: float
    phone: str | None = None
    proxy: str | None = field(default=None, repr=False)
    jid: str | None = None
    lid: str | None = None
    wanted: Wanted = Wanted.RUNNING
    state: State = State.STOPPED
    reason: Reason = Reason.NEW
    detail: str = ""
    since: float = 0.0
    due: float | None = None
    connected_at: float | None = None
    attempt: int = 0
    cooldown_until: float | None = None
    banned_until: float | None = None
    hold: Reason | None = None
    guarded_at: float | None = None
    conflicts: tuple[float, ...] = ()
    crashes: tuple[float, ...] = ()
    refusals: tuple[float, ...] = ()
    store_faults: tuple[float, ...] = ()
    short_lived: int = 0
    probe_misses: int = 0
    redialling: bool = False
    no_new_chats_until: float | None = None
    trouble: Reason | None = None
    trouble_detail: str = ""
    trouble_at: float | None = None
    down_since: float | None = None
    phone_seen_at: float | None = None
    former_jid: str | None = None
    imported_from: str = ""
    imported_at: float | None = None
    untried: bool = False
    note: str = ""
    tags: tuple[str, ...] = ()
    device_name: str | None = None
    isolate: bool | None = None
    receipts: bool | None = None
    configured: Configured = Configured()
    qr: QrCode | None = None
    code: PairingCode | None = None
    id: str = field(default_factory=new_id, kw_only=True)

    def with_own(self, values: Mapping[OwnKey, OwnValue]) -> "Instance":
        """The same with other values for what a person may set."""
        named: dict[str, Any] = {key.value: value for key, value in values.items()}
        return replace(self, **named)

    def own(self, keys: Iterable[OwnKey]) -> dict[OwnKey, OwnValue]:
        """What a person has set of these."""
        return {key: getattr(self, key.value) for key in keys}

    @property
    def way(self) -> str | None:
        """The URL of the proxy that it connects through, None for the direct way."""
        is_fixed = OwnKey.PROXY in self.configured.fixed
        return self.configured.proxy if self.proxy is None or is_fixed else self.proxy

    @property
    def device(self) -> str:
        """What the phone shows in its list of linked devices, from its next pairing on."""
        is_fixed = OwnKey.DEVICE_NAME in self.configured.fixed
        if self.device_name is None or is_fixed:
            return self.configured.device_name
        return self.device_name

    @property
    def is_isolated(self) -> bool:
        """Whether its worker process is its own, shared with nobody."""
        is_fixed = OwnKey.ISOLATE in self.configured.fixed
        return self.configured.isolate if self.isolate is None or is_fixed else self.isolate

    @property
    def hears_receipts(self) -> bool:
        """Whether it is told what phones say of messages that were sent, from its next connect
        on."""
        is_fixed = OwnKey.RECEIPTS in self.configured.fixed
        return self.configured.receipts if self.receipts is None or is_fixed else self.receipts

    @property
    def is_held(self) -> bool:
        """Whether its hold stands: it belongs to a device, or to who is held before he has one; 405
        meets everybody. It stays in the row of a cleaned instance, whose session may come back."""
        stands = self.is_paired or self.state is State.HELD
        return self.hold is not None and (stands or self.hold is Reason.OUTDATED_CLIENT)

    def shifted(self, by: float) -> "Instance":
        """The same after the clock was set by so many seconds: each of its moments is as long ago,
        and as far ahead, as before."""
        if not by:
            return self

        def moved(moment: float | None) -> float | None:
            return None if moment is None else moment + by

        return replace(
            self,
            created_at=self.created_at + by,
            since=self.since + by,
            due=moved(self.due),
            connected_at=moved(self.connected_at),
            cooldown_until=moved(self.cooldown_until),
            banned_until=moved(self.banned_until),
            guarded_at=moved(self.guarded_at),
            trouble_at=moved(self.trouble_at),
            down_since=moved(self.down_since),
            phone_seen_at=moved(self.phone_seen_at),
            imported_at=moved(self.imported_at),
            conflicts=tuple(at + by for at in self.conflicts),
            crashes=tuple(at + by for at in self.crashes),
            refusals=tuple(at + by for at in self.refusals),
            store_faults=tuple(at + by for at in self.store_faults),
            qr=self.qr and replace(self.qr, expires_at=self.qr.expires_at + by),
            code=self.code and replace(self.code, expires_at=self.code.expires_at + by),
        )

    def with_barriers_of(self, other: "Instance") -> "Instance":
        """With the later of both cool-downs and bans, a hold of either, and both's conflicts. A
        hold of 405 ends by itself, when the fleet has another version; any other one comes first.
        """
        holds = [each for each in (self.hold, other.hold) if each is not Reason.OUTDATED_CLIENT]
        stands = next((each for each in holds if each is not None), self.hold or other.hold)
        mine = self.hold is not None and self.hold is stands
        theirs = other.trouble is not None and not (mine or self.banned_until)
        remembered = other if theirs else self
        return replace(
            self,
            trouble=remembered.trouble,
            trouble_detail=remembered.trouble_detail,
            trouble_at=remembered.trouble_at,
            hold=stands,
            cooldown_until=_later(self.cooldown_until, other.cooldown_until),
            banned_until=_later(self.banned_until, other.banned_until),
            guarded_at=_later(self.guarded_at, other.guarded_at),
            conflicts=tuple(sorted({*self.conflicts, *other.conflicts})),
        )

    @property
    def other_number(self) -> str:
        """The number that has linked it, masked, when it was added for another one; else ""."""
        if self.phone is None or self.jid is None:
            return ""
        try:
            jid = Jid.parse(self.jid)
        except ValueError:
            return ""
        if jid.server != _BY_NUMBER or same_number(jid.user, self.phone):
            return ""
        return mask_number(jid.user)

    @property
    def is_paired(self) -> bool:
        return self.jid is not None

    @property
    def next_step(self) -> str:
        """What the program does next or what a person has to do. A ban whose end WhatsApp did not
        tell ends by no wait."""
        is_endless = self.state is State.HELD and self.reason is Reason.TEMPORARY_BAN
        step = (Reason.REFUSED if is_endless else self.reason).next_step
        is_waiting = self.state is State.CONNECTING and is_queued(self.detail)
        # What a person has to do stays said, such as to update WhatsApp on the phone.
        return WHEN_ITS_TURN if is_waiting and step in ONLY_WAITS else step

    @property
    def next_attempt(self) -> float | None:
        """When the program tries to connect by itself, if it will; outdated: when it reads
        WhatsApp's current version, which it needs for that."""
        waits = self.state in (State.RETRYING, State.COOLDOWN, State.BANNED, State.OUTDATED)
        return self.due if waits and not self.redialling else None


def _left(expires_at: float, at: float) -> float:
    return round(max(0.0, expires_at - at), 1)


def _later(one: float | None, other: float | None) -> float | None:
    return max(one or 0.0, other or 0.0) or None
