"""The lifecycle rules: what each event does to an instance. Pure, and the only place for them.

`decide` is the one function that changes a state. The cases follow the project's table of
codes and events; the manager and its supervisors only carry its decisions out.
"""

from dataclasses import replace
from typing import assert_never

from waziterm.domain.jid import mask_number
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.actions import Probe, ReportRefusedVersion, StopWorker, Tell
from waziterm.domain.lifecycle.causes import plain_cause
from waziterm.domain.lifecycle.details import (
    detail_phrase,
    in_a_row,
    is_queued,
    other_number_detail,
    pairings_ahead_detail,
)
from waziterm.domain.lifecycle.future import has_future, longest_cooldown, settled
from waziterm.domain.lifecycle.handling import completed
from waziterm.domain.lifecycle.instance import Instance, PairingCode, QrCode
from waziterm.domain.lifecycle.limits import Limits
from waziterm.domain.lifecycle.memory import remembered
from waziterm.domain.lifecycle.orders import command
from waziterm.domain.lifecycle.reasons import OF_THE_NETWORK, Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.lifecycle.steps import (
    Decision,
    Moment,
    ban,
    conflict,
    connect,
    crash,
    deaf,
    dial,
    dropped,
    end,
    hold,
    lost_worker,
    move,
    not_dialled,
    origin_of,
    outdated,
    refused,
    resume_wanted,
    retry,
    store_failing,
)
from waziterm.domain.phrase import Phrase
from waziterm.domain.text import plain

__all__ = ["Decision", "decide"]

QR_GRACE_S = 30.0
"""How long after a code's end the library may stay silent before the pairing counts as over."""

LATE_S = 5.0
"""A deadline that is noticed this much too late passed while nobody could meet it."""

_SOUGHT = (State.COOLDOWN, State.HELD)
_LOGGED_OUT = {401: Reason.UNLINKED, 403: Reason.LOCKED, 406: Reason.ACCOUNT_BANNED}


def decide(
    instance: Instance, event: ev.Event, now: float, random: float, limits: Limits
) -> Decision:
    """What `event` does to `instance`.

    now: UTC seconds. random: in [0, 1), for jitter. An event that does not fit the state (late,
    doubled, out of order) changes nothing.
    """
    decision = _decided(instance, event, Moment(now, random, limits))
    after = remembered(instance, decision.instance, now, limits)
    return completed(decision, after, event, limits)


