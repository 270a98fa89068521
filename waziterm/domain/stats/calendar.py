"""Days of the machine's zone, as spans of time: begin and end in UTC seconds."""

import time
from collections.abc import Sequence
from datetime import date
from itertools import pairwise

DAY_S = 86_400
Span = tuple[int, int]
"""Begin and end, UTC seconds; the end is not in it."""


def days(since: float, until: float) -> tuple[Span, ...]:
    """The days from that of one moment to that of another; one on which the clocks are set has 23
    or 25 hours."""
    begins = [_begin_of(since)]
    while begins[-1] <= until:
        # 12 hours into the next day, whatever the clocks do meanwhile.
        begins.append(_begin_of(begins[-1] + 1.5 * DAY_S))
    return tuple(pairwise(begins))


def last_days(at: float, count: int) -> tuple[Span, ...]:
    """So many days, of which a moment is in the last."""
    # Half a day from their begin at the latest, whatever the clocks do meanwhile.
    return days(at - (count - 0.5) * DAY_S, at)[-count:]


def blocks(
    of_days: Sequence[Span], sizes: Sequence[int]
) -> tuple[tuple[tuple[Span, ...], ...], ...]:
    """For each size the blocks of so many days that are whole among days, each as its days. Of what
    day a block begins is the same for ever."""
    numbers = [date.fromtimestamp(day[0]).toordinal() for day in of_days]
    found = []
    for size in sizes:
        by_number: dict[int, list[Span]] = {}
        for number, day in zip(numbers, of_days, strict=True):
            by_number.setdefault(number // size, []).append(day)
        found.append(tuple(tuple(each) for each in by_number.values() if len(each) == size))
    return tuple(found)


def _begin_of(at: float) -> int:
    """The first moment of the day of a moment."""
    day = time.localtime(at)[:3]
    begin = int(time.mktime((*day, 0, 0, 0, 0, 0, -1)))
    # Where the clocks are set at midnight, it is there twice or not at all.
    if time.localtime(begin)[:3] != day:
        begin = next(t for t in range(begin, begin + DAY_S, 900) if time.localtime(t)[:3] == day)
    while time.localtime(begin - 900)[:3] == day:
        begin -= 900
    return begin
