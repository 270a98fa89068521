"""The moves that the rules are made of: an instance and a moment in, a decision out."""

from dataclasses import replace

from waziterm.domain.care.trash import Why
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.actions import (
    Action,
    Dial,
    FindHolder,
    Queue,
    Restore,
    StopWorker,
    Trash,
)
from waziterm.domain.lifecycle.causes import is_of_proxy, plain_cause
from waziterm.domain.lifecycle.details import (
    QUEUED,
    ban_detail,
    code_detail,
    imported_detail,
    proxy_detail,
)
from waziterm.domain.lifecycle.event_names import EventName
from waziterm.domain.lifecycle.events import StoreFault
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.limits import (
    NETWORK_CAP_S,
    TRUSTED_S,
    Limits,
    backoff,
    drawn,
    suspicious_wait,
)
from waziterm.domain.lifecycle.memory import begun, evidence_for, evidence_of_conflict
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.text import proxy_place

_CAPS_S = {
    # That wait comes on top of a whole limit in which nobody answered.
    Reason.CONNECT_TIMEOUT: 30.0,
    Reason.AUTHENTICATED: 30.0,
    Reason.DEAF: NETWORK_CAP_S,
    Reason.DIAL_FAILED: NETWORK_CAP_S,
    Reason.PROXY_FAILED: NETWORK_CAP_S,
    Reason.DROPPED: NETWORK_CAP_S,
    Reason.KEEPALIVE_MISSED: NETWORK_CAP_S,
    Reason.STREAM_ERROR: NETWORK_CAP_S,
}
"""The largest wait for another attempt, where the network may have been the cause."""

_QUIET = (
    Reason.RESUMED,
    Reason.RETRY,
    Reason.MOVED,
    Reason.EDITED,
    Reason.WORKER_LOST,
    Reason.VERSION_CHANGED,
)
"""What an instance connects for that may share its worker."""

REFUSAL_BUDGET = 5
REFUSAL_SPAN_S = 600.0
"""So many refused logins in a row, over so long a time, end in `held`."""
STORE_WINDOW_S = 86_400.0
"""How long a fault of the session file counts: one reconnect a day, then `held`."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What an event leads to.

    instance: the next value of the instance, with its state, reason and due moment.
    actions: what to do now, in order.
    refusal: for a command that was not carried out, one line that says why.
    hint: what to do about the refusal, or "".
    then: what keeps claims, connect limit and probes in step with it, after the actions, in order.
    led_by: the event that led to it, None for a clock that was set: that is told once, not by
        every instance, and only moves what is stored.
    probe_s: seconds of our own probe's round trip, when that is what was told.
    cuts_short: a person ends the attempt that is under way, which is no verdict on it.
    stands_unstored: a person is obeyed even when it cannot be stored.
    stands_while_locked: a person is obeyed while another program keeps the database locked, after
        which it is stored. A takeover has to be written down first.
    is_preliminary: what follows is decided by the boot.
    """

    instance: Instance
    actions: tuple[Action, ...] = ()
    refusal: str = ""
    hint: str = ""
    then: tuple[Action, ...] = ()
    led_by: EventName | None = None
    probe_s: float | None = None
    cuts_short: bool = False
    stands_unstored: bool = False
    stands_while_locked: bool = False
    is_preliminary: bool = False

    @property
    def dials(self) -> bool:
        """Whether an attempt begins with it."""
        return any(isinstance(action, Dial) for action in self.actions)

    @property
    def moves_session(self) -> bool:
        """Whether it moves a session; when that fails, all is as before."""
        return any(isinstance(action, Trash | Restore) for action in self.actions)

    @property
    def removes(self) -> bool:
        """Whether the instance goes with its session."""
        return any(isinstance(each, Trash) and each.why is Why.REMOVED for each in self.actions)


@dataclass(frozen=True, slots=True)
class Moment:
    """When a rule is asked. now: UTC seconds. random: in [0, 1), drawn once per decision."""

    now: float
    random: float
    limits: Limits

    def recent(self, moments: tuple[float, ...], window_s: float) -> tuple[float, ...]:
        """The moments of the last `window_s` seconds, and now."""
        return (*(at for at in moments if self.within(at, window_s)), self.now)

    def within(self, moment: float | None, window_s: float) -> bool:
        """Whether a moment lies in the last `window_s` seconds. One in the future is of a clock
        that was wrong, and says nothing."""
        return moment is not None and 0.0 <= self.now - moment <= window_s