def _decided(instance: Instance, event: ev.Event, at: Moment) -> Decision:
    match event:
        case (
            ev.StartAsked()
            | ev.StopAsked()
            | ev.ReconnectAsked()
            | ev.CleanAsked()
            | ev.PauseAsked()
            | ev.SessionRestored()
            | ev.NotMoved()
            | ev.EditAsked()
            | ev.ExportAsked()
        ):
            return command(instance, event, at)
        case ev.Booted(library_changed):
            if instance.state is State.HELD:
                # Its row may be of a version that let 405 take the place of the hold.
                instance = replace(instance, hold=instance.reason)
            elif library_changed and instance.hold is Reason.OUTDATED_CLIENT:
                instance = replace(instance, hold=None)
            return resume_wanted(settled(instance, at.now, at.limits), at)
        case ev.ClockSet():
            # The moments were moved along before; nothing is to be decided.
            return Decision(instance)
        case ev.NotCarriedOut(cause, is_carried):
            return _go_on(instance, plain(cause), bool(is_carried), at)
        case ev.Due():
            return _due(instance, at)
        case ev.FleetOutdated():
            return _fleet_outdated(instance, at)
        case ev.VersionAwaited() if instance.state is State.OUTDATED:
            return Decision(_awaiting(instance, event, at))
        case ev.VersionChanged(scouting) if instance.hold is Reason.OUTDATED_CLIENT:
            released = replace(instance, hold=None)
            if instance.state is not State.OUTDATED:
                return Decision(released)
            return resume_wanted(released, at, Reason.VERSION_CHANGED, pairing=scouting)
        case ev.HolderFound(who) if instance.state in _SOUGHT or _about_to_dial(instance):
            return hold(instance, Reason.LOCAL_HOLDER, at, plain(who))
        case ev.SuspectsFound(summary) if instance.state in _SOUGHT:
            said = in_a_row(origin_of(instance), summary)
            return Decision(replace(instance, detail=plain(said)))
        case ev.NetworkBack() if instance.state is State.RETRYING and not instance.redialling:
            if instance.reason in OF_THE_NETWORK:
                return connect(instance, Reason.RETRY, at)
        case ev.DropShared() if instance.state is State.RETRYING:
            if instance.reason is Reason.SHORT_LIVED:
                detail, due = "others were dropped too", instance.due
                return Decision(
                    move(instance, State.RETRYING, Reason.DROPPED, at, detail=detail, due=due)
                )
        case ev.DeviceFound(jid, lid) if not instance.is_paired:
            if instance.state is State.LOGGED_OUT:
                # The library had no time to delete a device that WhatsApp has removed.
                return Decision(instance)
            return Decision(_with_found(instance, jid, lid, at))
        case ev.SessionMissing() if instance.is_paired and instance.state.is_live:
            return hold(instance, Reason.SESSION_MISSING, at)
        case ev.TemporaryBan(expire_s=expire_s) if instance.state is State.BANNED:
            longer = at.now + expire_s > (instance.banned_until or 0.0)
            return _live(instance, event, at) if longer else Decision(instance)
        case ev.StreamReplaced() | ev.TemporaryBan() if _is_stopped(instance):
            # Told in the same moment as the stop: the next start must wait all the same.
            told = _live(instance, event, at).instance
            return Decision(
                replace(
                    instance,
                    conflicts=told.conflicts,
                    cooldown_until=told.cooldown_until,
                    banned_until=told.banned_until,
                    hold=told.hold,
                    trouble=told.reason,
                    trouble_detail=told.detail,
                    trouble_at=at.now,
                )
            )
        case ev.LoggedOut(code=code) if instance.is_paired and not instance.state.is_live:
            # Told in the same moment as the stop, the hold or the wait, which a new device has too.
            gone = _logged_out(instance, code, at)
            kept = replace(gone.instance, cooldown_until=instance.cooldown_until)
            return replace(gone, instance=kept)
        case ev.StreamReplaced() | ev.TemporaryBan() if _is_outdated(instance):
            # The fleet may find a version by itself, so what came with the refusal counts.
            return _live(instance, event, at)
        case (
            ev.VersionAwaited()
            | ev.VersionChanged()
            | ev.HolderFound()
            | ev.SuspectsFound()
            | ev.NetworkBack()
            | ev.DropShared()
            | ev.DeviceFound()
            | ev.SessionMissing()
        ):
            return Decision(instance)
        case _:
            return _live(instance, event, at) if instance.state.is_live else Decision(instance)
    return Decision(instance)


def _go_on(instance: Instance, cause: str, is_carried: bool, at: Moment) -> Decision:
    """What else would bring no state to its end any more; see `domain.lifecycle.future`."""
    instance = settled(instance, at.now, at.limits)
    if has_future(instance, is_carried=is_carried):
        return Decision(instance)
    if instance.state is State.BANNED and instance.banned_until is not None:
        return Decision(replace(instance, due=instance.banned_until))
    if instance.state is State.COOLDOWN:
        until = instance.cooldown_until or at.now + longest_cooldown(at.limits)
        return Decision(replace(instance, due=until, cooldown_until=until))
    return retry(instance, Reason.NOT_CARRIED_OUT, at, cause)


def _is_stopped(instance: Instance) -> bool:
    return instance.state is State.STOPPED and instance.is_paired


def _is_outdated(instance: Instance) -> bool:
    return instance.state is State.OUTDATED and instance.is_paired


