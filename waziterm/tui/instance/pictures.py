"""Small pictures of figures, one row high. Pure functions."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from textual.strip import Strip

from waziterm.tui.paint import look
from waziterm.tui.paint.cells import Span, row, width_of

BARS = "▁▂▃▄▅▆▇█"


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


def rule(name: str, width: int) -> Strip:
    """A line that heads what is below it."""
    filling = "─" * max(0, width - width_of(name) - 4)
    spans: list[Span] = [("─ ", look.BORDER), (name, look.FAINT), (f" {filling}", look.BORDER)]
    return row([*spans, (" ", look.PLAIN)], width, look.PLAIN)
