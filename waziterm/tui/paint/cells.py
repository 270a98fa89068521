"""Text into cells: inert, cut or wrapped by the width it takes on the screen, never as markup."""

import unicodedata
from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from waziterm.domain.text import plain

Span = tuple[str, Style]

TIE = "\u00a0"
"""Between words that belong on one line."""

_FLAG_A = 0x1F1E6
_SKIN_TONES = range(0x1F3FB, 0x1F400)


def inert(text: str, limit: int = 500) -> str:
    """The text without anything that acts on a terminal or that terminals measure differently.

    Variation selectors, skin tones and enclosing marks go; flags become their two letters.
    """
    text = plain(text, limit)
    if text.isascii():
        return text
    kept = []
    for char in text:
        point = ord(char)
        if point in _SKIN_TONES or unicodedata.category(char) == "Me":
            continue
        if 0xFE00 <= point <= 0xFE0F or 0xE0100 <= point <= 0xE01EF:
            continue
        flag = _FLAG_A <= point < _FLAG_A + 26
        kept.append(chr(ord("A") + point - _FLAG_A) if flag else char)
    return "".join(kept)


def width_of(text: str) -> int:
    """The number of cells that the text takes."""
    return len(text) if text.isascii() else cell_len(text)


def cut(text: str, width: int) -> str:
    """The text in at most `width` cells, with an ellipsis where something is missing."""
    if width_of(text) <= width:
        return text
    if width <= 0:
        return ""
    kept, used = [], 0
    for char in text:
        size = width_of(char)
        if used + size > width - 1:
            break
        kept.append(char)
        used += size
    return "".join(kept) + "…"


def cell(text: str, size: int) -> str:
    """The text in a column of `size` cells, and the blank that parts it from the next."""
    fitting = cut(text, size)
    return fitting + " " * (size - width_of(fitting) + 1)


def wrap(text: str, width: int, most: int) -> list[str]:
    """The text in at most `most` lines of at most `width` cells, broken at blanks where possible.

    What does not fit ends in an ellipsis. A no-break space keeps words together and is painted as
    a blank.
    """
    if width <= 0 or most <= 0:
        return []
    lines: list[str] = []
    line = ""
    words = [part for word in text.split(" ") if word for part in _parts(word, width)]
    for index, word in enumerate(words):
        joined = f"{line} {word}" if line else word
        if width_of(joined) <= width:
            line = joined
            continue
        if len(lines) + 1 == most:
            rest = " ".join([line, *words[index:]])
            return _blanks([*lines, cut(rest, width)])
        lines.append(line)
        line = word
    return _blanks([*lines, line] if line else lines)


def _blanks(lines: list[str]) -> list[str]:
    return [line.replace(TIE, " ") for line in lines]


def _parts(word: str, width: int) -> Iterable[str]:
    """A word in pieces that fit a line."""
    piece, used = "", 0
    for char in word:
        size = width_of(char)
        if used + size > width and piece:
            yield piece
            piece, used = "", 0
        piece += char
        used += size
    if piece:
        yield piece


def row(spans: Sequence[Span], width: int, base: Style) -> Strip:
    """One line of exactly `width` cells: the spans, cut at the edge, filled with `base`."""
    segments, used = [], 0
    for text, style in spans:
        fitting = cut(text, width - used)
        if fitting:
            segments.append(Segment(fitting, style))
            used += width_of(fitting)
        if fitting != text:
            break
    if used < width:
        segments.append(Segment(" " * (width - used), base))
    return Strip(segments, width)


def spread(left: Sequence[Span], right: Sequence[Span], width: int, base: Style) -> Strip:
    """One line with spans at both edges; the right ones stay whole, the left ones are cut."""
    taken = sum(width_of(text) for text, _ in right)
    if taken > width:
        return row(left, width, base)
    head = row(left, max(0, width - taken), base)
    return Strip.join([head, row(right, taken, base)])
