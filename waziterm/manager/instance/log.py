"""The log of one instance: a bounded tail in memory, everything else in the store."""

from collections import deque
from collections.abc import Callable

from waziterm.domain.fleet.api import LogLine, Source
from waziterm.domain.text import safe_line
from waziterm.manager.clock import Clock

TAIL = 500


class InstanceLog:
    """Writes an instance's lines. Each is made inert and freed of secrets on its way in."""

    def __init__(
        self, clock: Clock, sink: Callable[[LogLine], None], old: tuple[LogLine, ...]
    ) -> None:
        self._clock = clock
        self._sink = sink
        self._lines = deque(old, maxlen=TAIL)
        self._seq = old[-1].seq if old else 0

    def add(self, source: Source, text: str) -> None:
        self._seq += 1
        line = LogLine(self._seq, self._clock.now(), source, safe_line(text))
        self._lines.append(line)
        self._sink(line)

    def tail(self, limit: int) -> tuple[LogLine, ...]:
        """The newest lines, oldest first."""
        lines = tuple(self._lines)
        return lines[-limit:] if limit > 0 else ()
