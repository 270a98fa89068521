"""The screen's copy of the fleet, kept current by a subscription's changes."""

from collections import Counter, deque
from collections.abc import Iterable

from waziterm.domain.fleet import Changes, Fleet, InstanceView, LogLine
from waziterm.domain.states import State

KEPT_LINES = 1000
"""Log lines kept for each instance; older ones are the store's business."""


class FleetModel:
    """Instances in the fleet's order, and the newest log lines of those that were looked at.

    Log lines live here and not in widgets: a widget that is not visible costs nothing.
    read_only: the fleet takes no commands.
    """

    def __init__(self, fleet: Fleet, *, read_only: bool = False) -> None:
        self._fleet = fleet
        self.read_only = read_only
        self._views: dict[str, InstanceView] = {}
        self._lines: dict[str, deque[LogLine]] = {}
        self.lab = False
        self.attempts = 0
        self.attempts_ok = 0

    @property
    def names(self) -> list[str]:
        return list(self._views)

    @property
    def views(self) -> Iterable[InstanceView]:
        return self._views.values()

    def get(self, name: str | None) -> InstanceView | None:
        return self._views.get(name) if name is not None else None

    def counts(self) -> Counter[State]:
        return Counter(view.state for view in self._views.values())

    def lines(self, name: str) -> deque[LogLine]:
        """The newest log lines, oldest first; read from the fleet when first asked for."""
        kept = self._lines.get(name)
        if kept is None:
            kept = deque(self._fleet.tail(name, KEPT_LINES), KEPT_LINES)
            self._lines[name] = kept
        return kept

    def load(self) -> None:
        """Take a snapshot now."""
        self.apply(Changes(snapshot=self._fleet.snapshot()))

    def apply(self, changes: Changes) -> None:
        """Take in what changed. A line that was already read from the fleet is not taken twice."""
        if changes.snapshot is not None:
            snapshot = changes.snapshot
            self._views = {view.name: view for view in snapshot.instances}
            self._lines.clear()
            self.lab = snapshot.lab
            self.attempts, self.attempts_ok = snapshot.attempts, snapshot.attempts_ok
        self.update(*changes.changed)
        for name in changes.removed:
            self._views.pop(name, None)
            self._lines.pop(name, None)
        for name, lines in changes.lines.items():
            kept = self._lines.get(name)
            if kept is not None:
                newest = kept[-1].seq if kept else -1
                kept.extend(line for line in lines if line.seq > newest)

    def update(self, *views: InstanceView) -> None:
        """Take newer views of instances; unknown names are new instances."""
        for view in views:
            self._views[view.name] = view

    def count_attempts(self) -> None:
        """Ask the fleet how many connect attempts there were; `Changes` do not tell it."""
        snapshot = self._fleet.snapshot()
        self.attempts, self.attempts_ok = snapshot.attempts, snapshot.attempts_ok
