"""Incidents: what happened to how many, so that one cause is told once and not once a number."""

from dataclasses import dataclass, replace

from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.units import Moment

TOGETHER_S = 60.0
"""The same reason on another instance within this time belongs to the same incident."""
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

    def shifted(self, by: float) -> "Incident":
        """The same after the clock was set by so many seconds."""
        return replace(self, began_at=self.began_at + by, last_at=self.last_at + by)

    @property
    def who(self) -> str:
        """Whom it met: the one instance, or how many of the fleet."""
        return self.names[0] if len(self.names) == 1 else f"{len(self.names)} of {self.fleet}"

    @property
    def what(self) -> str:
        """What happened, with its code and the evidence."""
        code = f" ({self.reason.code})" if self.reason.code else ""
        detail = f": {self.detail}" if self.detail else ""
        return f"{self.reason.sentence}{code}{detail}"


def is_trouble(before: Instance, after: Instance) -> bool:
    """Whether the instance has just come into trouble, or into another kind of it."""
    if before.reason is Reason.PAUSED and after.next_attempt is not None:
        # A ban or a cool-down that goes on after a pause was told when it began.
        return False
    known = before.state is after.state and before.reason is after.reason
    return not known and after.state in _SERIOUS | _PASSING


def grown(current: Incident | None, instance: Instance, at: float, fleet: int) -> Incident:
    """The incident that this instance's trouble belongs to: the current one of the same reason
    when that is at most a minute old, else a new one.

    at: UTC seconds. A later evidence replaces an earlier one of the same incident.
    """
    serious = instance.state in _SERIOUS
    if current is None or at - current.last_at > TOGETHER_S:
        return Incident(
            *(instance.reason, at, at, (instance.name,), fleet, instance.detail),
            is_serious=serious,
            met=(instance.id,),
        )
    names, met = current.names, current.met
    if instance.id not in met:
        names, met = (*names, instance.name), (*met, instance.id)
    return replace(
        current,
        last_at=at,
        names=names,
        met=met,
        fleet=fleet,
        detail=instance.detail or current.detail,
        is_serious=serious or current.is_serious,
    )
