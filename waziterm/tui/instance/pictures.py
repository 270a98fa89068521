"""Small pictures of the last hours, one row high: when an instance was connected, and figures.

Pure functions. Each cell stands for an equal share of the hours before `now` (UTC seconds); the
last cell ends now.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby, pairwise
from math import ceil

from rich.style import Style

from waziterm.domain.fleet.history import Attempt, Moved
from waziterm.domain.lifecycle.states import State
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import Span

CONNECTED, PARTLY, AWAY, UNKNOWN = "█", "▄", "▁", "·"
"""The cells of an uptime strip: connected all the time, for a part of it, not at all; not known."""
BARS = "▁▂▃▄▅▆▇█"

_SURE = 1e-6
"""A share of a cell that is smaller comes from rounding."""


def uptime_strip(moves: Sequence[Moved], now: float, width: int, hours: float = 24.0) -> list[Span]:
    """When an instance was connected, in exactly `width` cells.

    moves: as `History.timeline` tells them. A cell of which only a part is known is judged by
    that part. Degraded is not connected: nobody answers.
    """
    if width <= 0:
        return []
    size = hours * 3600 / width
    start = now - width * size
    known, up = [0.0] * width, [0.0] * width
    ends = [*(moved.at for moved in moves[1:]), now]
    for moved, end in zip(moves, ends, strict=False):
        for cell, share in _shares(moved.at - start, min(end, now) - start, size, width):
            known[cell] += share
            if moved.state is State.CONNECTED:
                up[cell] += share
    cells = map(_glyph, known, up)
    return [("".join(same), _style(glyph)) for glyph, same in groupby(cells)]


def _shares(begin: float, end: float, size: float, width: int) -> Iterable[tuple[int, float]]:
    """The cells that lie between two moments, in seconds from the first cell's begin, and which
    share of each does."""
    begin, end = max(0.0, begin) / size, min(end / size, width)
    if end <= begin:
        return
    edges = [begin, *range(int(begin) + 1, ceil(end)), end]
    for left, right in pairwise(edges):
        yield min(int(left), width - 1), right - left


def _glyph(known: float, up: float) -> str:
    if known <= _SURE:
        return UNKNOWN
    if up >= known - _SURE:
        return CONNECTED
    return PARTLY if up > _SURE else AWAY


def _style(glyph: str) -> Style:
    if glyph == CONNECTED:
        return look.OK
    if glyph == PARTLY:
        return look.SIGNS[State.DEGRADED].style
    if glyph == AWAY:
        return look.SIGNS[State.HELD].style
    return look.QUIET


def sparkline(values: Sequence[float | None], width: int) -> str:
    """Figures as bars, in exactly `width` cells, the highest one full.

    values: from 0 up; None leaves a gap. Where there are more of them than cells, a cell shows
    the highest of its share, so that no peak is lost; fewer stand at the right.
    """
    if width <= 0:
        return ""
    count = len(values)
    if count > width:
        edges = [count * cell // width for cell in range(width + 1)]
        values = [_highest(values[left:right]) for left, right in pairwise(edges)]
    top = _highest(values) or 1.0
    bars = (" " if value is None else _bar(value / top) for value in values)
    return "".join(bars).rjust(width)


def _highest(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _bar(share: float) -> str:
    return BARS[max(0, min(len(BARS) - 1, round(share * (len(BARS) - 1))))]


def connect_times(
    attempts: Iterable[Attempt], now: float, width: int, hours: float = 24.0
) -> list[float | None]:
    """The longest connect in seconds of each cell; None where none ended well."""
    points = ((each.at, each.took_s) for each in attempts if each.ok and each.took_s is not None)
    return _per_cell(points, now, width, hours, lambda found: max(found, default=None))


def counts(
    moments: Iterable[float], now: float, width: int, hours: float = 24.0
) -> list[float | None]:
    """How many of the moments fall into each cell, for example conflicts."""
    points = ((moment, 1.0) for moment in moments)
    return _per_cell(points, now, width, hours, sum)


def _per_cell(
    points: Iterable[tuple[float, float]],
    now: float,
    width: int,
    hours: float,
    figure: Callable[[list[float]], float | None],
) -> list[float | None]:
    size = hours * 3600 / max(1, width)
    cells: list[list[float]] = [[] for _ in range(width)]
    for at, value in points:
        back = int((now - at) // size)
        if 0 <= back < width:
            cells[width - 1 - back].append(value)
    return [figure(found) for found in cells]
