"""The list: one row per instance, for a fleet that is too large for panels."""

from collections.abc import Callable, Iterable
from typing import assert_never

from textual.strip import Strip

from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.screen import KeyAction
from waziterm.domain.stats.strips import Recent
from waziterm.lang import tr
from waziterm.tui.fleet.rows import Rows
from waziterm.tui.instance.card import wrapped
from waziterm.tui.paint import look, strips
from waziterm.tui.paint.cells import Span, cell, inert, row
from waziterm.tui.state.columns import HEADINGS, INDENT, OF_MESSAGES, Column, Fitting, columns
from waziterm.tui.state.model import FleetModel
from waziterm.tui.text import of_messages, words
from waziterm.tui.text.format import duration, measured, milliseconds, share
from waziterm.tui.text.keynames import key_of

_NEXT = 2
"""Lines for what comes next for the selected one."""


class FleetList(Rows):
    """All instances that are not filtered out, sorted. beside: the detail stands beside it."""

    def __init__(self, model: FleetModel, clock: Callable[[], float]) -> None:
        super().__init__(model, clock, id="list")
        self.beside = False
        self._empty: frozenset[Column] = frozenset()

    def fitting(self, width: int | None = None) -> Fitting:
        """The columns that are shown, with their cells. width: in cells; None: as it is now."""
        wide = self._across if width is None else width
        return columns(wide, self.model.columns, beside=self.beside, empty=self._empty)

    def keys(self) -> list[str]:
        return self.model.shown

    @property
    def chosen(self) -> str | None:
        return self.model.selected

    def choose(self, key: str | None) -> None:
        self.model.selected = key

    def head(self, width: int, now: float) -> list[Strip]:
        by = self.model.arrangement
        # Once for each paint: the rows ask for their columns one by one.
        self._empty = _without_any(self.model.views)
        spans: list[Span] = [(" " * INDENT, look.FAINT)]
        for column, size in self.fitting(width):
            heading = HEADINGS[column]
            sorted_by = heading.sort is not None and heading.sort is by.sort
            arrow = ("▼" if by.descending else "▲") if sorted_by else ""
            style = look.MARKED if sorted_by else look.FAINT
            spans.append((cell(tr(heading.title) + arrow, size), style))
        return [*self._next(width, now), row(spans, width, look.PLAIN)]

    def _next(self, width: int, now: float) -> list[Strip]:
        """What comes next for the selected one, on as many lines always: no row moves for it."""
        view = None if self.chosen is None else self.model.get(self.chosen)
        step = "" if view is None else words.next_step(view, now)
        strips = []
        if view is not None and step:
            strips = wrapped(f"{inert(view.name)} · {step}", width, _NEXT, look.PLAIN)
        return [*strips, *[row((), width, look.PLAIN)] * (_NEXT - len(strips))]

    def empty(self, width: int) -> list[Strip]:
        said = tr("No WhatsApp number is linked here yet; {a} adds one.", a=key_of(KeyAction.ADD))
        if self.model.arrangement.hides:
            said = tr("Nothing matches the filter; {esc} clears it.", esc=key_of(KeyAction.BACK))
        return [row([(f" {said}", look.PLAIN)], width, look.PLAIN)]

    def spans(self, key: str, width: int, now: float) -> list[Span]:
        view = self.model.get(key)
        if view is None:
            return []
        marked = "✓" if key in self.model.marked else " "
        spans: list[Span] = [(f"{marked} ", look.MARKED)]
        for column, size in self.fitting(width + 1):
            spans += self._cell(column, size, view, now)
        return spans

    def _cell(self, column: Column, size: int, view: InstanceView, now: float) -> list[Span]:
        """What stands in a column, and the blank behind it."""
        text, style = "", look.FAINT
        sign = look.SIGNS[view.state]
        match column:
            case Column.NAME:
                text, style = inert(view.name), look.BRIGHT
            case Column.NUMBER:
                text = words.number(view) if view.jid is not None else ""
            case Column.STATE:
                text, style = f"{sign.glyph} {words.state_word(view, now)}", sign.style
            case Column.SINCE:
                text = duration(now - view.since)
            case Column.CONFLICTS:
                text, style = self._conflicts(view), look.TROUBLE
            case Column.PROBE:
                text = "" if view.probe_s is None else milliseconds(view.probe_s)
            case Column.TAGS:
                text = words.tags(view)
            case Column.NOTE:
                text, style = inert(view.note), look.PLAIN
            case Column.PROXY:
                text = inert(view.bare_proxy or "").rpartition("//")[2]
            case Column.WORKER:
                text = "" if view.pid is None else str(view.pid)
            case Column.WHY:
                text, style = _why(view, now), sign.style if view.state.is_trouble else look.PLAIN
            case Column.LAST_LINE:
                text = self._last_line(view)
            case Column.QUEUE:
                text = of_messages.waiting_cell(view.messages)
                unknown = view.messages is not None and view.messages.unknown
                style = look.TROUBLE if unknown else look.PLAIN
            case Column.MESSAGES:
                if (counts := view.messages) is not None:
                    text = f"{counts.sent_hour:>3} {strips.hours(counts.hours, size - 5)}"
            case Column.DAY | Column.UP | Column.DROPS | Column.CONNECT:
                return self._of_days(column, size, self.model.recent.get(view.name))
            case _:
                assert_never(column)
        return [(cell(text, size), style)]

    @staticmethod
    def _of_days(column: Column, size: int, recent: Recent | None) -> list[Span]:
        """What the last days tell, and the blank behind it; nothing as long as they are not
        known."""
        text, style = "", look.FAINT
        if column is Column.DAY:
            return [*strips.day(recent, size), (" ", look.PLAIN)]
        if recent is not None and column is Column.UP and recent.uptime is not None:
            text = share(recent.uptime)
        elif recent is not None and column is Column.DROPS and recent.drops:
            many, more = sum(recent.drops), strips.more(recent)
            text = f"{many:>3}{'▲' if more else ' '}{strips.bars(recent.drops)}" if many else "  0"
            style = look.TROUBLE if more else look.FAINT
        elif recent is not None and column is Column.CONNECT and recent.connect_s is not None:
            text = measured(recent.connect_s)
        return [(cell(text, size), style)]

    def _conflicts(self, view: InstanceView) -> str:
        count = self.model.conflicts.get(view.name, 0)
        return str(count) if count else ""

    def _last_line(self, view: InstanceView) -> str:
        """The newest line of its log, unless the reason beside it says the same."""
        lines = self.model.lines(view.name)
        text = inert(lines[-1].text) if lines else ""
        why = words.why(view).casefold()
        return "" if text and text.casefold() in why else text


def _without_any(views: Iterable[InstanceView]) -> frozenset[Column]:
    """Which columns of what a person writes, and of messages, would stand empty."""
    written = set[Column]()
    for view in views:
        written |= {Column.TAGS} if view.tags else set()
        written |= {Column.NOTE} if view.note else set()
        written |= OF_MESSAGES if view.messages is not None else set()
    return frozenset({Column.TAGS, Column.NOTE} | OF_MESSAGES) - written


def _why(view: InstanceView, now: float) -> str:
    return words.barred(view, now) or words.brief(view.reason, view.detail)
