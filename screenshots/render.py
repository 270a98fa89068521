"""Pictures of a terminal's screen: a pyte screen becomes an SVG and a PNG.

    picture = Picture.of(terminal.screen)
    picture.save(Path("screenshots"), "wall")        # wall.svg and wall.png

Boxes, half blocks and sextants are drawn as shapes, because fonts leave gaps between them or lack
them. A QR code never reaches a picture: the cells that are painted black on white, as only the QR
code is, are covered by a grey placeholder that says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from PIL import Image

WIDE, HIGH = 10, 21
FONT_SIZE = 16
FONTS = Path("/usr/share/fonts/truetype/dejavu")
FAMILY = "'DejaVu Sans Mono', 'JetBrains Mono', Menlo, Consolas, monospace"
PAPER, INK = "ffffff", "000000"
HIDDEN = ("QR code", "(never in a", "picture)")

_DEFAULT_FG, _DEFAULT_BG = "c5ced9", "0d1117"
_NAMES = {
    "black": "000000", "red": "cd3131", "green": "0dbc79", "brown": "e5e510", "blue": "2472c8",
    "magenta": "bc3fbc", "cyan": "11a8cd", "white": "e5e5e5", "brightblack": "666666",
    "brightred": "f14c4c", "brightgreen": "23d18b", "brightbrown": "f5f543",
    "brightblue": "3b8eea", "brightmagenta": "d670d6", "bfightmagenta": "d670d6",
    "brightcyan": "29b8db", "brightwhite": "ffffff",
}  # fmt: skip
_LINES = {
    "─": "lr", "│": "ud", "╭": "rd", "╮": "ld", "╰": "ru", "╯": "lu",
    "┌": "rd", "┐": "ld", "└": "ru", "┘": "lu", "├": "udr", "┤": "udl", "┬": "lrd", "┴": "lru",
    "┼": "lrud", "━": "LR", "┃": "UD", "┏": "RD", "┓": "LD", "┗": "RU", "┛": "LU",
}  # fmt: skip
_EIGHTHS = "▁▂▃▄▅▆▇█"
_LEFTS = "▏▎▍▌▋▊▉█"

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Run:
    """A cell's text with its colours as six hex digits. cells: 2 for wide characters."""

    text: str
    fg: str
    bg: str
    bold: bool
    cells: int


