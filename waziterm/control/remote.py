"""A fleet in another process: the whole `Fleet` protocol over a manager's control socket.

What is shown comes from a copy that the manager's stream keeps current; commands are requests of
its HTTP API, whose errors come back as they were raised. A manager that goes away leaves the last
views; it is looked for every second, and another one on the same socket brings a new snapshot.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from waziterm.control.answers import array_of, object_of
from waziterm.control.client import MAINTENANCE_S, PATIENCE_S, SEND_TEST_S
from waziterm.control.codec import CodecError, answered_view, decode
from waziterm.control.listener import check_socket_path
from waziterm.control.mirror import Mirror
from waziterm.control.stream import FIRST_LINES, LINES_KEPT
from waziterm.control.toolviews import (
    conflict_of,
    epoch,
    finding_of,
    fix_of,
    restart_of,
    test_of,
    trash_of,
)
from waziterm.control.views import moment
from waziterm.control.wire import Wire, wire_to
from waziterm.domain.checkup import Finding, FixReport
from waziterm.domain.fleet import FleetError, FleetView, InstanceView, LogLine, SendResult, Source
from waziterm.domain.janitor import Act, ActKind
from waziterm.domain.layers import TestReport
from waziterm.domain.tools import ConflictRecord, Progress, RestartReport
from waziterm.domain.trash import TrashView
from waziterm.manager.hub import Subscriber

LOOK_S = 1.0
"""Seconds between two looks for a manager that went away."""
REMIND_S = 10.0
"""Seconds after which it is told again that what is shown is old."""
BOOT_LOOK_S = 0.1
"""The same before there was anything to show: it may be starting up."""
_OTHER_VERSION = "is it another version of waziterm?"


class RemoteFleet:
    """See `domain.fleet.Fleet`; made by `attached`. pid: of the manager that answered last."""

    def __init__(self, wire: Wire) -> None:
        self.pid = 0
        self._wire = wire
        self._mirror = Mirror()
        self._complete: set[str] = set()
        self._wanted: asyncio.Queue[str] = asyncio.Queue()

    # -- what is shown ------------------------------------------------------------------------

    def snapshot(self) -> FleetView:
        return self._mirror.snapshot()

    def tail(self, name: str, limit: int = 200) -> tuple[LogLine, ...]:
        """The newest lines that are here, at most 200. What is older than the stream comes a
        little later, and then every subscriber gets a snapshot."""
        lines = self._mirror.tail(name, limit)
        if FIRST_LINES <= len(lines) < min(limit, LINES_KEPT) and name not in self._complete:
            self._complete.add(name)
            self._wanted.put_nowait(name)
        return lines

    async def lines(
        self, name: str, *, limit: int, since: float = 0.0, after: int = 0
    ) -> tuple[LogLine, ...]:
        query = {"limit": str(limit), "after": str(after), "since": moment(since) or ""}
        answer = await self._wire.get(_of(name, "logs"), query)
        with _understood():
            return tuple(map(_line_of, array_of(answer)))

    def subscribe(self) -> AbstractAsyncContextManager[Subscriber]:
        return self._mirror.subscribe()

    # -- commands -----------------------------------------------------------------------------

    async def add(
        self, name: str, phone: str | None = None, proxy: str | None = None
    ) -> InstanceView:
        return await self._moved("/v1/instances", {"name": name, "phone": phone, "proxy": proxy})

    async def start(self, name: str) -> InstanceView:
        return await self._moved(_of(name, "start"))

    async def stop(self, name: str) -> InstanceView:
        return await self._moved(_of(name, "stop"))

    async def reconnect(self, name: str, *, takeover: bool = False) -> InstanceView:
        return await self._moved(_of(name, "reconnect"), {"takeover": takeover})

    async def clean(self, name: str, *, logout: bool = False) -> InstanceView:
        return await self._moved(_of(name, "clean"), {"logout": logout})

    async def send_test(self, name: str, to: str | None = None) -> SendResult:
        answer = await self._wire.post(_of(name, "send-test"), {"to": to}, SEND_TEST_S)
        with _understood():
            return SendResult(**object_of(answer))

    async def tidy_up(self, *, dry_run: bool = False) -> tuple[Act, ...]:
        answer = await self._wire.post("/v1/janitor", {"dry_run": dry_run}, MAINTENANCE_S)
        with _understood():
            return tuple(
                Act(ActKind(act["kind"]), act["subject"], act["why"]) for act in array_of(answer)
            )

    # -- the emergency tools ------------------------------------------------------------------

    async def remove(self, name: str, *, logout: bool = False) -> str:
        answer = await self._wire.post(_of(name, "remove"), {"logout": logout})
        with _understood():
            return str(object_of(answer)["entry"])

    def with_session(self) -> tuple[str, ...]:
        return self._mirror.with_session()

    async def clean_all(self, count: int, *, logout: bool = False) -> tuple[str, ...]:
        body = {"count": count, "logout": logout}
        answer = await self._wire.post("/v1/clean-all", body, MAINTENANCE_S)
        with _understood():
            return tuple(object_of(answer)["cleaned"])

    async def trash(self) -> tuple[TrashView, ...]:
        answer = await self._wire.get("/v1/trash")
        with _understood():
            return tuple(map(trash_of, array_of(answer)))

    async def restore(self, entry: str) -> str:
        answer = await self._wire.post(f"/v1/trash/{quote(entry, safe='')}/restore", {})
        with _understood():
            return str(object_of(answer)["instance"])

    async def check(self) -> tuple[Finding, ...]:
        answer = await self._wire.post("/v1/check", {}, MAINTENANCE_S)
        with _understood():
            return tuple(map(finding_of, array_of(object_of(answer)["findings"])))

    async def fix(self, *, dry_run: bool = False) -> FixReport:
        answer = await self._wire.post("/v1/fix", {"dry_run": dry_run}, MAINTENANCE_S)
        with _understood():
            return fix_of(object_of(answer))

    async def restart(
        self, *, clean_sessions: int | None = None
    ) -> AsyncGenerator[Progress | RestartReport, None]:
        lines = self._wire.lines("/v1/restart", {"clean_sessions": clean_sessions})
        async with aclosing(lines) as telling:
            async for line in telling:
                with _understood():
                    told = restart_of(line)
                yield told

    async def test(self, name: str, to: str | None = None) -> TestReport:
        answer = await self._wire.post(_of(name, "test"), {"to": to}, SEND_TEST_S)
        with _understood():
            return test_of(object_of(answer))

    async def conflicts(self, since: float = 0.0) -> tuple[ConflictRecord, ...]:
        answer = await self._wire.get("/v1/conflicts", {"since": str(moment(since))})
        with _understood():
            return tuple(map(conflict_of, array_of(answer)))

    async def _moved(self, url: str, body: dict[str, object] | None = None) -> InstanceView:
        """A command whose answer is the instance."""
        answer = object_of(await self._wire.post(url, body or {}))
        with _understood():
            view = answered_view(answer, self._mirror.get(str(answer["name"])))
        self._mirror.answered(view)
        return view

    # -- the life of the copy -----------------------------------------------------------------

    async def follow(self, ready: asyncio.Event) -> None:
        """Keep the copy current until cancelled. ready: set when there is something to show.

        Raises FleetError when there never was anything: nobody runs, or nobody we understand.
        """
        lost, told_at, loop = "", 0.0, asyncio.get_running_loop()
        while True:
            try:
                async with self._wire.events("/v1/stream") as events:
                    async for event in events:
                        if event.kind == "hello":
                            with _understood():
                                self.pid = int(json.loads(event.data)["pid"])
                            continue
                        self._mirror.take(decode(event.data))
                        ready.set()
                        if lost:
                            self._mirror.notice(f"the manager is back (pid {self.pid})")
                            lost = ""
                raise self._wire.silent()
            except (FleetError, CodecError) as error:
                nobody = self._wire.owner_pid() is None
                if not ready.is_set() and (nobody or not _silent(error)):
                    raise _told(error) from error
                why = await self._why_lost(error) if ready.is_set() else ""
                if lost != why or (why and loop.time() - told_at >= REMIND_S):
                    lost, told_at = why, loop.time()
                    self._complete.clear()
                    self._mirror.notice(why, trouble=True)
            await asyncio.sleep(LOOK_S if ready.is_set() else BOOT_LOOK_S)

    async def _why_lost(self, error: FleetError | CodecError) -> str:
        if not _silent(error):
            return f"the manager cannot be understood: {_OTHER_VERSION}"
        # A process that dies lets go of its socket a moment before its lock.
        await asyncio.sleep(BOOT_LOOK_S)
        if self._wire.owner_pid() == self.pid:
            return f"the manager (pid {self.pid}) does not answer; asking it every second"
        return f"the manager (pid {self.pid}) is gone; looking for it every second"

    async def complete(self) -> None:
        """Fetch the lines that are older than the stream for whoever is looked at."""
        while True:
            name = await self._wanted.get()
            try:
                lines = await self.lines(name, limit=LINES_KEPT)
            except FleetError:
                # Whoever looks next asks again; a manager that is away is told of by `follow`.
                self._complete.discard(name)
                continue
            self._mirror.older(name, lines)


@asynccontextmanager
async def attached(path: Path, owner_pid: Callable[[], int | None]) -> AsyncIterator[RemoteFleet]:
    """The fleet of the manager that serves the socket `path`, while the context lasts.

    owner_pid: the pid of the process that holds the data directory's lock now, or None.
    Raises FleetError: code 3 when no manager runs, or when the one that holds the lock stays
    silent for PATIENCE_S seconds.
    """
    check_socket_path(path)
    try:
        async with wire_to(path, owner_pid) as wire, asyncio.TaskGroup() as tasks:
            fleet, ready = RemoteFleet(wire), asyncio.Event()
            running = [
                tasks.create_task(fleet.follow(ready)),
                tasks.create_task(fleet.complete()),
            ]
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await ready.wait()
            except TimeoutError:
                raise wire.silent() from None
            try:
                yield fleet
            finally:
                for task in running:
                    task.cancel()
    except BaseExceptionGroup as group:
        # The task group wraps even what the caller's own code raised in the context.
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise


def _of(name: str, what: str) -> str:
    return f"/v1/instances/{quote(name, safe='')}/{what}"


def _line_of(data: dict[str, Any]) -> LogLine:
    return LogLine(data["seq"], epoch(data["at"]), Source(data["source"]), data["text"])


@contextmanager
def _understood() -> Iterator[None]:
    """An answer of another shape is one clear line. Raises FleetError."""
    try:
        yield
    except (CodecError, ValueError, KeyError, TypeError) as error:
        raise FleetError("the manager's answer has another shape", _OTHER_VERSION) from error


def _silent(error: FleetError | CodecError) -> bool:
    return isinstance(error, FleetError) and error.code == 3


def _told(error: FleetError | CodecError) -> FleetError:
    if isinstance(error, FleetError):
        return error
    return FleetError("the manager's stream has another shape", _OTHER_VERSION)
