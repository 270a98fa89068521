"""What is known of one instance, as lines of cells: state, reason, next step, facts, history."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.style import Style
from textual.strip import Strip

from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.fleet.history import Attempt, Moved
from waziterm.domain.lifecycle.instance import DEVICE_NAME
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.lang import tr, trn
from waziterm.tui.instance.pictures import connect_times, counts, sparkline, uptime_strip
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import Span, cell, inert, row, spread, width_of, wrap
from waziterm.tui.text import words
from waziterm.tui.text.format import clock, day_and_minute, is_same_day, seconds

LABEL = 9
TWO_COLUMNS = 76
"""From this width on the facts stand in two columns."""
FEWEST_FACTS = 4
LOG_ROWS = 6
"""What is left to the log, with its rule, before the history gets a row."""
DAY_H = 24.0
SAID = 14
"""Cells for what stands in words right of a picture."""
MOVE_LINES = 3
ROOMY = 10
"""From so many rows on a move may take MOVE_LINES of them."""


@dataclass(frozen=True, slots=True)
class Past:
    """What the history tells of an instance. moves: oldest first, None until it was read.

    attempts, conflicts: of the last day. error: why it cannot be read, or "". library: neonize's
    version, or "".
    """

    moves: tuple[Moved, ...] | None = None
    error: str = ""
    library: str = ""
    attempts: tuple[Attempt, ...] = ()
    conflicts: tuple[float, ...] = ()


def title(view: InstanceView, width: int, now: float) -> Strip:
    """Name and state."""
    sign = look.SIGNS[view.state]
    state: list[Span] = [(f"{sign.glyph} {words.state_word(view, now)} ", sign.bold)]
    return spread([(f" {inert(view.name)}", look.BRIGHT)], state, width, look.PLAIN)


def column(view: InstanceView, past: Past, width: int, height: int, now: float) -> list[Strip]:
    """All of it in a column of its own; the history takes what is left."""
    strips = [*_head(view, width, now), *facts(view, past, width, now)]
    rest = height - len(strips) - 1
    return [*strips, _blank(width), *history(past, width, rest, now)]


def stacked(view: InstanceView, past: Past, width: int, height: int, now: float) -> list[Strip]:
    """All of it above the log, which keeps LOG_ROWS rows where that is possible."""
    head = _head(view, width, now)
    room = height - len(head) - LOG_ROWS
    known = facts(view, past, width, now)[: max(FEWEST_FACTS, room)]
    return [*head, *known, *history(past, width, room - len(known), now)]


def _head(view: InstanceView, width: int, now: float) -> list[Strip]:
    """State, reason and next step."""
    sign = look.SIGNS[view.state]
    strips = [title(view, width, now), _blank(width)]
    reason = sign.style if view.state.is_trouble else look.PLAIN
    if view.state is State.PAIRING:
        strips += wrapped(words.qr_line(view, now).partition(" · ")[0], width, 2, look.MARKED)
        if view.reason is not Reason.QR_SHOWN:
            strips += wrapped(words.why(view), width, 2, look.PLAIN)
            strips += wrapped(words.next_step(view, now), width, 2, look.BRIGHT)
    else:
        if said := words.other_number(view):
            strips += wrapped(said, width, 2, look.TROUBLE)
        strips += wrapped(words.why(view), width, 4, reason)
        if barred := words.barred(view, now):
            strips += wrapped(barred, width, 2, look.MARKED)
        if silenced := words.silenced(view, now):
            strips += wrapped(silenced, width, 1, look.FAINT)
        strips += wrapped(words.next_step(view, now), width, 3, look.BRIGHT)
    return [*strips, _blank(width)]


def facts(view: InstanceView, past: Past, width: int, now: float) -> list[Strip]:
    """What else is known, the most useful first, in two columns where they fit."""
    known = words.facts(view, now)
    if view.phone is not None and not view.paired:
        known.append((tr("phone"), view.phone))
    known.append((tr("session"), f"sessions/{inert(view.id or view.name)}.db"))
    if view.device_name not in ("", DEVICE_NAME):
        # Under which name it was linked is not known any more.
        said = tr("{name}, from its next pairing on", name=inert(view.device_name))
        known.append((tr("device"), said))
    elif view.paired:
        known.append((tr("device"), tr("{name}, in the phone's list", name=DEVICE_NAME)))
    if past.library:
        known.append((tr("library"), f"neonize {inert(past.library)}"))
    if view.version is not None:
        known.append((tr("version"), words.version(view.version)))
    half = width // 2 if width >= TWO_COLUMNS else 0
    lines: list[list[Span]] = []
    begun = False
    for label, value in known:
        fact = _fact(label, value)
        size = sum(width_of(text) for text, _ in fact)
        if begun and size < width - half:
            lines[-1] += [(" " * (half - sum(width_of(text) for text, _ in lines[-1])), look.PLAIN)]
            lines[-1] += fact
            begun = False
        else:
            lines.append(fact)
            begun = size < half
    return [row(line, width, look.PLAIN) for line in lines]


def _fact(label: str, value: str) -> list[Span]:
    return [(f" {label:<{LABEL}}", look.FAINT), (value, look.PLAIN)]


def history(past: Past, width: int, rows: int, now: float) -> list[Strip]:
    """The last day as a strip, then the newest moves, newest last; at most `rows` lines."""
    if rows < 1:
        return []
    if past.moves is None:
        said = tr("is being read …")
        if past.error:
            said = tr("cannot be read: {why}", why=past.error)
        return [row([(f" {tr('history'):<{LABEL}}{said}", look.FAINT)], width, look.PLAIN)]
    strip = uptime_strip(past.moves, now, width - LABEL - 2, DAY_H)
    lines = [row([(f" {tr('24 h'):<{LABEL}}", look.FAINT), *strip], width, look.PLAIN)]
    lines += _pictures(past, width, now)[: max(0, rows - 3)]
    room = rows - len(lines) - 1
    if room < 1 or not past.moves:
        return lines
    name = f"{tr('history')} "
    filling = "─" * max(0, width - width_of(name) - 3)
    rule: list[Span] = [("─ ", look.BORDER), (name, look.FAINT), (filling, look.BORDER)]
    lines.append(row([*rule, (" ", look.PLAIN)], width, look.PLAIN))
    return [*lines, *_moves(past.moves, width, room, now)]


def _pictures(past: Past, width: int, now: float) -> list[Strip]:
    """Connect times and conflicts over the last day, where there were any."""
    size = width - LABEL - 2 - SAID
    times = connect_times(past.attempts, now, size, DAY_H)
    slowest = max((took_s for took_s in times if took_s is not None), default=None)
    conflicts = counts(past.conflicts, now, size, DAY_H)
    many = round(sum(found or 0.0 for found in conflicts))
    pictures = []
    if slowest is not None:
        said = tr("up to {took}", took=seconds(slowest, 1))
        pictures.append((tr("connects"), sparkline(times, size), look.MARKED, said))
    if many:
        bars = sparkline([found or None for found in conflicts], size)
        said = trn("{n} conflict", "{n} conflicts", many)
        pictures.append(("440", bars, look.TROUBLE, said))
    return [
        row([(f" {label:<{LABEL}}", look.FAINT), (bars, style), (f" {said}", look.PLAIN)], width,
            look.PLAIN)
        for label, bars, style, said in pictures
    ]  # fmt: skip


def _moves(moves: Sequence[Moved], width: int, rows: int, now: float) -> list[Strip]:
    """The newest moves that fit, newest last; where there is room, each with its whole reason."""
    most = MOVE_LINES if rows >= ROOMY else 1
    shown = moves[-rows:]
    today = all(_is_today(moved.at, now) for moved in shown)
    size = max(width_of(tr(state.label)) for state in State)
    strips: list[Strip] = []
    for moved in reversed(shown):
        at = clock(moved.at) if today else _when(moved.at, now)
        lines = _moved(moved, at, size, width, most)
        if len(lines) + len(strips) > rows:
            break
        strips = [*lines, *strips]
    return strips


def _moved(moved: Moved, at: str, size: int, width: int, most: int) -> list[Strip]:
    """One move: when, into which state, why. size: of the state's column. most: lines."""
    sign = look.SIGNS[moved.state]
    state = f"{sign.glyph} {cell(tr(moved.state.label), size)}"
    begin = width_of(at) + width_of(state) + 2
    said = wrap(words.brief(moved.reason, moved.detail), width - begin - 1, most) or [""]
    first: list[Span] = [(f" {at} ", look.QUIET), (state, sign.style), (said[0], look.PLAIN)]
    rest = [row([(" " * begin + part, look.PLAIN)], width, look.PLAIN) for part in said[1:]]
    return [row(first, width, look.PLAIN), *rest]


def _is_today(at: float, now: float) -> bool:
    return is_same_day(at, now)


def _when(at: float, now: float) -> str:
    """The time today, the day and the minute before, always as wide."""
    if _is_today(at, now):
        return f"{clock(at):<11}"
    return day_and_minute(at)


def wrapped(text: str, width: int, most: int, style: Style) -> list[Strip]:
    """A text on at most `most` lines."""
    return [row([(f" {part}", style)], width, look.PLAIN) for part in wrap(text, width - 2, most)]


def numbered(steps: Sequence[str], width: int) -> list[Strip]:
    """Steps to follow, one after the other."""
    strips: list[Strip] = []
    for number, step in enumerate(steps, 1):
        first, *rest = wrap(step, width - 4, 3)
        spans: list[Span] = [(f" {number} ", look.KEY), (first, look.PLAIN)]
        strips.append(row(spans, width, look.PLAIN))
        strips += [row([(f"   {part}", look.PLAIN)], width, look.PLAIN) for part in rest]
    return strips


def _blank(width: int) -> Strip:
    return row((), width, look.PLAIN)
