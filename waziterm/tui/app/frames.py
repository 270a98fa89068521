"""What is on the terminal, cell by cell, and the shortest text that makes it what it ought to be.

Textual paints a new screen several times before it is as it stays (empty, then its widgets, then
their styles), each time from corner to corner, and sets all colours anew for each piece of text.
Measured at 80×24, help took 40 kB. Here only the cells that differ are written, and of their
colours only what changes from one to the next.
"""

from collections.abc import Iterable
from itertools import takewhile

from rich.cells import get_character_cell_size
from rich.color import ColorSystem
from rich.style import Style
from textual.strip import Strip

from waziterm.domain.frozen import dataclass

GAP = 4
"""So many cells that are right already are written again: to step over them takes as many bytes."""
MOST_STYLES = 4096
"""So many styles are remembered with their codes; a screen has a few dozen."""


@dataclass(frozen=True, slots=True)
class Code:
    """How a cell looks, as parameters of `ESC [ … m`. rest: bold and its like, "" for none."""

    fg: str
    bg: str
    rest: str


PLAIN = Code("39", "49", "")


class Frames:
    """The cells as they ought to be, and as the terminal has them."""

    def __init__(self) -> None:
        self._size = (0, 0)
        self._wanted: list[tuple[list[str], list[Code]]] = []
        self._shown: list[tuple[list[str], list[Code]] | None] = []
        self._changed: set[int] = set()
        self._codes: dict[Style, Code] = {}
        self._system = ColorSystem.TRUECOLOR

    def forget(self) -> None:
        """What the terminal shows is not known any more: all is written again."""
        self._shown = [None] * len(self._shown)
        self._changed = set(range(len(self._shown)))

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        return self._size

    @property
    def is_blank(self) -> bool:
        """Whether no cell ought to show a character."""
        return not any("".join(chars).strip(" ") for chars, _ in self._wanted)

    @property
    def has_more(self) -> bool:
        """Whether lines wait that `difference` has not looked at."""
        return bool(self._changed)

    def forget_line(self, y: int) -> None:
        """What the terminal shows on this line is not known any more."""
        if 0 <= y < len(self._shown):
            self._shown[y] = None
            self._changed.add(y)

    def take(
        self,
        pieces: Iterable[tuple[int, int, Strip]],
        size: tuple[int, int],
        system: ColorSystem,
    ) -> None:
        """Have pieces of lines painted. pieces: of each its column, its line, and its cells.

        size: columns and lines. system: the colours that the terminal has.
        """
        if size != self._size or system is not self._system:
            self._resize(size)
            self._system = system
            self._codes.clear()
        columns, rows = size
        for x, y, strip in pieces:
            if 0 <= y < rows and x < columns:
                self._changed.add(y)
                self._put(x, self._wanted[y], strip, columns)

    def difference(self, most: int | None = None) -> str:
        """The text that makes the terminal show all that was taken; "" where it does already.

        most: of more characters than this no further line is written; the next call goes on.
        """
        parts: list[str] = []
        code: Code | None = None
        written = 0
        for y in sorted(self._changed):
            self._changed.discard(y)
            begun = len(parts)
            wanted, shown = self._wanted[y], self._shown[y]
            if wanted == shown:
                continue
            for first, last in _runs(wanted, shown):
                parts.append(f"\x1b[{y + 1};{first + 1}H")
                code = self._write(parts, wanted, first, last, code)
            self._shown[y] = (wanted[0].copy(), wanted[1].copy())
            written += sum(map(len, parts[begun:]))
            if most is not None and written > most:
                break
        if parts:
            parts.append("\x1b[0m")
        return "".join(parts)

    def _resize(self, size: tuple[int, int]) -> None:
        self._size = size
        columns, rows = size
        self._wanted = [([" "] * columns, [PLAIN] * columns) for _ in range(rows)]
        self._shown = [None] * rows
        self._changed = set(range(rows))

    def _put(self, x: int, line: tuple[list[str], list[Code]], strip: Strip, columns: int) -> None:
        chars, codes = line
        begun = x
        for text, style, control in strip:
            if control:
                continue
            code = self._code(style)
            if begun < x <= columns and not text.isascii() and _has_no_width(text[0]):
                # It combines with the last character of the piece before.
                alone = "".join(takewhile(_has_no_width, text))
                chars[x - 1 if chars[x - 1] else x - 2] += alone
            cells = _cells(text)
            room = columns - x
            if len(cells) > room:
                cells = cells[: max(0, room)]
            chars[x : x + len(cells)] = cells
            codes[x : x + len(cells)] = [code] * len(cells)
            x += len(cells)

    def _code(self, style: Style | None) -> Code:
        if style is None:
            return PLAIN
        code = self._codes.get(style)
        if code is None:
            if len(self._codes) >= MOST_STYLES:
                self._codes.clear()
            code = self._codes[style] = _code_of(style, self._system)
        return code

    @staticmethod
    def _write(
        parts: list[str],
        line: tuple[list[str], list[Code]],
        first: int,
        last: int,
        before: Code | None,
    ) -> Code | None:
        """Write the cells from `first` on, before `last`; how the last one of them looks."""
        chars, codes = line
        at = first
        while at < last:
            code = codes[at]
            end = at + 1
            while end < last and codes[end] is code:
                end += 1
            text = "".join(chars[at:end])
            if code is not before and code != before:
                # A blank has no colour of its own, unless it is underlined or the like.
                blank = not text.strip(" ") and not code.rest
                if blank and before is not None and not before.rest:
                    code = Code(before.fg, code.bg, "")
                parts.append(_change(before, code))
                before = code
            parts.append(text)
            at = end
        return before


