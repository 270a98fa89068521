"""A QR code as terminal cells, never below the size that a phone can read.

Dark modules are the glyphs' ink and light ones the paper, so black on white styles make a code
that scans on any theme. A quiet zone of two modules was measured to be enough.
"""

from enum import StrEnum

from waziterm.domain.frozen import dataclass

QUIET = 2

Matrix = tuple[bytes, ...]

_HALVES = " ▀▄█"


class Drawing(StrEnum):
    """How modules become cells: one by two in a half block, two by three in a sextant."""

    HALF = "half blocks"
    SEXTANT = "sextants"

    @property
    def other(self) -> "Drawing":
        return Drawing.SEXTANT if self is Drawing.HALF else Drawing.HALF


@dataclass(frozen=True, slots=True)
class Size:
    """A number of columns and rows of cells."""

    columns: int
    rows: int

    def fits(self, space: "Size") -> bool:
        return self.columns <= space.columns and self.rows <= space.rows


def modules(payload: str) -> Matrix:
    """The code's modules with its quiet zone; 1 is dark."""
    from waziterm.qrcode import modules_of  # noqa: PLC0415 (only when a code is shown)

    return modules_of(payload, QUIET)


def size(matrix: Matrix, drawing: Drawing) -> Size:
    """The cells that a drawing of the code takes."""
    side = len(matrix)
    if drawing is Drawing.HALF:
        return Size(side, -(-side // 2))
    return Size(-(-side // 2), -(-side // 3))


def draw(matrix: Matrix, drawing: Drawing) -> list[str]:
    """The rows of text; every row is as wide as `size` says."""
    wide, high = (1, 2) if drawing is Drawing.HALF else (2, 3)
    side = len(matrix)

    def bits(left: int, top: int) -> int:
        value = 0
        for bit in range(wide * high):
            x, y = left + bit % wide, top + bit // wide
            if x < side and y < side and matrix[y][x]:
                value |= 1 << bit
        return value

    glyph = _HALVES.__getitem__ if drawing is Drawing.HALF else _sextant
    return [
        "".join(glyph(bits(left, top)) for left in range(0, side, wide))
        for top in range(0, side, high)
    ]


def _sextant(bits: int) -> str:
    """The glyph with these sixths inked; bit 0 is the upper left, bit 5 the lower right.

    Unicode left out the four that existed before: blank, both halves and the full block.
    """
    older = {0: " ", 0b010101: "▌", 0b101010: "▐", 0b111111: "█"}
    if bits in older:
        return older[bits]
    return chr(0x1FB00 + bits - 1 - (bits > 0b010101) - (bits > 0b101010))
