"""Time as a row of cells: how an instance stood in each half hour, and what its week sums up to.

A cell is half an hour that begins at a full or a half hour of the local clock. Its level is the
share of it in which the instance was connected, in eighths. Its state is what a tenth of it was at
least as bad as: ten seconds without a connection leave a cell as it was, three minutes do not,
whether or not they were in one piece. What nobody saw is no part of a cell: a cell of which only a
part is known is judged by that part, and one of which nothing is known has no state.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.states import State
from waziterm.domain.units import Moment, Seconds

CELL_S = 1800
DAY_CELLS, DAYS = 48, 7
LEVELS = 8
_TELLING = 0.1
"""The share of a cell that says in which state it was."""
_LEAST_S = 1.0
"""Of a cell of which less is known nothing is told."""
_LETTERS = {
    State.BANNED: "b",
    State.LOGGED_OUT: "l",
    State.HELD: "h",
    State.OUTDATED: "o",
    State.COOLDOWN: "c",
    State.RETRYING: "r",
    State.DEGRADED: "d",
    State.CONNECTING: "n",
    State.PAIRING: "p",
    State.STOPPED: "s",
    State.CONNECTED: "u",
}
"""The states, the worst first, by their letter in `Recent.cells`."""
_ORDER = tuple(_LETTERS)
_STATES = {letter: state for state, letter in _LETTERS.items()}
_UNKNOWN = "-"


class Cell(NamedTuple):
    """Half an hour. state: None where nothing is known. level: 0 to 8, eighths of it connected."""

    state: State | None
    level: int


NOTHING = Cell(None, 0)


class Stood(NamedTuple):
    """From a moment on, UTC seconds, an instance stood so. state: None where nobody saw it: what is
    to be connected, without a manager."""

    at: float
    state: State | None


@dataclass(frozen=True, slots=True)
class Recent:
    """The last hours and the last week of an instance.

    begin: of the first cell. cells: two characters for each cell, see `cells_of`; the last one
    holds the present. up_s, seen_s: seconds of the last 24 hours in which it was connected, and in
    which it was to be and a manager ran. uptime: the share of the last seven days, 0 to 1; None
    where there was no such time. drops: of each of the last seven days of the machine's zone, today
    last. mean_drops: of the days before today of which anything is known; None without any.
    connect_s: how long half of the week's connects took at most; None without any.
    """

    instance: str
    begin: Moment
    cells: str
    up_s: Seconds = 0.0
    seen_s: Seconds = 0.0
    uptime: float | None = None
    drops: tuple[int, ...] = ()
    mean_drops: float | None = None
    connect_s: Seconds | None = None

    @property
    def times(self) -> float | None:
        """How many times its mean of a day before it dropped today, where that is unusual, as
        `waziterm stats` tells it; infinite where it had none, None where nothing is unusual."""
        if not self.drops or self.mean_drops is None:
            return None
        from waziterm.domain.stats.sums import times_the_mean  # noqa: PLC0415 - not before the first paint

        return times_the_mean(self.drops[-1], self.mean_drops)


def first_cell(now: float, count: int, offset_s: float = 0.0) -> float:
    """The begin of the first of `count` cells of which the last one holds a moment; UTC seconds.

    offset_s: of the local clock from UTC.
    """
    last = (now + offset_s) // CELL_S * CELL_S - offset_s
    return last - (count - 1) * CELL_S


def cells_of(moves: Sequence[Stood], begin: float, now: float, count: int) -> str:
    """The cells of a time, written with two characters for each: the letter of its state, `-` for
    none, and its level.

    moves: oldest first, from the one on that was in force at the begin, if it is known. begin: of
    the first cell, UTC seconds. A clock that was set back makes no time that is below 0.
    """
    lasted: list[dict[State, float]] = [{} for _ in range(count)]
    for index, (at, state) in enumerate(moves):
        end = min(moves[index + 1].at if index + 1 < len(moves) else now, now)
        if state is None or end <= max(at, begin):
            continue
        left = max(0.0, at - begin) / CELL_S
        right = min((end - begin) / CELL_S, count)
        for cell in range(int(left), min(count, int(right) + 1)):
            share = min(right, cell + 1) - max(left, cell)
            if share > 0:
                found = lasted[cell]
                found[state] = found.get(state, 0.0) + share
    return "".join(map(_written, lasted))


def read_cells(cells: str) -> tuple[Cell, ...]:
    """The cells that `cells_of` has written; what it never writes is a cell of which nothing is
    known."""
    return tuple(_cell(*cells[at : at + 2]) for at in range(0, len(cells) - 1, 2))


def joined(cells: Iterable[Cell]) -> Cell:
    """Several cells as one, for where there is no room for each: the worst of their states, the
    mean of their levels. Those that are unknown tell nothing."""
    known = [(_ORDER.index(cell.state), cell.level) for cell in cells if cell.state is not None]
    if not known:
        return NOTHING
    worst = min(state for state, _ in known)
    return Cell(_ORDER[worst], sum(level for _, level in known) // len(known))


def _written(lasted: dict[State, float]) -> str:
    known = sum(lasted.values())
    if known * CELL_S < _LEAST_S:
        return f"{_UNKNOWN}0"
    level = round(LEVELS * lasted.get(State.CONNECTED, 0.0) / known)
    if len(lasted) == 1:
        return f"{_LETTERS[next(iter(lasted))]}{level}"
    as_bad = 0.0
    for state, letter in _LETTERS.items():
        as_bad += lasted.get(state, 0.0)
        if as_bad >= _TELLING * known:
            return f"{letter}{level}"
    raise AssertionError("a state without a letter")


def _cell(letter: str, level: str) -> Cell:
    state = _STATES.get(letter)
    if state is None or not ("0" <= level <= "8"):
        return NOTHING
    return Cell(state, int(level))
