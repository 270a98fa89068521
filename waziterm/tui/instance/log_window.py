"""A window on a log: which lines are visible while new ones keep coming."""

from collections.abc import Sequence

from textual.strip import Strip

from waziterm.domain.fleet.api import LogLine, Source
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import Span, inert, row, wrap
from waziterm.tui.state.here import Move
from waziterm.tui.text.format import clock

LINES_PER_ENTRY = 6

_PREFIX = 18
_NARROW = 50


class LogWindow:
    """Follows the newest line, or stays at an older one (its bottom line) until told otherwise.

    wrapped: long lines take several rows; else they are cut.
    """

    def __init__(self, *, wrapped: bool = True) -> None:
        self.wrapped = wrapped
        self._bottom: int | None = None
        self._width = 1
        self._height = 1

    @property
    def following(self) -> bool:
        return self._bottom is None

    def follow(self, lines: Sequence[LogLine], *, on: bool) -> None:
        """Follow the newest line, or stay at the one that is the newest now."""
        self._bottom = None if on or not lines else lines[-1].seq

    def below(self, lines: Sequence[LogLine]) -> int:
        """How many newer lines there are below the window."""
        return len(lines) - 1 - self._index(lines) if lines else 0

    def bottom(self, lines: Sequence[LogLine]) -> LogLine | None:
        """The newest line that is shown."""
        return lines[self._index(lines)] if lines else None

    @property
    def _most(self) -> int:
        return LINES_PER_ENTRY if self.wrapped else 1

    def _index(self, lines: Sequence[LogLine]) -> int:
        """The position of the bottom line; the oldest one when it is already gone."""
        if self._bottom is None:
            return len(lines) - 1
        found = 0
        for index in range(len(lines) - 1, -1, -1):
            if lines[index].seq <= self._bottom:
                found = index
                break
        return found

    def scroll(self, to: Move, lines: Sequence[LogLine]) -> None:
        """Move up or down, but not to a side. Reaching the end follows again.

        A page is as high as the window was when it was last drawn.
        """
        if not lines:
            return
        lines = list(lines)
        here = self._index(lines)
        page = max(1, len(self._visible(lines, here)) - 1)
        there = to.along(here, page, self._lowest_full(lines), len(lines) - 1)
        if there is None:
            return
        self._bottom = None if there >= len(lines) - 1 else lines[there].seq

    def _lowest_full(self, lines: Sequence[LogLine]) -> int:
        """The bottom line of the window that starts with the oldest line."""
        used = 0
        for index, line in enumerate(lines):
            used += len(_entry(line, self._width, self._most))
            if used >= self._height:
                return index
        return len(lines) - 1

    def _visible(self, lines: Sequence[LogLine], bottom: int) -> list[list[Strip]]:
        """The entries above and with the bottom line that fit, newest first."""
        entries, used = [], 0
        for index in range(bottom, -1, -1):
            entry = _entry(lines[index], self._width, self._most)
            entries.append(entry)
            used += len(entry)
            if used >= self._height:
                break
        return entries

    def draw(self, lines: Sequence[LogLine], width: int, height: int) -> list[Strip]:
        """At most `height` rows; the newest visible line is the last of them."""
        self._width, self._height = width, max(1, height)
        if not lines or height <= 0:
            return []
        if not self.following:
            # Far from its ends a deque is slow; at its end, where it follows, a copy is.
            lines = list(lines)
        entries = self._visible(lines, self._index(lines))
        rows = [strip for entry in reversed(entries) for strip in entry]
        return rows[-height:]


def _entry(line: LogLine, width: int, most: int) -> list[Strip]:
    """One log line on at most `most` rows, with its time and where it came from."""
    prefix: list[Span] = [(f"{clock(line.at)} ", look.QUIET)]
    used = 9
    if width >= _NARROW:
        prefix.append((f"{line.source.value:<8} ", look.QUIET))
        used = _PREFIX
    style = look.BRIGHT if line.source is Source.OPERATOR else look.PLAIN
    parts = wrap(inert(line.text), max(8, width - used), most) or [""]
    head = row([*prefix, (parts[0], style)], width, look.PLAIN)
    indent = " " * used
    return [head, *(row([(indent + part, style)], width, look.PLAIN) for part in parts[1:])]
