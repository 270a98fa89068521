"""The time axis of all pictures of days: ticks by the hours of the local clock, and the present.
Pure; moments are UTC seconds."""

import time

from waziterm.domain.stats.strips import CELL_S, DAY_CELLS
from waziterm.lang import tr
from waziterm.tui.paint.cells import width_of
from waziterm.tui.text.format import clock_minute, local

_TICK_CELLS = 6


def last_day(begin: float, width: int) -> str:
    """The ticks of a day's strip in `width` cells: every sixth hour of the local clock, where it
    begins, and `now` at the right. begin: of its first cell."""
    cell_s = DAY_CELLS * CELL_S / width
    end = tr("now")
    line = [" "] * width
    free = 0
    for place in range(width - width_of(end) - 2):
        moment = local(begin + place * cell_s)
        after = local(begin + (place + 1) * cell_s - 1)
        if moment is None or after is None or place < free:
            continue
        hour = _sixth_hour(moment, after)
        if hour is not None:
            line[place : place + 2] = hour
            free = place + 3
    return "".join(line)[: width - width_of(end)] + end


def _sixth_hour(moment: time.struct_time, after: time.struct_time) -> str | None:
    """The hour of the clock, two digits, that begins in a cell, where it is a sixth one."""
    begins = moment.tm_min == 0
    hour = moment.tm_hour if begins else after.tm_hour
    if (begins or moment.tm_hour != after.tm_hour) and hour % 6 == 0:
        return f"{hour:02}"
    return None


def of_day(per: int) -> str:
    """The hours from midnight to midnight, a tick for every sixth cell. per: half hours in each."""
    hours = range(0, 24, _TICK_CELLS * per * CELL_S // 3600)
    return "".join(f"{hour:02}".ljust(_TICK_CELLS) for hour in hours)


def now_below(per: int, beyond: int, now: float) -> str:
    """A mark below the cell of the present, with the time beside it. per: half hours in each cell.
    beyond: cells right of the axis that it may use."""
    at, said = place_of(now) // per, f"{tr('now')} {clock_minute(now)}"
    text = f"{' ' * at}▲ {said}"
    return text if len(text) <= DAY_CELLS // per + beyond else f"{said} ▲".rjust(at + 1)


def place_of(at: float) -> int:
    """The half hour of the local day of a moment, from 0 on."""
    moment = local(at)
    return 0 if moment is None else moment.tm_hour * 2 + moment.tm_min // 30
