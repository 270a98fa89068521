"""Strips as cells of the screen: a half hour or more in each, its height the share of it in which
the instance was connected, its colour the state. Pure.

A full cell leaves a gap above it, so that the strips of two lines stay apart.
"""

from collections.abc import Sequence
from itertools import groupby
from math import inf

from rich.style import Style

from waziterm.domain.lifecycle.states import State
from waziterm.domain.stats.strips import DAY_CELLS, Cell, Recent, joined, read_cells
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import Span

HEIGHTS = "▁▁▂▃▄▅▅▆▇"
"""By level; what was down all the time and what was up for a moment are told apart by colour."""
UNKNOWN, STOPPED = "·", "─"
"""Of what nothing is known; and of what was to be down, which is no trouble of that height."""
_FEW = 4
"""A bar of fewer drops in a day is not a full one."""
WIDTHS = (48, 24, 16, 12)
"""So many cells a day may have."""


def strip(cells: Sequence[Cell], width: int) -> list[Span]:
    """Cells in exactly `width` cells of the screen, as equal shares; it divides their number."""
    if not width:
        return []
    each = len(cells) // width
    shown = cells if each == 1 else [joined(cells[at * each :][:each]) for at in range(width)]
    looks = ((_glyph(cell), _style(cell.state)) for cell in shown)
    return [
        ("".join(glyph for glyph, _ in same), style)
        for style, same in groupby(looks, lambda each: each[1])
    ]


def day(recent: Recent | None, width: int) -> list[Span]:
    """The last day of an instance; unknown where nobody has told it yet."""
    cells = read_cells(recent.cells) if recent is not None else ()
    if len(cells) != DAY_CELLS:
        return [(UNKNOWN * width, look.QUIET)]
    return strip(cells, width)


def more(recent: Recent | None) -> str:
    """How many times its usual drops it has today: `▲3×`, `▲` where it had none before; "" where
    nothing is unusual."""
    times = None if recent is None else recent.times
    if times is None:
        return ""
    return "▲" if times == inf else f"▲{min(times, 99):.0f}×"


def bars(counts: Sequence[int]) -> str:
    """Counts of days as bars, the highest one full, unless all are few."""
    top = max(_FEW, *counts) if counts else _FEW
    return "".join(HEIGHTS[-(-8 * count // top)] for count in counts)


def hours(counts: Sequence[int], width: int) -> str:
    """Counts of hours as bars of equal shares, the highest one full, unless all are few; "" where
    they cannot be shared out. width: in cells."""
    each, rest = divmod(len(counts), width)
    if rest or not each:
        return ""
    return bars([sum(counts[at * each :][:each]) for at in range(width)])


def _glyph(cell: Cell) -> str:
    if cell.state is None:
        return UNKNOWN
    if cell.state is State.STOPPED and not cell.level:
        return STOPPED
    return HEIGHTS[cell.level]


def _style(state: State | None) -> Style:
    return look.QUIET if state is None else look.SIGNS[state].style
