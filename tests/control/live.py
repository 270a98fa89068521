"""A scripted fleet whose changes reach its subscribers, as a session manager's do."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from tests.control.scripted import ScriptedFleet, connected_view
from waziterm.domain.fleet.api import (
    FleetError,
    InstanceView,
    LogLine,
    Notice,
    Source,
    Subscription,
)
from waziterm.domain.fleet.tools import Progress, RestartReport
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.manager.broadcast import Broadcast


class LiveFleet(ScriptedFleet):
    """written: what each instance wrote. nobody: set while nobody is subscribed.

    restart_fails: raised by a restart after its first step.
    """

    def __init__(self, *views: InstanceView) -> None:
        super().__init__(*views)
        self.broadcast = Broadcast()
        self.written: dict[str, list[LogLine]] = {view.name: [] for view in views}
        self.restart_fails: FleetError | None = None
        self.subscribers = 0
        self.nobody = asyncio.Event()

    def show(self, view: InstanceView) -> None:
        self.views[view.name] = view
        self.broadcast.changed(view)

    def drop(self, name: str) -> None:
        del self.views[name]
        self.broadcast.removed(name)

    def log(self, name: str, text: str) -> None:
        lines = self.written.setdefault(name, [])
        line = LogLine(len(lines) + 1, 100.0 + len(lines), Source.LIBRARY, text)
        lines.append(line)
        self.broadcast.line(name, line)

    async def rename(self, name: str, new: str, *, take: bool = False) -> InstanceView:
        renamed = await super().rename(name, new, take=take)
        self.written[new] = self.written.pop(name)
        self.broadcast.refresh()
        return renamed

    def notice(self, notice: Notice) -> None:
        self.broadcast.notice(notice)

    def tail(self, name: str, limit: int = 200) -> tuple[LogLine, ...]:
        return tuple(self.written.get(name, ())[-limit:])

    def with_session(self) -> tuple[str, ...]:
        return tuple(view.name for view in self.views.values() if view.paired)

    async def restart(
        self, *, clean_sessions: int | None = None
    ) -> AsyncGenerator[Progress | RestartReport, None]:
        async for told in super().restart(clean_sessions=clean_sessions):
            yield told
            if self.restart_fails is not None:
                raise self.restart_fails

    def subscribe(self) -> AbstractAsyncContextManager[Subscription]:
        return self._counted()

    @asynccontextmanager
    async def _counted(self) -> AsyncIterator[Subscription]:
        self.subscribers += 1
        self.nobody.clear()
        try:
            async with self.broadcast.subscribe(self.snapshot) as subscription:
                yield subscription
        finally:
            self.subscribers -= 1
            if not self.subscribers:
                self.nobody.set()

    def _move(self, name: str, state: State, reason: Reason, wanted: Wanted) -> InstanceView:
        view = super()._move(name, state, reason, wanted)
        self.broadcast.changed(view)
        return view


def two_shops() -> LiveFleet:
    return LiveFleet(connected_view("shop-a"), connected_view("shop-b"))
