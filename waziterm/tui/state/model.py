"""The screen's copy of the fleet, kept current by a subscription's changes."""

import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from waziterm.domain.care.trash import TrashView
from waziterm.domain.fleet.api import Changes, Fleet, InstanceView, LogLine
from waziterm.domain.fleet.audit import AuditEntry
from waziterm.domain.fleet.history import IncidentView, ShiftNote
from waziterm.domain.lifecycle.states import State
from waziterm.domain.messages.message import MessageView
from waziterm.domain.screen import Density, Sort
from waziterm.domain.stats.strips import Recent
from waziterm.tui.state.arrange import Arrangement, arranged
from waziterm.tui.state.columns import Column
from waziterm.tui.state.fleetlog import FleetLog
from waziterm.tui.state.here import Home
from waziterm.tui.state.past import Beside

KEPT_LINES = 1000
"""Log lines kept for each instance; older ones are the store's business."""


class FleetModel:
    """Instances in the fleet's order, and the newest log lines of those that were looked at.

    Log lines live here and not in widgets: a widget that is not visible costs nothing.
    read_only: the fleet takes no commands. conflicts: of the last 24 hours, by name.
    incidents: of the last 7 days, the newest first. notes: that nobody dismissed, oldest first.
    trash: the newest first, audit: of the last 7 days, the oldest first, messages: those out, the
    newest first; None until they were asked for. marked: what an action is meant for, when
    there are any. selected: what it is meant for otherwise. as_of: the moment of the last news
    while nobody tells any more, UTC seconds; None while somebody does. log: the lines of all, while
    a screen shows them. home: where the fleet lives, None where nobody says so. recent: the last
    hours and days, by name, as far as they were read. columns: of the list, that the operator
    wants; None: those that fit and are worth most. detail: they want it beside the list, where
    there is room. density: of the wall.
    """

    def __init__(self, fleet: Fleet, *, read_only: bool = False, home: Home | None = None) -> None:
        self._fleet = fleet
        self.read_only = read_only
        self.home = home
        self.recent: Mapping[str, Recent] = {}
        self._uptime: tuple[Mapping[str, Recent], float | None] = ({}, None)
        self.columns: frozenset[Column] | None = None
        self.detail = True
        self._told: dict[str, InstanceView] = {}
        self.density = Density.ROWS
        self._views: dict[str, InstanceView] = {}
        self._counted: dict[Callable[[InstanceView], int], int] = {}
        self._states: Counter[State] | None = None
        self._numbers: Mapping[str, str] = {}
        self._lines: dict[str, deque[LogLine]] = {}
        self._aliases: Mapping[str, str] = {}
        self.lab = False
        self.library = ""
        self.arrangement = Arrangement()
        self.conflicts: Mapping[str, int] = {}
        self.incidents: tuple[IncidentView, ...] = ()
        self.notes: tuple[ShiftNote, ...] = ()
        self.trash: tuple[TrashView, ...] | None = None
        self.audit: tuple[AuditEntry, ...] | None = None
        self.messages: tuple[MessageView, ...] | None = None
        self.marked: set[str] = set()
        self.selected: str | None = None
        self.as_of: float | None = None
        self.log: FleetLog | None = None

    @property
    def unseen(self) -> int:
        """How many incidents nobody has acknowledged."""
        return sum(each.acknowledged_at is None for each in self.incidents)

    @property
    def has_messages(self) -> bool:
        """Whether the fleet has or had messages out: one that sends none shows nothing of them."""
        return self.count(_has_messages) > 0

    @property
    def unresolved(self) -> int:
        """How many messages wait for a person: nobody knows whether they arrived."""
        return self.count(_unknown)

    @property
    def shown(self) -> list[str]:
        """The names that the operator wants to see, in their order."""
        now = self._fleet.now()
        views = self._views.values()
        return arranged(views, self.arrangement, self.conflicts, self.recent, now)

    @property
    def shows_somebody(self) -> bool:
        """Whether `shown` names anybody: it is asked for each line of an empty screen."""
        return bool(self.shown if self.arrangement.hides else self._views)

    @property
    def uptime(self) -> float | None:
        """For which share of the last 24 hours, 0 to 1, the fleet was connected, of the time in
        which it was to be and a manager ran; None as long as that is not known."""
        if self._uptime[0] is not self.recent:
            seen_s = sum(each.seen_s for each in self.recent.values())
            up_s = sum(each.up_s for each in self.recent.values())
            self._uptime = self.recent, up_s / seen_s if seen_s else None
        return self._uptime[1]

    def acknowledged(self, incident: int, at: float, note: str) -> None:
        """This incident was acknowledged from here, which the history will tell."""
        self.incidents = tuple(
            replace(each, acknowledged_at=each.acknowledged_at or at, note=note or each.note)
            if each.id == incident
            else each
            for each in self.incidents
        )

    def remember(self, sort: Sort, density: Density) -> None:
        """Show the fleet as somebody left it."""
        self.arrangement = self.arrangement.sorted_by(sort)
        self.density = density

    def filter(self, pattern: str) -> None:
        self.arrangement = replace(self.arrangement, pattern=pattern)

    def toggle_troubled(self) -> None:
        self.arrangement = replace(self.arrangement, troubled=not self.arrangement.troubled)

    def show_all(self) -> None:
        """Leave nothing out any more."""
        self.arrangement = replace(self.arrangement, pattern="", troubled=False)

    def sort_next(self) -> None:
        self.arrangement = self.arrangement.sorted_by_next()

    def sort_by(self, sort: Sort) -> None:
        self.arrangement = self.arrangement.sorted_by(sort)

    def reverse(self) -> None:
        self.arrangement = replace(self.arrangement, descending=not self.arrangement.descending)

    def mark_all(self) -> None:
        """Mark all that are shown; where they are marked already, none of them. The marks of those
        that a filter hides stay."""
        shown = set(self.shown)
        self.marked = self.marked - shown if shown <= self.marked else self.marked | shown

    def mark_others(self) -> None:
        """Of those that are shown, mark those that are not marked, and no others."""
        self.marked ^= set(self.shown)

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

    def led_to(self, name: str) -> str | None:
        """Which instance a name leads to that it had before, and has no more."""
        found = self.get(name)
        return None if found is None or found.name == name else found.name

    def beside(self, view: InstanceView) -> Beside:
        """Who shares the proxy of an instance, and its worker process."""
        others = [each for each in self._views.values() if each.name != view.name]
        proxy = [each.name for each in others if view.proxy and each.proxy == view.proxy]
        worker = [each.name for each in others if view.pid is not None and each.pid == view.pid]
        return Beside(tuple((name, self.drops_today(name)) for name in proxy), tuple(worker))

    def drops_today(self, name: str) -> int:
        """As far as they were read."""
        recent = self.recent.get(name)
        return recent.drops[-1] if recent is not None and recent.drops else 0

    def counts(self) -> Counter[State]:
        if self._states is None:
            self._states = Counter(view.state for view in self._views.values())
        return self._states

    def count(self, of: Callable[[InstanceView], int]) -> int:
        """The sum over all instances of what their views alone tell. It is counted anew when one
        has changed: each repaint asks for some."""
        known = self._counted.get(of)
        if known is None:
            known = self._counted[of] = sum(map(of, self._views.values()))
        return known

    def lines(self, name: str) -> deque[LogLine]:
        """The newest log lines, oldest first; read from the fleet when first asked for."""
        kept = self._lines.get(name)
        if kept is None:
            kept = deque(self._fleet.tail(name, KEPT_LINES), KEPT_LINES)
            self._lines[name] = kept
        return kept

    def open_log(self) -> FleetLog:
        """Keep the lines of all from now on."""
        self.log = FleetLog()
        return self.log

    def hear(self, silent_since: float | None) -> None:
        """Take in whether somebody tells what happens, see `as_of`. The codes of a fleet that is
        silent link nobody any more, and nobody is there to do what would come next."""
        if silent_since is not None:
            self.update(*(_at_rest(view) for view in self._told.values() if _is_awaited(view)))
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
            self._told.clear()
            self._views.clear()
            self._forget_counts()
            self.update(*snapshot.instances)
            self._lines.clear()
            self._aliases = snapshot.aliases
            self.marked = {self._aliases.get(name, name) for name in self.marked}
            self.marked &= self._views.keys()
            if self.selected is not None:
                self.selected = self._aliases.get(self.selected, self.selected)
            self.lab, self.library = snapshot.lab, snapshot.library
            if self.log is not None:
                self.log.missed()
        self.update(*changes.changed)
        if changes.removed:
            self._forget_counts()
        for name in changes.removed:
            self._told.pop(name, None)
            self._views.pop(name, None)
            self._lines.pop(name, None)
            self.marked.discard(name)
        for name, lines in changes.lines.items():
            kept = self._lines.get(name)
            if kept is not None:
                newest = kept[-1].seq if kept else -1
                kept.extend(line for line in lines if line.seq > newest)
        if self.log is not None:
            self.log.forget(changes.removed)
            self.log.take(changes.lines)

    def update(self, *views: InstanceView) -> None:
        """Take newer views of instances; unknown names are new instances."""
        if views:
            self._forget_counts()
        for view in views:
            self._told[view.name] = view
            self._views[view.name] = self._with_number(view)

    def _forget_counts(self) -> None:
        self._counted.clear()
        self._states = None

    @property
    def reveals(self) -> bool:
        """Whether whole numbers are shown."""
        return bool(self._numbers)

    def reveal(self, numbers: Mapping[str, str]) -> None:
        """Show these whole numbers, by name, in place of the masked ones; {} masks all again."""
        self._numbers = numbers
        self.update(*list(self._told.values()))

    def _with_number(self, view: InstanceView) -> InstanceView:
        number = self._numbers.get(view.name)
        if number is None or view.jid is None:
            return view
        return replace(view, jid=re.sub(r"^[^:@]*", lambda _: number, view.jid))


def _has_messages(view: InstanceView) -> bool:
    return view.messages is not None


def _unknown(view: InstanceView) -> int:
    return 0 if view.messages is None else view.messages.unknown


def _is_awaited(view: InstanceView) -> bool:
    """Whether something of it is to come, or runs out."""
    return bool(view.next_step or view.next_attempt is not None or view.qr or view.code)


def _at_rest(view: InstanceView) -> InstanceView:
    return replace(view, next_step="", next_attempt=None, qr=None, code=None)
