"""What the history tells of one instance, as the screen asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from waziterm.domain.fleet.api import Fleet
from waziterm.domain.fleet.history import Attempt, Moved
from waziterm.domain.frozen import dataclass
from waziterm.domain.stats.absences import Absence, absences
from waziterm.domain.stats.calendar import last_days
from waziterm.domain.stats.hours import HOUR_S
from waziterm.domain.stats.strips import DAYS, Recent

if TYPE_CHECKING:
    from waziterm.domain.stats.sums import Stats

MOVES = 1000
"""How many moves are read: enough for a week of all but the unhappiest."""


@dataclass(frozen=True, slots=True)
class Past:
    """The last seven days of an instance, today the last of them.

    moves: oldest first, None until they were read. away: its absences, oldest first. attempts:
    oldest first. sums: what it sums up to. recent: its cells of seven days. error: why nothing can
    be read, or "". library: neonize's version, or "".
    """

    moves: tuple[Moved, ...] | None = None
    error: str = ""
    library: str = ""
    away: tuple[Absence, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    sums: Stats | None = None
    recent: Recent | None = None


async def read_past(fleet: Fleet, name: str, library: str, now: float) -> Past:
    """Ask for it. library: see `Past`. now: UTC seconds. Raises FleetError."""
    since = week_begin(now)
    moves = await fleet.timeline(name, since, MOVES)
    recent = await fleet.recent(name=name, days=DAYS)
    sums = await fleet.stats(since, name)
    attempts = await fleet.attempts(since, name)
    return Past(
        moves,
        library=library,
        away=tuple(each for each in absences(moves) if each.ended is None or each.ended >= since),
        attempts=attempts,
        sums=next((each for each in sums if each.instance == name), None),
        recent=next(iter(recent), None),
    )


def week_begin(now: float) -> float:
    """The begin of the first hour of the seven days of the machine's zone that `Recent` sums up, of
    which a moment is in the last; both UTC seconds."""
    (begin, _), *_ = last_days(now, DAYS)
    return float(-(-begin // HOUR_S) * HOUR_S)


@dataclass(frozen=True, slots=True)
class Beside:
    """Who shares something with an instance, by their names in the fleet's order. proxy: its
    proxy, each with its drops of today. worker: its worker process."""

    proxy: tuple[tuple[str, int], ...] = ()
    worker: tuple[str, ...] = ()
