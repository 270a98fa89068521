"""Scanning a QR code from painted cells, as a phone in front of the terminal would.

    assert decode_qr(terminal.cells()) == payload

The cells are drawn as pixels with their own colours, half blocks and sextants by their geometry,
and zxing-cpp looks for a code in the picture. Returns None when it finds none.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import zxingcpp
from PIL import Image

CELL_WIDE, CELL_HIGH = 8, 18


class PaintedCell(Protocol):
    """What a cell must tell: its text, and its colours as six hex digits."""

    @property
    def text(self) -> str: ...
    @property
    def fg(self) -> str: ...
    @property
    def bg(self) -> str: ...


def decode_qr(rows: Sequence[Sequence[PaintedCell]]) -> str | None:
    """The text of the QR code on the screen, or None."""
    found = read_codes(rasterise(rows))
    return found[0] if found else None


def read_codes(picture: np.ndarray | Image.Image) -> list[str]:
    """The texts of the QR codes in a grey picture. Their squares may look like other barcodes."""
    formats = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    return [each.text for each in zxingcpp.read_barcodes(picture, formats=formats)]


def rasterise(rows: Sequence[Sequence[PaintedCell]]) -> np.ndarray:
    """The cells as a grey picture."""
    wide = max(len(row) for row in rows)
    # Of thousands of cells, few differ: each kind is drawn once.
    kinds: dict[tuple[str, str, str] | None, int] = {None: 0}
    which = np.zeros((len(rows), wide), np.intp)
    for y, row in enumerate(rows):
        which[y, : len(row)] = [
            kinds.setdefault((cell.text, cell.fg, cell.bg), len(kinds)) for cell in row
        ]
    tiles = np.stack([_tile(*kind) if kind else _tile("", "0" * 6, "0" * 6) for kind in kinds])
    return np.ascontiguousarray(
        tiles[which].swapaxes(1, 2).reshape(len(rows) * CELL_HIGH, wide * CELL_WIDE)
    )


def _tile(text: str, fg: str, bg: str) -> np.ndarray:
    tile = np.full((CELL_HIGH, CELL_WIDE), _grey(bg), np.uint8)
    for x0, y0, x1, y1 in blocks(text):
        tile[
            round(y0 * CELL_HIGH) : round(y1 * CELL_HIGH),
            round(x0 * CELL_WIDE) : round(x1 * CELL_WIDE),
        ] = _grey(fg)
    return tile


def blocks(text: str) -> list[tuple[float, float, float, float]]:
    """The inked rectangles of a block glyph, as shares of the cell: x0, y0, x1, y1."""
    plain = {"█": 63, "▀": 0, "▄": 0, "▌": 0b010101, "▐": 0b101010}
    if text == "▀":
        return [(0, 0, 1, 0.5)]
    if text == "▄":
        return [(0, 0.5, 1, 1)]
    if len(text) == 1 and 0x1FB00 <= ord(text) <= 0x1FB3B:
        bits = ord(text) - 0x1FB00 + 1
        bits += bits >= 0b010101
        bits += bits >= 0b101010
    elif text in plain:
        bits = plain[text]
    else:
        return []
    return [
        (bit % 2 / 2, bit // 2 / 3, bit % 2 / 2 + 0.5, bit // 2 / 3 + 1 / 3)
        for bit in range(6)
        if bits >> bit & 1
    ]


def _grey(colour: str) -> int:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (0, 2, 4))
    return (red * 30 + green * 59 + blue * 11) // 100
