"""Garbage on the socket: an error each time, and the server lives."""

import asyncio
import random
from pathlib import Path

import pytest

from tests.control.scripted import ScriptedFleet

DEADLINE_S = 10.0
GOOD = b"GET /v1/instances/shop-a HTTP/1.1\r\nHost: waziterm\r\nConnection: close\r\n\r\n"


async def exchange(path: Path, sent: bytes, *, cut: bool = True) -> bytes:
    """Send bytes, close our side of the pipe, and read all that comes back."""
    async with asyncio.timeout(DEADLINE_S):
        reader, writer = await asyncio.open_unix_connection(path)
        try:
            writer.write(sent)
            if cut:
                writer.write_eof()
            return await reader.read()
        except ConnectionError:
            # The server has closed before it took everything; that is an answer too.
            return b""
        finally:
            writer.close()


async def assert_alive(path: Path) -> None:
    answer = await exchange(path, GOOD, cut=False)
    assert answer.startswith(b"HTTP/1.1 200 "), answer[:100]


async def test_random_bytes(
    socket_path: Path, fleet: ScriptedFleet, caplog: pytest.LogCaptureFixture
) -> None:
    chance = random.Random(7)
    for size in (1, 2, 17, 300, 4000, 70_000):
        for _ in range(8):
            sent = chance.randbytes(size) + b"\r\n\r\n"
            answer = await exchange(socket_path, sent)
            assert answer == b"" or answer.startswith(b"HTTP/1."), answer[:60]
            assert b" 200 " not in answer[:20]
            assert b"Traceback" not in answer
    await assert_alive(socket_path)
    assert fleet.calls == []
    assert "Traceback" not in caplog.text


async def test_requests_that_stop_half_way(socket_path: Path, fleet: ScriptedFleet) -> None:
    body = b'{"name": "half"}'
    whole = (
        b"POST /v1/instances HTTP/1.1\r\nHost: waziterm\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
    ) + body
    for length in range(0, len(whole), 7):
        answer = await exchange(socket_path, whole[:length])
        assert b" 201 " not in answer[:20]
    await assert_alive(socket_path)
    assert fleet.calls == [], "a half request does nothing"
    assert (await exchange(socket_path, whole, cut=False)).startswith(b"HTTP/1.1 201 ")


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /v1/instances HTTP/1.1\r\nHost: w\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: w\r\n\r\n",
        b"POST /v1/instances HTTP/1.1\r\nHost: w\r\nContent-Length: -4\r\n\r\n",
        b"POST /v1/instances HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /v1/instances HTTP/9.9\r\nHost: w\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /v1/instances\r\n\r\n",
    ],
    ids=["header", "path", "length", "chunks", "version", "tls", "no-version"],
)
async def test_broken_http(socket_path: Path, sent: bytes) -> None:
    answer = await exchange(socket_path, sent)
    assert b" 200 " not in answer[:20]
    assert b"Traceback" not in answer
    await assert_alive(socket_path)


async def test_a_client_that_never_finishes_holds_nobody_up(socket_path: Path) -> None:
    async with asyncio.timeout(DEADLINE_S):
        lingering = [await asyncio.open_unix_connection(socket_path) for _ in range(40)]
        for _reader, writer in lingering:
            writer.write(b"POST /v1/instances HTTP/1.1\r\nContent-Length: 9\r\n\r\n{")
        await assert_alive(socket_path)
        for _reader, writer in lingering:
            writer.close()