def move(
    instance: Instance,
    state: State,
    reason: Reason,
    at: Moment,
    *,
    detail: str = "",
    due: float | None = None,
) -> Instance:
    """The instance in another state (or in the same one for another reason).

    What belongs to the old state alone ends with it: the QR code, the pairing code, the open
    connection, the library's own redial.
    """
    online = state in (State.CONNECTED, State.DEGRADED)
    return replace(
        instance,
        state=state,
        reason=reason,
        detail=detail,
        since=instance.since if state is instance.state else at.now,
        due=due,
        connected_at=instance.connected_at if online else None,
        qr=instance.qr if state is State.PAIRING else None,
        code=instance.code if state is State.PAIRING else None,
        probe_misses=instance.probe_misses if online else 0,
        redialling=False,
    )


def blocked(instance: Instance, at: Moment) -> Instance | None:
    """The instance behind the barrier that forbids an attempt now; None when nothing does."""
    if instance.hold is not None and instance.is_held:
        if instance.reason is instance.hold or instance.state is State.OUTDATED:
            return instance
        state = State.OUTDATED if instance.hold is Reason.OUTDATED_CLIENT else State.HELD
        return _met_again(instance, state, instance.hold, at)
    if instance.banned_until is not None and at.now < instance.banned_until:
        until = instance.banned_until
        return _met_again(instance, State.BANNED, Reason.TEMPORARY_BAN, at, until)
    if instance.cooldown_until is not None and at.now < instance.cooldown_until:
        if instance.state is State.COOLDOWN:
            return instance
        until = instance.cooldown_until
        return _met_again(instance, State.COOLDOWN, Reason.CONFLICT, at, until)
    return None


def _met_again(
    instance: Instance, state: State, reason: Reason, at: Moment, due: float | None = None
) -> Instance:
    """Behind a barrier again: its evidence and its beginning outlive a pause, a stop, a restart."""
    met = move(instance, state, reason, at, detail=evidence_for(instance, reason), due=due)
    return met if state is instance.state else replace(met, since=begun(instance, reason, at.now))


def not_dialled(instance: Instance, detail: str, at: Moment) -> Decision:
    """WhatsApp could not be reached; where an instance's own proxy is why, that is said and named.

    detail: the library's text.
    """
    place = None if instance.way is None else proxy_place(instance.way)
    if place is None or not is_of_proxy(detail, place):
        return retry(instance, Reason.DIAL_FAILED, at, plain_cause(detail))
    return retry(instance, Reason.PROXY_FAILED, at, proxy_detail(place, plain_cause(detail)))


def connect(
    instance: Instance, reason: Reason, at: Moment, was: Instance | None = None
) -> Decision:
    """Connect now, unless a barrier forbids it. was: the instance as it was before a person's
    order.

    The first attempt after a cool-down is the guarded one, whoever asks for it. The wait for
    the fleet's turn has no limit of its own; the connect time limit starts with `Dialling`.
    """
    barrier = blocked(instance, at)
    if barrier is not None:
        return Decision(barrier, (StopWorker(),))
    cooled = instance.is_paired and instance.cooldown_until is not None
    if cooled and reason is not Reason.TAKEOVER:
        reason = Reason.GUARDED
    queue = Queue(paced=not instance.is_paired or reason is Reason.RETRY, jid=instance.jid)
    queued = move(instance, State.CONNECTING, reason, at, detail=QUEUED)
    if instance.state is State.LOGGED_OUT:
        remains = Trash(Why.LOGGED_OUT, restorable=False, was=was or instance)
        return Decision(queued, (StopWorker(), remains, queue))
    return Decision(queued, (StopWorker(), queue))


def dial(instance: Instance, at: Moment) -> Decision:
    """Its turn to connect has come. The guarded attempt and the takeover end a cool-down."""
    due = at.now + at.limits.connect_timeout_s
    detail = instance.trouble_detail if instance.reason is Reason.WORKER_LOST else ""
    dialling = move(instance, State.CONNECTING, instance.reason, at, detail=detail, due=due)
    if instance.reason in (Reason.GUARDED, Reason.TAKEOVER):
        dialling = replace(dialling, cooldown_until=None, guarded_at=at.now)
    shared, receipts = _may_share(instance, at), instance.hears_receipts
    dial = Dial(instance.jid, instance.way, instance.device, shared, receipts)
    return Decision(dialling, (dial,))


def _may_share(instance: Instance, at: Moment) -> bool:
    """Whether others may be in the worker of the attempt that begins.

    A pairing and a guarded attempt have their worker to themselves, as has who is isolated, whose
    session was brought in from elsewhere and has not connected yet, who was hit by more than one
    crash, and whom an operator has just restarted.
    """
    if instance.is_isolated or instance.untried:
        return False
    recent = sum(crash > at.now - TRUSTED_S for crash in instance.crashes)
    return instance.is_paired and instance.reason in _QUIET and recent <= 1


def retry(instance: Instance, reason: Reason, at: Moment, detail: str = "") -> Decision:
    """Give the worker up and try again after the back-off."""
    attempt = instance.attempt + 1
    due = at.now + backoff(attempt, at.limits, at.random, _CAPS_S.get(reason))
    waiting = move(instance, State.RETRYING, reason, at, detail=detail, due=due)
    return Decision(replace(waiting, attempt=attempt), (StopWorker(),))


