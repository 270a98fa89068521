"""The absences of one instance, a line for each, the newest first."""

import sys

from rich.style import Style
from textual.strip import Strip

from waziterm.domain.stats.absences import Absence
from waziterm.lang import tr
from waziterm.tui.instance.pictures import rule
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import Span, cell, row, width_of, wrap
from waziterm.tui.state.past import Past
from waziterm.tui.text import words
from waziterm.tui.text.format import day_and_minute, stretch

_BACK = 14
"""Cells for how long it was away."""
_LINES = 3
_NARROW = 60
"""Below so many cells the reason has lines of its own."""


def away(past: Past, width: int, now: float, most: int = sys.maxsize) -> list[Strip]:
    """When it was away, how long, and why; nothing where it never was. most: lines."""
    if not past.away or most < 2:
        return []
    lines = [rule(tr("not connected: when, how long, why"), width)]
    for each in reversed(past.away):
        lines += _line(each, width, now)
        if len(lines) >= most:
            break
    return lines[:most]


def _line(each: Absence, width: int, now: float) -> list[Strip]:
    when = f" {day_and_minute(each.at)} "
    lasted, style = _lasted(each, now)
    said = words.brief(each.reason, each.detail)
    if each.then is not None:
        said += f" → {words.brief(each.then, each.then_detail)}"
    reason = look.PLAIN if each.is_drop else look.FAINT
    first: list[Span] = [(when, look.QUIET), (cell(lasted, _BACK), style)]
    begin = width_of(when) + _BACK + 1
    if width < _NARROW:
        begin = 3
    parts = wrap(said, width - begin - 1, _LINES) or [""]
    rest = [row([(" " * begin + part, reason)], width, look.PLAIN) for part in parts]
    if width < _NARROW:
        return [row(first, width, look.PLAIN), *rest]
    return [row([*first, (parts[0], reason)], width, look.PLAIN), *rest[1:]]


def _lasted(each: Absence, now: float) -> tuple[str, Style]:
    """How long it was away, and how that ended: it is back, it was stopped, it still is away."""
    took = stretch(each.lasted_s(now))
    if each.is_back:
        return took, look.PLAIN
    sign = look.SIGNS[each.state]
    return f"{sign.glyph} {took}", sign.style if each.ended is None else look.FAINT