def _due(instance: Instance, at: Moment) -> Decision:
    """The awaited moment has come; what it means depends on the state that set it."""
    if instance.due is None or at.now < instance.due:
        return Decision(instance)
    if at.now - instance.due > LATE_S and _judges(instance):
        # The box was suspended or frozen: what could not be answered cannot be held against it.
        return Decision(replace(instance, due=at.now + at.limits.connect_timeout_s))
    match instance.state:
        case State.COOLDOWN:
            reason = Reason.GUARDED if instance.is_paired else Reason.RETRY
            return connect(instance, reason, at)
        case State.BANNED:
            return connect(replace(instance, banned_until=None), Reason.RETRY, at)
        case State.RETRYING if not instance.redialling:
            return connect(instance, Reason.RETRY, at)
        case State.CONNECTING if instance.reason is Reason.AUTHENTICATED:
            return retry(instance, Reason.AUTHENTICATED, at)
        case State.RETRYING | State.CONNECTING:
            return retry(instance, Reason.CONNECT_TIMEOUT, at)
        case State.PAIRING:
            return _codes_over(instance, at)
        case State.DEGRADED:
            # Also where errors were answered: now nothing is.
            return retry(instance, Reason.KEEPALIVE_MISSED, at)
        case State.CONNECTED:
            return Decision(replace(instance, attempt=0, short_lived=0, due=None))
        case State.STOPPED | State.HELD | State.LOGGED_OUT | State.OUTDATED:
            return Decision(replace(instance, due=None))
        case _:
            assert_never(instance.state)


def _about_to_dial(instance: Instance) -> bool:
    """Whether a dial can still be called off; a takeover is dialled whichever program holds the
    session."""
    return instance.state is State.CONNECTING and instance.reason is not Reason.TAKEOVER


def _judges(instance: Instance) -> bool:
    """Whether `due` is a deadline for somebody else, not a wait of ours."""
    deadlines = (State.CONNECTING, State.PAIRING, State.DEGRADED)
    return instance.state in deadlines or instance.redialling


def _fleet_outdated(instance: Instance, at: Moment) -> Decision:
    """405 somewhere in the fleet: nobody tries on; who is connected stays so."""
    if instance.state in (State.CONNECTED, State.DEGRADED) or instance.is_held:
        return Decision(instance)
    if instance.state.is_live or instance.state is State.COOLDOWN or instance.reason is Reason.NEW:
        return outdated(instance, at)
    return Decision(replace(instance, hold=Reason.OUTDATED_CLIENT))


def _awaiting(instance: Instance, known: ev.VersionAwaited, at: Moment) -> Instance:
    reason = Reason.VERSION_AWAITED if known.by_itself else Reason.OUTDATED_CLIENT
    return move(
        instance, State.OUTDATED, reason, at, detail=plain(known.detail, 400), due=known.until
    )


