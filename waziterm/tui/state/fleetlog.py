"""The log lines of a whole fleet in one stream, for the screen that shows them."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from itertools import islice

from waziterm.domain.fleet.api import Fleet, InstanceNotFoundError, LogLine
from waziterm.domain.frozen import dataclass

KEPT = 5000
"""So many lines can be scrolled through."""
EACH = 50
"""So many older lines of one instance are taken in at first: those that an attached screen has. For
more it would ask the manager, once for each instance."""


@dataclass(frozen=True, slots=True)
class FleetLine(LogLine):
    """A line, and whose it is. seq: its place in the stream."""

    instance: str = ""


class FleetLog:
    """The newest lines of all, by their moments as far as they are known at once, then as they
    come. Numbers grow without a gap, so that a window on them can stay where it is.

    each: so many older lines of one instance are looked through."""

    def __init__(self, fleet: Fleet, each: int = EACH) -> None:
        self._fleet = fleet
        self._each = each
        self._newest: dict[str, int] = {}
        self._count = 0
        self.lines: deque[FleetLine] = deque(maxlen=KEPT)

    def fill(self, names: Iterable[str]) -> None:
        """Take in what the fleet has of these instances and is not here yet."""
        tails = [reversed(list(self._tail(name))) for name in names]
        newest_first = merge(*tails, key=lambda found: found[1].at, reverse=True)
        for name, line in reversed(list(islice(newest_first, KEPT))):
            self._add(name, line)

    def _tail(self, name: str) -> Iterator[tuple[str, LogLine]]:
        try:
            lines = self._fleet.tail(name, self._each)
        except InstanceNotFoundError:
            # It was removed, and the news of that are on their way.
            return
        for line in lines:
            yield name, line

    def take(self, lines: Mapping[str, tuple[LogLine, ...]]) -> None:
        """Take in lines that have come, by instance."""
        come = [(name, line) for name, some in lines.items() for line in some]
        for name, line in sorted(come, key=lambda found: found[1].at):
            self._add(name, line)

    def _add(self, name: str, line: LogLine) -> None:
        if line.seq > self._newest.get(name, -1):
            self._newest[name] = line.seq
            self._count += 1
            self.lines.append(FleetLine(self._count, line.at, line.source, line.text, name))

    def forget(self, names: Iterable[str]) -> None:
        """These were removed: others that get their names begin to count anew."""
        for name in names:
            self._newest.pop(name, None)
