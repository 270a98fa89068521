"""A week of an instance as a picture: a row for each day, a cell for each half hour of the clock.

All that is drawn here stands over one axis, the time of day from midnight to midnight, so that what
happens at the same time every day stands in one column. Pure functions; moments are UTC seconds.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from textual.strip import Strip

from waziterm.domain.stats.calendar import DAY_S, last_days
from waziterm.domain.stats.strips import CELL_S, DAY_CELLS, DAYS, NOTHING, Cell, Recent, read_cells
from waziterm.lang import tr, trn
from waziterm.tui.instance import pictures
from waziterm.tui.paint import look, strips
from waziterm.tui.paint.cells import Span, row
from waziterm.tui.state.past import Past
from waziterm.tui.text import axis
from waziterm.tui.text.format import local, seconds, weekday

LABEL = 10
"""Cells left of the axis."""
SAID = 14
"""Cells right of it, for figures."""
WIDE = LABEL + DAY_CELLS + SAID
"""From so many cells on there is one for each half hour; below, one for each hour."""


def week(past: Past, width: int, now: float, days: int = DAYS) -> list[Strip]:
    """The last days, oldest first, with the axis above and "now" below; then the connect times and
    the conflicts of the week by the time of day. days: so many rows."""
    recent = past.recent
    if recent is None:
        return []
    per = 1 if width >= WIDE else 2
    cells = read_cells(recent.cells)
    return [
        row([(" " * LABEL + axis.of_day(per), look.QUIET)], width, look.PLAIN),
        *(
            _day(recent, cells, begin, end, days - 1 - place, per, width, now)
            for place, (begin, end) in enumerate(_days(now, days))
        ),
        row([(" " * LABEL + axis.now_below(per, SAID, now), look.MARKED)], width, look.PLAIN),
    ]


def by_time_of_day(past: Past, width: int, now: float) -> list[Strip]:
    """The longest connects and the number of conflicts of the week, in each part of the day; one
    line for each, where there were any."""
    count = DAY_CELLS if width >= WIDE else DAY_CELLS // 2
    times = ((each.at, each.took_s) for each in past.attempts if each.ok and each.took_s)
    connects = _per_cell(times, count, lambda found: max(found, default=None))
    fought = ((each.at, 1.0) for each in past.away if each.reason.code == "440")
    conflicts = _per_cell(fought, count, lambda found: sum(found) or None)
    lines: list[Strip] = []
    slowest = max((took for took in connects if took is not None), default=None)
    if slowest is not None:
        said = tr("up to {took}", took=seconds(slowest, 1))
        bars = pictures.sparkline(connects, count)
        lines.append(_line(tr("connects"), [(bars, look.MARKED)], said, width))
    many = round(sum(found or 0.0 for found in conflicts))
    if many:
        bars = pictures.sparkline(conflicts, count)
        said = trn("{n} conflict", "{n} conflicts", many)
        lines.append(_line("440", [(bars, look.TROUBLE)], said, width))
    return lines


def _line(label: str, picture: Sequence[Span], said: str, width: int) -> Strip:
    spans: list[Span] = [(f" {label:<{LABEL - 1}}", look.FAINT), *picture, (f" {said}", look.PLAIN)]
    return row(spans, width, look.PLAIN)


def _day(
    recent: Recent,
    cells: Sequence[Cell],
    begin: float,
    end: float,
    back: int,
    per: int,
    width: int,
    now: float,
) -> Strip:
    """A day, from its midnight to the next or to now, and how many drops it had. back: how many
    days before today."""
    first = round((begin - recent.begin) / CELL_S)
    count = min(DAY_CELLS, round((end - begin) / CELL_S), int((now - begin) // CELL_S) + 1)
    places = range(first, first + count)
    shown = [cells[place] if 0 <= place < len(cells) else NOTHING for place in places]
    shown += [NOTHING] * (-count % per)
    picture = strips.strip(shown, len(shown) // per)
    drops = recent.drops[-1 - back] if back < len(recent.drops) else 0
    label = f" {weekday(begin)} {_day_of_month(begin):>2}".ljust(LABEL)
    spans: list[Span] = [
        (label, look.FAINT if back else look.BRIGHT),
        *picture,
        (" " * (DAY_CELLS // per - len(shown) // per), look.PLAIN),
        (f" {drops or '·':>4}", look.PLAIN if drops else look.QUIET),
    ]
    if not back and (more := strips.more(recent)):
        spans.append((f" {more}", look.TROUBLE))
    return row(spans, width, look.PLAIN)


def _per_cell(
    points: Iterable[tuple[float, float]],
    count: int,
    figure: Callable[[list[float]], float | None],
) -> list[float | None]:
    """A figure for each part of the day, of what happened in it on any day."""
    found: list[list[float]] = [[] for _ in range(count)]
    for at, value in points:
        found[axis.place_of(at) * count // DAY_CELLS].append(value)
    return [figure(each) for each in found]


def _day_of_month(at: float) -> int:
    moment = local(at)
    return 0 if moment is None else moment.tm_mday


def _days(now: float, count: int) -> Iterable[tuple[float, float]]:
    """So many local days, the last one that of a moment, each as begin and end in UTC seconds."""
    if local(now) is None:
        return pairwise(now - back * DAY_S for back in range(count - 1, -2, -1))
    return last_days(now, count)
