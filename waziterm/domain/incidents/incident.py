"""Incidents: what happened to how many, so that one cause is told once and not once a number."""

from collections.abc import Mapping
from dataclasses import replace

from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.details import names_proxy, outage_detail, reason_phrase
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.memory import cause_of_outage
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.phrase import Phrase
from waziterm.domain.text import proxy_place
from waziterm.domain.units import Moment

TOGETHER_S = 60.0
"""The same reason on another instance within this time belongs to the same incident."""
CONFLICTS_S = 600.0
"""A conflict of the same instance within this time is the same quarrel."""
LASTING_S = 600.0
"""One that is wanted and not connected for longer is an incident, whatever it waits for."""
PASSING_NAMES = 3
"""What passes by itself is an incident only when it meets this many instances."""

_SERIOUS = frozenset({State.COOLDOWN, State.HELD, State.LOGGED_OUT, State.BANNED, State.OUTDATED})
_PASSING = frozenset({State.RETRYING, State.DEGRADED})


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing that happened. names: whom it met, in order. fleet: how many instances there are.

    detail: evidence, for example who holds a session. id: its number in the store, 0 before.
    met: the ids of those whom `names` names, in the same order.
    """

    reason: Reason
    began_at: Moment
    last_at: Moment
    names: tuple[str, ...]
    fleet: int
    detail: str = ""
    is_serious: bool = True
    id: int = 0
    met: tuple[str, ...] = ()

    @property
    def is_told(self) -> bool:
        """Whether an operator should hear of it."""
        return self.is_serious or len(self.names) >= PASSING_NAMES

    @property
    def lasts(self) -> bool:
        """Whether it is of those that try in vain for long."""
        return self.is_serious and self.last_at - self.began_at >= LASTING_S

    def shifted(self, by: float) -> "Incident":
        """The same after the clock was set by so many seconds."""
        return replace(self, began_at=self.began_at + by, last_at=self.last_at + by)

    def renamed(self, instance: Instance) -> "Incident":
        """The same after an instance was given another name."""
        if instance.id not in self.met:
            return self
        told = zip(self.names, self.met, strict=True)
        names = (instance.name if each == instance.id else name for name, each in told)
        return replace(self, names=tuple(names))

    @property
    def who(self) -> Phrase:
        """Whom it met: the one instance, or how many of the fleet; the machine where none."""
        if not self.names:
            return Phrase("this machine")
        if len(self.names) == 1:
            return Phrase("{name}", name=self.names[0])
        return Phrase("{count} of {fleet}", count=len(self.names), fleet=self.fleet)

    @property
    def what(self) -> Phrase:
        """What happened, with its code and the evidence."""
        return reason_phrase(self.reason, self.detail)


def is_trouble(before: Instance, after: Instance) -> bool:
    """Whether the instance has just come into trouble, or into another kind of it."""
    if before.reason is Reason.PAUSED and after.next_attempt is not None:
        # A ban or a cool-down that goes on after a pause was told when it began.
        return False
    if after.reason is Reason.EXPORTED:
        # A person wanted it so.
        return False
    known = before.state is after.state and before.reason is after.reason
    return not known and after.state in _SERIOUS | _PASSING


def belongs(current: Incident, instance: Instance, at: float) -> bool:
    """Whether an instance's trouble is part of an incident: the same reason within a minute, one
    more conflict of the only one that it met, or the outage that it has told of, still.

    at: UTC seconds.
    """
    apart_s = at - current.last_at
    same = current.reason is instance.reason and is_of_its_way(current, instance)
    if same and apart_s <= TOGETHER_S:
        return True
    if instance.state in _PASSING and current.is_told and tells_of_outage(current, instance):
        return True
    quarrel = current.reason.is_of_a_conflict and instance.reason.is_of_a_conflict
    return quarrel and current.met == (instance.id,) and apart_s <= CONFLICTS_S


def is_of_its_way(incident: Incident, instance: Instance) -> bool:
    """Whether an incident of proxies is of the one that an instance goes through; any other is of
    every way."""
    if incident.reason is not Reason.PROXY_FAILED:
        return True
    place = None if instance.way is None else proxy_place(instance.way)
    return place is not None and names_proxy(incident.detail, place)


def tells_of_outage(incident: Incident, instance: Instance) -> bool:
    """Whether an incident has told of the outage that an instance is in: of one that passes, when
    it met many, or of one that lasts."""
    began = instance.down_since
    if began is None or instance.id not in incident.met:
        return False
    return (incident.lasts or not incident.is_serious) and incident.last_at >= began - 1.0


def is_lasting(instance: Instance, at: float) -> bool:
    """Whether an instance tries in vain for so long that it is an incident. at: UTC seconds.

    What has stopped trying was told when it did; a pairing waits for a person, a pause for us.
    """
    tries = instance.state in (State.CONNECTING, State.RETRYING, State.DEGRADED)
    wanted = instance.wanted is Wanted.RUNNING and instance.is_paired and tries
    return wanted and instance.down_since is not None and at - instance.down_since > LASTING_S


def is_over(instance: Instance, at: float, lasts_s: float) -> bool:
    """Whether an outage has ended: it is connected for long enough, or wanted no more.

    at: UTC seconds. lasts_s: how long a connection must last to be one.
    """
    if instance.wanted is Wanted.STOPPED or not instance.is_paired:
        return True
    begun = instance.connected_at
    return instance.state is State.CONNECTED and begun is not None and at - begun >= lasts_s


def agreed(
    current: Incident, instance: Instance, reason: Reason, causes: Mapping[str, Reason]
) -> Reason:
    """The reason of an outage of several: the latest cause of each, where they agree in it, and as
    long as they do not, that which was told.

    reason: the latest cause of this instance. causes: that of each other one that is still out, by
    its id, as far as it is known.
    """
    others = (causes.get(each, reason) for each in current.met if each != instance.id)
    return reason if all(each is reason for each in others) else current.reason


def lasting(
    current: Incident | None,
    instance: Instance,
    at: float,
    fleet: int,
    causes: Mapping[str, Reason],
) -> Incident:
    """The incident of an instance that tries in vain for long, new or grown. at: UTC seconds.

    Its reason is the latest cause; of several instances, that in which they agree (see `agreed`).
    """
    reason, what = cause_of_outage(instance)
    began = at if instance.down_since is None else instance.down_since
    detail = outage_detail(what, (at - began) / 60, instance.attempt)
    if current is None:
        return Incident(*(reason, began, at, (instance.name,), fleet, detail), met=(instance.id,))
    names, met = _joined_by(current, instance)
    return replace(
        current,
        reason=agreed(current, instance, reason, causes),
        began_at=min(current.began_at, began),
        last_at=at,
        names=names,
        met=met,
        fleet=fleet,
        detail=detail,
        is_serious=True,
    )


def grown(
    current: Incident | None,
    instance: Instance,
    at: float,
    fleet: int,
    causes: Mapping[str, Reason],
) -> Incident:
    """The incident that this instance's trouble belongs to: the current one, else a new one.

    at: UTC seconds. causes: see `agreed`. A later evidence replaces an earlier one of the same
    incident, and a later reason of one quarrel, or of an outage, the earlier.
    """
    serious = instance.state in _SERIOUS
    if current is None or not belongs(current, instance, at):
        return Incident(
            *(instance.reason, at, at, (instance.name,), fleet, instance.detail),
            is_serious=serious,
            met=(instance.id,),
        )
    names, met = _joined_by(current, instance)
    reason = agreed(current, instance, instance.reason, causes)
    own = instance.detail if reason is instance.reason else ""
    # Of another cause the evidence tells nothing; who took a session is told through the quarrel.
    kept = reason is current.reason or reason.is_of_a_conflict
    return replace(
        current,
        reason=reason,
        last_at=at,
        names=names,
        met=met,
        fleet=fleet,
        detail=own or (current.detail if kept else ""),
        is_serious=serious or current.is_serious,
    )


def _joined_by(incident: Incident, instance: Instance) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names and the ids of those whom an incident met, with this instance."""
    if instance.id in incident.met:
        return incident.names, incident.met
    return (*incident.names, instance.name), (*incident.met, instance.id)
