"""The text on a terminal's screen, from what a program writes, at a tenth of an emulator's cost.

It knows what full-screen programs use: moves of the cursor, erasing, and text; colours and modes
are passed over. It is fast enough to follow a program while that is measured (2 ms for a whole
screen of 160×50, where pyte takes 60).
"""

import codecs
import re

from rich.cells import get_character_cell_size

_TOKENS = re.compile(
    r"\x1b\[([<=>?]?)([\d;:]*)[ !$\"']?([@-~])"  # a sequence: its kind, its numbers, its end
    r"|\x1b[\]P_^X][^\x07\x1b]*(?:\x07|\x1b\\)"  # a title, or another string
    r"|\x1b[()*+#%][0-9A-Za-z@]|\x1b[0-~]"
    r"|([\x00-\x1f])"
    r"|([^\x00-\x1f\x1b]+)"
)
_UNFINISHED = re.compile(r"\x1b(?:\[[<=>?]?[\d;:]*[ !$\"']?|[\]P_^X][^\x07\x1b]*\x1b?|[()*+#%])?\Z")


class Cells:
    """A screen of so many columns and rows. touched: the rows written on since it was cleared."""

    def __init__(self, columns: int, rows: int) -> None:
        self._columns, self._rows = columns, rows
        self._lines = [[" "] * columns for _ in range(rows)]
        self._x = self._y = 0
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._held = ""
        self._moved = False
        self.touched: set[int] = set()

    def feed(self, data: bytes) -> None:
        """Take in what the program has written next, wherever it was cut."""
        text = self._held + self._decode(data)
        rest = _UNFINISHED.search(text)
        self._held = rest[0] if rest is not None else ""
        if self._held:
            text = text[: -len(self._held)]
        for token in _TOKENS.finditer(text):
            kind, numbers, ends, control, written = token.groups()
            self._moved = False
            if written:
                self._write(written)
            elif control:
                self._control(control)
            elif ends and not kind:
                self._act(ends, numbers)

    @property
    def is_between(self) -> bool:
        """Whether the last that came was a move of the cursor, as after a change: what is on the
        screen is not half a word then."""
        return self._moved and not self._held

    def line(self, y: int) -> str:
        """A row's text. A wide character has its place once."""
        return "".join(self._lines[y])

    def display(self) -> list[str]:
        """All rows."""
        return [self.line(y) for y in range(self._rows)]

    def _write(self, text: str) -> None:
        if self._y >= self._rows:
            return
        cells = list(text) if text.isascii() else _cells(text)
        cells = cells[: self._columns - self._x]
        self._lines[self._y][self._x : self._x + len(cells)] = cells
        self._x += len(cells)
        self.touched.add(self._y)

    def _control(self, char: str) -> None:
        match char:
            case "\r":
                self._x = 0
            case "\n":
                self._y = min(self._y + 1, self._rows - 1)
            case "\b":
                self._x = max(0, self._x - 1)

    def _act(self, ends: str, numbers: str) -> None:
        given = [int(each) if each.isdigit() else 0 for each in numbers.split(";")]
        match ends:
            case "H" | "f":
                column = given[1] if len(given) > 1 else 1
                self._y = min(max(given[0], 1), self._rows) - 1
                self._x = min(max(column, 1), self._columns) - 1
                self._moved = True
            case "A":
                self._y = max(0, self._y - max(1, given[0]))
            case "B":
                self._y = min(self._rows - 1, self._y + max(1, given[0]))
            case "C":
                self._x = min(self._columns - 1, self._x + max(1, given[0]))
            case "D":
                self._x = max(0, self._x - max(1, given[0]))
            case "K":
                self._erase(self._y, given[0])
            case "J":
                self._erase(self._y, given[0])
                below = range(self._y + 1, self._rows) if given[0] == 0 else range(self._y)
                for y in range(self._rows) if given[0] in (2, 3) else below:
                    self._erase(y, 2)

    def _erase(self, y: int, how: int) -> None:
        """how: 0 from the cursor on, 1 up to it, else all of the row."""
        first = self._x if how == 0 else 0
        last = self._x + 1 if how == 1 else self._columns
        self._lines[y][first:last] = [" "] * (last - first)
        self.touched.add(y)


def _cells(text: str) -> list[str]:
    """Text by its cells; what a wide character has on its right is ""."""
    cells: list[str] = []
    for char in text:
        width = get_character_cell_size(char)
        if width == 0:
            if cells:
                cells[-1] += char
        else:
            cells += (char, "")[:width]
    return cells
