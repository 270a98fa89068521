"""What a fleet shows, kept with the times at which it was shown."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from waziterm.domain.fleet.api import Fleet, InstanceView
from waziterm.domain.lifecycle.states import State


@dataclass(frozen=True, slots=True)
class Seen:
    """A view and the moment (UTC seconds) at which a subscriber got it."""

    at: float
    view: InstanceView


class Watch:
    """Subscribes to a fleet and keeps all views that it shows."""

    def __init__(self) -> None:
        self._seen: defaultdict[str, list[Seen]] = defaultdict(list)
        self._news = asyncio.Condition()

    async def follow(self, fleet: Fleet) -> None:
        """Keep what is shown, for as long as it runs."""
        async with fleet.subscribe() as subscription:
            while True:
                changes = await subscription.next()
                now = time.time()
                views = changes.snapshot.instances if changes.snapshot else changes.changed
                async with self._news:
                    for view in views:
                        self._seen[view.name].append(Seen(now, view))
                    self._news.notify_all()

    def since(self, name: str, at: float) -> tuple[Seen, ...]:
        """What was shown of an instance from a moment on."""
        return tuple(seen for seen in self._seen[name] if seen.at >= at)

    def latest(self, name: str) -> InstanceView:
        """What is shown of an instance now."""
        return self._seen[name][-1].view

    def most_dialling(self, since: float) -> int:
        """The most instances that were shown as `connecting` with a worker at the same time."""
        changes = sorted(
            ((seen.at, name, seen.view) for name in self._seen for seen in self._seen[name]),
            key=lambda change: change[0],
        )
        dialling: set[str] = set()
        most = 0
        for at, name, view in changes:
            if view.state is State.CONNECTING and view.pid is not None:
                dialling.add(name)
            else:
                dialling.discard(name)
            if at >= since:
                most = max(most, len(dialling))
        return most

    async def seen(
        self,
        name: str,
        wanted: Callable[[InstanceView], bool],
        since: float,
    ) -> Seen:
        """Wait for the first wanted view that was shown from a moment on."""
        async with self._news:
            while True:
                for seen in self.since(name, since):
                    if wanted(seen.view):
                        return seen
                await self._news.wait()

    async def until(
        self, name: str, wanted: Callable[[InstanceView], bool], timeout_s: float
    ) -> InstanceView:
        """Wait until an instance is shown the wanted way; at once when it is. Raises TimeoutError
        with what is shown instead."""
        try:
            async with asyncio.timeout(timeout_s), self._news:
                await self._news.wait_for(
                    lambda: bool(self._seen[name]) and wanted(self.latest(name))
                )
        except TimeoutError:
            raise TimeoutError(f"{name} never got there; it is {_told(self, name)}") from None
        return self.latest(name)

    async def all_in(self, state: State, names: Iterable[str], timeout_s: float) -> float:
        """Wait until all of them are in a state at once; the moment. Raises TimeoutError."""
        wanted = tuple(names)

        def holds() -> bool:
            return all(self._seen[name] and self.latest(name).state is state for name in wanted)

        try:
            async with asyncio.timeout(timeout_s), self._news:
                await self._news.wait_for(holds)
        except TimeoutError:
            others = [name for name in wanted if self.latest(name).state is not state]
            told = "; ".join(f"{name}: {_told(self, name)}" for name in others[:5])
            raise TimeoutError(f"{len(others)} never got {state.value}: {told}") from None
        return time.time()


def _told(watch: Watch, name: str) -> str:
    try:
        view = watch.latest(name)
    except IndexError:
        return "not shown at all"
    return f"{view.state.value}, {view.reason.slug} {view.detail}".strip()


@asynccontextmanager
async def watching(fleet: Fleet) -> AsyncIterator[Watch]:
    """Watch a fleet until the block ends."""
    watch = Watch()
    task = asyncio.create_task(watch.follow(fleet))
    try:
        yield watch
    finally:
        task.cancel()
        await asyncio.wait([task])