def dropped(
    instance: Instance, reason: Reason, at: Moment, detail: str, *, suspicious: bool
) -> Decision:
    """An open connection ended.

    The library redials at once, and that is right after a connection that was stable, or that
    lasted and is the first to end for long. Otherwise the worker is given up and the wait grows:
    a flapping line is not hammered, and two clients that take the session from each other unheard
    come to rest.
    suspicious: it was closed, nobody said why, and it is the only one.
    """
    assert instance.connected_at is not None
    limits, lived = at.limits, at.now - instance.connected_at
    if lived >= limits.stable_s:
        return redial(replace(instance, attempt=0, short_lived=0), reason, at, detail)
    if lived >= limits.short_lived_s:
        if instance.attempt == 0 and instance.short_lived == 0:
            return redial(instance, reason, at, detail)
        return retry(instance, reason, at, detail)
    if not suspicious:
        return retry(instance, reason, at, detail)
    counted = replace(instance, short_lived=instance.short_lived + 1)
    times = counted.short_lived - limits.short_lived_budget + 1
    if times < 1:
        return retry(counted, reason, at, detail)
    due = at.now + suspicious_wait(times, limits, at.random)
    said = f"{counted.short_lived} times"
    waiting = move(counted, State.RETRYING, Reason.SHORT_LIVED, at, detail=said, due=due)
    return Decision(replace(waiting, attempt=instance.attempt + 1), (StopWorker(),))


def refused(instance: Instance, code: int, said: str, at: Moment, *, shared: bool) -> Decision:
    """WhatsApp refused the login. 409 is final; what only this instance meets, again and again over
    a long time, and what does not pass by its nature, ends in `held` too.

    shared: others of the fleet are refused as well: that is WhatsApp's trouble or the network's.
    """
    detail = code_detail(code) + (said and f": {said}")
    if code == 409:
        return hold(instance, Reason.REFUSED, at, detail)
    passes = code in (408, 429) or code >= 500
    refusals = () if passes or shared else (*instance.refusals, at.now)
    counted = replace(instance, refusals=refusals[:1] + refusals[1:][-REFUSAL_BUDGET:])
    long_enough = bool(refusals) and at.now - refusals[0] >= REFUSAL_SPAN_S
    if long_enough and len(refusals) >= REFUSAL_BUDGET:
        return hold(counted, Reason.REFUSED_AGAIN, at, detail)
    return retry(counted, Reason.LOGIN_REFUSED, at, detail)


def store_failing(instance: Instance, fault: StoreFault, detail: str, at: Moment) -> Decision:
    """The session file cannot be written: what arrives is acknowledged and lost. One reconnect
    may help; a fault that passes by itself is waited for, without a connection meanwhile."""
    if fault.passes:
        locked = fault is StoreFault.LOCKED
        return retry(instance, Reason.STORE_LOCKED if locked else Reason.STORE_FAILING, at, detail)
    faults = at.recent(instance.store_faults, STORE_WINDOW_S)
    counted = replace(instance, store_faults=faults[-2:])
    if len(faults) > 1:
        return hold(counted, Reason.STORE_UNWRITABLE, at, detail)
    return retry(counted, Reason.STORE_FAILING, at, detail)


def redial(instance: Instance, reason: Reason, at: Moment, detail: str = "") -> Decision:
    """Leave the worker to the library's own redial, for as long as one connect may take."""
    due = at.now + at.limits.connect_timeout_s
    waiting = move(instance, State.RETRYING, reason, at, detail=detail, due=due)
    return Decision(replace(waiting, redialling=True))


def hold(instance: Instance, reason: Reason, at: Moment, detail: str = "") -> Decision:
    """Stop trying until a person says so. A cool-down stays: what ends a hold, as a clean or
    another version does, shortens none; a takeover does."""
    state = State.OUTDATED if reason is Reason.OUTDATED_CLIENT else State.HELD
    stopped = move(instance, state, reason, at, detail=detail)
    return Decision(replace(stopped, hold=reason), (StopWorker(),))


def outdated(instance: Instance, at: Moment) -> Decision:
    """Stop trying until the fleet has a version that WhatsApp accepts, which it may find by
    itself."""
    return hold(instance, Reason.OUTDATED_CLIENT, at)


def end(instance: Instance, reason: Reason, at: Moment, detail: str = "") -> Decision:
    """Stop without a further attempt; a key starts it again."""
    return Decision(move(instance, State.STOPPED, reason, at, detail=detail), (StopWorker(),))


def origin_of(instance: Instance) -> str:
    """What is said of a conflict of a session that was brought in from another program."""
    return imported_detail(instance.imported_from, instance.imported_at)