def _live(instance: Instance, event: ev.LiveEvent, at: Moment) -> Decision:
    """What the library, the worker or a probe tells while a worker may exist."""
    match event:
        case ev.PairingsAhead(count) if is_queued(instance.detail):
            return Decision(replace(instance, detail=pairings_ahead_detail(count)))
        case ev.Dialling() if instance.state is State.CONNECTING:
            return dial(instance, at)
        case ev.QrShown() if instance.state is State.CONNECTED or instance.reason is Reason.PAIRED:
            return Decision(instance)
        case ev.QrShown() if instance.is_paired:
            return hold(instance, Reason.SESSION_MISSING, at, "the library asks for a pairing")
        case ev.QrShown(payload, index, count, valid_s):
            expires = at.now + valid_s
            too_old = instance.reason is Reason.NO_MULTIDEVICE
            reason = Reason.NO_MULTIDEVICE if too_old else Reason.QR_SHOWN
            shown = move(instance, State.PAIRING, reason, at, due=expires + QR_GRACE_S)
            return Decision(replace(shown, qr=QrCode(payload, index, count, expires)))
        case ev.CodeShown(code, valid_s) if instance.state is State.PAIRING:
            return Decision(replace(instance, code=PairingCode(code, at.now + valid_s)))
        case ev.PairSucceeded(jid, lid):
            linked = replace(_with_device(instance, jid, lid, at), phone_seen_at=at.now)
            return _paired(instance, linked, at)
        case ev.PairFailed() if not instance.is_paired:
            return _pairing_ended(instance, event, at)
        case ev.Connected():
            return _connected(instance, event, at)
        case ev.Disconnected():
            return _disconnected(instance, event, at)
        case ev.Authenticated() if _logs_in(instance):
            due = at.now + at.limits.first_queries_s
            return Decision(move(instance, State.CONNECTING, Reason.AUTHENTICATED, at, due=due))
        case ev.KeepAliveTimeout() if instance.state is State.CONNECTED:
            # It may have been overtaken by an answer: our own probe tells within a round trip.
            return Decision(_degraded(instance, at), (Probe(),))
        case ev.KeepAliveRestored() | ev.ProbeAnswered() if _is_well_again(instance, event):
            due = at.now + at.limits.stable_s
            online = move(instance, State.CONNECTED, Reason.ONLINE, at, due=due)
            return Decision(replace(online, probe_misses=0))
        case ev.ProbeMissed() | ev.ProbeRefused():
            return _probe_failed(instance, event, at)
        case ev.SendUnanswered(after_s) if instance.redialling or instance.state in (
            State.CONNECTED,
            State.DEGRADED,
        ):
            # A redial of the library's own would send it once more, and wait without a limit.
            return retry(instance, Reason.SEND_UNANSWERED, at, f"for {after_s:.0f} s")
        case ev.StreamReplaced():
            return conflict(instance, at)
        case ev.LoggedOut(code=code):
            return _logged_out(instance, code, at)
        case ev.TemporaryBan(code, expire_s):
            return ban(instance, code, expire_s, at)
        case ev.ConnectFailure(code, detail, shared):
            return refused(instance, code, plain_cause(detail), at, shared=shared)
        case ev.ClientOutdated():
            stopped = outdated(instance, at)
            return replace(stopped, actions=(*stopped.actions, ReportRefusedVersion()))
        case ev.StreamError(code) if code != "515":
            return retry(instance, Reason.STREAM_ERROR, at, f"code {plain(code)}")
        case ev.NewChatsBarred(until):
            ahead = until if until is not None and until > at.now else None
            return Decision(replace(instance, no_new_chats_until=ahead))
        case ev.DialFailed(detail):
            return not_dialled(instance, detail, at)
        case ev.TakenOver(by):
            return hold(instance, Reason.LOCAL_HOLDER, at, plain(by))
        case ev.StoreFailing(fault, detail):
            return store_failing(instance, fault, plain(detail), at)
        case ev.SessionBroken(detail):
            return hold(instance, Reason.SESSION_BROKEN, at, plain(detail))
        case ev.WorkerDied(cause):
            return crash(instance, plain(cause), at)
        case ev.NotStarted() if instance.state is State.CONNECTING:
            return connect(instance, instance.reason, at)
        case ev.LibraryDeaf(detail, shared):
            return deaf(instance, plain_cause(detail), at, shared=shared)
        case ev.WorkerLost(cause):
            return lost_worker(instance, plain(cause), at)
        case ev.RegroupAsked() if instance.state is State.CONNECTED and instance.due is None:
            moved = connect(instance, Reason.MOVED, at)
            return replace(moved, actions=(StopWorker(), *moved.actions))
        case ev.HistoryCame():
            # It is of no concern to the state; see `handling`.
            return Decision(instance)
        case ev.PhoneSeen(ago_s) if instance.is_paired:
            seen = max(at.now - ago_s, instance.phone_seen_at or 0.0)
            return Decision(replace(instance, phone_seen_at=seen))
        case (
            ev.PairingsAhead()
            | ev.Dialling()
            | ev.CodeShown()
            | ev.PairFailed()
            | ev.Authenticated()
            | ev.KeepAliveTimeout()
            | ev.KeepAliveRestored()
            | ev.ProbeAnswered()
            | ev.SendUnanswered()
            | ev.StreamError()
            | ev.NotStarted()
            | ev.RegroupAsked()
            | ev.PhoneSeen()
        ):
            # It is late, doubled or out of order.
            return Decision(instance)
        case _:
            assert_never(event)


