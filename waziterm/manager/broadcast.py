"""Telling subscribers what changed, merged per subscriber, so that a slow one costs no memory."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from waziterm.domain.fleet.api import Changes, FleetView, InstanceView, LogLine, Notice

LINES_KEPT = 500
NOTICES_KEPT = 100


class Subscriber:
    """One reader's merged changes; see `domain.fleet.api.Subscription`."""

    def __init__(self, snapshot: Callable[[], FleetView]) -> None:
        self._snapshot = snapshot
        self._fresh = True
        self._changed: dict[str, InstanceView] = {}
        self._removed: list[str] = []
        self._lines: dict[str, deque[LogLine]] = {}
        self._notices: deque[Notice] = deque(maxlen=NOTICES_KEPT)
        self._wake = asyncio.Event()
        self._wake.set()

    async def next(self) -> Changes:
        await self._wake.wait()
        self._wake.clear()
        changes = Changes(
            snapshot=self._snapshot() if self._fresh else None,
            changed=() if self._fresh else tuple(self._changed.values()),
            removed=() if self._fresh else tuple(self._removed),
            lines={name: tuple(lines) for name, lines in self._lines.items()},
            notices=tuple(self._notices),
        )
        self._fresh = False
        self._changed.clear()
        self._removed.clear()
        self._lines.clear()
        self._notices.clear()
        return changes

    def changed(self, view: InstanceView) -> None:
        self._changed[view.name] = view
        if view.name in self._removed:
            self._removed.remove(view.name)
        self._wake.set()

    def removed(self, name: str) -> None:
        self._changed.pop(name, None)
        self._lines.pop(name, None)
        self._removed.append(name)
        self._wake.set()

    def line(self, name: str, line: LogLine) -> None:
        self._lines.setdefault(name, deque(maxlen=LINES_KEPT)).append(line)
        self._wake.set()

    def notice(self, notice: Notice) -> None:
        self._notices.append(notice)
        self._wake.set()

    def refresh(self) -> None:
        """Hand out a snapshot next, with nothing of what it replaces."""
        self._fresh = True
        self._lines.clear()
        self._wake.set()


class Broadcast:
    """Passes each change on to every subscriber. keeps_unheard: what is noticed while nobody
    subscribes is for the next one who does."""

    def __init__(self, *, keeps_unheard: bool = False) -> None:
        self._subscribers: set[Subscriber] = set()
        self._lasting: Notice | None = None
        self._unheard: deque[Notice] = deque(maxlen=NOTICES_KEPT if keeps_unheard else 0)

    @asynccontextmanager
    async def subscribe(self, snapshot: Callable[[], FleetView]) -> AsyncIterator[Subscriber]:
        subscriber = Subscriber(snapshot)
        for notice in (*self._unheard, self._lasting):
            if notice is not None:
                subscriber.notice(notice)
        self._unheard.clear()
        self._subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)

    @property
    def is_heard(self) -> bool:
        """Whether anybody subscribes."""
        return bool(self._subscribers)

    def changed(self, view: InstanceView) -> None:
        for subscriber in self._subscribers:
            subscriber.changed(view)

    def removed(self, name: str) -> None:
        for subscriber in self._subscribers:
            subscriber.removed(name)

    def line(self, name: str, line: LogLine) -> None:
        for subscriber in self._subscribers:
            subscriber.line(name, line)

    def notice(self, notice: Notice) -> None:
        for subscriber in self._subscribers:
            subscriber.notice(notice)
        if not self._subscribers:
            self._unheard.append(notice)

    def lasting(self, notice: Notice) -> None:
        """A notice for those too who subscribe later."""
        self._lasting = notice
        self.notice(notice)

    def refresh(self) -> None:
        """So much has changed that every subscriber had better start from a snapshot."""
        for subscriber in self._subscribers:
            subscriber.refresh()
