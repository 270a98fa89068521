"""The help: the keys, from the same list as the bindings, and what the glyphs mean."""

import time
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import ClassVar

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.visual import VisualType

from waziterm.domain.frozen import dataclass
from waziterm.domain.screen import KeyAction, Place
from waziterm.lang import tr
from waziterm.tui.commands.keys import AnyKey, keys_of
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import cell, cut, width_of, wrap
from waziterm.tui.screens.scrolling import Page
from waziterm.tui.text.format import zone
from waziterm.tui.text.keynames import key_of

TWO_COLUMNS = 104
"""From this width on the keys stand in two columns, in cells."""
GAP = 2
SIGN = 8
"""Cells for a key, with the blank before it."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A key or a glyph, and what it means."""

    sign: str
    colour: str
    about: str


class HelpDialog(Page):
    """Every key by the place where it works, then every state's glyph."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "close", show=False, id=KeyAction.SHOW_HELP.value),
    ]

    def heading(self) -> str:
        return tr("Keys")

    def content(self) -> VisualType:
        return HelpText(keys_of(self.app))


class HelpText:
    """All of it, in as many columns as the width allows."""

    def __init__(self, keys: Iterable[AnyKey]) -> None:
        self._keys = tuple(keys)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        if width < TWO_COLUMNS:
            column = [line for place in Place for line in (*self._place(place, width), Text())]
            yield from (*column, *_states(width))
            return
        size = (width - GAP) // 2
        left = [*self._place(Place.BOTH, size), Text(), *self._place(Place.FOCUS, size)]
        right = [*self._place(Place.FLEET, size), Text(), *self._place(Place.LOG, size)]
        min(left, right, key=len).extend((Text(), *_states(size)))
        for here, there in zip_longest(left, right, fillvalue=Text()):
            yield Text.assemble(here, " " * (size + GAP - here.cell_len), there)

    def _place(self, place: Place, width: int) -> list[Text]:
        """A title, and the keys that work in this place; short neighbours share a line."""
        name = tr(place.value)
        title = Text(cut(name[:1].upper() + name[1:], width), f"bold {look.STRONG}")
        entries = [
            _Entry(key.shown, look.ACCENT, key.told) for key in self._keys if key.place is place
        ]
        return [title, *_shared(entries, width)]


def _shared(entries: Sequence[_Entry], width: int) -> list[Text]:
    half = width // 2
    lines: list[Text] = []
    waiting: _Entry | None = None
    for entry in entries:
        takes = max(SIGN, width_of(entry.sign) + 2) + width_of(entry.about)
        if waiting is not None and takes <= width - half:
            (first,), (second,) = _lines(waiting, half), _lines(entry, width - half)
            lines.append(Text.assemble(first, " " * (half - first.cell_len), second))
            waiting = None
            continue
        if waiting is not None:
            lines += _lines(waiting, width)
        waiting = entry if takes < half else None
        if waiting is None:
            lines += _lines(entry, width)
    return lines if waiting is None else [*lines, *_lines(waiting, width)]


def _lines(entry: _Entry, width: int) -> list[Text]:
    """What it means, right of the key, on as many lines as that takes."""
    sign = cell(f" {entry.sign}", max(SIGN, width_of(entry.sign) + 2) - 1)
    first, *rest = wrap(entry.about, width - width_of(sign), 3) or [""]
    told = [Text.assemble((sign, f"bold {entry.colour}"), (first, look.TEXT))]
    return [*told, *(Text(" " * width_of(sign) + part, look.TEXT) for part in rest)]


def _states(width: int) -> list[Text]:
    """The glyphs, which stand without their words where space is short."""
    lines = [Text(tr("States"), f"bold {look.STRONG}")]
    size = max(width_of(tr(state.label)) for state in look.SIGNS) + 4
    cells = [
        Text.assemble(
            (f" {sign.glyph} ", f"bold {sign.colour}"),
            (cell(tr(state.label), size - 4), look.TEXT),
        )
        for state, sign in look.SIGNS.items()
    ]
    many = max(1, width // size)
    rows = (Text.assemble(*cells[at : at + many]) for at in range(0, len(cells), many))
    times = tr("times: {zone}", zone=zone(time.time()))
    palette = key_of(KeyAction.COMMAND_PALETTE)
    said = tr("terms: {glossary} ({palette})", palette=palette, glossary=tr("glossary"))
    return [*lines, *rows, Text(cut(f"{times} · {said}", width), look.DIM)]
