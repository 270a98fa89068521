"""One instance in full, as lines of cells: state, QR code, facts, log, arranged by free space."""

from collections.abc import Sequence
from enum import Enum
from math import ceil
from typing import assert_never

from textual.strip import Strip

from waziterm.domain.fleet.api import InstanceView, LogLine
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.instance import QrCode
from waziterm.domain.lifecycle.states import State
from waziterm.domain.screen import KeyAction
from waziterm.lang import N_, tr
from waziterm.tui.instance import card as focuscard
from waziterm.tui.instance.card import Card, numbered, title, wrapped
from waziterm.tui.instance.log_window import LogWindow
from waziterm.tui.instance.qrcells import Drawing, Matrix, Size, draw, size
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import inert, row
from waziterm.tui.state.past import Beside, Past
from waziterm.tui.text.keynames import key_of

SIDE = 28
STACKED = 4
CARD = range(50, 80)
"""Cells for what is known of an instance, beside its log."""
WIDE = 100
HOW_TO_SCAN = (
    N_("open WhatsApp on the phone"),
    N_("Settings → Linked devices → Link a device"),
    N_("point it at this code"),
)


class Arrangement(Enum):
    """Where the text goes: beside the QR code, above it, or nowhere."""

    BESIDE = "beside"
    ABOVE = "above"
    ALONE = "alone"


@dataclass(frozen=True, slots=True)
class Fit:
    """A drawing of the QR code that fits, and where the rest goes."""

    drawing: Drawing
    arrangement: Arrangement
    size: Size


@dataclass(frozen=True, slots=True)
class ShownCode:
    """The QR code that is valid now, and its modules."""

    code: QrCode
    matrix: Matrix


def fit(matrix: Matrix, space: Size, preferred: Drawing | None) -> Fit | None:
    """The largest drawing that leaves room for text, else the largest that fits at all.

    preferred: the drawing that the operator chose; it comes first wherever it fits.
    """
    first = preferred or Drawing.HALF
    drawings = (first, first.other)
    roomy = (Arrangement.BESIDE, Arrangement.ABOVE)
    order = [(drawing, where) for drawing in drawings for where in roomy]
    alone = [(drawing, Arrangement.ALONE) for drawing in drawings]
    order = [*order, *alone] if preferred is None else [*order[:2], alone[0], *order[2:], alone[1]]
    for drawing, where in order:
        need = size(matrix, drawing)
        extra = Size(
            SIDE + 1 if where is Arrangement.BESIDE else 0,
            STACKED if where is Arrangement.ABOVE else 0,
        )
        if Size(need.columns + extra.columns, need.rows + extra.rows).fits(space):
            return Fit(drawing, where, need)
    return None


def qr_strips(matrix: Matrix, drawing: Drawing) -> list[Strip]:
    """The code in black on white, whatever the theme."""
    width = size(matrix, drawing).columns
    return [row([(text, look.QR)], width, look.QR) for text in draw(matrix, drawing)]


