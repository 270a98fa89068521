"""The queue: who waits for a scan, with the codes one after the other, to pair many phones."""

from collections.abc import Callable, Sequence
from typing import assert_never

from textual.filter import LineFilter
from textual.strip import Strip

from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.screen import KeyAction
from waziterm.lang import tr
from waziterm.tui.instance import layout as focuspaint
from waziterm.tui.instance.card import wrapped
from waziterm.tui.instance.qrcells import Drawing, Matrix, Size, modules, size
from waziterm.tui.paint import look
from waziterm.tui.paint.canvas import Canvas
from waziterm.tui.paint.cells import Span, inert, row, wrap
from waziterm.tui.paint.faded import FADED
from waziterm.tui.state.here import Move
from waziterm.tui.state.model import FleetModel
from waziterm.tui.text import words
from waziterm.tui.text.keynames import key_of

NAMES = 24
SIDE = 20
"""Cells that the text needs at least beside a code."""


RENEWALS = 10
"""So often a code is renewed by itself until a key is pressed here: half an hour of codes."""
RENEW_S = 5.0
"""Seconds between two starts of one instance, which may be refused."""


def waits(view: InstanceView) -> bool:
    """Whether an instance waits for a phone, or could, or was linked by another than it waited
    for."""
    return not view.paired or bool(view.other_number)


def is_renewable(view: InstanceView) -> bool:
    """Whether it shows a code once it is started, and nobody has said that it shall not. One that
    WhatsApp refused, or that somebody stopped, waits for a key."""
    idle = view.state is State.STOPPED and view.wanted is Wanted.RUNNING and not view.paired
    return idle and view.reason in (Reason.NEW, Reason.QR_EXPIRED)


