"""What is known of one instance, as lines of cells: state, reason, next step, facts, history."""

from collections.abc import Sequence

from rich.style import Style
from textual.strip import Strip

from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.instance import DEVICE_NAME
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.stats.strips import DAYS
from waziterm.lang import tr, trn
from waziterm.tui.instance.drops import away
from waziterm.tui.instance.week import by_time_of_day, week
from waziterm.tui.instance.window import Window
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import Span, inert, row, spread, width_of, wrap
from waziterm.tui.paint.strips import hours
from waziterm.tui.state.past import Beside, Past
from waziterm.tui.text import of_messages, words
from waziterm.tui.text.format import (
    clock_minute,
    day_and_minute,
    measured,
    megabytes,
    share,
)

LABEL = 9
TWO_COLUMNS = 76
"""From this width on the facts stand in two columns."""
FEWEST_FACTS = 4
FACT_LINES = 3
LOG_ROWS = 6
"""What is left to the log, with its rule, before the history gets a row."""
AXIS, AWAY = 2, 3
"""Rows of the picture beside its days; those that the absences have at least."""


def title(view: InstanceView, width: int, now: float) -> Strip:
    """Name and state."""
    sign = look.SIGNS[view.state]
    state: list[Span] = [(f"{sign.glyph} {words.state_word(view, now)} ", sign.bold)]
    return spread([(f" {inert(view.name)}", look.BRIGHT)], state, width, look.PLAIN)


