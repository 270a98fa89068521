"""What the workers are connected to: seen for all of them at once."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack

import psutil
import pytest

from tests.manager.rivals import DEADLINE_S, a_rival
from waziterm.manager.clock import SystemClock
from waziterm.manager.rivals import addresses
from waziterm.manager.rivals.addresses import PAUSE_S, Addresses
from waziterm.manager.rivals.connections import Address, addresses_of

MINE = os.getpid()


class Steps(SystemClock):
    """Goes on by what is slept alone."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    def elapsed(self) -> float:
        return sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Collection[int]]:
    """Whom each look was about; it sees who was asked about, and the number of the look."""
    made: list[Collection[int]] = []

    def look(pids: Collection[int]) -> Mapping[int, frozenset[Address]]:
        made.append(frozenset(pids))
        return {pid: frozenset({(f"worker {pid}", len(made))}) for pid in pids}

    monkeypatch.setattr(addresses, "addresses_of", look)
    return made


@pytest.fixture(params=["127.0.0.1", "::1"], ids=["IPv4", "IPv6"])
def server(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    try:
        listening = socket.create_server((request.param, 0), family=family)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with listening:
        yield listening


def test_each_process_has_its_own_addresses(server: socket.socket) -> None:
    address = server.getsockname()[:2]
    with ExitStack() as stack:
        caller, other = (stack.enter_context(a_rival()) for _ in range(2))
        caller.do("call", *address)
        found = addresses_of((caller.pid, other.pid))
    assert found == {caller.pid: {address}, other.pid: frozenset()}


def test_it_tells_an_address_as_the_search_among_strangers_does(server: socket.socket) -> None:
    with socket.create_connection(server.getsockname()[:2]) as calling, server.accept()[0]:
        found = addresses_of((MINE,))[MINE]
        told = {
            (each.raddr.ip, each.raddr.port)
            for each in psutil.Process().net_connections(kind="tcp")
            if each.raddr and each.status == psutil.CONN_ESTABLISHED
        }
        assert {calling.getpeername()[:2], calling.getsockname()[:2]} <= found == told


def test_what_is_not_connected_has_no_address(server: socket.socket) -> None:
    address = server.getsockname()[:2]
    with socket.create_connection(address) as calling, server.accept()[0]:
        assert calling.getpeername()[:2] in addresses_of((MINE,))[MINE]
    seen = {port for _, port in addresses_of((MINE,))[MINE]}
    assert address[1] not in seen, "it listens, and was closed"


def test_a_process_that_is_gone_is_connected_to_nothing() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert addresses_of((gone.pid,)) == {gone.pid: frozenset()}


async def test_one_look_is_for_all_who_wait_for_it(looks: list[Collection[int]]) -> None:
    clock = Steps()
    seen = Addresses(clock)
    assert await seen.of(1) == {("worker 1", 1)}
    found = await asyncio.gather(*(seen.of(pid) for pid in (1, 2, 3, 2)))
    assert found == [{(f"worker {pid}", 2)} for pid in (1, 2, 3, 2)]
    assert looks == [{1}, {1, 2, 3}]
    assert clock.slept == [PAUSE_S]


async def test_who_asks_while_it_looks_is_told_by_a_later_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop, seen = asyncio.get_running_loop(), Addresses(Steps())
    later: list[asyncio.Task[frozenset[Address]]] = []

    async def ask() -> None:
        later.append(loop.create_task(seen.of(1)))
        await asyncio.sleep(0)

    def looking(pids: Collection[int]) -> Mapping[int, frozenset[Address]]:
        assert pids == {1}
        if later:
            return {1: frozenset({("later", 2)})}
        asyncio.run_coroutine_threadsafe(ask(), loop).result(DEADLINE_S)
        return {1: frozenset({("first", 1)})}

    monkeypatch.setattr(addresses, "addresses_of", looking)
    assert await seen.of(1) == {("first", 1)}
    async with asyncio.timeout(DEADLINE_S):
        assert await later[0] == {("later", 2)}
