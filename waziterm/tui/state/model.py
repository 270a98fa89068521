"""The screen's copy of the fleet, kept current by a subscription's changes."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import replace

from waziterm.domain.fleet.api import Changes, Fleet, InstanceView, LogLine
from waziterm.domain.fleet.history import IncidentView, ShiftNote
from waziterm.domain.lifecycle.states import State
from waziterm.tui.state.arrange import Arrangement, arranged

KEPT_LINES = 1000
"""Log lines kept for each instance; older ones are the store's business."""


class FleetModel:
    """Instances in the fleet's order, and the newest log lines of those that were looked at.

    Log lines live here and not in widgets: a widget that is not visible costs nothing.
    read_only: the fleet takes no commands. conflicts: of the last 24 hours, by name.
    incidents: of the last 7 days, the newest first. notes: that nobody dismissed, oldest first.
    marked: what an action is meant for, when
    there are any. selected: what it is meant for otherwise. as_of: the moment of the last news
    while nobody tells any more, UTC seconds; None while somebody does.
    """

    def __init__(self, fleet: Fleet, *, read_only: bool = False) -> None:
        self._fleet = fleet
        self.read_only = read_only
        self._views: dict[str, InstanceView] = {}
        self._lines: dict[str, deque[LogLine]] = {}
        self._aliases: Mapping[str, str] = {}
        self.lab = False
        self.library = ""
        self.arrangement = Arrangement()
        self.conflicts: Mapping[str, int] = {}
        self.incidents: tuple[IncidentView, ...] = ()
        self.notes: tuple[ShiftNote, ...] = ()
        self.marked: set[str] = set()
        self.selected: str | None = None
        self.as_of: float | None = None

    @property
    def attempts(self) -> int:
        """Connect attempts of the fleet that have ended, since the manager's start."""
        return sum(view.attempts for view in self._views.values())

    @property
    def attempts_ok(self) -> int:
        """How many of them ended well."""
        return sum(view.attempts_ok for view in self._views.values())

    @property
    def unseen(self) -> int:
        """How many incidents nobody has acknowledged."""
        return sum(each.acknowledged_at is None for each in self.incidents)

    @property
    def shown(self) -> list[str]:
        """The names that the operator wants to see, in their order."""
        return arranged(self._views.values(), self.arrangement, self.conflicts)

    def filter(self, pattern: str) -> None:
        self.arrangement = replace(self.arrangement, pattern=pattern)

    def toggle_troubled(self) -> None:
        self.arrangement = replace(self.arrangement, troubled=not self.arrangement.troubled)

    def show_all(self) -> None:
        """Leave nothing out any more."""
        self.arrangement = replace(self.arrangement, pattern="", troubled=False)

    def sort_next(self) -> None:
        self.arrangement = self.arrangement.sorted_by_next()

    def reverse(self) -> None:
        self.arrangement = replace(self.arrangement, descending=not self.arrangement.descending)

    @property
    def names(self) -> list[str]:
        return list(self._views)

    @property
    def views(self) -> Iterable[InstanceView]:
        return self._views.values()

    def get(self, name: str | None) -> InstanceView | None:
        """The instance that has this name, or had it."""
        if name is None:
            return None
        return self._views.get(name) or self._views.get(self._aliases.get(name, name))

    def counts(self) -> Counter[State]:
        return Counter(view.state for view in self._views.values())

    def lines(self, name: str) -> deque[LogLine]:
        """The newest log lines, oldest first; read from the fleet when first asked for."""
        kept = self._lines.get(name)
        if kept is None:
            kept = deque(self._fleet.tail(name, KEPT_LINES), KEPT_LINES)
            self._lines[name] = kept
        return kept

    def hear(self, silent_since: float | None) -> None:
        """Take in whether somebody tells what happens, see `as_of`. The codes of a fleet that is
        silent link nobody any more, and nobody is there to do what would come next."""
        if silent_since is not None:
            self.update(*(_at_rest(view) for view in self._views.values() if _is_awaited(view)))
        self.as_of = silent_since

    @property
    def takes_commands(self) -> bool:
        """Whether the fleet can be asked for something now."""
        return not self.read_only and self.as_of is None

    def load(self) -> None:
        """Take a snapshot now."""
        self.apply(Changes(snapshot=self._fleet.snapshot()))

    def apply(self, changes: Changes) -> None:
        """Take in what changed. A line that was already read from the fleet is not taken twice."""
        if changes.snapshot is not None:
            snapshot = changes.snapshot
            self._views = {view.name: view for view in snapshot.instances}
            self._lines.clear()
            self._aliases = snapshot.aliases
            self.marked = {self._aliases.get(name, name) for name in self.marked}
            self.marked &= self._views.keys()
            if self.selected is not None:
                self.selected = self._aliases.get(self.selected, self.selected)
            self.lab, self.library = snapshot.lab, snapshot.library
        self.update(*changes.changed)
        for name in changes.removed:
            self._views.pop(name, None)
            self._lines.pop(name, None)
            self.marked.discard(name)
        for name, lines in changes.lines.items():
            kept = self._lines.get(name)
            if kept is not None:
                newest = kept[-1].seq if kept else -1
                kept.extend(line for line in lines if line.seq > newest)

    def update(self, *views: InstanceView) -> None:
        """Take newer views of instances; unknown names are new instances."""
        for view in views:
            self._views[view.name] = view


def _is_awaited(view: InstanceView) -> bool:
    """Whether something of it is to come, or runs out."""
    return bool(view.next_step or view.next_attempt is not None or view.qr or view.code)


def _at_rest(view: InstanceView) -> InstanceView:
    return replace(view, next_step="", next_attempt=None, qr=None, code=None)