def _paired(instance: Instance, paired: Instance, at: Moment) -> Decision:
    """A phone has linked the instance; another one than expected is told at once, and that is
    all: whose number is right, a person knows."""
    said, told = "", tuple[Tell, ...]()
    if (number := paired.other_number) and paired.phone is not None and paired.jid != instance.jid:
        said = other_number_detail(number, mask_number(paired.phone))
        phrase = Phrase(
            "{what}; `waziterm clean {name} --logout` unlinks it",
            what=detail_phrase(said),
            name=paired.name,
        )
        told = (Tell(phrase),)
    if instance.state in (State.CONNECTED, State.DEGRADED):
        return Decision(paired, told)
    due = at.now + at.limits.connect_timeout_s
    moved = move(paired, State.CONNECTING, Reason.PAIRED, at, detail=said, due=due)
    return Decision(moved, told)


def _with_device(instance: Instance, jid: str, lid: str, at: Moment) -> Instance:
    """The instance with a device that a phone has linked, or that was found. Another one than
    before has no conflicts of its own yet; it stays held, and in a cool-down, where it is."""
    paired = replace(instance, jid=jid, lid=lid or None)
    if instance.is_paired:
        return paired
    until = instance.cooldown_until
    return replace(
        paired,
        hold=instance.hold if instance.is_held else None,
        cooldown_until=until if until is not None and at.now < until else None,
        guarded_at=None,
        no_new_chats_until=None,
        imported_from="",
        imported_at=None,
        untried=False,
    )


def _with_found(instance: Instance, jid: str, lid: str, at: Moment) -> Instance:
    """The same where nobody has told of the pairing: the device of before keeps what it has met."""
    if instance.former_jid not in (None, jid):
        return _with_device(instance, jid, lid, at)
    return replace(instance, jid=jid, lid=lid or None)


def _connected(instance: Instance, event: ev.Connected, at: Moment) -> Decision:
    if instance.state is State.CONNECTED:
        return Decision(instance)
    if event.jid and not instance.is_paired:
        instance = replace(_with_found(instance, event.jid, event.lid, at), hold=None)
    known = replace(
        instance,
        jid=event.jid or instance.jid,
        lid=event.lid or instance.lid,
        connected_at=instance.connected_at or at.now,
        untried=False,
        probe_misses=0,
        refusals=(),
    )
    due = at.now + at.limits.stable_s
    return Decision(move(known, State.CONNECTED, Reason.ONLINE, at, due=due))


def _logged_out(instance: Instance, code: int, at: Moment) -> Decision:
    """WhatsApp has removed the device, and the library its keys."""
    gone = replace(
        instance,
        jid=None,
        lid=None,
        former_jid=instance.jid or instance.former_jid,
        cooldown_until=None,
        guarded_at=None,
        attempt=0,
        no_new_chats_until=None,
        phone_seen_at=None,
    )
    reason = _LOGGED_OUT.get(code, Reason.UNLINKED)
    return Decision(move(gone, State.LOGGED_OUT, reason, at), (StopWorker(),))


def _logs_in(instance: Instance) -> bool:
    """Whether a login of its own, or of the library's redial, is what is waited for."""
    if instance.state is State.CONNECTING:
        return not is_queued(instance.detail)
    return instance.state is State.RETRYING and instance.redialling


def _disconnected(instance: Instance, event: ev.Disconnected, at: Moment) -> Decision:
    """The library redials once by itself; a second drop without `Connected` is ours to handle.

    A conflict whose stream error got lost shows only as connections that are closed at once. That
    is a guess, and no conflict: it lengthens the wait, and does nothing else.
    """
    if instance.state is State.PAIRING or instance.reason is Reason.PAIRED:
        return Decision(instance)
    named = event.how is ev.DropKind.ERROR
    reason = Reason.STREAM_ERROR if named else Reason.DROPPED
    detail = plain_cause(event.detail)
    if instance.state is State.RETRYING:
        return retry(instance, reason, at, detail) if instance.redialling else Decision(instance)
    if instance.connected_at is None:
        return retry(instance, reason, at, detail)
    suspicious = event.how is ev.DropKind.CLOSED and not event.shared
    return dropped(instance, reason, at, detail, suspicious=suspicious)


