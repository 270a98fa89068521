"""Small pictures, one row high: when an instance was connected, and figures. Pure functions."""

from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from math import inf

from rich.style import Style
from textual.strip import Strip

from waziterm.domain.lifecycle.states import State
from waziterm.domain.stats.strips import Cell, Recent, joined
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import Span, row, width_of

BARS = "▁▂▃▄▅▆▇█"
UNKNOWN = "·"
"""A cell of which nothing is known."""


def strip(cells: Iterable[Cell]) -> list[Span]:
    """One glyph for each cell: its height is the share of it in which the instance was connected,
    its colour the state that it tells of."""
    looks = ((_glyph(cell), _style(cell.state)) for cell in cells)
    return [
        ("".join(glyph for glyph, _ in same), style)
        for style, same in groupby(looks, lambda each: each[1])
    ]


def _glyph(cell: Cell) -> str:
    return UNKNOWN if cell.state is None else BARS[max(0, cell.level - 1)]


def _style(state: State | None) -> Style:
    return look.QUIET if state is None else look.SIGNS[state].style


def hourly(cells: Sequence[Cell], of: int) -> list[Cell]:
    """Fewer cells, each of so many, for where there is no room for all."""
    return [joined(cells[at : at + of]) for at in range(0, len(cells), of)]


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


def times(recent: Recent) -> str:
    """How much more an instance drops today than on the days before: `▲3.1×`; "" where that is not
    unusual."""
    more = recent.times
    if more is None:
        return ""
    return "▲" if more == inf else f"▲{more:.1f}×"


def rule(name: str, width: int) -> Strip:
    """A line that heads what is below it."""
    filling = "─" * max(0, width - width_of(name) - 4)
    spans: list[Span] = [("─ ", look.BORDER), (name, look.FAINT), (f" {filling}", look.BORDER)]
    return row([*spans, (" ", look.PLAIN)], width, look.PLAIN)
