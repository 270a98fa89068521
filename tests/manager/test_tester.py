"""The test of a connection, layer by layer, against real sockets and TLS servers on loopback."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.control.scripted import connected_view, view
from waziterm.domain.care.layers import LayerName, TestReport, Verdict
from waziterm.domain.fleet.api import FleetError, InstanceView, SendResult
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.lab.certs import tls_context
from waziterm.manager.care.layer_test import Connection, test_layers
from waziterm.manager.care.route import WHATSAPP, Endpoint
from waziterm.worker import protocol as wire

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK, FAILED, SKIPPED = Verdict.OK, Verdict.FAILED, Verdict.SKIPPED
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
ONLINE = connected_view("shop")


async def answered() -> wire.Answered:
    return wire.Answered("shop", 1, 0.05)


async def acknowledged() -> SendResult:
    return SendResult(True, 0.07, "3EB0")


def connection(
    *,
    proxy: str | None = None,
    lab: LabFile | None = None,
    server: Endpoint = WHATSAPP,
    shown: InstanceView = ONLINE,
    probe: Callable[[], Awaitable[wire.Answered]] = answered,
    send: Callable[[], Awaitable[SendResult]] | None = acknowledged,
) -> Connection:
    return Connection("shop", proxy, lab, lambda: shown, probe, send, server)


def verdicts(report: TestReport) -> dict[str, Verdict]:
    return {layer.name.value: layer.verdict for layer in report.layers}


@contextlib.asynccontextmanager
async def listening(handler: Handler) -> AsyncIterator[int]:
    """A server on loopback; its port."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):
            await handler(reader, writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@contextlib.asynccontextmanager
async def proxy(
    folder: Path, answer: bytes = ANSWER, said: bytes = b"HTTP/1.1 200 OK\r\n\r\n"
) -> AsyncIterator[LabFile]:
    """A CONNECT proxy with web.whatsapp.com behind it, as a lab is. answer: to an HTTP request
    through TLS, empty to close without one. said: to the CONNECT."""
    context, ca_file = tls_context(folder)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        assert asked.startswith(b"CONNECT web.whatsapp.com:443 ")
        writer.write(said)
        if b" 200 " in said:
            await writer.start_tls(context)
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
        await writer.drain()

    async with listening(serve) as port:
        yield LabFile(f"http://127.0.0.1:{port}", str(ca_file), "0" * 64)


def unused_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture(autouse=True)
def no_proxy_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("answer", "said"),
    [(ANSWER, "; HTTP 204"), (b"HTTP/1.1 500 Oh\r\n\r\n", "; HTTP 500"), (b"", "")],
)
async def test_all_is_well_whatever_comes_after_the_handshake(
    tmp_path: Path, answer: bytes, said: str
) -> None:
    async with proxy(tmp_path, answer) as lab:
        report = await test_layers(connection(lab=lab))
    assert report.ok and report.failed is None and report.instance == "shop"
    assert verdicts(report) == {name.value: OK for name in LayerName}
    details = {layer.name.value: layer.detail for layer in report.layers}
    assert details["dns"] == "127.0.0.1 is an address; the proxy looks web.whatsapp.com up"
    assert details["tls"] == f"web.whatsapp.com proved itself{said}"
    assert details["login"] == "logged in as +62812••••4411:3@s.whatsapp.net"
    took = {layer.name.value: layer.took_s for layer in report.layers}
    assert took.pop("login") is None
    assert all(seconds is not None and 0 <= seconds < 10 for seconds in took.values())
    assert not any(layer.act for layer in report.layers)


async def test_a_name_that_does_not_exist() -> None:
    report = await test_layers(connection(server=Endpoint("no-such-host.invalid", 443)))
    assert verdicts(report) == {
        "dns": FAILED, "tcp": SKIPPED, "tls": SKIPPED, "login": OK, "query": OK, "send": OK,
    }  # fmt: skip
    assert report.failed is not None and "no-such-host.invalid has no address" in (
        report.failed.detail
    )
    assert "/etc/resolv.conf" in report.failed.act
    assert {layer.detail for layer in report.layers if layer.verdict is SKIPPED} == {"dns failed"}


async def test_a_proxys_name_that_does_not_exist() -> None:
    report = await test_layers(connection(proxy="socks5://u:secret@no-such-host.invalid:1080"))
    assert report.failed is not None and report.failed.name is LayerName.DNS
    assert report.failed.act == "see the proxy's name"
    assert "secret" not in str(report)


async def test_nobody_listens() -> None:
    port = unused_port()
    report = await test_layers(connection(server=Endpoint("127.0.0.1", port)))
    assert report.failed is not None and report.failed.name is LayerName.TCP
    assert f"127.0.0.1:{port} takes no connection" in report.failed.detail
    assert "firewall" in report.failed.act and verdicts(report)["tls"] is SKIPPED
    report = await test_layers(connection(proxy=f"http://127.0.0.1:{port}"))
    assert report.failed is not None and report.failed.name is LayerName.TCP
    assert "proxy runs" in report.failed.act


async def test_a_certificate_that_nobody_knows(tmp_path: Path) -> None:
    context, _ca_file = tls_context(tmp_path)

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await writer.start_tls(context)

    async with listening(serve) as port:
        report = await test_layers(connection(server=Endpoint("localhost", port)))
    assert report.failed is not None and report.failed.name is LayerName.TLS
    assert "is not trusted: " in report.failed.detail and "issuer" in report.failed.detail
    assert "clock" in report.failed.act
    assert verdicts(report)["login"] is OK