def conflict(instance: Instance, at: Moment) -> Decision:
    """WhatsApp said that another client took the session (440, nothing else is a conflict): cool
    down, or hold when a rival is proven.

    A conflict soon after our own guarded attempt proves a living rival. Otherwise the last
    conflict of the budget inside the window is one too many.
    """
    limits = at.limits
    conflicts = at.recent(instance.conflicts, limits.conflict_window_s)
    counted = replace(instance, conflicts=conflicts, short_lived=0)
    if counted.jid is None:
        # It is about the device that is being linked now, of which nobody has told yet.
        counted = replace(counted, former_jid=None)
    known = (evidence_of_conflict(instance) if len(conflicts) > 1 else "") or origin_of(instance)
    if at.within(instance.guarded_at, limits.guard_s):
        return hold(counted, Reason.RIVAL, at, known)
    if len(conflicts) >= limits.conflict_budget:
        minutes = round(limits.conflict_window_s / 60)
        many = f"{len(conflicts)} in {minutes} minutes"
        return hold(counted, Reason.CONFLICT_BUDGET, at, f"{known}; {many}" if known else many)
    until = at.now + drawn(limits.cooldown_s, limits, at.random)
    cooling = move(counted, State.COOLDOWN, Reason.CONFLICT, at, detail=known, due=until)
    find = () if counted.jid is None else (FindHolder(counted.jid),)
    return Decision(replace(cooling, cooldown_until=until), (StopWorker(), *find))


def ban(instance: Instance, code: int, expire_s: float, at: Moment) -> Decision:
    """WhatsApp banned the account for a time; for one that it does not tell, a person decides."""
    if expire_s <= 0:
        return hold(instance, Reason.TEMPORARY_BAN, at, ban_detail(code, has_end=False))
    until = at.now + expire_s
    banned = replace(instance, banned_until=until)
    detail = ban_detail(code)
    waiting = move(banned, State.BANNED, Reason.TEMPORARY_BAN, at, detail=detail, due=until)
    return Decision(waiting, (StopWorker(),))


def crash(instance: Instance, cause: str, at: Moment) -> Decision:
    """The worker died: a new one after a back-off, or hold when it keeps dying."""
    return _in_new_worker(instance, Reason.WORKER_DIED, Reason.CRASH_LOOP, cause, at)


def deaf(instance: Instance, cause: str, at: Moment, *, shared: bool) -> Decision:
    """The library tells nothing more: a new worker after a back-off, or hold when that does not
    help. What WhatsApp sends meanwhile waits, or is lost.

    shared: others of the fleet are met too: that is WhatsApp's trouble or the machine's.
    """
    if shared:
        return retry(instance, Reason.DEAF, at, cause)
    return _in_new_worker(instance, Reason.DEAF, Reason.DEAF_AGAIN, cause, at)


def _in_new_worker(
    instance: Instance, once: Reason, again: Reason, cause: str, at: Moment
) -> Decision:
    crashes = at.recent(instance.crashes, at.limits.crash_window_s)
    counted = replace(instance, crashes=crashes)
    if len(crashes) >= at.limits.crash_budget:
        return hold(counted, again, at, cause)
    return retry(counted, once, at, cause)


def lost_worker(instance: Instance, cause: str, at: Moment) -> Decision:
    """The worker that it shared died through another instance: it goes on in a new one at once.

    Who waited for the network anyway waits as before, and who loses its worker again and again is
    treated as if the fault were its own.
    """
    crashes = at.recent(instance.crashes, at.limits.crash_window_s)
    if len(crashes) > 1:
        return crash(instance, cause, at)
    counted = replace(instance, crashes=crashes)
    if instance.state is not State.CONNECTED:
        return retry(counted, Reason.WORKER_DIED, at, cause)
    # What ended it is told when its turn has come, see `dial`.
    told = replace(counted, trouble=Reason.WORKER_LOST, trouble_detail=cause, trouble_at=at.now)
    moved = connect(told, Reason.WORKER_LOST, at)
    return replace(moved, actions=(StopWorker(), *moved.actions))


def resume_wanted(
    instance: Instance, at: Moment, reason: Reason = Reason.RESUMED, *, pairing: bool = False
) -> Decision:
    """After the program's start, a pause, or another cause that held it: connect what is paired
    and wanted; the others wait for a key. pairing: one that is not paired does not."""
    if instance.wanted is Wanted.RUNNING and (instance.is_paired or pairing):
        return connect(instance, reason, at)
    released = instance.state is State.OUTDATED and instance.hold is None
    released = released or instance.reason is Reason.PAUSED
    if instance.state.is_live or instance.state is State.COOLDOWN or released:
        reason = Reason.BY_OPERATOR if instance.is_paired else Reason.NEW
        return end(instance, reason, at)
    return Decision(instance)