def _degraded(instance: Instance, at: Moment) -> Instance:
    """Still open, but nobody answers: as long as the budget of missed probes would take."""
    due = at.now + at.limits.keepalive_s * at.limits.keepalive_misses
    return move(instance, State.DEGRADED, Reason.KEEPALIVE_MISSED, at, due=due)


def _is_well_again(instance: Instance, event: ev.KeepAliveRestored | ev.ProbeAnswered) -> bool:
    """Whether an answer ends `degraded`. The library's own ping takes an error for an answer."""
    refused = instance.reason is Reason.QUERIES_REFUSED
    own_ping = isinstance(event, ev.KeepAliveRestored)
    return instance.state is State.DEGRADED and not (refused and own_ping)


def _probe_failed(
    instance: Instance, event: ev.ProbeMissed | ev.ProbeRefused, at: Moment
) -> Decision:
    if instance.state not in (State.CONNECTED, State.DEGRADED):
        return Decision(instance)
    if isinstance(event, ev.ProbeRefused):
        return _probe_refused(instance, plain(event.detail), at)
    misses = instance.probe_misses + 1
    if misses >= at.limits.keepalive_misses:
        return retry(instance, Reason.KEEPALIVE_MISSED, at, f"{misses} probes without an answer")
    missed = replace(instance, probe_misses=misses)
    return Decision(missed if instance.state is State.DEGRADED else _degraded(missed, at))


def _probe_refused(instance: Instance, detail: str, at: Moment) -> Decision:
    """WhatsApp answers, but with errors: the connection is there, and of no use.

    What lasts for as long as a connection takes to count as stable is met with one reconnect; one
    that did not help is not repeated, since WhatsApp hears us well. The probes go on.
    """
    is_known = instance.reason is Reason.QUERIES_REFUSED
    if is_known and instance.attempt == 0 and at.now - instance.since >= at.limits.stable_s:
        return retry(instance, Reason.QUERIES_REFUSED, at, detail)
    refused = replace(_degraded(instance, at), reason=Reason.QUERIES_REFUSED, detail=detail)
    return Decision(replace(refused, probe_misses=0))


def _pairing_ended(instance: Instance, failed: ev.PairFailed, at: Moment) -> Decision:
    """What cannot end well with another QR code shows none by itself."""
    said = plain_cause(failed.detail)
    detail = ": ".join(filter(None, (f"code {failed.code}" if failed.code else "", said)))
    match failed.end:
        case ev.PairingEnd.TIMEOUT:
            return _codes_over(instance, at)
        case ev.PairingEnd.NO_MULTIDEVICE:
            return connect(instance, Reason.NO_MULTIDEVICE, at)
        case ev.PairingEnd.CLIENT_OUTDATED:
            return _live(instance, ev.ClientOutdated(), at)
        case ev.PairingEnd.ERROR:
            return end(instance, Reason.PAIRING_FAILED, at, detail)
        case ev.PairingEnd.PASSKEY:
            return end(instance, Reason.PASSKEY, at, detail)
        case ev.PairingEnd.DEVICES_FULL:
            return end(instance, Reason.DEVICES_FULL, at, said)
        case ev.PairingEnd.CODE_REFUSED:
            return end(instance, Reason.CODE_REFUSED, at, detail)
        case ev.PairingEnd.REFUSED:
            # 401 is what an unlinked device is told too; this one never was linked.
            reason = _LOGGED_OUT.get(failed.code, Reason.PAIRING_REFUSED)
            refused = Reason.PAIRING_REFUSED if reason is Reason.UNLINKED else reason
            return end(instance, refused, at, detail)
        case _:
            assert_never(failed.end)


def _codes_over(instance: Instance, at: Moment) -> Decision:
    """The QR codes ended, and no phone was linked."""
    too_old = instance.reason is Reason.NO_MULTIDEVICE
    return end(instance, Reason.NO_MULTIDEVICE if too_old else Reason.QR_EXPIRED, at)
