"""The client against a real server, a silent one, a dead one and none."""

import asyncio
import contextlib
import json
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from tests.control.scripted import QR_TEXT, ScriptedFleet
from waziterm.control.client.call import ControlClient
from waziterm.control.protocol import hello
from waziterm.domain.fleet.api import Fleet, FleetError

T = TypeVar("T")

OWNER = 4711


def listing(fleet: Fleet) -> object:
    return fleet.snapshot().everyone()


def starting(fleet: Fleet) -> object:
    return fleet.start("shop-a")


def owner() -> int | None:
    return OWNER


def nobody() -> int | None:
    return None


async def called(path: Path, call: Callable[[ControlClient], T]) -> T:
    """Use the synchronous client beside the running server."""
    return await asyncio.to_thread(call, ControlClient(path, owner))


async def test_every_verb(socket_path: Path, fleet: ScriptedFleet) -> None:
    def verbs(client: ControlClient) -> list[object]:
        return [
            client.hello()["version"],
            len(client.ask(lambda fleet: fleet.snapshot())["instances"]),
            [one["name"] for one in client.ask(lambda fleet: fleet.snapshot().everyone())],
            client.ask(lambda fleet: fleet.snapshot().instance("shop-a"))["state"],
            client.ask(lambda fleet: fleet.snapshot().qr("shop-b"))["payload"],
            len(client.ask(lambda fleet: fleet.lines("shop-a", limit=3))),
            client.ask(lambda fleet: fleet.add("new", "+6281234567890", "http://h:1"))["state"],
            client.ask(lambda fleet: fleet.start("new"))["state"],
            client.ask(lambda fleet: fleet.reconnect("new", takeover=True))["state"],
            client.ask(lambda fleet: fleet.stop("new"))["state"],
            client.ask(lambda fleet: fleet.clean("new"))["reason"],
        ]

    assert (await called(socket_path, verbs))[1:] == [
        *(3, ["shop-a", "shop-b", "shop-c"], "connected", QR_TEXT, 3),
        *("stopped", "connecting", "connecting", "stopped", "cleaned"),
    ]
    assert fleet.calls == [
        ("add", "new", "+6281234567890", "http://h:1"),
        ("start", "new"),
        ("reconnect", "new", True),
        ("stop", "new"),
        ("clean", "new", False),
    ]


async def test_a_refusal_arrives_as_it_was_raised(socket_path: Path, fleet: ScriptedFleet) -> None:
    fleet.refuse = FleetError("shop-a is held", "r tries once", 1)
    with pytest.raises(FleetError, match="shop-a is held") as caught:
        await called(socket_path, lambda client: client.ask(starting))
    assert (caught.value.hint, caught.value.code) == ("r tries once", 1)


async def test_the_environment_changes_nothing(
    socket_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    assert len(await called(socket_path, lambda client: client.ask(listing))) == 3


def test_no_manager_is_said_at_once(folder: Path) -> None:
    began = time.monotonic()
    client = ControlClient(folder / "control.sock", nobody)
    with pytest.raises(FleetError, match=f"no manager runs on {folder}") as caught:
        client.ask(listing)
    assert caught.value.code == 3
    assert "waziterm headless" in caught.value.hint
    assert time.monotonic() - began < 3.0


def test_a_socket_of_a_dead_manager_is_no_manager(folder: Path) -> None:
    path = folder / "control.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    client = ControlClient(path, nobody)
    with pytest.raises(FleetError, match="no manager runs"):
        client.ask(listing)


@pytest.fixture
def silent(folder: Path) -> Iterator[Path]:
    """A socket whose owner takes connections and never answers."""
    path = folder / "control.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        sock.listen(8)
        yield path


@pytest.mark.parametrize("command", [False, True], ids=["question", "command"])
def test_a_silent_manager_ends_in_its_pid(silent: Path, command: bool) -> None:
    began = time.monotonic()
    client = ControlClient(silent, owner, patience_s=0.4)
    with pytest.raises(FleetError, match=rf"pid {OWNER}\) has not answered") as caught:
        client.ask(starting if command else listing)
    assert caught.value.code == 3
    assert 0.4 <= time.monotonic() - began < 3.0


def test_a_refused_socket_under_a_held_lock_is_waited_for(folder: Path) -> None:
    client = ControlClient(folder / "control.sock", owner, patience_s=0.3)
    with pytest.raises(FleetError, match=rf"pid {OWNER}\)") as caught:
        client.ask(listing)
    assert caught.value.code == 3


def test_the_default_patience_is_five_seconds() -> None:
    from waziterm.control.client.call import PATIENCE_S

    assert PATIENCE_S == 5.0


def test_a_manager_that_is_still_booting_is_reached(folder: Path) -> None:
    path = folder / "control.sock"
    asked = threading.Event()

    def looked() -> int | None:
        asked.set()
        return OWNER

    def boot() -> None:
        asked.wait(5)
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(str(path))
            sock.listen(1)
            sock.settimeout(5)
            connection, _ = sock.accept()
            with connection:
                connection.recv(4096)
                told = json.dumps(hello(OWNER)).encode()
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(told)}\r\n\r\n"
                connection.sendall(head.encode() + told)

    thread = threading.Thread(target=boot)
    thread.start()
    try:
        assert ControlClient(path, looked).hello() == hello(OWNER)
    finally:
        thread.join()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\noops", "not JSON"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "another shape"),
        (b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n[]", "HTTP 500"),
        (b"HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\noops", "failed inside"),
        (b"HTTP/1.1 409 No\r\nContent-Length: 27\r\n\r\n" + b'{"error": "no", "code": 77}', "no"),
    ],
)
def test_a_strange_answer_is_one_clear_line(folder: Path, answer: bytes, words: str) -> None:
    path = folder / "control.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        sock.listen(1)

        def serve() -> None:
            connection, _ = sock.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with pytest.raises(FleetError, match=words) as caught:
                ControlClient(path, owner).ask(listing)
        finally:
            thread.join()
    assert caught.value.code in (1, 3)
    assert "\n" not in str(caught.value)


def test_a_socket_of_another_user_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: socket.socket, address: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "connect", refused)
    client = ControlClient(folder / "control.sock", owner)
    with pytest.raises(FleetError, match="belongs to another user") as caught:
        client.ask(listing)
    assert caught.value.code == 3


async def test_the_served_socket_is_private(socket_path: Path) -> None:
    found = await asyncio.to_thread(socket_path.stat)
    assert stat.S_IMODE(found.st_mode) == 0o600
