"""A webhook that a stranger has set reaches machines of the internet alone, by whatever way."""

import asyncio
import socket
from pathlib import Path

import pytest

from tests.gateway.telling import public, target, telling
from waziterm.alerts.webhook import Poster
from waziterm.domain.alerts.delivery import Never, NotYet, Outcome
from waziterm.domain.secret import Secret

REFUSED = NotYet("its host is not one of the internet")
HOSTS = (
    *("127.0.0.1", "2130706433", "0177.0.0.1", "0x7f.1", "127.1", "localhost", "localhost."),
    *("LOCALHOST", "0.0.0.0", "[::]", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"),
    *("[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[fe80::1]", "[fd00::1]"),
    *("169.254.169.254", "10.0.0.1", "192.168.1.1", "100.64.0.1", "[::127.0.0.1]"),
)


async def posted(url: str) -> Outcome:
    poster = Poster(Secret(url), (), must_be_public=True)
    try:
        return await poster.post("evt_1", 1_700_000_000.0, b"{}")
    finally:
        await poster.close()


@pytest.fixture
def connects(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that are connected with, which nobody answers."""
    found: list[str] = []

    async def connect(
        _loop: object, _protocol: object, host: str, *_: object, **__: object
    ) -> None:
        found.append(host)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(asyncio.BaseEventLoop, "create_connection", connect)
    return found


def answers(monkeypatch: pytest.MonkeyPatch, *turns: tuple[str, ...]) -> list[str]:
    """Let look-ups be answered so, by turn, the last one for ever; the names that are asked for."""
    asked: list[str] = []

    def look_up(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        found = turns[min(len(asked), len(turns)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 0)) for each in found]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


@pytest.mark.parametrize("host", HOSTS)
async def test_no_spelling_of_this_machine_or_its_network_is_connected_with(
    host: str, connects: list[str]
) -> None:
    outcome = await posted(f"https://{host}:8443/hook")
    assert outcome == REFUSED or str(outcome).startswith("NotYet(why='cannot connect: ")
    assert connects == []


async def test_it_goes_by_https_alone(connects: list[str]) -> None:
    assert await posted("http://example.com/hook") == Never("it is no https address")
    assert connects == []


async def test_one_address_that_is_not_of_the_internet_is_enough(
    monkeypatch: pytest.MonkeyPatch, connects: list[str]
) -> None:
    answers(monkeypatch, ("8.8.8.8", "127.0.0.1"))
    assert await posted("https://hook.example/") == REFUSED
    assert connects == []


async def test_an_answer_that_changes_leads_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, connects: list[str]
) -> None:
    asked = answers(monkeypatch, ("8.8.8.8", "9.9.9.9"), ("127.0.0.1",))
    poster = Poster(Secret("https://hook.example:444/"), (), must_be_public=True)
    first = await poster.post("evt_1", 1_700_000_000.0, b"{}")
    assert first == NotYet("cannot connect: Connection refused")
    assert (connects, asked) == (["8.8.8.8", "9.9.9.9"], ["hook.example"])
    assert await poster.post("evt_1", 1_700_000_000.0, b"{}") == REFUSED
    assert connects == ["8.8.8.8", "9.9.9.9"]
    await poster.close()


async def test_the_host_that_was_set_is_asked_for_at_the_address_that_was_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And a certificate of another name is refused: the receiver must prove who it is."""
    hello = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello.set_result(await reader.read(4096))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    answers(monkeypatch, ("127.0.0.1",))
    monkeypatch.setattr("waziterm.alerts.webhook.is_public", lambda _: True)
    async with server:
        outcome = await posted(f"https://hook.example:{port}/")
        assert isinstance(outcome, NotYet)
        # The name stands openly in the first message of TLS.
        assert b"hook.example" in await hello


async def test_what_is_refused_waits_as_what_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connects: list[str]
) -> None:
    answers(monkeypatch, ("10.1.2.3",))
    async with telling(tmp_path, public(target("https://hook.example/"))) as here:
        await here.take()
        assert await here.error() == "its host is not one of the internet"
        assert (await here.view()).pending == 1
    assert connects == []
