"""A receiver on loopback that answers as a test wants it: well, badly, late, or not at all."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

READ_S = 10.0


@dataclass(frozen=True, slots=True)
class Request:
    """What came. at: when, on the loop's clock."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def status(code: int, *headers: str, body: str = "") -> bytes:
    """A whole answer."""
    lines = (f"HTTP/1.1 {code} X", f"Content-Length: {len(body)}", "Connection: close", *headers)
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


OK = status(204)
Answer = bytes | Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


async def silence(_request: Request, _writer: asyncio.StreamWriter) -> None:
    """Take the request and say nothing, until the other side goes."""
    await asyncio.sleep(3600)


async def death(_request: Request, writer: asyncio.StreamWriter) -> None:
    """Die in the middle of an answer."""
    writer.write(b"HTTP/1.1 20")
    writer.transport.abort()


@dataclass
class Receiver:
    """answers: by turn; when they have run out, all is well. judge: decides instead, where set."""

    port: int = 0
    answers: list[Answer] = field(default_factory=list)
    judge: Callable[[Request], Answer] | None = None
    got: list[Request] = field(default_factory=list)
    came: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook/s3cret-path"

    async def until(self, count: int, seconds: float = 20.0) -> list[Request]:
        """Wait until so many requests came."""
        async with asyncio.timeout(seconds), self.came:
            await self.came.wait_for(lambda: len(self.got) >= count)
        return list(self.got)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            async with asyncio.timeout(READ_S):
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *lines = head.strip().split("\r\n")
                headers = {
                    name.lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in lines)
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
            loop = asyncio.get_running_loop()
            request = Request(first.split()[1], headers, body, loop.time())
            answer: Answer = self.answers.pop(0) if self.answers else OK
            if self.judge is not None:
                answer = self.judge(request)
            async with self.came:
                self.got.append(request)
                self.came.notify_all()
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                try:
                    await answer(request, writer)
                finally:
                    writer.transport.abort()
        writer.close()


@contextlib.asynccontextmanager
async def receiver(*answers: Answer) -> AsyncIterator[Receiver]:
    """A receiver that listens while the context is open."""
    here = Receiver(answers=list(answers))
    tasks: set[asyncio.Task[None]] = set()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(here.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    here.port = server.sockets[0].getsockname()[1]
    try:
        yield here
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
