"""What the history tells of one instance, as the screen asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from waziterm.domain.fleet.api import Fleet
from waziterm.domain.fleet.history import Attempt, Moved
from waziterm.domain.stats.absences import Absence, absences
from waziterm.domain.stats.strips import DAYS, Recent

if TYPE_CHECKING:
    from waziterm.domain.stats.sums import Stats

WEEK_S = DAYS * 86_400.0
MOVES = 1000
"""How many moves are read: enough for a week of all but the unhappiest."""


@dataclass(frozen=True, slots=True)
class Past:
    """The last seven days of an instance. moves: oldest first, None until they were read.

    away: its absences, oldest first. attempts: oldest first. sums: what it sums up to. recent: its
    cells of seven days. error: why nothing can be read, or "". library: neonize's version, or "".
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
    since = now - WEEK_S
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


@dataclass(frozen=True, slots=True)
class Beside:
    """Who shares something with an instance, by their names in the fleet's order. proxy: its
    proxy, each with its drops of today. worker: its worker process."""

    proxy: tuple[tuple[str, int], ...] = ()
    worker: tuple[str, ...] = ()
