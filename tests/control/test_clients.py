"""F5: how many clients there may be at the control socket, and who makes room for whom."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.control.live import LiveFleet, two_shops
from waziterm.control.client.call import ControlClient
from waziterm.control.client.remote import attached
from waziterm.control.server import app as server
from waziterm.control.server.app import serve_control
from waziterm.domain.fleet.api import FleetError, SendResult
from waziterm.health import clients as counting
from waziterm.health.clients import MOST, most_clients

FEW = 8


@pytest.fixture
def fleet() -> LiveFleet:
    return two_shops()


@pytest.fixture
async def path(
    folder: Path, fleet: LiveFleet, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Path]:
    """The control socket of a manager that takes eight clients at once."""
    monkeypatch.setattr(server, "most_clients", lambda _: FEW)
    async with serve_control(fleet, folder / "control.sock"):
        yield folder / "control.sock"


def client(path: Path) -> ControlClient:
    return ControlClient(path, lambda: 1)


async def names(path: Path) -> list[str]:
    found = await asyncio.to_thread(client(path).ask, lambda fleet: fleet.snapshot().everyone())
    return [each["name"] for each in found]


def idle(path: Path, stack: ExitStack, say: bytes = b"") -> socket.socket:
    sock = stack.enter_context(socket.socket(socket.AF_UNIX))
    sock.settimeout(5)
    sock.connect(str(path))
    sock.sendall(say)
    return sock


async def is_closed(sock: socket.socket) -> bool:
    sock.settimeout(5)
    with suppress(ConnectionError):
        return await asyncio.to_thread(sock.recv, 1) == b""
    return True


@pytest.mark.parametrize("say", [b"", b"GET /v1/fleet HT"], ids=["silent", "half a request"])
async def test_whoever_asks_nothing_makes_room(path: Path, say: bytes) -> None:
    with ExitStack() as stack:
        forgotten = [await asyncio.to_thread(idle, path, stack, say) for _ in range(10 * FEW)]
        async with asyncio.timeout(5):
            assert await names(path) == ["shop-a", "shop-b"]
        assert await is_closed(forgotten[0])
        async with attached(path, lambda: 1) as far:
            assert len(far.snapshot().instances) == 2
            more = [await asyncio.to_thread(idle, path, stack, say) for _ in range(2 * FEW)]
            assert await is_closed(more[0])
            assert (await far.start("shop-a")).name == "shop-a", "a screen stays"


async def test_a_connection_without_a_word_is_closed_after_a_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "IDLE_S", 0.1)
    with ExitStack() as stack:
        silent = await asyncio.to_thread(idle, path, stack)
        asked = await asyncio.to_thread(
            idle, path, stack, b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
        )
        assert (await asyncio.to_thread(asked.recv, 9)) == b"HTTP/1.1 "
        assert await is_closed(silent)
        asked.settimeout(5)
        async with asyncio.timeout(5):
            while await asyncio.to_thread(asked.recv, 4096):
                pass


async def test_when_all_are_being_answered_one_more_is_told_so(
    path: Path, fleet: LiveFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answer = asyncio.Semaphore(0), asyncio.Event()

    async def send_test(name: str, to: str | None = None) -> SendResult:
        asked.release()
        await answer.wait()
        return SendResult(True, 0.1, message_id="3A")

    monkeypatch.setattr(fleet, "send_test", send_test)
    async with asyncio.TaskGroup() as tasks:
        busy = []
        async with asyncio.timeout(10):
            for _ in range(FEW):
                busy.append(tasks.create_task(far_send(path)))
                await asked.acquire()
            for _ in range(3):
                with pytest.raises(FleetError, match="8 clients are connected") as refused:
                    await names(path)
                assert refused.value.code == 3 and "\n" not in str(refused.value)
        answer.set()
    assert [task.result() for task in busy] == [200] * FEW
    assert await names(path) == ["shop-a", "shop-b"]


async def far_send(path: Path) -> int:
    reader, writer = await asyncio.open_unix_connection(path)
    head = "POST /v1/instances/shop-a/send-test HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
    writer.write(f"{head}Content-Type: application/json\r\nConnection: close\r\n\r\n{{}}".encode())
    status = int((await reader.readline()).split()[1])
    await reader.read()
    writer.close()
    return status


async def test_screens_leave_room_for_verbs(path: Path) -> None:
    async with asyncio.TaskGroup():
        streams = [await asyncio.open_unix_connection(path) for _ in range(FEW // 2)]
        for reader, writer in streams:
            writer.write(b"GET /v1/stream HTTP/1.1\r\nHost: a\r\n\r\n")
            assert b"200" in await reader.readline()
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"GET /v1/stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        said = (await reader.read()).decode()
        assert said.startswith("HTTP/1.1 503") and "4 screens are attached" in said
        assert await names(path) == ["shop-a", "shop-b"]
        streams[0][1].close()
        for _, each in (*streams[1:], (reader, writer)):
            each.close()


def test_how_many_there_may_be() -> None:
    assert [most_clients(limit) for limit in (None, 65536, 256, 80, 20)] == [MOST, MOST, 64, 20, 8]
