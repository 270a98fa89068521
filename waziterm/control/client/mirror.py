"""A copy of a fleet that runs in another process, kept current by the frames of its stream."""

import time
from collections import deque
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

from waziterm.control.frame import Frame
from waziterm.control.server.stream import LINES_KEPT
from waziterm.domain.fleet.api import (
    Changes,
    FleetView,
    InstanceNotFoundError,
    InstanceView,
    LogLine,
    Notice,
)
from waziterm.domain.phrase import Phrase
from waziterm.domain.version import UsedVersion
from waziterm.manager.broadcast import Broadcast, Subscriber
from waziterm.manager.clock import STEP_S, elapsed


class Mirror:
    """What a subscriber of the copy is told is what the stream told, in the same order.

    A snapshot on the stream, as after the manager's restart, becomes one for every subscriber.
    """

    def __init__(self) -> None:
        # The stream begins a moment before whoever shows it subscribes.
        self._broadcast = Broadcast(keeps_unheard=True)
        self._ahead = time.time() - elapsed()
        self._views: dict[str, InstanceView] = {}
        self._lines: dict[str, deque[LogLine]] = {}
        self._aliases: Mapping[str, str] = {}
        self._lab = False
        self._library = ""
        self._version: UsedVersion | None = None
        self._attempts = 0
        self._attempts_ok = 0
        self._sessions: tuple[str, ...] = ()

    # -- for whoever shows it -----------------------------------------------------------------

    def now(self) -> float:
        """UTC seconds on the manager's clock: its frames tell what that says, and in between it
        runs as every clock does that is not set. So a countdown is right also when the machine's
        clock was set: what it counts to moves with the same frame."""
        return self._ahead + elapsed()

    def snapshot(self) -> FleetView:
        return FleetView(
            at=self.now(),
            lab=self._lab,
            instances=tuple(self._views.values()),
            attempts=self._attempts,
            attempts_ok=self._attempts_ok,
            library=self._library,
            version=self._version,
            aliases=self._aliases,
        )

    def view(self, name: str) -> InstanceView:
        """Raises InstanceNotFoundError."""
        if name not in self._views:
            raise InstanceNotFoundError(name, self._aliases.get(name))
        return self._views[name]

    def with_session(self) -> tuple[str, ...]:
        return self._sessions

    def tail(self, name: str, limit: int) -> tuple[LogLine, ...]:
        """The newest lines that are here, oldest first."""
        lines = tuple(self._lines.get(name, ()))
        return lines[-limit:] if limit > 0 else ()

    def subscribe(self) -> AbstractAsyncContextManager[Subscriber]:
        return self._broadcast.subscribe(self.snapshot)

    # -- for whoever feeds it -----------------------------------------------------------------

    def take(self, frame: Frame) -> None:
        """Take in a frame and pass it on."""
        changes = frame.changes
        if frame.at and (changes.snapshot is not None or abs(frame.at - self.now()) < STEP_S):
            # After a step of the manager's clock a snapshot comes, with all moments as they are
            # then. Until that is here, what is shown counts by the clock that it was told by.
            self._ahead = frame.at - elapsed()
        self._attempts, self._attempts_ok = frame.attempts, frame.attempts_ok
        if frame.sessions is not None:
            self._sessions = frame.sessions
        if changes.snapshot is not None:
            self._replace(changes.snapshot)
        for view in changes.changed:
            self._views[view.name] = view
            self._broadcast.changed(view)
        for name in changes.removed:
            self._views.pop(name, None)
            self._lines.pop(name, None)
            self._broadcast.removed(name)
        for name, lines in changes.lines.items():
            self._add(name, lines)
        for notice in changes.notices:
            self._broadcast.notice(notice)

    def answered(self, view: InstanceView) -> None:
        """Take in an instance that a command's answer told of, unless the stream was first."""
        if view.name not in self._views:
            self.take(Frame(0.0, self._attempts, self._attempts_ok, Changes(changed=(view,))))

    def older(self, name: str, lines: tuple[LogLine, ...]) -> None:
        """Take in lines from before those that the stream began with."""
        kept = self._lines.get(name)
        if kept:
            missing = [line for line in lines if line.seq < kept[0].seq]
            self._lines[name] = deque([*missing, *kept], maxlen=LINES_KEPT)
            self._broadcast.refresh()

    def notice(self, text: Phrase, *, trouble: bool = False) -> None:
        """Say something of our own to whoever watches."""
        self._broadcast.notice(Notice(self.now(), text, trouble=trouble))

    def _replace(self, snapshot: FleetView) -> None:
        self._views = {view.name: view for view in snapshot.instances}
        self._aliases = snapshot.aliases
        lines = {snapshot.aliases.get(name, name): kept for name, kept in self._lines.items()}
        self._lines = {name: kept for name, kept in lines.items() if name in self._views}
        self._lab = snapshot.lab
        self._library = snapshot.library
        self._version = snapshot.version
        self._broadcast.refresh()

    def _add(self, name: str, lines: tuple[LogLine, ...]) -> None:
        """A line that is here already, from before the stream broke off, is not taken twice."""
        kept = self._lines.setdefault(name, deque(maxlen=LINES_KEPT))
        newest = kept[-1].seq if kept else 0
        for line in lines:
            if line.seq > newest:
                kept.append(line)
                self._broadcast.line(name, line)
