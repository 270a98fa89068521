"""A window on a log: which lines are visible while new ones keep coming, and a search in them."""

import re
from collections.abc import Iterator, Sequence

from rich.style import Style
from textual.strip import Strip

from waziterm.domain.fleet.api import LogLine, Source
from waziterm.domain.screen import KeyAction
from waziterm.lang import tr
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import Span, cell, inert, row, width_of, wrap
from waziterm.tui.state.fleetlog import FleetLine
from waziterm.tui.state.here import Move
from waziterm.tui.text.format import is_same_day, stamp
from waziterm.tui.text.keynames import key_of

LINES_PER_ENTRY = 6

_CLOCK, _DATED, _WHOSE, _SOURCE = 9, 13, 18, 9
"""Cells for the moment, for one with its day where not all are of today, for the instance in a log
of several, and for the source of a line."""
_NARROW = 50
_LEVELS = {"warning: ": look.WARNING, "error: ": look.ERROR}
"""How a line of the library looks that begins so; see `worker.neonize.logs`."""


class LogWindow:
    """Follows the newest line, or stays at an older one (its bottom line) until told otherwise.

    wrapped: long lines take several rows; else they are cut. pattern: what is looked for, in any
    case of its letters; "" for nothing.
    """

    def __init__(self, *, wrapped: bool = True) -> None:
        self.wrapped = wrapped
        self.pattern = ""
        self._found: int | None = None
        self._before: int | None = None
        self._bottom: int | None = None
        self._width = 1
        self._height = 1
        self._now = 0.0
        self._when = _CLOCK

    @property
    def following(self) -> bool:
        return self._bottom is None

    def follow(self, lines: Sequence[LogLine], *, on: bool) -> None:
        """Follow the newest line, or stay at the one that is the newest now."""
        self._bottom = None if on or not lines else lines[-1].seq
        self._found = None

    def below(self, lines: Sequence[LogLine]) -> int:
        """How many newer lines there are below the window."""
        return len(lines) - 1 - self._index(lines) if lines else 0

    def bottom(self, lines: Sequence[LogLine]) -> LogLine | None:
        """The newest line that is shown."""
        return lines[self._index(lines)] if lines else None

    def current(self, lines: Sequence[LogLine]) -> LogLine | None:
        """The line that was found, else the newest that is shown."""
        found = (line for line in lines if line.seq == self._found)
        return next(found, None) or self.bottom(lines)

    # -- searching

    def begin_search(self) -> None:
        """What is looked for is sought from here."""
        self._before = self._bottom

    def look_for(self, pattern: str, lines: Sequence[LogLine]) -> None:
        """Go to the newest line that has this, at the bottom or above it."""
        self.pattern, self._found, self._bottom = pattern, None, self._before
        self.find(lines, 0)

    def find(self, lines: Sequence[LogLine], step: int) -> bool:
        """Go to the next line that has what is looked for; whether there is one.

        step: -1 upwards, to older ones; 1 downwards; 0: this one, if it has it, else upwards.
        """
        matching = self._matching(lines)
        here = self.current(lines)
        if here is None:
            return False
        if step > 0:
            there = next((seq for seq in matching if seq > here.seq), None)
        else:
            limit = here.seq if step else here.seq + 1
            there = next((seq for seq in reversed(matching) if seq < limit), None)
        if there is None:
            return False
        self._found = there
        lines = list(lines)
        place = next(index for index, line in enumerate(lines) if line.seq == there)
        # Some newer lines below it: what a line led to stands there.
        below = min(len(lines) - 1, place + self._height // 3)
        self._bottom = lines[max(below, self._lowest_full(lines))].seq
        return True

    def is_at_match(self, lines: Sequence[LogLine]) -> bool:
        """Whether a line that was found is still there."""
        return any(line.seq == self._found for line in lines)

    def forget(self) -> None:
        """Look for nothing any more, and stay here."""
        self.pattern, self._found = "", None

    def _matching(self, lines: Sequence[LogLine]) -> list[int]:
        """The numbers of the lines that have what is looked for, oldest first."""
        wanted = self.pattern.casefold()
        if not wanted:
            return []
        return [line.seq for line in lines if wanted in _searched(line).casefold()]

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
        self._found = None

    def _lowest_full(self, lines: Sequence[LogLine]) -> int:
        """The bottom line of the window that starts with the oldest line."""
        used = 0
        for index, line in enumerate(lines):
            used += len(self._entry(line))
            if used >= self._height:
                return index
        return len(lines) - 1

    def _visible(self, lines: Sequence[LogLine], bottom: int) -> list[list[Strip]]:
        """The entries above and with the bottom line that fit, newest first."""
        entries, used = [], 0
        for index in range(bottom, -1, -1):
            entry = self._entry(lines[index])
            entries.append(entry)
            used += len(entry)
            if used >= self._height:
                break
        return entries

    def draw(self, lines: Sequence[LogLine], width: int, height: int, now: float) -> list[Strip]:
        """At most `height` rows; the newest visible line is the last of them. now: UTC seconds."""
        self._width, self._height, self._now = width, max(1, height), now
        if not lines or height <= 0:
            return []
        self._when = _CLOCK if is_same_day(lines[0].at, now) else _DATED
        if not self.following:
            # Far from its ends a deque is slow; at its end, where it follows, a copy is.
            lines = list(lines)
        entries = self._visible(lines, self._index(lines))
        rows = [strip for entry in reversed(entries) for strip in entry]
        return rows[-height:]

    def rule(self, lines: Sequence[LogLine], width: int, name: str) -> Strip:
        """The line above it: what is looked for, and whether it follows. name: of the log."""
        below = self.below(lines)
        said = tr("following")
        if not self.following:
            f = key_of(KeyAction.FOLLOW)
            said = tr("{count} newer below · {f} follows", count=below, f=f)
        if not self.wrapped:
            said = f"{tr('{w} shows whole lines', w=key_of(KeyAction.WRAP))} · {said}"
        if self.pattern:
            matching = self._matching(lines)
            place = matching.index(self._found) + 1 if self._found in matching else 0
            told = tr("{place} of {count}", place=place or "–", count=len(matching))
            said = f"/{inert(self.pattern, 40)} {told} · {said}"
        name = f"{name} "
        filling = "─" * max(0, width - width_of(said) - width_of(name) - 4)
        spans: list[Span] = [
            ("─ ", look.BORDER),
            (name, look.FAINT),
            (f"{filling} ", look.BORDER),
            (said, look.FAINT if self.following and not self.pattern else look.MARKED),
            (" ", look.PLAIN),
        ]
        return row(spans, width, look.PLAIN)

    def _entry(self, line: LogLine) -> list[Strip]:
        """One log line on as many rows as it may take, with its moment and where it is from."""
        width = self._width
        base = look.CHOSEN if line.seq == self._found else look.PLAIN
        prefix: list[Span] = [(cell(stamp(line.at, self._now), self._when - 1), look.QUIET)]
        if isinstance(line, FleetLine):
            prefix.append((cell(inert(line.instance), _WHOSE - 1), look.MARKED))
        if width >= _NARROW * len(prefix):
            prefix.append((cell(line.source.value, _SOURCE - 1), look.QUIET))
        used = sum(width_of(text) for text, _ in prefix)
        style = _style(line)
        parts = wrap(inert(line.text), max(8, width - used), self._most) or [""]
        firsts: list[Span] = [*prefix, *self._marked(parts[0], style)]
        strips = [row(_based(firsts, base), width, base)]
        for part in parts[1:]:
            spans: list[Span] = [(" " * used, style), *self._marked(part, style)]
            strips.append(row(_based(spans, base), width, base))
        return strips

    def _marked(self, text: str, style: Style) -> Iterator[Span]:
        """A text with what is looked for marked."""
        if not self.pattern:
            yield text, style
            return
        for part in re.split(f"({re.escape(self.pattern)})", text, flags=re.IGNORECASE):
            if part:
                found = part.casefold() == self.pattern.casefold()
                yield part, look.FOUND if found else style


def _searched(line: LogLine) -> str:
    """What of a line is looked through: its text, and whose it is."""
    return f"{line.instance} {line.text}" if isinstance(line, FleetLine) else line.text


def _style(line: LogLine) -> Style:
    """What a person did is bright, what the library warns of has the colour of that."""
    if line.source is Source.OPERATOR:
        return look.BRIGHT
    levels = (style for mark, style in _LEVELS.items() if line.text.startswith(mark))
    return next(levels, look.PLAIN)


def _based(spans: Sequence[Span], base: Style) -> list[Span]:
    """Spans on the background of their row; what was found keeps its own."""
    if base is look.PLAIN:
        return list(spans)
    return [
        (text, style if style is look.FOUND else look.on_selected(style)) for text, style in spans
    ]
