"""The stream on a real socket: what comes first, what comes later, and readers that misbehave."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.control.live import LiveFleet, two_shops
from tests.control.scripted import QR_TEXT, pairing_view, view
from waziterm.control.frame import Frame, decode
from waziterm.control.server import stream as stream_module
from waziterm.control.server.app import serve_control
from waziterm.domain.fleet.api import Changes, Notice
from waziterm.domain.phrase import Phrase

DEADLINE_S = 10.0


@pytest.fixture
def fleet() -> LiveFleet:
    return two_shops()


class Reader:
    """A plain HTTP client of the stream, one line after the other."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def line(self) -> bytes:
        async with asyncio.timeout(DEADLINE_S):
            return (await self._reader.readuntil(b"\n")).rstrip(b"\r\n")

    async def frame(self) -> Frame:
        while True:
            line = await self.line()
            if line.startswith(b'data: {"at"'):
                return decode(line.removeprefix(b"data: "))

    async def until_line(self, wanted: bytes) -> bytes:
        while wanted not in (line := await self.line()):
            assert line is not None
        return line


@asynccontextmanager
async def reading(path: Path) -> AsyncIterator[Reader]:
    reader, writer = await asyncio.open_unix_connection(path, limit=2**24)
    writer.write(b"GET /v1/stream HTTP/1.0\r\nHost: waziterm\r\n\r\n")
    try:
        yield Reader(reader)
    finally:
        writer.close()


async def test_first_hello_then_a_snapshot_then_the_newest_lines(
    socket_path: Path, fleet: LiveFleet
) -> None:
    fleet.show(pairing_view("shop-c"))
    for number in range(70):
        fleet.log("shop-a", f"line {number}")
    async with reading(socket_path) as reader:
        await reader.until_line(b"event: hello")
        hello = json.loads((await reader.line()).removeprefix(b"data: "))
        assert set(hello) == {"version", "protocol", "pid"}
        frame = await reader.frame()
        assert frame.changes.snapshot is not None
        assert frame.changes.snapshot.instances == fleet.snapshot().instances
        assert (frame.attempts, frame.attempts_ok) == (4, 3)
        code = frame.changes.snapshot.instances[2].qr
        assert code is not None and code.payload == QR_TEXT
        frame = await reader.frame()
        assert frame.changes == Changes(lines={"shop-a": fleet.tail("shop-a", 50)})


async def test_then_changes_as_they_come(socket_path: Path, fleet: LiveFleet) -> None:
    async with reading(socket_path) as reader:
        await reader.frame()
        stopped = view("shop-a")
        fleet.show(stopped)
        assert (await reader.frame()).changes == Changes(changed=(stopped,))
        fleet.log("shop-b", "hello")
        assert (await reader.frame()).changes.lines == {"shop-b": fleet.tail("shop-b")}
        fleet.drop("shop-b")
        assert (await reader.frame()).changes.removed == ("shop-b",)
        notice = Notice(1.0, Phrase("look"), "shop-a", True)
        fleet.notice(notice)
        assert (await reader.frame()).changes.notices == (notice,)


async def test_a_comment_when_nothing_changes(
    fleet: LiveFleet, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "KEEP_ALIVE_S", 0.05)
    async with serve_control(fleet, folder / "s"), reading(folder / "s") as reader:
        await reader.until_line(b": nothing new")
        await reader.until_line(b": nothing new")


async def test_a_slow_reader_gets_merged_changes(socket_path: Path, fleet: LiveFleet) -> None:
    """It takes nothing while each panel changes 3000 times, in turns that would let a quick reader
    have every change; then it has the last of them, after far fewer frames."""
    shop = fleet.views["shop-a"]
    async with reading(socket_path) as slow:
        await slow.frame()
        for number in range(3000):
            fleet.show(replace(shop, detail=f"{number} " + "x" * 2000))
            fleet.log("shop-a", "y" * 300)
            await asyncio.sleep(0)
        count, seen = 0, ""
        while not seen.startswith("2999 "):
            count += 1
            for changed in (await slow.frame()).changes.changed:
                seen = changed.detail
        assert count < 300


async def test_a_reader_that_goes_away_is_noticed(
    fleet: LiveFleet, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "KEEP_ALIVE_S", 0.05)
    async with serve_control(fleet, folder / "s"):
        async with reading(folder / "s") as reader:
            await reader.frame()
            assert fleet.subscribers == 1
        async with asyncio.timeout(DEADLINE_S):
            await fleet.nobody.wait()


async def test_a_server_that_ends_ends_its_streams_at_once(fleet: LiveFleet, folder: Path) -> None:
    path = folder / "s"
    async with asyncio.timeout(DEADLINE_S):
        async with serve_control(fleet, path):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(b"GET /v1/stream HTTP/1.0\r\n\r\n")
            await reader.readuntil(b'"snapshot"')
            ends = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - ends < 0.9
        await reader.read()
        writer.close()
