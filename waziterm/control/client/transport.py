"""HTTP with a manager over its control socket, on an event loop: answers, JSON lines, events."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from waziterm.control.client.answers import Json, broken_off, line_of, read_answer
from waziterm.control.client.call import Request
from waziterm.control.protocol import OtherProtocolError, refuse_other
from waziterm.control.server.stream import KEEP_ALIVE_S
from waziterm.domain.errors import FleetError
from waziterm.domain.fleet.verbs import EXACT
from waziterm.domain.frozen import dataclass
from waziterm.domain.phrase import Phrase

SILENCE_S = 3 * KEEP_ALIVE_S
"""A stream without even a comment for so long has a manager that hangs."""
CONNECT_S = 5.0


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One server-sent event. kind: `message` when the manager named none, `comment` for a sign of
    life that tells nothing."""

    kind: str
    data: bytes


class SilentError(FleetError):
    """Nobody answers at the socket; whoever answers with an error is not silent."""


class Wire:
    """Asks the manager behind one socket. owner_pid: who holds the directory's lock, or None.

    Every method raises FleetError; SilentError, code 3, when no manager answers.
    """

    def __init__(self, session: aiohttp.ClientSession, owner_pid: Callable[[], int | None]) -> None:
        self._session = session
        self._refusal: OtherProtocolError | None = None
        self.owner_pid = owner_pid

    def meet(self, hello: Json) -> None:
        """Hear who answers. One that speaks another protocol is asked for nothing any more, until
        another one answers. Raises OtherProtocolError."""
        try:
            refuse_other(hello)
        except OtherProtocolError as error:
            self._refusal = error
            raise
        self._refusal = None

    def _refuse(self) -> None:
        if self._refusal is not None:
            raise self._refusal

    async def lines(self, request: Request) -> AsyncGenerator[Json, None]:
        """A command whose answer is one JSON object per line."""
        self._refuse()
        limits = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_S, sock_read=request.deadline_s
        )
        try:
            async with self._sent(request, limits) as answer:
                if answer.status != 200:
                    read_answer(answer.status, await answer.read())
                async for line in _split(answer.content, b"\n"):
                    yield line_of(json.loads(line))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise broken_off() from error

    @asynccontextmanager
    async def events(self, url: str) -> AsyncIterator[AsyncGenerator[StreamEvent, None]]:
        """The events of a stream; they end when the manager does."""
        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=SILENCE_S)
        try:
            async with self._session.get(url, timeout=limits) as answer:
                if answer.status != 200:
                    read_answer(answer.status, await answer.read())
                yield _events(answer.content)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self.silent(error) from error

    def _sent(
        self, request: Request, limits: aiohttp.ClientTimeout
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        return self._session.request(
            request.method,
            URL(request.url, encoded=True),
            json=request.body,
            headers={"Accept": EXACT},
            timeout=limits,
        )

    async def exchange(self, request: Request) -> Any:
        """The answer to a request, in its exact form."""
        self._refuse()
        limits = aiohttp.ClientTimeout(total=request.deadline_s, sock_connect=CONNECT_S)
        try:
            async with self._sent(request, limits) as answer:
                return read_answer(answer.status, await answer.read())
        except TimeoutError as error:
            limit = f"{request.deadline_s:g}"
            said = Phrase("the manager has not answered for {deadline_s} s", deadline_s=limit)
            hint = Phrase("it may still carry the command out: watch the screen")
            raise FleetError(said, hint) from error
        except (aiohttp.ClientError, OSError) as error:
            raise self.silent(error) from error

    def silent(self, error: Exception | None = None) -> SilentError:
        """Why nobody answers, as the directory's lock tells it. error: what was met, if any."""
        if isinstance(error, PermissionError):
            said = Phrase("the control socket belongs to another user")
            return SilentError(said, Phrase("run it as the user who runs the manager"), code=3)
        try:
            pid = self.owner_pid()
        except FleetError as unseen:
            return SilentError(unseen.told, unseen.hint, unseen.code)
        if pid is None:
            start = Phrase("start `waziterm headless`")
            return SilentError(Phrase("no manager runs"), start, code=3)
        shown = pid if pid > 0 else "unknown"
        said = Phrase("the manager (pid {pid}) does not answer", pid=shown)
        return SilentError(said, Phrase("its log says more"), code=3)


@asynccontextmanager
async def wire_to(path: Path, owner_pid: Callable[[], int | None]) -> AsyncIterator[Wire]:
    """A wire to the manager that serves the socket `path`, now or later."""
    connector = aiohttp.UnixConnector(path=str(path), limit=0)
    async with aiohttp.ClientSession("http://waziterm", connector=connector) as session:
        yield Wire(session, owner_pid)


async def _events(content: aiohttp.StreamReader) -> AsyncGenerator[StreamEvent, None]:
    async for block in _split(content, b"\n\n"):
        kind, data = "message", []
        if block.startswith(b":"):
            yield StreamEvent("comment", b"")
            continue
        for line in block.split(b"\n"):
            field, _, value = line.partition(b": ")
            if field == b"event":
                kind = value.decode(errors="replace")
            elif field == b"data":
                data.append(value)
        if data:
            yield StreamEvent(kind, b"\n".join(data))


async def _split(content: aiohttp.StreamReader, end: bytes) -> AsyncIterator[bytes]:
    """What stands before each `end`, however long it is; aiohttp's own lines are limited."""
    rest = bytearray()
    async for chunk in content.iter_any():
        start = max(0, len(rest) - len(end) + 1)
        rest += chunk
        while (place := rest.find(end, start)) >= 0:
            yield bytes(rest[:place])
            del rest[: place + len(end)]
            start = 0
            await asyncio.sleep(0)
