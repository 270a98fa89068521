"""One panel of the wall: an instance at a glance, as lines of cells."""

from collections.abc import Sequence
from itertools import islice

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from waziterm.domain.fleet.api import InstanceView, LogLine, Source
from waziterm.domain.fleet.routine import is_routine
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.stats.strips import Recent
from waziterm.lang import tr, trn
from waziterm.tui.paint import look, strips
from waziterm.tui.paint.cells import Span, cut, inert, row, spread, width_of, wrap
from waziterm.tui.text import of_messages, words
from waziterm.tui.text.format import clock_of_day, stamp

MIN_WIDTH = 38
MIN_HEIGHT = 7
WHY_LINES = 3

_LIGHT = tuple("╭─╮│╰╯")
_HEAVY = tuple("┏━┓┃┗┛")


def draw(
    view: InstanceView,
    lines: Sequence[LogLine],
    width: int,
    height: int,
    now: float,
    *,
    selected: bool = False,
    marked: bool = False,
    stale: bool = False,
    recent: Recent | None = None,
) -> list[Strip]:
    """The panel as `height` lines of `width` cells; its last day stands in its lower edge.

    recent: the last hours and days, None where they were not told yet. lines: the instance's log,
    oldest first; as many of its last lines are shown as fit, without those that are routine.
    marked: actions are meant for it; a check mark says so. A heavy border marks the selected
    panel, so that no colour is needed to see it. stale: nobody tells any more, `now` is the moment
    of the last news.
    """
    sign = look.SIGNS[view.state]
    upper_left, across, upper_right, down, lower_left, lower_right = _HEAVY if selected else _LIGHT
    border = look.BORDER
    if view.state.is_trouble:
        border = sign.style
    elif selected:
        border = look.MARKED

    inner = width - 4
    age = tr("as of {time}", time=clock_of_day(now)) if stale else words.age(view, now)
    body = _body(view, lines, inner, height - 2, now, age)
    side = Segment(f"{down} ", border)
    end = Segment(f" {down}", border)
    blank = row((), inner, look.PLAIN)
    framed = [
        Strip([side, *(body[y] if y < len(body) else blank), end], width) for y in range(height - 2)
    ]

    state = f"{sign.glyph} {words.state_word(view, now)}"
    mark = "✓ " if marked else ""
    name = cut(mark + inert(view.name), inner - width_of(state) - 5)
    filling = across * (inner - width_of(name) - width_of(state) - 4)
    top = Strip(
        [
            Segment(f"{upper_left}{across} ", border),
            Segment(name, look.BRIGHT),
            Segment(f" {filling} ", border),
            Segment(state, sign.bold if view.state.is_trouble else sign.style),
            Segment(f" {across}{upper_right}", border),
        ],
        width,
    )
    inside = _day(recent, width - 4, across, border)
    bottom = row(
        [(lower_left + across, border), *inside, (across + lower_right, border)], width, border
    )
    return [top, *framed, bottom]


def _day(recent: Recent | None, width: int, across: str, border: Style) -> list[Span]:
    """The last day as a part of the edge, with today's drops where there is room for them."""
    if recent is None:
        return [(across * width, border)]
    label = f" {tr('24 h')} "
    room = width - width_of(label) - 2
    size = next((each for each in strips.WIDTHS if each <= room), 0)
    if not size:
        return [(across * width, border)]
    today = recent.drops[-1] if recent.drops else 0
    told = trn("{n} drop today", "{n} drops today", today)
    more = strips.more(recent)
    said: list[Span] = []
    if today and width_of(told) + width_of(more) + 2 <= room - size:
        said = [(f"{told} ", look.FAINT)]
        said += [(f"{more} ", look.SIGNS[State.COOLDOWN].style)] if more else []
    spans: list[Span] = [(label, look.FAINT), *strips.day(recent, size), (" ", border), *said]
    used = sum(width_of(text) for text, _ in spans)
    return [*spans, (across * (width - used), border)]


def _body(
    view: InstanceView, lines: Sequence[LogLine], width: int, height: int, now: float, age: str
) -> list[Strip]:
    linked = look.PLAIN if view.paired else look.FAINT
    first = [(words.number(view), linked)]
    body = [spread(first, [(age, look.FAINT)], width, look.PLAIN)]
    room = height - len(body)
    if said := words.other_number(view):
        body += _wrapped(said, width, 2, look.TROUBLE)
        room = height - len(body)
    if view.state is State.CONNECTED:
        body.append(row([(words.health(view, now), look.FAINT)], width, look.PLAIN))
        if barred := words.barred(view, now):
            body += _wrapped(barred, width, room - 1, look.MARKED)
        room = height - len(body)
        if room > 0 and (silent := words.phone_silent(view, now)):
            body += _wrapped(silent, width, min(2, room), look.MARKED)
    elif view.state is State.PAIRING:
        body += _wrapped(words.qr_line(view, now), width, room, look.MARKED)
        if view.reason is not Reason.QR_SHOWN:
            said = f"{words.why(view)}; {words.next_step(view, now)}"
            body += _wrapped(said, width, max(1, height - len(body)), look.PLAIN)
    else:
        step = wrap(words.next_step(view, now), width, 2)
        why = words.why(view) if words.says_number(view) else ""
        if len(wrap(why, width, WHY_LINES)) + len(step) > room:
            step = wrap(words.next_step(view, now, with_key=False), width, 2)
        if len(wrap(why, width, WHY_LINES)) + len(step) > room and len(body) == 1:
            # Who took it matters more than the number and for how long.
            body, room = [], room + 1
        most = max(1, min(WHY_LINES, room - len(step)))
        style = look.SIGNS[view.state].style if view.state.is_trouble else look.FAINT
        body += _wrapped(why, width, most, style)
        body += [row([(text, look.PLAIN)], width, look.PLAIN) for text in step]
    if len(body) < height and (waiting := of_messages.queue_line(view, now)):
        unknown = view.messages is not None and view.messages.unknown
        style = look.MARKED if unknown else look.PLAIN
        body += _wrapped(waiting, width, min(2, height - len(body)), style)
    if len(body) < height and (silenced := words.silenced(view, now)):
        body.append(row([(silenced, look.FAINT)], width, look.PLAIN))
    room = max(0, height - len(body))
    newest = islice((line for line in reversed(lines) if not is_routine(line)), room)
    body += [log_line(line, width, now) for line in reversed(list(newest))]
    return body[:height]


def _wrapped(text: str, width: int, most: int, style: Style) -> list[Strip]:
    return [row([(part, style)], width, look.PLAIN) for part in wrap(text, width, most)]


def log_line(line: LogLine, width: int, now: float) -> Strip:
    """A log line with its moment, cut at the edge."""
    style = look.PLAIN if line.source is Source.OPERATOR else look.FAINT
    return row(
        [(f"{stamp(line.at, now)} ", look.QUIET), (inert(line.text), style)], width, look.PLAIN
    )
