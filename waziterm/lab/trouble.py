"""Every kind of trouble that the lab makes, and the list of what is in force.

Some kinds happen at once to the connections that are open (`ACTS`); the others stay in force
until they are cleared or used up.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from waziterm.domain.jid import Jid


class TroubleKind(StrEnum):
    """The closed set of troubles.

    CONFLICT sends `conflict replaced` and closes 0.3 s later; CONFLICT_ABRUPT closes at once, so
    that a client may lose the node. RIVAL sends CONFLICT after each login, `delay_s` later.
    DEVICE_REMOVED unlinks the device (401). STREAM_ERROR sends `code`. LOGIN_FAILURE answers
    logins with `<failure reason=code>` (code 0: with no reason at all), `ban_code` and `expire_s`
    belong to 402; one for everyone meets pairings too. NO_PONG leaves pings unanswered, MUTE the
    queries that `query` names, SILENT everything. QUERY_ERROR answers queries with an error `code`,
    all of them or those that `query` names. SLOW holds every answer back for `delay_s`.
    DROP_ACKS takes messages and acknowledges none, DROP_RECEIPTS loses what a device says of those
    that it has taken, so that they are brought again at its next login. SEND_REFUSED refuses those
    that it sends with `code`. TIME_LOCK tells that the account may start no new chats for
    `expire_s` (0: that it may again), and refuses nothing by itself. CODE_REFUSED answers the
    messages of a pairing by code with the error `code`; its target is the number that the code is
    for. TCP_RESET and WS_CLOSE end the connection, REFUSE_CONNECT answers CONNECT with 502, OUTAGE
    drops everything and refuses the port.
    OLD_VERSION refuses logins and pairings of clients whose version is below 2.3000.`code` (405).

    Storms: EARLY_ERROR and EARLY_CLOSE end each stream `delay_s` after its login, with
    `stream:error code` or with a plain close. RESETS resets the connections every `delay_s`.
    FLAPPING is an outage for `delay_s`, then none for as long, and so on.
    """

    CONFLICT = "conflict"
    CONFLICT_ABRUPT = "conflict-abrupt"
    RIVAL = "rival"
    DEVICE_REMOVED = "device-removed"
    STREAM_ERROR = "stream-error"
    LOGIN_FAILURE = "login-failure"
    NO_PONG = "no-pong"
    SILENT = "silent"
    SLOW = "slow"
    DROP_ACKS = "drop-acks"
    DROP_RECEIPTS = "drop-receipts"
    SEND_REFUSED = "send-refused"
    TIME_LOCK = "time-lock"
    CODE_REFUSED = "code-refused"
    TCP_RESET = "tcp-reset"
    WS_CLOSE = "ws-close"
    REFUSE_CONNECT = "refuse-connect"
    OUTAGE = "outage"
    MUTE = "mute"
    QUERY_ERROR = "query-error"
    EARLY_ERROR = "early-error"
    EARLY_CLOSE = "early-close"
    RESETS = "resets"
    FLAPPING = "flapping"
    OLD_VERSION = "old-version"


ACTS = frozenset(
    {
        TroubleKind.CONFLICT,
        TroubleKind.CONFLICT_ABRUPT,
        TroubleKind.DEVICE_REMOVED,
        TroubleKind.STREAM_ERROR,
        TroubleKind.TIME_LOCK,
        TroubleKind.TCP_RESET,
        TroubleKind.WS_CLOSE,
    }
)
FOR_ALL_ONLY = frozenset({TroubleKind.REFUSE_CONNECT, TroubleKind.OUTAGE, TroubleKind.FLAPPING})
_NEED_CODE = frozenset(
    {
        TroubleKind.STREAM_ERROR,
        TroubleKind.LOGIN_FAILURE,
        TroubleKind.EARLY_ERROR,
        TroubleKind.OLD_VERSION,
        TroubleKind.SEND_REFUSED,
        TroubleKind.CODE_REFUSED,
        TroubleKind.QUERY_ERROR,
    }
)
_TAKE_QUERY = frozenset({TroubleKind.MUTE, TroubleKind.QUERY_ERROR})
_NEED_DELAY = frozenset({TroubleKind.SLOW, TroubleKind.RESETS, TroubleKind.FLAPPING})
_COUNTED = frozenset(
    {
        TroubleKind.LOGIN_FAILURE,
        TroubleKind.RIVAL,
        TroubleKind.DROP_ACKS,
        TroubleKind.DROP_RECEIPTS,
        TroubleKind.SEND_REFUSED,
        TroubleKind.CODE_REFUSED,
        TroubleKind.EARLY_ERROR,
        TroubleKind.EARLY_CLOSE,
    }
)


class TroubleError(ValueError):
    """A trouble that makes no sense as it was asked for."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One trouble as it is asked for.

    target: an account's JID or LID (all its devices), a device's JID, or None for everyone.
    code: of a stream or query error, of a refusal, the reason of a login failure, or N of the
    oldest version. ban_code: 402 only. expire_s: of 402, and of a time lock.
    times: how often it happens to each device, None until cleared. delay_s: seconds.
    query: the namespace of the queries that are met, or `NAMESPACE/TAG`, several with commas:
    `encrypt/count,passive`.
    """

    kind: TroubleKind
    target: Jid | None = None
    code: int | None = None
    ban_code: int | None = None
    expire_s: int | None = None
    times: int | None = None
    delay_s: float = 0.0
    query: str | None = None

    def __post_init__(self) -> None:
        """Refuse what makes no sense. Raises TroubleError."""
        if self.kind in FOR_ALL_ONLY and self.target is not None:
            raise TroubleError(f"{self.kind} is for all, not for one session")
        if self.kind in _NEED_CODE and self.code is None:
            raise TroubleError(f"{self.kind} needs a code")
        if self.query is None and self.kind is TroubleKind.MUTE:
            raise TroubleError("mute needs a query")
        if self.query is not None and self.kind not in _TAKE_QUERY:
            raise TroubleError(f"{self.kind} takes no query")
        if self.kind is TroubleKind.TIME_LOCK and self.expire_s is None:
            raise TroubleError("time-lock needs its seconds")
        if self.delay_s < 0 or (self.kind in _NEED_DELAY and self.delay_s == 0):
            raise TroubleError(f"{self.kind} needs a delay in seconds")
        if self.times is not None and (self.kind not in _COUNTED or self.times < 1):
            raise TroubleError(f"{self.kind} cannot happen {self.times} times")

    def hits(self, jid: Jid | None) -> bool:
        """Whether it is meant for that device; a device without a JID is hit by `all` only."""
        if self.target is None:
            return True
        if jid is None or jid.user != self.target.user:
            return False
        return self.target.device in (0, jid.device)


@dataclass(slots=True)
class TroubleBook:
    """The troubles in force."""

    _standing: list[Trouble] = field(default_factory=list)
    _used: Counter[tuple[Trouble, Jid | None]] = field(default_factory=Counter)

    def add(self, trouble: Trouble) -> None:
        """Put a trouble in force; it replaces the same kind for the same target."""
        self._drop(lambda old: (old.kind, old.target) == (trouble.kind, trouble.target))
        self._standing.append(trouble)

    def holds(self, trouble: Trouble) -> bool:
        """Whether this very trouble is still in force."""
        return any(each is trouble for each in self._standing)

    def clear(self, kind: TroubleKind | None, target: Jid | None) -> None:
        """End troubles: of one kind or all, for one target or everyone's."""
        self._drop(
            lambda old: kind in (None, old.kind) and (target is None or target == old.target)
        )

    def active(self, kind: TroubleKind, jid: Jid | None) -> Trouble | None:
        """The trouble of that kind that is in force for a device, the latest one first."""
        for trouble in reversed(self._standing):
            left = trouble.times is None or self._used[trouble, jid] < trouble.times
            if trouble.kind is kind and trouble.hits(jid) and left:
                return trouble
        return None

    def use(self, kind: TroubleKind, jid: Jid | None) -> Trouble | None:
        """Like `active`, and counts it as having happened once."""
        trouble = self.active(kind, jid)
        if trouble is not None and trouble.times is not None:
            self._used[trouble, jid] += 1
        return trouble

    def _drop(self, unwanted: Callable[[Trouble], bool]) -> None:
        for trouble in [old for old in self._standing if unwanted(old)]:
            self._standing.remove(trouble)
            for key in [key for key in self._used if key[0] == trouble]:
                del self._used[key]
