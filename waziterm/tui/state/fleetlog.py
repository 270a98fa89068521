"""The log lines of a whole fleet in one stream, for the screen that shows them."""

from collections import deque
from collections.abc import Iterable, Mapping

from waziterm.domain.fleet import history
from waziterm.domain.fleet.api import LogLine
from waziterm.domain.frozen import dataclass

KEPT = 5000
"""So many lines can be scrolled through, and so many older ones are asked for."""


@dataclass(frozen=True, slots=True)
class FleetLine(LogLine):
    """A line, and whose it is. seq: its place in the stream."""

    instance: str = ""


class FleetLog:
    """The newest lines of all by their moments, then as they come. Numbers grow without a gap, so
    that a window on them can stay where it is.

    The older ones are one question to the fleet, whatever its size, which whoever shows the stream
    asks when `begins_asking` says so. What comes until its answer is taken in after that.
    """

    def __init__(self) -> None:
        self._newest: dict[str, int] = {}
        self._count = 0
        self._due = True
        self._asking = False
        self._come: deque[Mapping[str, tuple[LogLine, ...]]] = deque(maxlen=KEPT)
        self.lines: deque[FleetLine] = deque(maxlen=KEPT)

    @property
    def is_read(self) -> bool:
        """Whether the older ones are here."""
        return not (self._due or self._asking)

    def begins_asking(self) -> bool:
        """Whether the fleet is to be asked now; from then on it is being asked."""
        begins = self._due and not self._asking
        if begins:
            self._due, self._asking = False, True
        return begins

    def fill(self, lines: Iterable[history.FleetLine]) -> None:
        """Take in the answer, of which some may be here already."""
        self._asking = False
        for line in lines:
            self._add(line.instance, line)
        if not self._due:
            while self._come:
                self.take(self._come.popleft())

    def missed(self) -> None:
        """Some lines may not have come, so that the fleet is to be asked again."""
        self._due = True

    def take(self, lines: Mapping[str, tuple[LogLine, ...]]) -> None:
        """Take in lines that have come, by instance."""
        if not self.is_read:
            self._come.append(lines)
            return
        come = [(name, line) for name, some in lines.items() for line in some]
        for name, line in sorted(come, key=lambda found: found[1].at):
            self._add(name, line)

    def _add(self, name: str, line: LogLine | history.FleetLine) -> None:
        if line.seq > self._newest.get(name, -1):
            self._newest[name] = line.seq
            self._count += 1
            self.lines.append(FleetLine(self._count, line.at, line.source, line.text, name))

    def forget(self, names: Iterable[str]) -> None:
        """These were removed: others that get their names begin to count anew."""
        for name in names:
            self._newest.pop(name, None)
