"""`GET /v1/stream`: the fleet's changes as server-sent events, for a screen in another process.

The first event is `hello` with `{version, protocol, pid}`; every further one is a frame of
`control.frame`: first a snapshot, then the newest log lines of each instance, then what changes,
merged. A comment comes when nothing else did, so that both ends notice when the other one is gone.

A reader that does not keep up blocks its own stream alone: meanwhile its changes are merged by its
subscription, so that it costs no more memory than one that does.
"""

import asyncio
import json
import logging
import os
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, suppress
from dataclasses import replace

from aiohttp import web

from waziterm.control.frame import Frame, encode
from waziterm.control.protocol import hello
from waziterm.domain.fleet.api import Changes, Fleet, FleetError, LogLine

KEEP_ALIVE_S = 3.0
"""Whoever hears nothing for three of these takes the manager for hung."""
FIRST_LINES = 50
"""Log lines of each instance that come with a snapshot."""
LINES_KEPT = 200
"""Log lines of each instance that a reader keeps: older ones are not worth a frame."""
MERGE_S = 0.05
"""Shortest time between two frames: a screen draws ten times in a second at most."""
_AT_ONCE = 20
"""Instances whose lines share a frame: encoding it must not hold up the manager's loop."""

_log = logging.getLogger(__name__)


class Stream:
    """The streams of one fleet. most: how many there may be at once. refuse: raises FleetError
    while no further one may begin."""

    def __init__(self, fleet: Fleet, most: int, refuse: Callable[[], None]) -> None:
        self._fleet = fleet
        self._most = most
        self._refuse = refuse
        self._open = 0
        self._over = asyncio.Event()

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/v1/stream", self.stream, allow_head=False)]

    async def end(self, _application: web.Application) -> None:
        """Let every stream end now: none would end by itself."""
        self._over.set()

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Raises FleetError: code 3 for one too many, else as `refuse` does."""
        self._refuse()
        if self._open >= self._most:
            raise FleetError(
                f"{self._open} screens are attached to this manager", "leave one of them", code=3
            )
        self._open += 1
        try:
            return await self._serve(request)
        finally:
            self._open -= 1

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        try:
            told = json.dumps(hello(os.getpid()))
            await response.write(b"event: hello\ndata: " + told.encode() + b"\n\n")
            async with aclosing(self._changes()) as coming:
                async for changes in coming:
                    await self._tell(response, changes)
            await response.write_eof()
        except ConnectionError:
            _log.info("a reader of the stream is gone")
        except BaseException:
            # Its reader asks again; on a stream that only fell silent it would wait in vain.
            if request.transport is not None:
                request.transport.close()
            raise
        return response

    async def _tell(self, response: web.StreamResponse, changes: Changes | None) -> None:
        if changes is None:
            await response.write(b": nothing new\n\n")
            return
        for part in self._parts(changes):
            await response.write(b"data: " + encode(self._frame(part)) + b"\n\n")
            # A write that fits into the buffer does not let anybody else on.
            await asyncio.sleep(0)

    async def _changes(self) -> AsyncGenerator[Changes | None, None]:
        """The fleet's changes until the streams are to end; None when nothing changed for long."""
        over = asyncio.create_task(self._over.wait())
        async with self._fleet.subscribe() as subscription:
            coming = asyncio.create_task(subscription.next())
            try:
                while not over.done():
                    await asyncio.wait(
                        (coming, over),
                        timeout=KEEP_ALIVE_S,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                    if not coming.done():
                        yield None
                        continue
                    yield coming.result()
                    await asyncio.wait((over,), timeout=MERGE_S)
                    coming = asyncio.create_task(subscription.next())
            finally:
                coming.cancel()
                over.cancel()

    def _parts(self, told: Changes) -> Iterator[Changes]:
        """The log lines in frames of their own; with a snapshot come the newest of everyone."""
        if (rest := replace(told, lines={})) != Changes():
            yield rest
        names = [one.name for one in told.snapshot.instances] if told.snapshot else [*told.lines]
        for start in range(0, len(names), _AT_ONCE):  # Some may be read from the disk: few at once.
            some = {name: self._lines(name, told) for name in names[start : start + _AT_ONCE]}
            if any(some.values()):
                yield Changes(lines={name: lines for name, lines in some.items() if lines})

    def _lines(self, name: str, told: Changes) -> tuple[LogLine, ...]:
        with suppress(FleetError):  # Removed or renamed since, which the next changes tell.
            lines = self._fleet.tail(name, FIRST_LINES) if told.snapshot else told.lines[name]
            return lines[-LINES_KEPT:]
        return ()

    def _frame(self, changes: Changes) -> Frame:
        now = self._fleet.snapshot()
        moved = bool(changes.snapshot or changes.changed or changes.removed)
        return Frame(now.at, now.attempts, now.attempts_ok, changes, self._sessions(moved))

    def _sessions(self, moved: bool) -> tuple[str, ...] | None:
        """Who has a session; None when that is as before, or cannot be looked at: whoever watches
        wants to see how it goes on all the more then."""
        try:
            return self._fleet.with_session() if moved else None
        except OSError as error:
            _log.warning("the sessions cannot be looked at: %s", error)
            return None
