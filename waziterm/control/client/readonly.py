"""A fleet to look at: every command is refused with one line, whoever asks for it."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from typing import NoReturn

from waziterm.domain.care.findings import Finding, FixReport
from waziterm.domain.care.layers import TestReport
from waziterm.domain.care.trash import Removal, TrashView
from waziterm.domain.fleet.api import (
    Fleet,
    FleetError,
    FleetView,
    InstanceView,
    LogLine,
    SendResult,
    Subscription,
)
from waziterm.domain.fleet.history import Attempt, IncidentView, Moved
from waziterm.domain.fleet.tools import ConflictRecord, Progress, RestartReport
from waziterm.domain.upkeep.janitor import Act


class ReadOnly:
    """See `domain.fleet.api.Fleet`. What only looks, dry runs too, is passed on to `fleet`;
    anything else raises FleetError with code 2."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def snapshot(self) -> FleetView:
        return self._fleet.snapshot()

    def now(self) -> float:
        return self._fleet.now()

    async def lines(
        self, name: str, *, limit: int, since: float = 0.0, after: int = 0
    ) -> tuple[LogLine, ...]:
        return await self._fleet.lines(name, limit=limit, since=since, after=after)

    def tail(self, name: str, limit: int = 200) -> tuple[LogLine, ...]:
        return self._fleet.tail(name, limit)

    def subscribe(self) -> AbstractAsyncContextManager[Subscription]:
        return self._fleet.subscribe()

    def with_session(self) -> tuple[str, ...]:
        return self._fleet.with_session()

    async def trash(self) -> tuple[TrashView, ...]:
        return await self._fleet.trash()

    async def check(self) -> tuple[Finding, ...]:
        return await self._fleet.check()

    async def conflicts(self, since: float = 0.0) -> tuple[ConflictRecord, ...]:
        return await self._fleet.conflicts(since)

    async def incidents(self, since: float = 0.0) -> tuple[IncidentView, ...]:
        return await self._fleet.incidents(since)

    async def timeline(self, name: str, since: float = 0.0, limit: int = 200) -> tuple[Moved, ...]:
        return await self._fleet.timeline(name, since, limit)

    async def attempts(self, since: float, name: str | None = None) -> tuple[Attempt, ...]:
        return await self._fleet.attempts(since, name)

    async def acknowledge(self, incident: int) -> None:
        _refuse("acknowledge")

    async def fix(self, *, dry_run: bool = False) -> FixReport:
        return await self._fleet.fix(dry_run=True) if dry_run else _refuse("fix")

    async def tidy_up(self, *, dry_run: bool = False) -> tuple[Act, ...]:
        return await self._fleet.tidy_up(dry_run=True) if dry_run else _refuse("janitor")

    async def add(
        self, name: str, phone: str | None = None, proxy: str | None = None
    ) -> InstanceView:
        _refuse("add")

    async def start(self, name: str) -> InstanceView:
        _refuse("start")

    async def stop(self, name: str) -> InstanceView:
        _refuse("stop")

    async def reconnect(self, name: str, *, takeover: bool = False) -> InstanceView:
        _refuse("reconnect")

    async def clean(self, name: str, *, logout: bool = False) -> InstanceView:
        _refuse("clean")

    async def send_test(self, name: str, to: str | None = None) -> SendResult:
        _refuse("send-test")

    async def pairing_code(self, name: str, phone: str | None = None) -> InstanceView:
        _refuse("pairing-code")

    async def remove(self, name: str, *, logout: bool = False) -> Removal:
        _refuse("remove")

    async def clean_all(self, count: int, *, logout: bool = False) -> tuple[str, ...]:
        _refuse("clean-all")

    async def restore(self, entry: str) -> str:
        _refuse("restore")

    async def test(self, name: str, to: str | None = None) -> TestReport:
        _refuse("test")

    async def restart(
        self, *, clean_sessions: int | None = None
    ) -> AsyncGenerator[Progress | RestartReport, None]:
        _refuse("restart")
        yield  # makes it the generator that the protocol asks for


def _refuse(verb: str) -> NoReturn:
    raise FleetError(
        f"this screen only watches: {verb} was not carried out", "attach without --read-only", 2
    )
