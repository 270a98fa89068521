"""Text for terminals that show ASCII alone, in as many cells as it had."""

import unicodedata

from waziterm.tui.paint.cells import width_of

_GLYPHS = {
    "●": "*", "◐": "%", "◌": ":", "▽": "v", "↻": "@", "▲": "^", "✖": "X", "⊘": "/", "■": "#",
    "◆": "!", "○": "o", "▼": "v", "✓": "+", "⏎": "<", "→": ">", "←": "<", "↑": "^", "↓": "v",
    "·": "-", "•": "*", "…": "~", "–": "-", "—": "-", "−": "-", "×": "x", "≤": "<", "≥": ">",
    "»": ">", "‘": "'", "’": "'", "“": '"', "”": '"', "\u00a0": " ", "▌": "|", "▐": "|", "▀": '"',
    "▄": "-", "█": "#", "▓": "#", "▒": ":", "░": ".", "▁": "_", "▂": ".", "▃": ":", "▅": "=",
    "▆": "+", "▇": "*",
}  # fmt: skip
"""Block heights stay tellable, so that a sparkline keeps its shape."""

_LIGHT_ACROSS, _LIGHT_DOWN = "─╌┄┈╴╶", "│╎┆┊╵╷"
_HEAVY_ACROSS, _HEAVY_DOWN = "━╍┅┉═╸╺", "┃╏┇┋║╹╻"
_BOX_DRAWING = range(0x2500, 0x2580)
_EDGES = {"▏": "|", "▕": "|", "▎": "|", "▍": "|", "▋": "|", "▊": "|", "▉": "#", "▔": "-"}
_LINES = {
    **{chr(point): "+" for point in _BOX_DRAWING},
    **dict.fromkeys(_LIGHT_ACROSS, "-"),
    **dict.fromkeys(_LIGHT_DOWN, "|"),
    **dict.fromkeys(_HEAVY_ACROSS, "="),
    **dict.fromkeys(_HEAVY_DOWN, "#"),
    **dict.fromkeys("┏┓┗┛╔╗╚╝", "#"),
}
_TABLE = {**_LINES, **_EDGES, **_GLYPHS}

UNKNOWN = "?"
"""In each cell of a character that ASCII cannot show."""


def to_ascii(text: str) -> str:
    """The text in ASCII, in exactly the cells that it took: accents go, the rest is `?`."""
    if text.isascii():
        return text
    plain = "".join(_one(char) for char in text)
    width = width_of(text)
    return plain[:width].ljust(width)


def _one(char: str) -> str:
    if char.isascii():
        return char
    if char in _TABLE:
        return _TABLE[char]
    width = width_of(char)
    base = unicodedata.normalize("NFKD", char).encode("ascii", "ignore").decode()
    return base if len(base) == width else UNKNOWN * width