@dataclass(frozen=True, slots=True)
class Picture:
    """The screen as rows of cells, its QR codes already taken out."""

    rows: tuple[tuple[Run, ...], ...]
    columns: int
    codes: tuple[tuple[int, int, int, int], ...]

    @classmethod
    def of(cls, screen: Any) -> Self:
        """Read a `pyte.Screen`."""
        grid = [
            [_run(screen.buffer[y][x]) for x in range(screen.columns)] for y in range(screen.lines)
        ]
        codes = tuple(_codes(grid))
        for left, top, right, bottom in codes:
            for y in range(top, bottom):
                for x in range(left, right):
                    grid[y][x] = Run(" ", INK, "9aa4b0", False, 1)
        rows = []
        for row in grid:
            kept = []
            for x, run in enumerate(row):
                if run.text == "":
                    continue
                wide = x + 1 < len(row) and row[x + 1].text == ""
                kept.append(Run(run.text, run.fg, run.bg, run.bold, 2 if wide else 1))
            rows.append(tuple(kept))
        return cls(tuple(rows), screen.columns, codes)

    def save(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Write NAME.svg and NAME.png."""
        folder.mkdir(parents=True, exist_ok=True)
        svg, png = folder / f"{name}.svg", folder / f"{name}.png"
        svg.write_text(self.svg(), encoding="utf-8")
        self.png(png)
        return svg, png

    def _cells(self) -> Iterator[tuple[int, int, Run]]:
        for y, row in enumerate(self.rows):
            x = 0
            for run in row:
                yield x, y, run
                x += run.cells

    def _labels(self) -> Iterator[tuple[float, float, str]]:
        """What stands where a QR code was: the middle of each line, in pixels."""
        for left, top, right, bottom in self.codes:
            middle = (top + bottom) / 2 - len(HIDDEN) / 2
            for index, text in enumerate(HIDDEN):
                yield (left + right) / 2 * WIDE, (middle + index + 0.5) * HIGH, text

    def svg(self) -> str:
        """The picture as SVG text."""
        width, height = self.columns * WIDE, len(self.rows) * HIGH
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
            f' viewBox="0 0 {width} {height}" font-family="{FAMILY}" font-size="{FONT_SIZE}"'
            ' xml:space="preserve">',
            f'<rect width="100%" height="100%" fill="#{_DEFAULT_BG}"/>',
        ]
        for x, y, run in self._cells():
            if run.bg != _DEFAULT_BG:
                box = (0.0, 0.0, float(run.cells), 1.0)
                parts.append(_rect(x, y, box, run.bg))
        for x, y, run in self._cells():
            boxes = shapes(run.text)
            if boxes is not None:
                parts += [_rect(x, y, box, run.fg) for box in boxes]
            elif run.text.strip():
                weight = ' font-weight="bold"' if run.bold else ""
                parts.append(
                    f'<text x="{x * WIDE}" y="{y * HIGH + 16}" fill="#{run.fg}"{weight}'
                    f' textLength="{run.cells * WIDE}">{escape(run.text)}</text>'
                )
        for x_at, y_at, text in self._labels():
            parts.append(
                f'<text x="{x_at}" y="{y_at + 5}" fill="#{INK}" text-anchor="middle">'
                f"{escape(text)}</text>"
            )
        return "\n".join([*parts, "</svg>", ""])

    def png(self, path: Path) -> None:
        """The picture as a PNG file, twice as large as the SVG."""
        from PIL import Image  # noqa: PLC0415 (an SVG needs no Pillow)

        # 256 colours hold all shades of a screen, in a third of the bytes.
        few = self.image(2).quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        few.save(path, optimize=True)

    def image(self, scale: int) -> "Image.Image":
        """The picture in Pillow's form, so many times as large as the SVG."""
        from PIL import Image, ImageDraw  # noqa: PLC0415 (an SVG needs no Pillow)

        size = (self.columns * WIDE * scale, len(self.rows) * HIGH * scale)
        image = Image.new("RGB", size, f"#{_DEFAULT_BG}")
        canvas = ImageDraw.Draw(image)
        fonts = {bold: font(bold, FONT_SIZE * scale) for bold in (False, True)}

        def fill(x: int, y: int, box: Box, colour: str) -> None:
            left, top = (x + box[0]) * WIDE * scale, (y + box[1]) * HIGH * scale
            right, bottom = (x + box[2]) * WIDE * scale, (y + box[3]) * HIGH * scale
            corners = (round(left), round(top), round(right) - 1, round(bottom) - 1)
            canvas.rectangle(corners, fill=f"#{colour}")

        for x, y, run in self._cells():
            fill(x, y, (0, 0, run.cells, 1), run.bg)
        for x, y, run in self._cells():
            boxes = shapes(run.text)
            if boxes is not None:
                for box in boxes:
                    fill(x, y, box, run.fg)
            elif run.text.strip():
                place = (x * WIDE * scale, (y * HIGH + 16) * scale)
                canvas.text(place, run.text, f"#{run.fg}", fonts[run.bold], anchor="ls")
        for x_at, y_at, text in self._labels():
            place = (round(x_at * scale), round(y_at * scale))
            canvas.text(place, text, f"#{INK}", fonts[False], anchor="mm")
        return image


def shapes(text: str) -> list[Box] | None:
    """A glyph's rectangles as shares of its cell, for glyphs that must meet their neighbours."""
    if text in _LINES:
        return _strokes(_LINES[text])
    if text == "▀":
        return [(0, 0, 1, 0.5)]
    if text == "▐":
        return [(0.5, 0, 1, 1)]
    if text in _EIGHTHS and text:
        return [(0, 1 - (_EIGHTHS.index(text) + 1) / 8, 1, 1)]
    if text in _LEFTS and text:
        return [(0, 0, (_LEFTS.index(text) + 1) / 8, 1)]
    if len(text) == 1 and 0x1FB00 <= ord(text) <= 0x1FB3B:
        bits = ord(text) - 0x1FB00 + 1
        bits += bits >= 0b010101
        bits += bits >= 0b101010
        return [
            (bit % 2 / 2, bit // 2 / 3, bit % 2 / 2 + 0.5, bit // 2 / 3 + 1 / 3)
            for bit in range(6)
            if bits >> bit & 1
        ]
    return None


def _strokes(arms: str) -> list[Box]:
    """Lines from the middle of the cell; capital letters are heavy."""
    boxes: list[Box] = []
    for arm in arms:
        thick = 3.0 if arm.isupper() else 1.0
        x, y = thick / 2 / WIDE, thick / 2 / HIGH
        boxes.append(
            {
                "l": (0.0, 0.5 - y, 0.5 + x, 0.5 + y),
                "r": (0.5 - x, 0.5 - y, 1.0, 0.5 + y),
                "u": (0.5 - x, 0.0, 0.5 + x, 0.5 + y),
                "d": (0.5 - x, 0.5 - y, 0.5 + x, 1.0),
            }[arm.lower()]
        )
    return boxes


def _rect(x: int, y: int, box: Box, colour: str) -> str:
    left, top = (x + box[0]) * WIDE, (y + box[1]) * HIGH
    width, height = (box[2] - box[0]) * WIDE, (box[3] - box[1]) * HIGH
    return (
        f'<rect x="{left:g}" y="{top:g}" width="{width:g}" height="{height:g}"'
        f' fill="#{colour}" shape-rendering="crispEdges"/>'
    )


def _run(char: Any) -> Run:
    fg = _DEFAULT_FG if char.fg == "default" else _NAMES.get(char.fg, char.fg)
    bg = _DEFAULT_BG if char.bg == "default" else _NAMES.get(char.bg, char.bg)
    if char.reverse:
        fg, bg = bg, fg
    return Run(char.data, fg, bg, bool(char.bold), 1)


def _codes(grid: list[list[Run]]) -> Iterator[tuple[int, int, int, int]]:
    """The boxes of cells painted black on white: left, top, right, bottom."""
    seen: set[tuple[int, int]] = set()
    for y, row in enumerate(grid):
        for x, run in enumerate(row):
            if (x, y) in seen or (run.fg, run.bg) != (INK, PAPER):
                continue
            right, bottom = x, y
            while right < len(row) and (row[right].fg, row[right].bg) == (INK, PAPER):
                right += 1
            while bottom < len(grid) and (grid[bottom][x].fg, grid[bottom][x].bg) == (INK, PAPER):
                bottom += 1
            seen.update((i, j) for i in range(x, right) for j in range(y, bottom))
            yield x, y, right, bottom


def font(bold: bool, size: int) -> Any:
    """DejaVu Sans Mono where it is installed, else Pillow's own font."""
    from PIL import ImageFont  # noqa: PLC0415 (an SVG needs no Pillow)

    path = FONTS / ("DejaVuSansMono-Bold.ttf" if bold else "DejaVuSansMono.ttf")
    return ImageFont.truetype(str(path), size) if path.exists() else ImageFont.load_default(size)