class Card:
    """What is known of one instance, in a window that scrolls. past: what was read of it."""

    def __init__(self) -> None:
        self.past = Past()
        self.window = Window()
        self._told: _Told | None = None
        self._told_for: tuple[Past, int, int] | None = None
        self._lines: list[Strip] = []
        self._lines_for: tuple[object, ...] = ()

    def draw(
        self,
        view: InstanceView,
        beside: Beside,
        width: int,
        height: int,
        now: float,
        hint: str = "",
    ) -> list[Strip]:
        """At most `height` lines: what is now, the week, what it sums up to, the facts, and each
        time that it was away, the newest first.

        What is now is drawn anew once a second, and when something that it shows has changed; the
        past, which may have hundreds of lines, once a minute. hint: how to get at what is hidden,
        where the keys scroll something else.
        """
        past = self.past
        when = (past, width, int(now // 60))
        if self._told is None or when != self._told_for:
            self._told, self._told_for, self._lines_for = _Told.of(past, width, now), when, ()
        key = (view, beside, int(now))
        if key != self._lines_for:
            told, known = self._told, facts(view, past, beside, width, now)
            parts = [part for part in (told.pictured, told.summed, known) if part]
            between = [strip for part in parts for strip in (*part, _blank(width))]
            self._lines = [*_head(view, width, now), *between, *told.away]
            self._lines_for = key
        return self.window.draw(self._lines, width, height, hint)


@dataclass(frozen=True, slots=True)
class _Told:
    """What is told of the past, as lines."""

    pictured: list[Strip]
    summed: list[Strip]
    away: list[Strip]

    @classmethod
    def of(cls, past: Past, width: int, now: float) -> "_Told":
        pictured = [*week(past, width, now), *by_time_of_day(past, width, now)]
        summed = _in_columns(_sums(past), width)
        if past.moves is None:
            summed = [_unread(past, width)]
        return cls(pictured, summed, away(past, width, now))


def stacked(
    view: InstanceView, past: Past, beside: Beside, width: int, height: int, now: float
) -> list[Strip]:
    """The same in a few lines above the log, which keeps LOG_ROWS rows where that is possible:
    of the week only the days that there is room for."""
    head = _head(view, width, now)
    known = [*facts(view, past, beside, width, now), *_in_columns(_sums(past), width)]
    room = height - len(head) - LOG_ROWS
    if past.moves is None:
        return [*head, *known[: max(FEWEST_FACTS, room - 1)], _unread(past, width)]
    rest = max(0, room - FEWEST_FACTS - AXIS)
    pictured = week(past, width, now, min(DAYS, max(1, rest - len(known)))) if rest else []
    known = known[: max(FEWEST_FACTS, room - len(pictured) - AWAY)]
    lines = [*head, *pictured, *known]
    return [*lines, *away(past, width, now, height - len(lines) - LOG_ROWS)]


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
        if silent := words.phone_silent(view, now):
            strips += wrapped(silent, width, 2, look.MARKED)
        if waiting := of_messages.queue_line(view, now):
            strips += wrapped(waiting, width, 2, look.MARKED)
        if silenced := words.silenced(view, now):
            strips += wrapped(silenced, width, 1, look.FAINT)
        strips += wrapped(words.next_step(view, now), width, 3, look.BRIGHT)
    return [*strips, _blank(width)]


def facts(view: InstanceView, past: Past, beside: Beside, width: int, now: float) -> list[Strip]:
    """What else is known, the most useful first."""
    known = words.facts(view, now)
    if view.messages is not None:
        told = of_messages.sent_line(view.messages)
        known.append((tr("messages"), f"{told} {hours(view.messages.hours, 24)}".rstrip()))
    if beside.proxy:
        known.append((tr("same"), _neighbours(beside)))
    if view.pid is not None:
        known.append((tr("worker"), _worker(view.pid, past, beside)))
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
    return _in_columns(known, width)


def _in_columns(known: Sequence[tuple[str, str]], width: int) -> list[Strip]:
    """Labels and values, in two columns where they fit."""
    half = width // 2 if width >= TWO_COLUMNS else 0
    lines: list[list[Span]] = []
    begun = False
    for label, value in known:
        first, *more = wrap(value, width - LABEL - 2, FACT_LINES) or [""]
        fact = _fact(label, first)
        size = sum(width_of(text) for text, _ in fact)
        if begun and size < width - half and not more:
            lines[-1] += [(" " * (half - sum(width_of(text) for text, _ in lines[-1])), look.PLAIN)]
            lines[-1] += fact
            begun = False
        else:
            lines += [fact, *(_fact("", part) for part in more)]
            begun = size < half and not more
    return [row(line, width, look.PLAIN) for line in lines]


def _sums(past: Past) -> list[tuple[str, str]]:
    """What the week sums up to."""
    sums = past.sums
    if sums is None:
        return []
    told = [trn("{n} drop", "{n} drops", sums.drops)]
    if sums.uptime is not None:
        told.insert(0, tr("up {share}", share=share(sums.uptime)))
    known = [(tr("7 days"), ", ".join(told))]
    if sums.by_reason:
        why = (f"{words.of_slug(slug)} ×{count}" for slug, count in sums.by_reason.items())
        known.append((tr("drops"), " · ".join(why)))
    if sums.worst_hour is not None:
        hour = day_and_minute(sums.worst_hour)
        until = clock_minute(sums.worst_hour + 3600)
        known.append((tr("worst"), f"{hour}–{until}"))
    if sums.connect_p50_s is not None and sums.connect_p95_s is not None:
        known.append((tr("connects"), _quantiles(sums.connect_p50_s, sums.connect_p95_s)))
    if sums.reconnect_p50_s is not None and sums.reconnect_p95_s is not None:
        known.append((tr("back in"), _quantiles(sums.reconnect_p50_s, sums.reconnect_p95_s)))
    return known


def _quantiles(p50_s: float, p95_s: float) -> str:
    return f"p50 {measured(p50_s)} · p95 {measured(p95_s)}"


def _neighbours(beside: Beside) -> str:
    """Who has the same proxy, and which of them dropped today."""
    told = [
        tr("{name} ({drops} today)", name=inert(name), drops=drops) if drops else inert(name)
        for name, drops in sorted(beside.proxy, key=lambda each: -each[1])
    ]
    return tr("proxy: {names}", names=", ".join(told))


def _worker(pid: int, past: Past, beside: Beside) -> str:
    """The process, what of its memory is the instance's at the most, and who shares it."""
    told = [f"pid {pid}"]
    if past.sums is not None and past.sums.memory_bytes:
        told.append(megabytes(past.sums.memory_bytes))
    if beside.worker:
        many = trn("{n} beside it", "{n} beside it", len(beside.worker))
        told.append(f"{many}: {', '.join(map(inert, beside.worker))}")
    return " · ".join(told)


def _fact(label: str, value: str) -> list[Span]:
    return [(f" {label:<{LABEL}}", look.FAINT), (value, look.PLAIN)]


def _unread(past: Past, width: int) -> Strip:
    said = tr("is being read …")
    if past.error:
        said = tr("cannot be read: {why}", why=past.error)
    return row([(f" {tr('history'):<{LABEL}}{said}", look.FAINT)], width, look.PLAIN)


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
