"""What a person may ask of an instance, and what then becomes of it. Pure; part of the rules."""

from dataclasses import replace
from time import gmtime
from typing import assert_never

from waziterm.domain import moments
from waziterm.domain.care.trash import Why
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.actions import ReadVersion, Restore, StopWorker, Trash
from waziterm.domain.lifecycle.details import is_queued
from waziterm.domain.lifecycle.future import settled
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import OF_THE_NETWORK, Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.lifecycle.steps import (
    Decision,
    Moment,
    blocked,
    connect,
    end,
    hold,
    move,
    resume_wanted,
)
from waziterm.domain.phrase import Phrase

_NOT_CUT_SHORT = (Reason.GUARDED, Reason.TAKEOVER, Reason.PAIRED, Reason.AUTHENTICATED)
"""Attempts that are not made twice: after a conflict there is one, and a phone is just linking."""


def command(instance: Instance, event: ev.Order, at: Moment) -> Decision:
    """What a person asked for. Only a takeover passes a cool-down or a hold; nothing a ban."""
    running = replace(instance, wanted=Wanted.RUNNING)
    barrier = blocked(running, at)
    match event:
        case ev.StopAsked():
            wanted = replace(_at_rest(instance), wanted=Wanted.STOPPED)
            if instance.state is State.LOGGED_OUT:
                return Decision(wanted)
            return end(wanted, Reason.BY_OPERATOR, at)
        case ev.PauseAsked():
            waits = instance.due is not None or instance.state is State.OUTDATED
            if not waits and not instance.state.is_live:
                return Decision(instance)
            paused = move(instance, State.STOPPED, Reason.PAUSED, at, detail=instance.detail)
            return Decision(paused, (StopWorker(),))
        case ev.StartAsked() | ev.ReconnectAsked() if instance.reason is Reason.PAUSED:
            return Decision(
                instance, refusal=Phrase("stopped for maintenance; wait until it goes on")
            )
        case ev.SessionRestored(entry, was):
            return _restored(instance, entry, was, at)
        case ev.NotMoved(was=was):
            waits = was.state.is_live or was.due is not None
            return resume_wanted(move(was, State.STOPPED, Reason.PAUSED, at) if waits else was, at)
        case ev.EditAsked(values):
            return _edited(instance, instance.with_own(values), at)
        case ev.ExportAsked(to):
            held = hold(replace(instance, wanted=Wanted.STOPPED), Reason.EXPORTED, at, to)
            # What comes back is compared with the moment of this one, if it was held before too.
            return replace(held, instance=replace(held.instance, since=at.now))
        case ev.CleanAsked(unlinked, removing, note, act_id):
            bare = replace(
                _at_rest(instance),
                wanted=Wanted.STOPPED,
                jid=None,
                lid=None,
                former_jid=instance.jid or instance.former_jid,
                attempt=0,
                short_lived=0,
                no_new_chats_until=None,
                phone_seen_at=None,
            )
            reason = Reason.CLEANED if instance.is_paired else Reason.NEW
            cleaned = move(bare, State.STOPPED, reason, at, detail=note)
            why = Why.LOGGED_OUT if unlinked else Why.CLEANED
            why = Why.REMOVED if removing else why
            trash = Trash(why, restorable=not unlinked, was=instance, act_id=act_id)
            return Decision(cleaned, (StopWorker(), trash))
        case ev.ReconnectAsked(takeover=True):
            if barrier is not None and barrier.state is State.BANNED:
                return _refused(barrier)
            if barrier is not None and barrier.state is State.OUTDATED:
                # Nobody dials with a version that is refused; what helps is another one.
                return Decision(barrier, (StopWorker(), ReadVersion()))
            if instance.state in (State.CONNECTING, State.PAIRING):
                return Decision(running)
            fresh = replace(_afresh(running), hold=None)
            fights = instance.is_held and instance.is_paired
            if not fights and instance.cooldown_until is None:
                return connect(fresh, Reason.ASKED, at, instance)
            return connect(replace(fresh, cooldown_until=at.now), Reason.TAKEOVER, at, instance)
        case ev.ReconnectAsked():
            if barrier is not None:
                return _refused(barrier)
            if instance.state in (State.CONNECTING, State.PAIRING):
                return Decision(running)
            return connect(_afresh(running), Reason.ASKED, at, instance)
        case ev.StartAsked():
            if barrier is not None and barrier.hold is not None:
                return _refused(barrier)
            if instance.state in (State.STOPPED, State.LOGGED_OUT):
                return connect(_afresh(running), Reason.ASKED, at, instance)
            return Decision(running)
        case _:
            assert_never(event)


