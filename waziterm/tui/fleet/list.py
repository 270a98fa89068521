"""The list: one row per instance, for a fleet that is too large for panels."""

from collections.abc import Callable
from functools import lru_cache

from rich.style import Style
from textual.strip import Strip

from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.screen import KeyAction
from waziterm.lang import N_, tr
from waziterm.tui.fleet.rows import Rows
from waziterm.tui.instance.card import wrapped
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import Span, cell, inert, row
from waziterm.tui.state.arrange import Sort
from waziterm.tui.state.model import FleetModel
from waziterm.tui.text import words
from waziterm.tui.text.format import duration, percent
from waziterm.tui.text.keynames import key_of

COLUMNS: tuple[tuple[str, int, Sort | None], ...] = (
    (N_("NAME"), 20, Sort.NAME),
    (N_("STATE"), 17, Sort.STATE),
    (N_("SINCE"), 12, Sort.SINCE),
    (N_("UP"), 11, Sort.UPTIME),
    ("440", 4, Sort.CONFLICTS),
    (N_("OK"), 7, None),
    (N_("WHY"), 30, None),
    (N_("LAST LINE"), 0, None),
)
"""Title, width in cells (0: what is left) and what it is sorted by."""

INDENT = 3
"""Cells for the marks left of the first column."""

_NEXT = 2
"""Lines for what comes next for the selected one."""

_OPTIONAL = ("OK", "UP", "SINCE", "440")
"""Columns that go first where space is short."""


@lru_cache(8)
def columns(width: int) -> tuple[tuple[str, int, Sort | None], ...]:
    """The columns that fit, each with its width; the last takes the rest."""
    kept = list(COLUMNS)
    if width < 140:
        kept = [column for column in kept if column[0] != "LAST LINE"]
    for title in _OPTIONAL:
        if INDENT + sum((size or 20) + 1 for _, size, _ in kept) <= width:
            break
        kept = [column for column in kept if column[0] != title]
    *fixed, (title, _, sort) = kept
    rest = width - sum(size + 1 for _, size, _ in fixed) - INDENT - 1
    return (*fixed, (title, max(8, rest), sort))


class FleetList(Rows):
    """All instances that are not filtered out, sorted."""

    def __init__(self, model: FleetModel, clock: Callable[[], float]) -> None:
        super().__init__(model, clock, id="list")

    def keys(self) -> list[str]:
        return self.model.shown

    @property
    def chosen(self) -> str | None:
        return self.model.selected

    def choose(self, key: str | None) -> None:
        self.model.selected = key

    def head(self, width: int, now: float) -> list[Strip]:
        by = self.model.arrangement
        spans: list[Span] = [(" " * INDENT, look.FAINT)]
        for title, size, sort in columns(width):
            sorted_by = sort is not None and sort is by.sort
            arrow = ("▼" if by.descending else "▲") if sorted_by else ""
            spans.append((cell(tr(title) + arrow, size), look.MARKED if sorted_by else look.FAINT))
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
            said = tr("Nothing fits the filter; {esc} clears it.", esc=key_of(KeyAction.BACK))
        return [row([(f" {said}", look.PLAIN)], width, look.PLAIN)]

    def spans(self, key: str, width: int, now: float) -> list[Span]:
        view = self.model.get(key)
        if view is None:
            return []
        sign = look.SIGNS[view.state]
        marked = "✓" if key in self.model.marked else " "
        cells = self._cells(view, now)
        spans: list[Span] = [(f"{marked} ", look.MARKED)]
        for title, size, _ in columns(width + 1):
            text, style = cells[title]
            if title == "STATE":
                text = f"{sign.glyph} {text}"
            spans.append((cell(text, size), style))
        return spans

    def _cells(self, view: InstanceView, now: float) -> dict[str, tuple[str, Style]]:
        sign = look.SIGNS[view.state]
        conflicts = self.model.conflicts.get(view.name, 0)
        # Whether one is up still, nobody knows of a view without news.
        began = view.connected_at if self.model.as_of is None else None
        up = "" if began is None else duration(now - began)
        lines = self.model.lines(view.name)
        reason = words.barred(view, now) or words.brief(view.reason, view.detail)
        return {
            "NAME": (inert(view.name), look.BRIGHT),
            "STATE": (words.state_word(view, now), sign.style),
            "SINCE": (duration(now - view.since), look.FAINT),
            "UP": (up, look.PLAIN),
            "440": (str(conflicts) if conflicts else "", look.TROUBLE),
            "OK": (percent(view.attempts_ok, view.attempts), look.FAINT),
            "WHY": (reason, sign.style if view.state.is_trouble else look.PLAIN),
            "LAST LINE": (inert(lines[-1].text) if lines else "", look.FAINT),
        }
