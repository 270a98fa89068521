"""The emergency tools and the history of a fleet in another process; see `client.remote`."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from urllib.parse import quote

from waziterm.control.client.answers import array_of, object_of
from waziterm.control.client.call import MAINTENANCE_S, SEND_TEST_S
from waziterm.control.client.mirror import Mirror
from waziterm.control.client.transport import Wire
from waziterm.control.codec import CodecError
from waziterm.control.historyviews import attempt_of, incident_of, moved_of
from waziterm.control.toolviews import (
    conflict_of,
    finding_of,
    fix_of,
    removal_of,
    restart_of,
    test_of,
    trash_of,
)
from waziterm.control.views import moment
from waziterm.domain.care.findings import Finding, FixReport
from waziterm.domain.care.layers import TestReport
from waziterm.domain.care.trash import Removal, TrashView
from waziterm.domain.fleet.api import FleetError
from waziterm.domain.fleet.history import Attempt, IncidentView, Moved
from waziterm.domain.fleet.tools import ConflictRecord, Progress, RestartReport

OTHER_VERSION = "is it another version of waziterm?"


class RemoteTools:
    """What `domain.fleet.tools.Tools` and `domain.fleet.history.History` ask, as requests."""

    def __init__(self, wire: Wire, mirror: Mirror) -> None:
        self._wire = wire
        self._mirror = mirror

    async def remove(self, name: str, *, logout: bool = False) -> Removal:
        answer = await self._wire.post(instance_url(name, "remove"), {"logout": logout})
        with understood():
            return removal_of(object_of(answer))

    def with_session(self) -> tuple[str, ...]:
        return self._mirror.with_session()

    async def clean_all(self, count: int, *, logout: bool = False) -> tuple[str, ...]:
        body = {"count": count, "logout": logout}
        answer = await self._wire.post("/v1/clean-all", body, MAINTENANCE_S)
        with understood():
            return tuple(object_of(answer)["cleaned"])

    async def trash(self) -> tuple[TrashView, ...]:
        answer = await self._wire.get("/v1/trash")
        with understood():
            return tuple(map(trash_of, array_of(answer)))

    async def restore(self, entry: str) -> str:
        answer = await self._wire.post(f"/v1/trash/{quote(entry, safe='')}/restore", {})
        with understood():
            return str(object_of(answer)["instance"])

    async def check(self) -> tuple[Finding, ...]:
        answer = await self._wire.post("/v1/check", {}, MAINTENANCE_S)
        with understood():
            return tuple(map(finding_of, array_of(object_of(answer)["findings"])))

    async def fix(self, *, dry_run: bool = False) -> FixReport:
        answer = await self._wire.post("/v1/fix", {"dry_run": dry_run}, MAINTENANCE_S)
        with understood():
            return fix_of(object_of(answer))

    async def restart(
        self, *, clean_sessions: int | None = None
    ) -> AsyncGenerator[Progress | RestartReport, None]:
        lines = self._wire.lines("/v1/restart", {"clean_sessions": clean_sessions})
        async with aclosing(lines) as telling:
            async for line in telling:
                with understood():
                    told = restart_of(line)
                yield told

    async def test(self, name: str, to: str | None = None) -> TestReport:
        answer = await self._wire.post(instance_url(name, "test"), {"to": to}, SEND_TEST_S)
        with understood():
            return test_of(object_of(answer))

    async def conflicts(self, since: float = 0.0) -> tuple[ConflictRecord, ...]:
        answer = await self._wire.get("/v1/conflicts", {"since": str(moment(since))})
        with understood():
            return tuple(map(conflict_of, array_of(answer)))

    # -- the history --------------------------------------------------------------------------

    async def incidents(self, since: float = 0.0) -> tuple[IncidentView, ...]:
        answer = await self._wire.get("/v1/incidents", {"since": str(moment(since))})
        with understood():
            return tuple(map(incident_of, array_of(answer)))

    async def acknowledge(self, incident: int) -> None:
        await self._wire.post(f"/v1/incidents/{incident}/acknowledge", {})

    async def timeline(self, name: str, since: float = 0.0, limit: int = 200) -> tuple[Moved, ...]:
        query = {"since": str(moment(since)), "limit": str(limit)}
        answer = await self._wire.get(instance_url(name, "timeline"), query)
        with understood():
            return tuple(map(moved_of, array_of(answer)))

    async def attempts(self, since: float, name: str | None = None) -> tuple[Attempt, ...]:
        query = {"since": str(moment(since))} | ({} if name is None else {"name": name})
        answer = await self._wire.get("/v1/attempts", query)
        with understood():
            return tuple(map(attempt_of, array_of(answer)))


def instance_url(name: str, what: str) -> str:
    """The path of something of an instance."""
    return f"/v1/instances/{quote(name, safe='')}/{what}"


@contextmanager
def understood() -> Iterator[None]:
    """An answer of another shape is one clear line. Raises FleetError."""
    try:
        yield
    except (CodecError, ValueError, KeyError, TypeError) as error:
        raise FleetError("the manager's answer has another shape", OTHER_VERSION) from error
