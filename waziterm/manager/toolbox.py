"""The emergency tools of a running manager, one after the other where they move sessions."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from waziterm.domain.care.findings import Finding, FixReport
from waziterm.domain.care.layers import TestReport
from waziterm.domain.care.trash import Removal, TrashView
from waziterm.domain.fleet.api import FleetError, SendResult, Subscription
from waziterm.domain.fleet.history import Attempt, IncidentView, Moved
from waziterm.domain.fleet.tools import ConflictRecord, Progress, RestartReport
from waziterm.domain.labfile import LabFile
from waziterm.manager.clock import Clock
from waziterm.manager.data_files import Shelf
from waziterm.manager.history.conflicts import conflicts_in
from waziterm.manager.history.queries import acknowledge_in, attempts_in, incidents_in, timeline_in
from waziterm.manager.instances import Roster
from waziterm.store.store import Store

if TYPE_CHECKING:
    from waziterm.manager.care.checkup import Checkup
    from waziterm.manager.care.restart import Restart


class Toolbox:
    """What the emergency tools and the history of `domain.fleet.protocol.Fleet` ask of a manager.

    What only an emergency needs is loaded when it is first asked for, not before the first paint.
    """

    def __init__(
        self,
        store: Store,
        lab: LabFile | None,
        clock: Clock,
        roster: Roster,
        shelf: Shelf,
        subscribe: Callable[[], AbstractAsyncContextManager[Subscription]],
    ) -> None:
        self._store = store
        self._clock = clock
        self._lab = lab
        self._roster = roster
        self._shelf = shelf
        self._subscribe = subscribe
        self._cleaning = shelf.cleaning(roster, store, clock)
        self._order = asyncio.Lock()
        self._under_way = ""

    @cached_property
    def _checkup(self) -> "Checkup":
        from waziterm.manager.care.checkup import Checkup  # noqa: PLC0415

        places = self._shelf.places(
            self._store,
            self._clock,
            instances=self._roster.instances,
            own_pids=self._roster.pids,
            keep_trash_s=lambda: self._cleaning.keep_s,
            version=lambda: self._roster.versions.used,
            has_manager=True,
            halted=self._roster.paused,
            stuck=self._roster.stalled,
            upgraded=self.look_for_upgrade,
        )
        return Checkup(places)

    @cached_property
    def _restart(self) -> "Restart":
        from waziterm.manager.care.restart import Restart  # noqa: PLC0415

        return Restart(self._roster, self._checkup, self._cleaning, self._clock, self._subscribe)

    @abstractmethod
    def look_for_upgrade(self) -> bool:
        """Look whether the program's files on disk are of another version for good; in a thread."""

    @abstractmethod
    async def send_test(self, name: str, to: str | None = None) -> SendResult:
        """Send a text and wait for the ack; see `domain.fleet.api.Fleet`."""

    async def remove(self, name: str, *, logout: bool = False) -> Removal:
        async with self._in_order():
            return await self._cleaning.remove(name, logout=logout)

    def with_session(self) -> tuple[str, ...]:
        return self._cleaning.with_session()

    async def clean_all(self, count: int, *, logout: bool = False) -> tuple[str, ...]:
        async with self._in_order():
            return await self._cleaning.clean_all(count, logout=logout)

    async def trash(self) -> tuple[TrashView, ...]:
        return await self._cleaning.trash()

    async def restore(self, entry: str) -> str:
        async with self._in_order():
            return await self._cleaning.restore(entry)

    async def check(self) -> tuple[Finding, ...]:
        return await self._checkup.check()

    async def fix(self, *, dry_run: bool = False) -> FixReport:
        if dry_run:
            return await self._checkup.fix(dry_run=True)
        async with self._in_order("a fix"):
            return await self._checkup.fix(dry_run=False)

    async def restart(
        self, *, clean_sessions: int | None = None
    ) -> AsyncGenerator[Progress | RestartReport, None]:
        async with (
            self._in_order("a restart"),
            aclosing(self._restart.run(clean_sessions)) as steps,
        ):
            async for step in steps:
                yield step

    async def test(self, name: str, to: str | None = None) -> TestReport:
        from waziterm.manager.care.layer_test import Connection, test_layers  # noqa: PLC0415

        supervisor = self._roster.of(name)
        connection = Connection(
            instance=name,
            proxy=supervisor.instance.proxy,
            lab=self._lab,
            view=lambda: supervisor.view,
            probe=supervisor.probe,
            send=lambda: self.send_test(name, to),
        )
        return await test_layers(connection)

    async def conflicts(self, since: float = 0.0) -> tuple[ConflictRecord, ...]:
        return await conflicts_in(self._store, since)

    # -- what is remembered -------------------------------------------------------------------

    async def incidents(self, since: float = 0.0) -> tuple[IncidentView, ...]:
        return await incidents_in(self._store, since)

    async def acknowledge(self, incident: int) -> None:
        await acknowledge_in(self._store, incident, self._clock.now())

    async def timeline(self, name: str, since: float = 0.0, limit: int = 200) -> tuple[Moved, ...]:
        self._roster.of(name)
        return await timeline_in(self._store, name, since, limit)

    async def attempts(self, since: float = 0.0, name: str | None = None) -> tuple[Attempt, ...]:
        return await attempts_in(self._store, since, name)

    def _refuse_meanwhile(self) -> None:
        """A session whose file is being mended must not be opened in between."""
        if self._under_way:
            raise FleetError(f"{self._under_way} is under way", "wait until it has ended")

    @asynccontextmanager
    async def _in_order(self, what: str = "") -> AsyncIterator[None]:
        """One after the other: what adds, moves and removes sessions. what: something long, that
        the others are told of instead of having to wait for it."""
        self._refuse_meanwhile()
        async with self._order:
            self._under_way = what
            try:
                yield
            finally:
                self._under_way = ""
