"""A fleet in another process: the whole `Fleet` protocol over a manager's control socket.

What is shown comes from a copy that the manager's stream keeps current; commands are requests of
its HTTP API, whose errors come back as they were raised. A manager that goes away leaves the last
views; it is looked for every second, and another one on the same socket brings a new snapshot.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from waziterm.control.client.answers import array_of, object_of
from waziterm.control.client.call import MAINTENANCE_S, PATIENCE_S, SEND_TEST_S
from waziterm.control.client.mirror import Mirror
from waziterm.control.client.remotetools import OTHER_VERSION, RemoteTools, instance_url, understood
from waziterm.control.client.transport import Wire, wire_to
from waziterm.control.codec import CodecError, answered_view, decode
from waziterm.control.server.listener import check_socket_path
from waziterm.control.server.stream import FIRST_LINES, LINES_KEPT
from waziterm.control.toolviews import (
    epoch,
)
from waziterm.control.views import moment
from waziterm.domain.fleet.api import (
    FleetError,
    FleetView,
    InstanceView,
    LogLine,
    SendResult,
    Source,
)
from waziterm.domain.lifecycle.instance import PairingCode
from waziterm.domain.upkeep.janitor import Act, ActKind
from waziterm.manager.broadcast import Subscriber

LOOK_S = 1.0
"""Seconds between two looks for a manager that went away."""
REMIND_S = 10.0
"""Seconds after which it is told again that what is shown is old."""
BOOT_LOOK_S = 0.1
"""The same before there was anything to show: it may be starting up."""


class RemoteFleet(RemoteTools):
    """See `domain.fleet.api.Fleet`; made by `attached`. pid: of the manager that answered last."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire, Mirror())
        self.pid = 0
        self._complete: set[str] = set()
        self._wanted: asyncio.Queue[str] = asyncio.Queue()

    # -- what is shown ------------------------------------------------------------------------

    def snapshot(self) -> FleetView:
        return self._mirror.snapshot()

    def now(self) -> float:
        return self._mirror.now()

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
        answer = await self._wire.get(instance_url(name, "logs"), query)
        with understood():
            return tuple(map(_line_of, array_of(answer)))

    def subscribe(self) -> AbstractAsyncContextManager[Subscriber]:
        return self._mirror.subscribe()

    # -- commands -----------------------------------------------------------------------------

    async def add(
        self, name: str, phone: str | None = None, proxy: str | None = None
    ) -> InstanceView:
        return await self._moved("/v1/instances", {"name": name, "phone": phone, "proxy": proxy})

    async def start(self, name: str) -> InstanceView:
        return await self._moved(instance_url(name, "start"))

    async def stop(self, name: str) -> InstanceView:
        return await self._moved(instance_url(name, "stop"))

    async def reconnect(self, name: str, *, takeover: bool = False) -> InstanceView:
        return await self._moved(instance_url(name, "reconnect"), {"takeover": takeover})

    async def clean(self, name: str, *, logout: bool = False) -> InstanceView:
        return await self._moved(instance_url(name, "clean"), {"logout": logout})

    async def send_test(self, name: str, to: str | None = None) -> SendResult:
        answer = await self._wire.post(instance_url(name, "send-test"), {"to": to}, SEND_TEST_S)
        with understood():
            return SendResult(**object_of(answer))

    async def pairing_code(self, name: str, phone: str | None = None) -> InstanceView:
        answer = await self._wire.post(
            instance_url(name, "pairing-code"), {"phone": phone}, SEND_TEST_S
        )
        view, now = self._mirror.get(name), self._mirror.snapshot().at
        if view is None:
            raise FleetError(f"{name} was removed meanwhile")
        with understood():
            told = object_of(answer)
            code = PairingCode(str(told["code"]), now + float(told["seconds_left"]))
        return replace(view, code=code)

    async def tidy_up(self, *, dry_run: bool = False) -> tuple[Act, ...]:
        answer = await self._wire.post("/v1/janitor", {"dry_run": dry_run}, MAINTENANCE_S)
        with understood():
            return tuple(
                Act(ActKind(act["kind"]), act["subject"], act["why"]) for act in array_of(answer)
            )

    async def _moved(self, url: str, body: dict[str, object] | None = None) -> InstanceView:
        """A command whose answer is the instance."""
        answer = object_of(await self._wire.post(url, body or {}))
        with understood():
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
                            with understood():
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
            return f"the manager cannot be understood: {OTHER_VERSION}"
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


def _line_of(data: dict[str, Any]) -> LogLine:
    return LogLine(data["seq"], epoch(data["at"]), Source(data["source"]), data["text"])


def _silent(error: FleetError | CodecError) -> bool:
    return isinstance(error, FleetError) and error.code == 3


def _told(error: FleetError | CodecError) -> FleetError:
    if isinstance(error, FleetError):
        return error
    return FleetError("the manager's stream has another shape", OTHER_VERSION)