def _has_no_width(char: str) -> bool:
    return get_character_cell_size(char) == 0


def _cells(text: str) -> list[str]:
    """Text by its cells; what a wide character has on its right is ""."""
    if text.isascii():
        return list(text)
    cells: list[str] = []
    for char in text:
        match get_character_cell_size(char):
            case 0:
                if cells:
                    cells[-1] += char
            case 1:
                cells.append(char)
            case _:
                cells += (char, "")
    return cells


def _code_of(style: Style, system: ColorSystem) -> Code:
    fg, bg = PLAIN.fg, PLAIN.bg
    if style.color is not None:
        fg = ";".join(style.color.downgrade(system).get_ansi_codes(foreground=True))
    if style.bgcolor is not None:
        bg = ";".join(style.bgcolor.downgrade(system).get_ansi_codes(foreground=False))
    rest = style.without_color.render(" ", color_system=system)
    return Code(fg, bg, rest[2 : rest.index("m")] if rest.startswith("\x1b[") else "")


def _change(before: Code | None, code: Code) -> str:
    """What makes the terminal write in this code after that one."""
    parts: list[str] = []
    if before is None or before.rest != code.rest:
        parts.append("0")
        before = PLAIN
        if code.rest:
            parts.append(code.rest)
    if code.fg != before.fg:
        parts.append(code.fg)
    if code.bg != before.bg:
        parts.append(code.bg)
    return f"\x1b[{';'.join(parts)}m" if parts else ""


def _runs(
    wanted: tuple[list[str], list[Code]], shown: tuple[list[str], list[Code]] | None
) -> list[tuple[int, int]]:
    """Where a line differs: the first cell of each run, and the one after its last."""
    chars, codes = wanted
    if shown is None:
        return [(0, len(chars))] if chars else []
    runs: list[tuple[int, int]] = []
    for x, (char, code, was, looked) in enumerate(zip(chars, codes, *shown, strict=True)):
        if char == was and (code is looked or code == looked):
            continue
        first, last = x, x + 1
        while first and not chars[first]:
            # The right half of a wide character is written with its left one.
            first -= 1
        while last < len(chars) and not chars[last]:
            last += 1
        if runs and first - runs[-1][1] <= GAP:
            runs[-1] = (runs[-1][0], max(last, runs[-1][1]))
        else:
            runs.append((first, last))
    return runs
