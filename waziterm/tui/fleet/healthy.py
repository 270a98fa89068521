"""A row of the wall: an instance that needs nobody, as one line. Pure."""

from collections.abc import Iterable
from dataclasses import fields, replace

from rich.style import Style
from textual.strip import Strip

from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.states import State
from waziterm.domain.messages.queue_counts import QueueCounts
from waziterm.domain.stats.strips import Recent
from waziterm.lang import tr
from waziterm.tui.paint import look, strips
from waziterm.tui.paint.cells import Span, cell, inert, row, width_of
from waziterm.tui.text import axis, of_messages, words
from waziterm.tui.text.format import milliseconds, seconds, share_number

SELECTED = "▌"
_LEAD = 4
"""Cells for the marks and the state's glyph."""
_LEAST_NAME, _MOST_NAME = 8, 24
_NUMBER, _UPTIME, _DROPS, _DAYS, _MORE, _CONNECT, _PROBE = 15, 6, 5, 7, 4, 7, 7
_QUEUE, _SENT, _HOURS = 9, 5, 12
_SAYS = 20
"""Cells that a remark needs."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What fits into a line, in cells; 0 for what is left out. remark: what is left."""

    name: int
    number: int
    strip: int
    uptime: int
    drops: int
    days: int
    more: int
    connect: int
    probe: int
    queue: int
    sent: int
    hours: int
    remark: int


def columns(width: int, name: int, *, remarks: bool, messages: bool = False) -> Columns:
    """The columns that fit, those that are worth most first: a narrow line keeps the name, the
    strip and the drops the longest.

    name: cells of the longest name. remarks: whether there is one. messages: whether one of them
    has or had messages out.
    """
    kept = {"name": min(max(name, _LEAST_NAME), _MOST_NAME, max(_LEAST_NAME, width // 4))}
    free = width - _LEAD - kept["name"] - 1
    wanted = [("strip", 12), ("drops", _DROPS), ("uptime", _UPTIME)]
    wanted += [("queue", _QUEUE), ("sent", _SENT)] if messages else []
    wanted += [("strip", 24)]
    wanted += [("more", _MORE), ("days", _DAYS), ("probe", _PROBE)]
    wanted += [("remark", _SAYS)] if remarks else []
    wanted += [("hours", _HOURS)] if messages else []
    wanted += [("number", _NUMBER), ("connect", _CONNECT), ("strip", 48)]
    for column, size in wanted:
        before = kept.get(column, 0)
        taken = size - before + (not before)
        if taken <= free:
            kept[column] = size
            free -= taken
    has_remark = "remark" in kept
    fixed = Columns(**{each.name: kept.get(each.name, 0) for each in fields(Columns)})
    return replace(fixed, remark=fixed.remark + free) if has_remark else fixed


def longest(names: Iterable[str]) -> int:
    """The cells of the longest of some names, and of the word that stands over them."""
    word = width_of(tr(State.CONNECTED.label))
    return max(word, *(width_of(inert(name)) for name in names), 0)


def heading(fits: Columns, width: int, begin: float | None) -> Strip:
    """What stands over the rows. begin: of the strips' first cell, UTC seconds; None where no
    strip is known yet."""
    ticks = tr("24 h") if begin is None or not fits.strip else axis.last_day(begin, fits.strip)
    titles = [
        (tr("NUMBER"), fits.number),
        (ticks, fits.strip),
        (tr("UP %"), fits.uptime),
        (tr("DROPS 7 d") if fits.days else tr("DROPS"), _as_one(fits.drops, fits.days, fits.more)),
        (tr("CONNECT"), fits.connect),
        (tr("PROBE"), fits.probe),
        (tr("QUEUE"), fits.queue),
        (tr("MSG/H"), _as_one(fits.sent, fits.hours)),
        (tr("NOTE"), fits.remark),
    ]
    sign = look.SIGNS[State.CONNECTED]
    # What the glyph of most rows means stands over it, in place of what a name is.
    word = cell(tr(State.CONNECTED.label), fits.name)
    spans: list[Span] = [(f"  {sign.glyph} ", sign.style), (word, look.FAINT)]
    spans += [(cell(title, size), look.FAINT) for title, size in titles if size]
    return row(spans, width, look.PLAIN)


def _as_one(*sizes: int) -> int:
    return max(0, sum(each + 1 for each in sizes if each) - 1)


def draw(
    view: InstanceView,
    recent: Recent | None,
    fits: Columns,
    width: int,
    now: float,
    *,
    selected: bool = False,
    marked: bool = False,
) -> Strip:
    """The row in `width` cells. What is not connected says why and what comes next instead of
    figures."""
    sign = look.SIGNS[view.state]
    base = look.BAR if selected else look.PLAIN
    spans: list[Span] = [
        (SELECTED if selected else " ", look.MARKED),
        ("✓" if marked else " ", look.MARKED),
        (f"{sign.glyph} ", sign.style),
        (cell(inert(view.name), fits.name), look.BRIGHT),
    ]
    if fits.number:
        linked = look.PLAIN if view.paired else look.FAINT
        spans.append((cell(words.number(view), fits.number), linked))
    if fits.strip:
        spans += [*strips.day(recent, fits.strip), (" ", base)]
    said = _said(view, now)
    spans += [said] if said is not None else _figures(view, recent, fits, now)
    return row([(text, _on(style, base)) for text, style in spans], width, base)


def _said(view: InstanceView, now: float) -> Span | None:
    """What an instance has to say that is no figure."""
    if view.state is not State.CONNECTED:
        # What comes next is cut last: the glyph and the word say already what it is.
        sign = look.SIGNS[view.state]
        word = f"{sign.glyph} {words.state_word(view, now)}"
        parts = (word, words.next_step(view, now), words.why(view))
        return " · ".join(part for part in parts if part), sign.style
    if barred := words.barred(view, now):
        return barred, look.MARKED
    return None


def _figures(view: InstanceView, recent: Recent | None, fits: Columns, now: float) -> list[Span]:
    uptime = None if recent is None else recent.uptime
    drops = recent.drops if recent is not None else ()
    worse = look.SIGNS[State.COOLDOWN].style
    connect = None if recent is None else recent.connect_s
    old = view.probed_at is not None and now - view.probed_at > words.FRESH_PROBE_S
    probed = look.QUIET if old else look.FAINT
    counts = view.messages or QueueCounts()
    waiting = look.TROUBLE if counts.unknown else look.PLAIN
    spans: list[Span] = []
    for text, size, style in (
        (_share(uptime).rjust(fits.uptime - 1), fits.uptime, look.PLAIN),
        ((str(sum(drops)) if drops else "–").rjust(fits.drops - 1), fits.drops, look.PLAIN),
        (strips.bars(drops), fits.days, look.FAINT),
        (strips.more(recent), fits.more, worse),
        ("–" if connect is None else seconds(connect, 1), fits.connect, look.FAINT),
        ("–" if view.probe_s is None else milliseconds(view.probe_s), fits.probe, probed),
        (of_messages.waiting_cell(view.messages), fits.queue, waiting),
        (str(counts.sent_hour) if view.messages else "", fits.sent, look.PLAIN),
        (strips.hours(counts.hours, fits.hours) if fits.hours else "", fits.hours, look.FAINT),
        (words.remarks(view, now), fits.remark, look.FAINT),
    ):
        if size:
            spans.append((cell(text, size), style))
    return spans


def _share(share: float | None) -> str:
    """A share of a time in per cent, 100 only for all of it."""
    return "–" if share is None else share_number(share)


def _on(style: Style, base: Style) -> Style:
    return style + Style(bgcolor=base.bgcolor)
