"""The history of an instance as its absences: one for each time between two connections."""

from collections.abc import Iterable
from dataclasses import replace

from waziterm.domain.fleet.history import Moved
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.stats.hours import drop_of
from waziterm.domain.units import Moment, Seconds

_HAD = frozenset({State.CONNECTED, State.DEGRADED})
_ENDS = frozenset({State.STOPPED, State.PAIRING})
"""Where an instance is not to come back by itself: what ends there is another absence."""


@dataclass(frozen=True, slots=True)
class Absence:
    """A time in which an instance was not connected. A degraded connection is one as well.

    at: when it began, UTC seconds. reason, detail: what ended the connection, with its evidence.
    then, then_detail: the last other trouble that kept it away, None without any.
    is_drop: nobody meant to end it, see `domain.stats.hours`. state: where the instance stands, or
    stood last. ended: when it was connected again, or somebody stopped it, UTC seconds; None as
    long as it lasts. is_back: it was connected then.
    """

    at: Moment
    reason: Reason
    detail: str
    is_drop: bool
    state: State
    then: Reason | None = None
    then_detail: str = ""
    ended: Moment | None = None
    is_back: bool = False

    def lasted_s(self, now: float) -> Seconds:
        """How long it was away; until a moment, where it still is."""
        return max(0.0, (now if self.ended is None else self.ended) - self.at)


def absences(moves: Iterable[Moved]) -> tuple[Absence, ...]:
    """The absences that some moves tell of, oldest first. moves: oldest first.

    The first reason stays, for what a move says of the connection that is tried next is no news of
    the one that ended. When a degraded connection ends in a drop, that begins the absence.
    """
    found: list[Absence] = []
    away: Absence | None = None
    before: Moved | None = None
    for move in moves:
        if away is not None and _ends(away, move.state):
            found.append(replace(away, ended=move.at, is_back=move.state in _HAD))
            away = None
        if move.state is not State.CONNECTED:
            away = _goes_on(away, before, move)
        before = move
    return (*found, away) if away is not None else tuple(found)


def _ends(away: Absence, state: State) -> bool:
    """Whether an absence is over when its instance comes into a state."""
    if state is State.DEGRADED:
        return away.state is not State.DEGRADED
    return state is State.CONNECTED or (state in _ENDS and away.state not in _ENDS)


def _goes_on(away: Absence | None, before: Moved | None, move: Moved) -> Absence:
    """What an absence is after a move that does not end it; None: it begins with this one."""
    dropped = None
    if before is not None:
        dropped = drop_of(before.state, before.reason, move.state, move.reason)
    if away is None or dropped is not None:
        detail = move.detail
        if before is not None and dropped not in (None, move.reason):
            detail = before.detail
        reason = dropped or move.reason
        return Absence(move.at, reason, detail, dropped is not None, move.state)
    away = replace(away, state=move.state)
    if move.reason is away.reason:
        return replace(away, detail=move.detail or away.detail)
    if not move.state.is_trouble:
        return away
    detail = move.detail or (away.then_detail if move.reason is away.then else "")
    return replace(away, then=move.reason, then_detail=detail)