def _at_rest(instance: Instance) -> Instance:
    """The instance as it goes to rest. What held it before it had a device ends with that."""
    ends = instance.state is State.HELD and not instance.is_paired
    return replace(instance, hold=None) if ends else instance


def _afresh(instance: Instance) -> Instance:
    """A person asks: waits grow from the beginning again, and a mended file has its second try."""
    return replace(instance, attempt=0, refusals=(), store_faults=())


def _restored(instance: Instance, entry: str, was: Instance, at: Moment) -> Decision:
    """A session comes back with every barrier that it left with; none of them gets shorter."""
    if instance.is_paired or instance.state not in (State.STOPPED, State.LOGGED_OUT):
        said = Phrase("linked already") if instance.is_paired else Phrase(instance.state.label)
        refusal = Phrase("{said}; nothing was restored", said=said)
        hint = Phrase("clean it first") if instance.state is State.HELD else ""
        return Decision(instance, refusal=refusal, hint=hint)
    back = replace(
        instance.with_barriers_of(was),
        jid=was.jid,
        lid=was.lid,
        wanted=was.wanted,
        crashes=tuple(sorted({*instance.crashes, *was.crashes})),
        imported_from=was.imported_from,
        imported_at=was.imported_at,
        untried=was.untried,
    )
    reason = Reason.RESTORED if back.is_paired else Reason.NEW
    back = settled(move(back, State.STOPPED, reason, at), at.now, at.limits)
    return Decision(back, (Restore(entry),))


def _edited(instance: Instance, edited: Instance, at: Moment) -> Decision:
    """Other values for what a person may set. A connection that goes by others is made anew; who
    waits behind a barrier goes on to wait, and who waits for the network tries the new way now."""
    new_way = edited.way != instance.way
    redialling = instance.state is State.RETRYING and instance.redialling
    match instance.state:
        case State.CONNECTED | State.DEGRADED:
            others = (edited.is_isolated, edited.hears_receipts)
            anew = new_way or others != (instance.is_isolated, instance.hears_receipts)
        case State.PAIRING:
            anew = new_way or edited.device != instance.device
        case State.CONNECTING:
            # Whose turn has not come goes by the new ones when it has.
            anew = new_way and not is_queued(instance.detail)
            if anew and instance.reason in _NOT_CUT_SHORT:
                said = Phrase(
                    "just connecting ({why}); nothing was changed",
                    why=Phrase(instance.reason.sentence),
                )
                hint = Phrase("ask again when that has ended")
                return Decision(instance, refusal=said, hint=hint)
        case State.RETRYING:
            isolates = redialling and edited.is_isolated != instance.is_isolated
            anew = isolates or (new_way and (redialling or instance.reason in OF_THE_NETWORK))
        case (
            State.STOPPED
            | State.COOLDOWN
            | State.HELD
            | State.LOGGED_OUT
            | State.BANNED
            | State.OUTDATED
        ):
            anew = False
        case _:
            assert_never(instance.state)
    return connect(edited, Reason.EDITED, at) if anew else Decision(edited)


def _refused(barrier: Instance) -> Decision:
    """A command that would pass a barrier: nothing is tried, and the barrier is shown."""
    if barrier.state is State.COOLDOWN:
        said = Phrase("in its cool-down after a conflict")
        hint = Phrase("take over (r) tries at once")
    elif barrier.state is State.BANNED:
        end = barrier.banned_until
        said = Phrase("banned by WhatsApp for a time")
        if end is not None:
            until = moments.stored(gmtime(end))
            said = Phrase("banned by WhatsApp until {moment}", moment=until)
        hint = Phrase("wait: it connects by itself then, and nothing shortens a ban")
    elif barrier.state is State.OUTDATED:
        said = Phrase("outdated: WhatsApp refuses this version of the library")
        hint = Phrase("upgrade neonize, or take over (r) reads WhatsApp's current version")
    else:
        said = Phrase("held ({why})", why=Phrase(barrier.reason.sentence))
        hint = Phrase("take over (r) tries once")
    return Decision(barrier, refusal=said, hint=hint)