def paint(
    view: InstanceView,
    card: Card,
    beside: Beside,
    lines: Sequence[LogLine],
    log: LogWindow,
    shown: ShownCode | None,
    fitting: Fit | None,
    space: Size,
    now: float,
    *,
    scrolls_card: bool = False,
    draws_codes: bool = True,
) -> list[Strip]:
    """The whole body, `space.rows` lines of `space.columns` cells.

    scrolls_card: the keys scroll what is known instead of the log; where there is no room for both
    that alone is shown. draws_codes: the terminal has the glyphs of which a QR code is drawn.
    """
    width, height = space.columns, space.rows
    past = card.past
    if shown is not None and fitting is not None:
        code = qr_strips(shown.matrix, fitting.drawing)
        match fitting.arrangement:
            case Arrangement.BESIDE:
                side = width - fitting.size.columns - 1
                text = _beside_code(view, past, beside, shown.code, side, now)
                text = _with_log(text, lines, log, side, height, now)
                return _beside(code, text, fitting.size.columns, 1, space)
            case Arrangement.ABOVE:
                text = _above_code(view, shown.code, width, now)
                text = _padded(text, width, height - fitting.size.rows)
                return [*text, *(strip.extend_cell_length(width, look.PLAIN) for strip in code)]
            case Arrangement.ALONE:
                return _padded(code, width, height)
            case _:
                assert_never(fitting.arrangement)
    if width >= WIDE and shown is None:
        left = min(max(CARD.start, width * 9 // 20), CARD.stop - 1)
        hint = "" if scrolls_card else tr("{tab} scrolls here", tab=key_of(KeyAction.SWITCH_PANE))
        text = card.draw(view, beside, left, height, now, hint)
        logged = _with_log([], lines, log, width - left - 2, height, now)
        return _beside(text, logged, left, 2, space)
    if shown is None and scrolls_card:
        return _padded(card.draw(view, beside, width, height, now), width, height)
    if shown is not None:
        text = [title(view, width, now), _which(shown.code, width, now)]
        text += (
            _does_not_fit(view, shown.matrix, space) if draws_codes else _not_in_ascii(view, width)
        )
    else:
        text = focuscard.stacked(view, past, beside, width, height, now)
    return _with_log(text, lines, log, width, height, now)


def full_log(
    view: InstanceView, lines: Sequence[LogLine], log: LogWindow, space: Size, now: float
) -> list[Strip]:
    """The log on the whole body, under one line that says whose it is."""
    head = [title(view, space.columns, now)]
    return _with_log(head, lines, log, space.columns, space.rows, now)


def _beside_code(
    view: InstanceView, past: Past, beside: Beside, code: QrCode, width: int, now: float
) -> list[Strip]:
    """Whose code it is, how long it lasts, how to scan it, and the facts."""
    blank = row((), width, look.PLAIN)
    strips = [title(view, width, now), blank, _which(code, width, now), blank]
    known = focuscard.facts(view, past, beside, width, now)
    return [*strips, *numbered([tr(step) for step in HOW_TO_SCAN], width), blank, *known]


def _above_code(view: InstanceView, code: QrCode, width: int, now: float) -> list[Strip]:
    """The same in the few lines that are left above a code."""
    steps = ", ".join(tr(step) for step in HOW_TO_SCAN)
    return [
        title(view, width, now),
        _which(code, width, now),
        *wrapped(steps, width, 2, look.PLAIN),
    ]


def _which(code: QrCode, width: int, now: float) -> Strip:
    said = tr(
        "code {index} of {count}, {left} left",
        index=code.index,
        count=code.count,
        left=tr("{seconds} s", seconds=max(0, ceil(code.expires_at - now))),
    )
    return row([(f" {said}", look.BRIGHT)], width, look.PLAIN)


def _not_in_ascii(view: InstanceView, width: int) -> list[Strip]:
    """Said where the terminal has no glyphs for a code."""
    said = tr("A QR code cannot be drawn here: the screen is ASCII alone.")
    todo = tr(
        "Press {p} for a code to type instead, or {save} for a picture of it; or set a UTF-8"
        " locale: {command}",
        p=key_of(KeyAction.PAIRING_CODE),
        save=key_of(KeyAction.SAVE_QR),
        command=f"LANG=C.UTF-8 waziterm qr {inert(view.name)}",
    )
    return [
        row((), width, look.PLAIN),
        *wrapped(said, width, 3, look.SIGNS[State.RETRYING].style),
        *wrapped(todo, width, 7, look.BRIGHT),
    ]


def _does_not_fit(view: InstanceView, matrix: Matrix, space: Size) -> list[Strip]:
    """Said instead of a code that no phone could read."""
    need = size(matrix, Drawing.SEXTANT)
    said = tr(
        "The QR code needs {columns} columns and {rows} rows; this screen has {width} and"
        " {height}.",
        columns=need.columns,
        rows=need.rows,
        width=space.columns,
        height=space.rows,
    )
    todo = tr(
        "Enlarge the terminal, or press {p} for a code to type instead, or {save} for a picture of"
        " it, or run in another shell: {command}",
        p=key_of(KeyAction.PAIRING_CODE),
        save=key_of(KeyAction.SAVE_QR),
        command=f"waziterm qr {inert(view.name)}",
    )
    width = space.columns
    return [
        row((), width, look.PLAIN),
        *wrapped(said, width, 3, look.SIGNS[State.RETRYING].style),
        *wrapped(todo, width, 7, look.BRIGHT),
    ]


def _with_log(
    text: list[Strip],
    lines: Sequence[LogLine],
    log: LogWindow,
    width: int,
    height: int,
    now: float,
) -> list[Strip]:
    """The text, then the log in what is left."""
    gap = [row((), width, look.PLAIN)] if len(text) > 1 else []
    room = height - len(text) - len(gap) - 1
    if room < 1:
        return _padded(text, width, height)
    side = row((), 1, look.PLAIN)
    drawn = log.draw(lines, width - 2, room, now)
    logged = [Strip.join([side, strip, side]) for strip in drawn]
    return _padded([*text, *gap, log.rule(lines, width, tr("log")), *logged], width, height)


def _padded(strips: list[Strip], width: int, height: int) -> list[Strip]:
    """Exactly `height` lines of `width` cells."""
    blank = row((), width, look.PLAIN)
    cropped = [strip.adjust_cell_length(width, look.PLAIN) for strip in strips[:height]]
    return [*cropped, *(blank for _ in range(height - len(cropped)))]


def _beside(
    left: list[Strip], right: list[Strip], width: int, gap: int, space: Size
) -> list[Strip]:
    between = row((), gap, look.PLAIN)
    rest = space.columns - width - gap
    lefts = _padded(left, width, space.rows)
    rights = _padded(right, rest, space.rows)
    return [Strip.join([a, between, b]) for a, b in zip(lefts, rights, strict=True)]
