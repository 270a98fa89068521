"""What goes before and after a decision: whether an event still counts, what has to be looked at
before it can be decided, what keeps claims, connect limit and probes in step with the state that
was reached, and what follows when an event was not carried out. Pure; part of the rules."""

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum

from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.actions import (
    Action,
    Claim,
    FreePlace,
    HoldPairing,
    KeepApart,
    LoggedIn,
    NetworkFailed,
    NetworkReached,
    NoteAddresses,
    Release,
    Unwatch,
    Watch,
)
from waziterm.domain.lifecycle.event_names import name_of
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.limits import Limits
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.lifecycle.steps import Decision

# -- before -----------------------------------------------------------------------------------


class Fault(StrEnum):
    """What is a fault of the network, of WhatsApp or of the machine, when it meets several in the
    same time."""

    DROP = "drop"
    REFUSAL = "refusal"
    DEAFNESS = "deafness"


@dataclass(frozen=True, slots=True)
class MayDial:
    """Does anything speak against a dial whose turn has come? jid: of the device, None for a
    pairing. takeover: it is dialled whichever program holds the session."""

    jid: str | None
    takeover: bool


@dataclass(frozen=True, slots=True)
class IsCarried:
    """Is there an attempt? cause: why that is asked."""

    cause: str


@dataclass(frozen=True, slots=True)
class MetOthers:
    """Did the same fault meet others of the fleet? shared, alone: the event when it did, and when
    it did not."""

    fault: Fault
    shared: ev.Event
    alone: ev.Event


Question = MayDial | IsCarried | MetOthers


def question(instance: Instance, event: ev.Event) -> Question | None:
    """What has to be looked at before `decide` may be asked, if anything; the answer is the event
    to decide on."""
    if isinstance(event, ev.Dialling):
        return MayDial(instance.jid, takeover=instance.reason is Reason.TAKEOVER)
    if isinstance(event, ev.NotCarriedOut) and event.is_carried is None:
        return IsCarried(event.cause)
    if isinstance(event, ev.Disconnected | ev.ConnectFailure):
        fault = Fault.DROP if isinstance(event, ev.Disconnected) else Fault.REFUSAL
        return MetOthers(fault, replace(event, shared=True), replace(event, shared=False))
    if isinstance(event, ev.LibraryDeaf):
        told = replace(event, shared=True), replace(event, shared=False)
        return MetOthers(Fault.DEAFNESS, *told)
    if isinstance(event, ev.StreamError):
        return MetOthers(Fault.DROP, event, event)
    return None


def counts_late(instance: Instance, event: ev.Event) -> bool:
    """Whether an event counts although something behind which it came has ended its attempt: a
    conflict, unless somebody has decided to take over meanwhile, a ban, and a logout, after which
    the library has deleted the device from the session."""
    if isinstance(event, ev.StreamReplaced):
        return instance.reason is not Reason.TAKEOVER
    if isinstance(event, ev.LoggedOut):
        return instance.is_paired
    return isinstance(event, ev.TemporaryBan)


HISTORY_BEGINS_S = 10.0
"""After so long without a first part of the history it is no reason to let others wait."""
HISTORY_GOES_ON_S = 30.0
"""The same without another part, which a phone has to put together and to upload."""


# -- after ------------------------------------------------------------------------------------


def completed(decision: Decision, instance: Instance, event: ev.Event, limits: Limits) -> Decision:
    """The decision on an event, with what does not depend on how it was decided. instance: the next
    value, with what is remembered."""
    return replace(
        decision,
        instance=instance,
        then=tuple(_in_step(instance, event, limits)),
        led_by=None if isinstance(event, ev.ClockSet | ev.PhoneSeen) else name_of(event),
        probe_s=event.took_s if isinstance(event, ev.ProbeAnswered) else None,
        cuts_short=isinstance(event, ev.StopAsked | ev.CleanAsked),
        stands_unstored=isinstance(event, ev.StopAsked),
        stands_while_locked=isinstance(event, ev.StopAsked | ev.StartAsked)
        or (isinstance(event, ev.ReconnectAsked) and not event.takeover),
        is_preliminary=isinstance(event, ev.DeviceFound),
    )


def _in_step(instance: Instance, event: ev.Event, limits: Limits) -> Iterator[Action]:
    """Lets claims, connect limit and worker go along with the state that was just reached."""
    state = instance.state
    if isinstance(event, ev.Connected):
        yield LoggedIn()
    elif isinstance(event, ev.WorkerDied):
        yield KeepApart(True)
    elif isinstance(event, ev.Booted | ev.StopAsked | ev.RegroupAsked):
        yield KeepApart(False)
    if not state.is_live:
        yield Release()
    elif instance.jid is not None and state is State.CONNECTED:
        yield Claim(instance.jid)
    if isinstance(event, ev.DialFailed):
        yield NetworkFailed()
    elif isinstance(event, ev.Connected | ev.QrShown | ev.Authenticated):
        yield NetworkReached()
    if state is not State.CONNECTING or instance.reason is Reason.AUTHENTICATED:
        yield FreePlace()
    if isinstance(event, ev.Connected):
        yield HoldPairing(HISTORY_BEGINS_S)
        yield NoteAddresses()
    elif isinstance(event, ev.HistoryCame):
        yield HoldPairing(0.0 if event.is_last else HISTORY_GOES_ON_S)
    yield Watch(limits) if state in (State.CONNECTED, State.DEGRADED) else Unwatch()


@dataclass(frozen=True, slots=True)
class Failure:
    """What is told of an event that was not carried out. again: not even what was told of that
    could be done, so it is not to be asked for at once, or it would be for ever."""

    told: ev.NotCarriedOut
    again: bool


def failure(event: ev.Event, cause: str, *, has_attempt: bool) -> Failure:
    """What lets the rules find what comes next after an event that was not carried out to its end.

    cause: why it was not. has_attempt: whether there is one, which tells how it ends; without one
    that is to be looked at when the failure is decided on.
    """
    if isinstance(event, ev.NotCarriedOut):
        told = ev.NotCarriedOut(cause, event.is_carried if has_attempt else None)
        return Failure(told, again=True)
    is_over = isinstance(event, ev.Dialling | ev.WorkerDied | ev.WorkerLost | ev.LibraryDeaf)
    return Failure(ev.NotCarriedOut(cause, not is_over if has_attempt else None), again=False)
