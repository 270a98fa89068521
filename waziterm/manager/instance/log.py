"""The log of one instance: a bounded tail in memory, everything else in the store."""

from collections import deque
from collections.abc import Callable

from waziterm.domain.fleet.api import LogLine, Source
from waziterm.domain.text import safe_line
from waziterm.manager.clock import Clock

TAIL = 500


class InstanceLog:
    """Writes an instance's lines. Each is made inert and freed of secrets on its way in.

    old: the newest lines that it has. read: reads those before them too, None when it cannot, where
    `recall` is to come: it is asked when somebody wants to see them first.
    """

    def __init__(
        self,
        clock: Clock,
        sink: Callable[[LogLine], None],
        old: tuple[LogLine, ...],
        read: Callable[[], tuple[LogLine, ...] | None] | None = None,
    ) -> None:
        self._clock = clock
        self._sink = sink
        self._lines = deque(old, maxlen=TAIL)
        self._seq = old[-1].seq if old else 0
        self._begins = old[0].seq if old else 0
        self._read = read if old else None

    def add(self, source: Source, text: str) -> None:
        self._seq += 1
        line = LogLine(self._seq, self._clock.now(), source, safe_line(text))
        self._lines.append(line)
        self._sink(line)

    def recall(self, old: tuple[LogLine, ...]) -> None:
        """Take up the lines before those that it began with, unless it has them."""
        if self._read is None:
            return
        self._read = None
        room = TAIL - len(self._lines)
        before = [line for line in old if line.seq < self._begins]
        self._lines.extendleft(reversed(before[-room:] if room else ()))

    def tail(self, limit: int) -> tuple[LogLine, ...]:
        """The newest lines, oldest first."""
        if self._read is not None and (old := self._read()) is not None:
            self.recall(old)
        lines = tuple(self._lines)
        return lines[-limit:] if limit > 0 else ()