class Queue(Canvas):
    """On the left who waits, on the right the code of the one whose turn it is.

    When it is linked, the next one that shows a code has its turn, or can show one: who opens the
    queue wants to scan, so the one whose turn it is is started, and anew when its codes ran out.
    """

    DEFAULT_CSS = "Queue { width: 1fr; height: 1fr; }"

    def __init__(self, model: FleetModel, clock: Callable[[], float]) -> None:
        super().__init__(id="queue")
        self._model = model
        self._clock = clock
        self._chosen: str | None = None
        self._matrix: tuple[str, Matrix] | None = None
        self._renewals: dict[str, tuple[int, float]] = {}

    def begin(self) -> None:
        """Somebody is here who can scan."""
        self._renewals.clear()

    def to_renew(self) -> str | None:
        """Whom to start now, so that a code can be scanned; to be asked while the queue is seen."""
        view, now = self._model.get(self.target), self._clock()
        if view is None or not self._renews(view):
            return None
        count, last = self._renewals.get(view.name, (0, 0.0))
        if now - last < RENEW_S:
            return None
        self._renewals[view.name] = (count + 1, now)
        return view.name

    def _renews(self, view: InstanceView) -> bool:
        count, _ = self._renewals.get(view.name, (0, 0.0))
        return self._model.takes_commands and is_renewable(view) and count < RENEWALS

    def _names(self) -> list[str]:
        return [view.name for view in self._model.views if waits(view)]

    @property
    def target(self) -> str | None:
        """The instance that a key acts on: the one whose code is shown."""
        names = self._names()
        chosen = self._model.get(self._chosen)
        if chosen is not None and chosen.name in names:
            return chosen.name
        ready = [name for name in names if self._is_ready(name)]
        able = [view.name for view in self._model.views if is_renewable(view)]
        return next(iter(ready or able or names), None)

    def _is_ready(self, name: str) -> bool:
        view = self._model.get(name)
        return view is not None and words.valid_qr(view, self._clock()) is not None

    def move(self, to: Move) -> None:
        """Give another one its turn."""
        self.begin()
        names = self._names()
        if not names:
            return
        here = names.index(self.target) if self.target in names else 0
        match to:
            case Move.UP | Move.LEFT:
                there = here - 1
            case Move.DOWN | Move.RIGHT:
                there = here + 1
            case Move.PAGE_UP | Move.FIRST:
                there = 0
            case Move.PAGE_DOWN | Move.LAST:
                there = len(names) - 1
            case _:
                assert_never(to)
        self._chosen = names[min(max(there, 0), len(names) - 1)]
        self.repaint()

    def rows_needed(self) -> int:
        """How many rows the code that is shown takes at least; 0 without one."""
        return size(self._matrix[1], Drawing.SEXTANT).rows if self._matrix is not None else 0

    def get_line_filters(self) -> Sequence[LineFilter]:
        """See Textual; a view without news fades."""
        filters = super().get_line_filters()
        return filters if self._model.as_of is None else [FADED, *filters]

    def paint(self, width: int, height: int) -> list[Strip]:
        names, now = self._names(), self._clock()
        target = self.target
        view = self._model.get(target)
        if view is None:
            said = tr(
                "No instance waits for a scan. {a} adds one; {s} starts a stopped one.",
                a=key_of(KeyAction.ADD),
                s=key_of(KeyAction.START_STOP),
            )
            return wrapped(said, width, 4, look.PLAIN)
        self._chosen = target
        code = words.valid_qr(view, now)
        if code is None:
            self._matrix = None
            return self._beside(names, width, height, self._without_code(view, width - NAMES, now))
        if self._matrix is None or self._matrix[0] != code.payload:
            self._matrix = (code.payload, modules(code.payload))
        matrix = self._matrix[1]
        for room in (width - NAMES - 1, width):
            fitting = focuspaint.fit(matrix, Size(room, height), None) if self.draws_codes else None
            if fitting is not None and (room == width or fitting.size.rows <= height):
                break
        if fitting is None:
            lines = self._too_small(view, width - NAMES)
            return self._beside(names, width, height, lines)
        strips = focuspaint.qr_strips(matrix, fitting.drawing)
        if room == width:
            return [strip.extend_cell_length(width, look.PLAIN) for strip in strips[:height]]
        to_go = len(names) - names.index(view.name)
        above = self._told(view, to_go, room, now)
        side = room - fitting.size.columns
        shown = strips
        if len(above) + len(strips) <= height:
            shown = [*above, *strips]
        elif side >= SIDE:
            shown = _joined(strips, self._told(view, to_go, side, now), side)
        return self._beside(names, width, height, shown)

    def _told(self, view: InstanceView, to_go: int, width: int, now: float) -> list[Strip]:
        """Whose code it is, how long it lasts, and what to do on the phone."""
        said = words.qr_line(view, now).partition(" · ")[0]
        how = tr("on the phone: Settings → Linked devices → Link a device")
        whose = tr("{count} left: {name}", count=to_go, name=inert(view.name))
        return [
            *wrapped(whose, width, 2, look.BRIGHT),
            *wrapped(said, width, 2, look.MARKED),
            *wrapped(how, width, 4, look.FAINT),
        ]

    def _without_code(self, view: InstanceView, width: int, now: float) -> list[Strip]:
        if said := words.other_number(view):
            whose = [each.name for each in self._model.views if each.phone == view.other_number]
            if whose:
                named = inert(", ".join(whose))
                said = f"{said}. {tr('It may be the number of {names}.', names=named)}"
            return [
                row([(f" {inert(view.name)}", look.BRIGHT)], width, look.PLAIN),
                *wrapped(said, width, 5, look.TROUBLE),
            ]
        todo = words.why(view)
        if view.state is State.STOPPED:
            todo = tr("{s} shows a new code", s=key_of(KeyAction.START_STOP))
            if self._renews(view):
                todo = tr("a new code comes by itself")
        return [
            row([(f" {inert(view.name)}", look.BRIGHT)], width, look.PLAIN),
            *wrapped(f"{words.state_word(view, now)}: {todo}", width, 5, look.PLAIN),
        ]

    def _too_small(self, view: InstanceView, width: int) -> list[Strip]:
        keys = {"enter": key_of(KeyAction.FOCUS_INSTANCE), "p": key_of(KeyAction.PAIRING_CODE)}
        why = tr(
            "this terminal is too small for its QR code; enlarge it, or press {enter}, then {p} for"
            " a code to type",
            **keys,
        )
        if not self.draws_codes:
            why = tr(
                "a QR code cannot be drawn in ASCII; press {enter}, then {p} for a code to type",
                **keys,
            )
        parts = wrap(f"{inert(view.name)}: {why}", width - 1, 4)
        return [row([(f" {part}", look.TROUBLE)], width, look.PLAIN) for part in parts]

    def _beside(self, names: list[str], width: int, height: int, right: list[Strip]) -> list[Strip]:
        place = names.index(self._chosen) if self._chosen in names else 0
        first = min(max(0, place - height // 2), max(0, len(names) - height))
        lines = []
        for y in range(height):
            left = self._entry(names[first + y]) if first + y < len(names) else []
            head = row(left, NAMES + 1, look.PLAIN)
            body = right[y] if y < len(right) else row((), width - NAMES - 1, look.PLAIN)
            lines.append(Strip.join([head, body.adjust_cell_length(width - NAMES - 1, look.PLAIN)]))
        return lines

    def _entry(self, name: str) -> list[Span]:
        chosen = name == self._chosen
        view = self._model.get(name)
        glyph = look.SIGNS[view.state].glyph if view is not None else " "
        wrong = view is not None and view.other_number
        style = look.TROUBLE if wrong else look.MARKED if chosen else look.PLAIN
        return [("▌" if chosen else " ", look.MARKED), (f"{glyph} {inert(name)}", style)]


def _joined(code: list[Strip], told: list[Strip], width: int) -> list[Strip]:
    """A code with a text on its right. width: of the text, in cells."""
    blank = row((), width, look.PLAIN)
    beside = [blank, *told, *[blank] * len(code)]
    return [Strip.join(pair) for pair in zip(code, beside, strict=False)]
