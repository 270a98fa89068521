"""How many may be connected at once, and for how long without a word.

Whoever is connected and asks nothing makes room for the next one, so a reader that has forgotten
its connections keeps nobody out. Only when all are being answered is a newcomer refused.
"""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from waziterm.domain.errors import FleetError
from waziterm.manager.people import Peer

MOST = 64
FEWEST = 8
IDLE_S = 60.0
"""Seconds after which a connection on which nothing is asked is closed."""
REMEMBERED_S = 5.0
"""Seconds for which it is known who made a connection that is closed."""
REFUSAL_S = 1.0
LINGER_S = 2.0
"""Seconds for which the rest of a request that is answered already is still taken."""
_REFUSALS = 16
"""So many are told that they are refused, at once; the others are only closed."""

Told = Callable[[FleetError, int], dict[str, Any]]
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = logging.getLogger(__name__)


def most_clients(descriptors: int | None) -> int:
    """How many may be connected, of a process that may have so many files open; None: no limit."""
    return MOST if descriptors is None else max(FEWEST, min(MOST, descriptors // 4))


@asynccontextmanager
async def answering(
    application: web.Application,
    clients: "Clients",
    listen: Callable[[Callable[[], asyncio.Protocol]], AbstractAsyncContextManager[None]],
    shutdown_s: float,
) -> AsyncIterator[None]:
    """Let an application, with `clients.counted` in it, answer while the context is open.

    listen: listens while its context is open, with what makes the protocol of a new connection.
    shutdown_s: how long requests that are open at the end may still take, in seconds.
    """
    runner = web.AppRunner(application, handle_signals=False, shutdown_timeout=shutdown_s)
    await runner.setup()
    server, loop = runner.server, asyncio.get_running_loop()
    assert server is not None
    try:
        async with listen(clients.serve(lambda: _Answering(server, loop, clients.told))):
            yield
    finally:
        await runner.cleanup()


class _Answering(web.RequestHandler):
    """Answers on one connection. What cannot be read as HTTP is refused as all else is, and the
    log does not have it: aiohttp's errors quote it, with the secrets in it. A body stays as it
    came: a small one that is compressed may be a very large one."""

    __slots__ = ("_told",)

    def __init__(self, server: web.Server, loop: asyncio.AbstractEventLoop, told: Told) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type] # as aiohttp's own runner has it
            auto_decompress=False,
            lingering_time=LINGER_S,
        )
        self._told = told

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what could not be answered."""
        if exc is not None and not isinstance(exc, HttpProcessingError | ConnectionError):
            log.error("a request failed: %s", type(exc).__name__)
        if request.writer.output_size:
            raise ConnectionError("an answer has begun already")
        said = "the request is no sound HTTP" if status < 500 else "an unexpected error was met"
        answer = web.json_response(self._told(FleetError(said, code=2), status), status=status)
        # aiohttp's own would tell the versions of what runs here.
        answer.headers["Server"] = "waziterm"
        answer.force_close()
        return answer

    def log_exception(self, *args: Any, **kw: Any) -> None:
        error = kw.get("exc_info")
        log.error("a connection failed: %s", type(error).__name__ if error else "no exception")


class Clients:
    """The connections of one listening socket. most: how many there may be. told: the document of
    an error that is answered with a status of HTTP."""

    def __init__(self, most: int, told: Told = lambda error, _: error.document) -> None:
        self._most = most
        self.told = told
        self._make: Callable[[], asyncio.Protocol] | None = None
        self._open: dict[asyncio.BaseProtocol, _Connection] = {}
        self._idle: dict[_Connection, asyncio.TimerHandle] = {}
        self._refusals = 0
        self._peers: dict[asyncio.BaseProtocol, Peer] = {}

    def peer_of(self, request: web.Request) -> Peer | None:
        """Who made the connection of a request, also when it was closed a moment ago; None where it
        came by no unix socket."""
        return self._peers.get(cast(asyncio.BaseProtocol, request.protocol))

    def meet(self, inner: asyncio.BaseProtocol, peer: Peer) -> None:
        """Remember who made a connection."""
        self._peers[inner] = peer

    def serve(self, make: Callable[[], asyncio.Protocol]) -> Callable[[], asyncio.Protocol]:
        """What makes the protocol of a new connection. make: makes one that answers."""
        self._make = make
        return self._next

    @web.middleware
    async def counted(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """To be the application's middleware: who is being answered does not make room."""
        connection = self._open.get(cast(asyncio.BaseProtocol, request.protocol))
        if connection is not None and (waiting := self._idle.pop(connection, None)):
            waiting.cancel()
        try:
            return await handler(request)
        finally:
            if connection is not None:
                self._rests(connection)

    def _next(self) -> asyncio.Protocol:
        assert self._make is not None
        if len(self._open) >= self._most and self._idle:
            self._end(next(iter(self._idle)))
        if len(self._open) >= self._most:
            log.warning("a client was refused: %d are being answered", self._most)
            return _Refusal(self)
        inner = self._make()
        connection = self._open[inner] = _Connection(self, inner)
        self._rests(connection)
        return connection

    def _rests(self, connection: "_Connection") -> None:
        if connection.inner in self._open:
            loop = asyncio.get_running_loop()
            self._idle[connection] = loop.call_later(IDLE_S, self._end, connection)

    def _end(self, connection: "_Connection") -> None:
        self.gone(connection)
        connection.close()

    def gone(self, connection: "_Connection") -> None:
        """It counts no longer."""
        if self._open.pop(connection.inner, None) is not None:
            # Whoever asks and is gone at once has asked all the same.
            loop = asyncio.get_running_loop()
            loop.call_later(REMEMBERED_S, self._peers.pop, connection.inner, None)
        waiting = self._idle.pop(connection, None)
        if waiting is not None:
            waiting.cancel()

    def refusing(self, more: int) -> bool:
        """Whether one more, or one fewer, can be told that it is refused."""
        self._refusals += more
        return self._refusals <= _REFUSALS

    @property
    def refusal(self) -> bytes:
        """The answer to one client too many."""
        refused = FleetError(
            f"{self._most} clients are connected to this manager",
            "end some of them, then ask again",
            code=3,
        )
        body = json.dumps(self.told(refused, 503)).encode()
        head = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
        head += "Retry-After: 1\r\n"
        return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


class _Connection(asyncio.Protocol):
    """One that is counted; `inner` answers on it."""

    def __init__(self, clients: Clients, inner: asyncio.Protocol) -> None:
        self._clients = clients
        self.inner = inner
        self._transport: asyncio.BaseTransport | None = None
        self._closed = False

    def close(self) -> None:
        """Close it, even before it is there."""
        self._closed = True
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        sock = transport.get_extra_info("socket")
        if sock.family == socket.AF_UNIX:
            self._clients.meet(self.inner, Peer.of(sock))
        self.inner.connection_made(transport)
        if self._closed:
            transport.close()

    def data_received(self, data: bytes) -> None:
        self.inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self.inner.eof_received()

    def pause_writing(self) -> None:
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        self.inner.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        self._clients.gone(self)
        self.inner.connection_lost(error)


class _Refusal(asyncio.Protocol):
    """One that is told why it is not answered, when it has asked, and is closed then."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._clients.refusing(+1):
            asyncio.get_running_loop().call_later(REFUSAL_S, self._transport.abort)
        else:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        # Closed at once it would be a reset for whoever is still sending.
        if self._transport is not None:
            self._transport.write(self._clients.refusal)
            if self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                # Encrypted: it has no half that could be closed.
                self._transport.close()
            self._transport = None

    def connection_lost(self, error: Exception | None) -> None:
        self._clients.refusing(-1)
