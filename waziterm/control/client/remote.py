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
from typing import Any, Protocol, cast

from waziterm.control import frame
from waziterm.control.client.answers import OTHER_VERSION, object_of
from waziterm.control.client.call import PATIENCE_S, request_of
from waziterm.control.client.mirror import Mirror
from waziterm.control.client.transport import SilentError, Wire, wire_to
from waziterm.control.protocol import OtherProtocolError
from waziterm.control.server.stream import FIRST_LINES, LINES_KEPT
from waziterm.domain.codec import CodecError, decode
from waziterm.domain.fleet.api import Fleet, FleetError, FleetView, InstanceView, LogLine
from waziterm.domain.fleet.typed import answer_of
from waziterm.domain.fleet.verbs import ByVerb, Verb
from waziterm.domain.phrase import NOTHING, Phrase, as_it_is
from waziterm.manager.broadcast import Subscriber
from waziterm.manager.files.listener import check_socket_path

LOOK_S = 1.0
"""Seconds between two looks for a manager that went away."""
REMIND_S = 10.0
"""Seconds after which it is told again that what is shown is old."""
BOOT_LOOK_S = 0.1
"""The same before there was anything to show: it may be starting up."""
_UNSEEN = -1
"""The pid of an owner that cannot be seen; see `DataDir.owner_pid`."""


class RemoteFleet(Fleet, Protocol):
    """A fleet in another process; made by `attached`.

    pid: of the manager that answered last. silent_since: the moment of its last news while it is
    away, on its own clock in UTC seconds; None while it tells what happens.
    """

    pid: int
    silent_since: float | None


class _Remote(ByVerb):
    """Shows the copy; every verb that changes or fetches something is a request."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(Fleet, self._request)
        self._wire = wire
        self._mirror = Mirror()
        self.pid = 0
        self.silent_since: float | None = None
        self._complete: set[str] = set()
        self._wanted: asyncio.Queue[str] = asyncio.Queue()

    # -- what is shown ------------------------------------------------------------------------

    def snapshot(self) -> FleetView:
        return self._mirror.snapshot()

    def view(self, name: str) -> InstanceView:
        return self._mirror.view(name)

    def now(self) -> float:
        return self._mirror.now()

    def with_session(self) -> tuple[str, ...]:
        return self._mirror.with_session()

    def tail(self, name: str, limit: int = 200) -> tuple[LogLine, ...]:
        """The newest lines that are here, at most 200. What is older than the stream comes a
        little later, and then every subscriber gets a snapshot."""
        lines = self._mirror.tail(name, limit)
        if FIRST_LINES <= len(lines) < min(limit, LINES_KEPT) and name not in self._complete:
            self._complete.add(name)
            self._wanted.put_nowait(name)
        return lines

    def subscribe(self) -> AbstractAsyncContextManager[Subscriber]:
        return self._mirror.subscribe()

    # -- what is asked ------------------------------------------------------------------------

    def _request(self, verb: Verb, arguments: dict[str, Any]) -> Any:
        return (self._told if verb.told_in_lines else self._asked)(verb, arguments)

    async def _asked(self, verb: Verb, arguments: dict[str, Any]) -> Any:
        request = request_of(verb, arguments)
        answer = await self._wire.exchange(request)
        hint = answer_of(Fleet, verb.name)
        with understood():
            told = decode(hint, answer)
        if isinstance(told, InstanceView) and verb.changes:
            self._mirror.answered(told)
        return told

    async def _told(self, verb: Verb, arguments: dict[str, Any]) -> AsyncGenerator[Any, None]:
        hint = answer_of(Fleet, verb.name)
        async with aclosing(self._wire.lines(request_of(verb, arguments))) as telling:
            async for line in telling:
                with understood():
                    told = decode(hint, line)
                yield told

    # -- the life of the copy -----------------------------------------------------------------

    async def follow(self, ready: asyncio.Event) -> None:
        """Keep the copy current until cancelled. ready: set when there is something to show.

        Raises FleetError when there never was anything: nobody runs, or nobody we understand.
        """
        lost, told_at, loop = NOTHING, 0.0, asyncio.get_running_loop()
        heard_at = self._mirror.now()
        while True:
            try:
                async with self._wire.events("/v1/stream") as events:
                    async for event in events:
                        if event.kind == "comment":
                            heard_at = self._mirror.now()
                            continue
                        if event.kind == "hello":
                            with understood():
                                told = object_of(json.loads(event.data))
                                self.pid = int(told["pid"])
                            self._wire.meet(told)
                            continue
                        self._mirror.take(frame.decode(event.data))
                        self.silent_since, heard_at = None, self._mirror.now()
                        ready.set()
                        if lost:
                            back = Phrase("the manager is back (pid {pid})", pid=self.pid)
                            self._mirror.notice(back)
                            lost = NOTHING
                raise self._wire.silent()
            except (FleetError, CodecError) as error:
                nobody = self._owner() is None
                if not ready.is_set() and (nobody or not _silent(error)):
                    raise _told(error) from error
                why = await self._why_lost(error) if ready.is_set() else NOTHING
                if why and self.silent_since is None:
                    self.silent_since = heard_at
                if lost != why or (why and loop.time() - told_at >= REMIND_S):
                    lost, told_at = why, loop.time()
                    self._complete.clear()
                    self._mirror.notice(why, trouble=True)
            await asyncio.sleep(LOOK_S if ready.is_set() else BOOT_LOOK_S)

    async def _why_lost(self, error: FleetError | CodecError) -> Phrase:
        if isinstance(error, OtherProtocolError):
            return as_it_is(error.told)
        if isinstance(error, CodecError):
            return Phrase("the manager cannot be understood: {hint}", hint=Phrase(OTHER_VERSION))
        if not _silent(error):
            return as_it_is(error.told)
        # A process that dies lets go of its socket a moment before its lock.
        await asyncio.sleep(BOOT_LOOK_S)
        if self._owner() in (self.pid, _UNSEEN):
            return Phrase(
                "the manager (pid {pid}) does not answer; asking it every second", pid=self.pid
            )
        return Phrase("the manager (pid {pid}) is gone; looking for it every second", pid=self.pid)

    def _owner(self) -> int | None:
        """The pid of the process that owns the directory, `_UNSEEN` when it cannot be seen, None
        for nobody."""
        try:
            return self._wire.owner_pid()
        except FleetError:
            return _UNSEEN

    async def complete(self) -> None:
        """Fetch the lines that are older than the stream for whoever is looked at."""
        while True:
            name = await self._wanted.get()
            try:
                lines: tuple[LogLine, ...] = await self.lines(name, limit=LINES_KEPT)
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
            fleet, ready = _Remote(wire), asyncio.Event()
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
                yield cast(RemoteFleet, fleet)
            finally:
                for task in running:
                    task.cancel()
    except BaseExceptionGroup as group:
        # The task group wraps even what the caller's own code raised in the context.
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise


def _silent(error: FleetError | CodecError) -> bool:
    return isinstance(error, SilentError) and error.code == 3


def _told(error: FleetError | CodecError) -> FleetError:
    if isinstance(error, FleetError):
        return error
    return FleetError(Phrase("the manager's stream has another shape"), OTHER_VERSION)


@contextmanager
def understood() -> Iterator[None]:
    """An answer of another shape is one clear line. Raises FleetError."""
    try:
        yield
    except (CodecError, ValueError, KeyError, TypeError) as error:
        raise FleetError(Phrase("the manager's answer has another shape"), OTHER_VERSION) from error