async def test_the_environments_proxy_and_certificates_are_those_of_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with proxy(tmp_path) as lab:
        monkeypatch.setenv("HTTPS_PROXY", lab.proxy)
        report = await test_layers(connection())
        assert report.failed is not None and "is not trusted: " in report.failed.detail
        monkeypatch.setenv("SSL_CERT_FILE", lab.ca_file)
        report = await test_layers(connection())
        assert report.ok and "proxy 127.0.0.1" in report.layers[1].detail
        monkeypatch.setenv("NO_PROXY", "localhost")
        report = await test_layers(connection(server=Endpoint("localhost", unused_port())))
        assert report.failed is not None and report.failed.name is LayerName.TCP


async def test_a_server_that_speaks_no_tls() -> None:
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ready\r\n")
        await writer.drain()

    async with listening(serve) as port:
        report = await test_layers(connection(server=Endpoint("127.0.0.1", port)))
    assert report.failed is not None and report.failed.name is LayerName.TLS
    assert report.failed.detail.startswith("no TLS with 127.0.0.1: ")


async def test_a_proxy_that_refuses(tmp_path: Path) -> None:
    async with proxy(tmp_path, said=b"HTTP/1.1 502 Bad Gateway\r\n\r\n") as lab:
        report = await test_layers(connection(lab=lab))
    assert report.failed is not None and report.failed.name is LayerName.TLS
    assert report.failed.detail == "the proxy does not reach web.whatsapp.com: 502 Bad Gateway"


async def test_a_lab_whose_ca_file_is_gone(tmp_path: Path) -> None:
    async with proxy(tmp_path) as lab:
        gone = LabFile(lab.proxy, str(tmp_path / "gone.pem"), lab.noise_root_key)
        report = await test_layers(connection(lab=gone))
    assert report.failed is not None and report.failed.name is LayerName.TLS
    assert "No such file" in report.failed.detail


async def test_the_way_through_a_socks_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, ca_file = tls_context(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        methods = await reader.readexactly(2)
        await reader.readexactly(methods[1])
        writer.write(b"\x05\x00")
        head = await reader.readexactly(5)
        asked.append(head[:4] + await reader.readexactly(head[4] + 2))
        writer.write(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
        await writer.start_tls(context)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        await writer.drain()

    async with listening(serve) as port:
        report = await test_layers(connection(proxy=f"socks5://127.0.0.1:{port}"))
    assert report.ok, report
    assert asked[-1] == b"\x05\x01\x00\x03web.whatsapp.com\x01\xbb", "the proxy looks the name up"


@pytest.mark.parametrize(
    ("state", "reason", "detail", "said"),
    [
        (State.STOPPED, Reason.BY_OPERATOR, "", "stopped: stopped by an operator"),
        (State.COOLDOWN, Reason.CONFLICT, "suspect: bot", "cool-down: another client took"),
        (State.LOGGED_OUT, Reason.UNLINKED, "", "logged out: the device was unlinked"),
    ],
)
async def test_who_is_not_logged_in_says_why(
    tmp_path: Path, state: State, reason: Reason, detail: str, said: str
) -> None:
    shown = view("shop", state=state, reason=reason, detail=detail)
    async with proxy(tmp_path) as lab:
        report = await test_layers(connection(lab=lab, shown=shown))
    assert report.failed is not None and report.failed.name is LayerName.LOGIN
    assert report.failed.act == reason.next_step
    assert reason.sentence in report.failed.detail and detail in report.failed.detail
    assert report.failed.detail.startswith(said)
    assert verdicts(report)["query"] is verdicts(report)["send"] is SKIPPED


async def silent() -> wire.Answered:
    raise TimeoutError


async def gone() -> wire.Answered:
    raise FleetError("shop: the worker ended")


async def refusing() -> wire.Answered:
    return wire.Answered("shop", 1, 0.2, "not connected")


@pytest.mark.parametrize(
    ("probe", "said"),
    [(silent, "no answer"), (gone, "the worker ended"), (refusing, "not connected")],
)
async def test_a_query_without_an_answer(
    tmp_path: Path, probe: Callable[[], Awaitable[wire.Answered]], said: str
) -> None:
    async with proxy(tmp_path) as lab:
        report = await test_layers(connection(lab=lab, probe=probe))
    assert report.failed is not None and report.failed.name is LayerName.QUERY
    assert said in report.failed.detail
    assert report.layers[-1].verdict is SKIPPED and report.layers[-1].detail == "query failed"


async def test_a_message_that_is_not_acknowledged(tmp_path: Path) -> None:
    async def unacknowledged() -> SendResult:
        return SendResult(False, 60.0, error="no acknowledgement within 60 s")

    async with proxy(tmp_path) as lab:
        report = await test_layers(connection(lab=lab, send=unacknowledged))
    assert report.failed is not None and report.failed.name is LayerName.SEND
    assert report.failed.detail == "no acknowledgement within 60 s" and report.failed.act


@pytest.mark.parametrize("shown", [ONLINE, view("shop")])
async def test_f10_nothing_is_sent_where_nobody_asked_for_it(
    tmp_path: Path, shown: InstanceView
) -> None:
    async with proxy(tmp_path) as lab:
        report = await test_layers(connection(lab=lab, shown=shown, send=None))
    assert report.ok is (shown is ONLINE)
    send = report.layers[-1]
    assert (send.name, send.verdict) == (LayerName.SEND, SKIPPED)
    assert send.detail == "no message was asked for"


async def test_a_degraded_connection_is_tested_further(tmp_path: Path) -> None:
    shown = view("shop", state=State.DEGRADED, reason=Reason.KEEPALIVE_MISSED)
    async with proxy(tmp_path) as lab:
        report = await test_layers(connection(lab=lab, shown=shown))
    assert report.ok
    assert report.layers[3].detail == "degraded: WhatsApp does not answer keep-alives (408)"
