"""A program and a manager of different versions: who is asked what, and what is said."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.control.scripted import ScriptedFleet
from waziterm import __version__
from waziterm.control.client.call import ControlClient
from waziterm.control.client.remote import attached
from waziterm.control.protocol import PROTOCOL, OtherProtocolError, hello, refuse_other
from waziterm.control.server import app, stream
from waziterm.control.server.app import serve_control
from waziterm.domain.fleet.api import FleetError

OLD = {"version": "0.0.9", "pid": 4711}
NEW = {"version": "9.0.0", "protocol": PROTOCOL + 1, "pid": 4711}
MANAGERS = pytest.mark.parametrize("manager", [OLD, NEW], ids=["older", "newer"])


@asynccontextmanager
async def manager_of(path: Path, told: dict[str, Any]) -> AsyncIterator[list[str]]:
    """A manager of another version; the requests that it got."""
    asked: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        asked.append(" ".join(head.split(" ", 2)[:2]))
        body = json.dumps(told)
        if "/v1/stream" in head:
            body = f"event: hello\ndata: {body}\n\n"
        writer.write(f"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(answer, path):
        yield asked


def refused(error: FleetError, manager: dict[str, Any]) -> bool:
    assert str(error) == f"the service runs {manager['version']}: restart it"
    assert error.code == 3
    assert __version__ in error.hint and "pid 4711" in error.hint
    return True


@MANAGERS
async def test_a_verb_asks_a_manager_of_another_protocol_for_nothing(
    folder: Path, manager: dict[str, Any]
) -> None:
    path = folder / "s"
    async with manager_of(path, manager) as asked:
        client = ControlClient(path, lambda: 4711)
        for verb in (
            client.hello,
            lambda: client.ask(lambda fleet: fleet.snapshot().everyone()),
            lambda: client.ask(lambda fleet: fleet.check()),
            lambda: client.ask(lambda fleet: fleet.start("shop")),
            lambda: client.ask(lambda fleet: fleet.clean_all(1)),
            lambda: list(client.ask(lambda fleet: fleet.restart())),
        ):
            with pytest.raises(OtherProtocolError) as caught:
                await asyncio.to_thread(verb)
            assert refused(caught.value, manager)
    assert set(asked) == {"GET /v1"}


@MANAGERS
async def test_a_screen_hears_of_it_at_once(folder: Path, manager: dict[str, Any]) -> None:
    path = folder / "s"
    async with manager_of(path, manager) as asked:
        with pytest.raises(OtherProtocolError) as caught:
            async with attached(path, lambda: 4711):
                pytest.fail("nothing was understood")
        assert refused(caught.value, manager)
    assert asked == ["GET /v1/stream"]


async def test_a_screen_sends_nothing_to_the_manager_of_another_protocol_that_comes_after(
    folder: Path, fleet: ScriptedFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "s"
    async with asyncio.timeout(20):
        serving = serve_control(fleet, path)
        await serving.__aenter__()
        async with attached(path, lambda: 4711) as far, far.subscribe() as changes:
            await changes.next()
            await serving.__aexit__(None, None, None)
            async with manager_of(path, OLD) as asked:
                while not any("restart it" in each.text for each in (await changes.next()).notices):
                    pass
                with pytest.raises(OtherProtocolError):
                    await far.stop("shop-a")
                with pytest.raises(OtherProtocolError):
                    await anext(far.restart())
                assert set(asked) == {"GET /v1/stream"}
            path.unlink(missing_ok=True)
            async with serve_control(fleet, path):
                while not any("is back" in each.text for each in (await changes.next()).notices):
                    pass
                await far.stop("shop-a")
    assert ("stop", "shop-a") in fleet.calls


async def test_a_manager_of_the_same_protocol_and_another_version_is_asked(
    folder: Path, fleet: ScriptedFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (app, stream):
        monkeypatch.setattr(module, "hello", lambda pid: hello(pid) | {"version": "9.0.0"})
    async with serve_control(fleet, folder / "s"):
        client = ControlClient(folder / "s", lambda: 4711)

        def listed() -> Any:
            return client.ask(lambda fleet: fleet.snapshot().everyone())

        assert len(await asyncio.to_thread(listed)) == 3
        async with attached(folder / "s", lambda: 4711) as far:
            assert len(far.snapshot().instances) == 3


@pytest.mark.parametrize(
    "protocol", [None, "1", 1.5, [], {}, "\x1b[31m" * 9], ids=lambda each: repr(each)[:6]
)
def test_a_hello_that_is_none_is_one_inert_line(protocol: object) -> None:
    told = {"version": "\x1b[2J" + "9" * 500, "protocol": protocol, "pid": ["\n"]}
    with pytest.raises(OtherProtocolError) as caught:
        refuse_other(told)
    said = f"{caught.value} {caught.value.hint}"
    assert said.isprintable() and len(said) < 300
