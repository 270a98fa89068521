"""Clients of the API that mean no good, or do not know better: over real sockets, byte by byte."""

import asyncio
import gzip
import json
import logging
import ssl
import subprocess
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from tests.gateway.api.scripted import HOST, Served, free_port, serving
from waziterm.config.settings import Address, Api
from waziterm.domain.errors import FleetError
from waziterm.domain.listeners import Listener
from waziterm.domain.messages.message import MOST_MEDIA_BYTES
from waziterm.gateway import media, request_body
from waziterm.gateway.api import bodies
from waziterm.health import clients

SHOP = "/v1/instances/shop-a/messages"
SECRET = "the-text-that-nobody-logs"
BODY = json.dumps({"to": "+4917012345678", "text": SECRET}).encode()
ANSWER_S = 10.0


async def raw(served: Served, *parts: bytes) -> bytes:
    """All that is answered to some bytes until the connection is closed."""
    reader, writer = await asyncio.open_connection(HOST, served.port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(ANSWER_S):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def head(served: Served, *lines: str, token: str | None = None, path: str = SHOP) -> bytes:
    """The head of a POST, with a token of its own, and whatever lines come beside it."""
    token = served.token() if token is None else token
    said = [
        *(f"POST {path} HTTP/1.1", f"Host: {HOST}:{served.port}"),
        *(f"Authorization: Bearer {token}", "Content-Type: application/json", *lines),
    ]
    return "\r\n".join((*said, "", "")).encode()


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def failure_of(answer: bytes) -> dict[str, str]:
    """The document of a refusal, which is of one form whoever refuses."""
    told: dict[str, str] = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert set(told) == {"error", "code", "hint"} and isinstance(told["code"], str)
    return told


async def test_nobody_without_a_token_learns_anything(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    good = served.token()
    async with aiohttp.ClientSession(served.url) as web:
        for headers in (
            {},
            {"Authorization": ""},
            {"Authorization": "Bearer"},
            {"Authorization": "Bearer "},
            {"Authorization": f"Basic {good}"},
            {"Authorization": f"Bearer {good}x"},
            {"Authorization": f"Bearer {good[:-1]}"},
            {"Authorization": f"Bearer {good.upper()}"},
            {"Authorization": good},
            {"X-Token": good},
        ):
            for method, path in (
                ("POST", SHOP),
                ("POST", "/v1/instances/nobody/messages"),
                ("GET", "/v1/messages/none"),
                ("GET", f"/v1/messages?access_token={good}"),
                ("GET", "/v1/openapi.json"),
                ("GET", "/nowhere"),
                ("DELETE", SHOP),
                ("OPTIONS", SHOP),
            ):
                async with web.request(method, path, headers=headers, data=b"{") as answer:
                    assert answer.status == 401, (headers, method, path)
                    assert (await answer.json())["code"] == "unauthorized"
                    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
                    assert not any("Access-Control" in name for name in answer.headers)
    assert served.queue.taken == {} and good not in caplog.text
    assert caplog.text.count("without a valid token") == 1, "it is told once in a while"


async def test_a_token_that_stands_twice_is_none(served: Served) -> None:
    good = served.token()
    twice = (f"Authorization: Bearer {good}", "Connection: close", "Content-Length: 0")
    answer = await raw(served, head(served, *twice, token=good))
    assert status_of(answer) == 401


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 404),
        ("127.0.0.1", 404),
        ("localhost:{port}", 404),
        ("LOCALHOST", 404),
        ("localhost.", 404),
        ("evil.example", 421),
        ("evil.example:{port}", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example", 421),
        ("10.0.0.1", 421),
        ("", 421),
        ("[::1]", 421),
        ("127.0.0.1:80:80", 421),
    ],
)
async def test_the_name_by_which_it_is_asked(served: Served, host: str, status: int) -> None:
    token = served.token()
    said = (
        f"GET /nowhere HTTP/1.1\r\nHost: {host.format(port=served.port)}\r\n"
        f"Authorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    )
    answer = await raw(served, said.encode())
    assert status_of(answer) == status, answer
    failure_of(answer)


async def test_a_name_of_the_settings(tmp_path: Path) -> None:
    async with serving(tmp_path, Api(hosts=("api.example",))) as served:
        token = served.token()
        for host, status in (("API.example", 404), ("api.example:443", 404), ("b.example", 421)):
            said = (
                f"GET /nowhere HTTP/1.1\r\nHost: {host}\r\n"
                f"Authorization: Bearer {token}\r\nConnection: close\r\n\r\n"
            )
            assert status_of(await raw(served, said.encode())) == status


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b"null",
        b'{"to": "+4917012345678", "text": "a", "text": "b"}',
        b'{"to": "+4917012345678", "text": "a", "priority": NaN}',
        b'{"to": "+4917012345678", "text": "a", "expires_in_s": Infinity}',
        b'{"to": "+4917012345678", "text": "a", "expires_in_s": 1e999}',
        b'{"to": "+4917012345678", "text": "a", "priority": ' + b"9" * 5000 + b"}",
        b'{"to": "+4917012345678", "text": "\\ud800"}',
        b'{"to": "+4917012345678", "text": "\xff\xfe"}',
        b'\xef\xbb\xbf{"to": "+4917012345678", "text": "a"}',
        '{"to": "+4917012345678", "text": "a"}'.encode("utf-16"),
        b'{"to": ' + b"[" * 100_000 + b"]" * 100_000 + b', "text": "a"}',
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"to": "+4917012345678", "text": "a"} x',
        b'{"to": {"to": "+4917012345678"}, "text": ["a"]}',
        b'{"\\ud800": 1}',
    ],
    ids=range(19),
)
async def test_json_of_another_kind(
    served: Served, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    said = head(served, f"Content-Length: {len(body)}", "Connection: close")
    answer = await raw(served, said, body)
    assert status_of(answer) == 400, answer
    failure_of(answer)
    assert served.queue.taken == {} and not caplog.records


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "x"])
async def test_a_body_of_another_type(served: Served, kind: str) -> None:
    async with (
        aiohttp.ClientSession(served.url, headers=served.bearer()) as web,
        web.post(SHOP, data=BODY, headers={"Content-Type": kind}) as answer,
    ):
        assert (answer.status, (await answer.json())["code"]) == (415, "content_type")


@pytest.mark.parametrize("path", [SHOP, "/v1/media"])
@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "x", "gzip, identity"])
async def test_what_is_compressed_is_not_unpacked(served: Served, path: str, coding: str) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    said = head(
        served,
        *(f"Content-Encoding: {coding}", f"Content-Length: {len(bomb)}", "Connection: close"),
        path=path,
    )
    answer = await raw(served, said, bomb)
    assert status_of(answer) == 415 and failure_of(answer)["code"] == "content_encoding"


async def test_too_much(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    most = bodies.MOST_BODY_BYTES
    told = head(served, f"Content-Length: {most + 1}", "Connection: close")
    assert status_of(await raw(served, told)) == 413, "before any of it has come"
    told = head(served, f"Content-Length: {MOST_MEDIA_BYTES + 1}", path="/v1/media")
    assert status_of(await raw(served, told)) == 413
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    said = head(served, "Transfer-Encoding: chunked", "Connection: close")
    assert status_of(await raw(served, said, *([chunk] * 20), b"0\r\n\r\n")) == 413
    monkeypatch.setattr(media, "MOST_MEDIA_BYTES", 100_000)
    said = head(served, "Transfer-Encoding: chunked", "Connection: close", path="/v1/media")
    assert status_of(await raw(served, said, chunk, chunk, b"0\r\n\r\n")) == 413
    assert list((served.root / "media").iterdir()) == []
    for line in ("X: " + "x" * 20_000, *(["\r\n".join(f"X-{n}: 1" for n in range(500))])):
        answer = await raw(served, head(served, line))
        assert status_of(answer) == 400
        failure_of(answer)
    answer = await raw(served, b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n")
    assert status_of(answer) == 400


@pytest.mark.parametrize(
    "lines",
    [
        (f"Content-Length: {len(BODY)}", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", f"Content-Length: {len(BODY)}"),
        (f"Content-Length: {len(BODY)}", "Content-Length: 3"),
        (f"Content-Length: +{len(BODY)}",),
        (f"Content-Length: {len(BODY)}_0",),
        ("Content-Length: -1",),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: xchunked", f"Content-Length: {len(BODY)}"),
        ("Transfer-Encoding : chunked",),
        (" Folded: yes", f"Content-Length: {len(BODY)}"),
        (f"Content-Length: {len(BODY)}", "Bad\x00Name: 1"),
        ("X: a\nTransfer-Encoding: chunked", f"Content-Length: {len(BODY)}"),
    ],
    ids=range(12),
)
async def test_a_request_within_a_request(
    served: Served, lines: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    token = served.token()
    inner = head(served, f"Content-Length: {len(BODY)}", token=token) + BODY
    answer = await raw(served, head(served, *lines, token=token), BODY, inner)
    assert answer.count(b"HTTP/1.") == 1 and status_of(answer) == 400, answer
    assert failure_of(answer)["code"] == "bad_request"
    assert served.queue.taken == {}
    assert token not in caplog.text and SECRET not in caplog.text


@pytest.mark.parametrize(
    "said",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\r\n" * 50 + b"x\r\n\r\n",
        b"GET / HTTP/1.1\r\nAuthorization: Bearer wzt_in-a-broken-head\x00\r\n\r\n",
    ],
    ids=range(6),
)
async def test_what_is_no_http_is_refused_and_not_quoted(
    served: Served, said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await raw(served, said)
    assert answer == b"" or status_of(answer) in (400, 421), answer
    assert "in-a-broken-head" not in caplog.text + answer.decode()
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


async def test_requests_one_after_the_other_on_a_line(served: Served) -> None:
    token = served.token()
    one = head(served, f"Content-Length: {len(BODY)}", token=token) + BODY
    last = head(served, f"Content-Length: {len(BODY)}", "Connection: close", token=token) + BODY
    answer = await raw(served, one * 20 + last)
    assert answer.count(b"HTTP/1.1 202") == 21 and len(served.queue.taken) == 21


async def test_a_token_that_is_revoked_while_a_body_comes_is_none(served: Served) -> None:
    token, body = served.token(), b'{"to": "+4917012345678", "text": "x"}'
    reader, writer = await asyncio.open_connection(HOST, served.port)
    try:
        writer.write(head(served, f"Content-Length: {len(body)}", token=token) + body[:9])
        # Whoever asks later has its answer: this one is let in by then.
        async with (
            aiohttp.ClientSession(served.url, headers=served.bearer()) as web,
            web.get("/v1/messages") as told,
        ):
            assert told.status == 200
        served.kept.clear()
        writer.write(body[9:])
        async with asyncio.timeout(ANSWER_S):
            assert b" 401 " in await reader.readline()
        assert served.queue.taken == {}
    finally:
        writer.close()


async def test_half_a_body_is_no_message(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "BODY_S", 0.2)
    monkeypatch.setattr(media, "CHUNK_S", 0.2)
    for path in (SHOP, "/v1/media"):
        answer = await raw(served, head(served, "Content-Length: 100", path=path), b'{"to":')
        assert status_of(answer) == 408 and failure_of(answer)["code"] == "too_slow"
    _, writer = await asyncio.open_connection(HOST, served.port)
    writer.write(head(served, f"Content-Length: {len(BODY) + 1}") + BODY)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    async with (
        aiohttp.ClientSession(served.url, headers=served.bearer()) as web,
        web.get("/v1/messages") as told,
    ):
        assert (await told.json())["messages"] == []
    assert served.queue.taken == {} and list((served.root / "media").iterdir()) == []


async def test_a_body_is_asked_for_after_the_token(served: Served) -> None:
    wait = ("Expect: 100-continue", f"Content-Length: {len(BODY)}", "Connection: close")
    answer = await raw(served, head(served, *wait, token="wzt_none"))
    assert answer.startswith(b"HTTP/1.1 401")
    reader, writer = await asyncio.open_connection(HOST, served.port)
    writer.write(head(served, *wait))
    async with asyncio.timeout(ANSWER_S):
        assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
        writer.write(BODY)
        assert b"HTTP/1.1 202" in await reader.read()
    writer.close()


async def test_uploads_have_an_end(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    token = served.token()
    half = head(served, "Content-Length: 100", token=token, path="/v1/media") + b"x"
    slow = [await asyncio.open_connection(HOST, served.port) for _ in range(media.MOST_AT_ONCE)]
    for _, writer in slow:
        writer.write(half)
    async with aiohttp.ClientSession(served.url, headers=served.bearer()) as web:
        async with asyncio.timeout(ANSWER_S):
            while True:
                async with web.post("/v1/media", data=b"x") as answer:
                    if answer.status == 429:
                        assert answer.headers["Retry-After"] and (await answer.json())["code"]
                        break
        for _, writer in slow:
            writer.close()
        async with asyncio.timeout(ANSWER_S):
            while True:
                async with web.post("/v1/media", data=b"x") as answer:
                    if answer.status == 201:
                        break
        async with web.post("/v1/media", data=b"") as answer:
            assert answer.status == 400


async def test_the_folder_of_uploads_has_an_end(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / ".upload-cut-short").write_bytes(b"x")
    async with serving(tmp_path, media_bytes=1_000) as served:
        assert list((tmp_path / "media").iterdir()) == []
        async with aiohttp.ClientSession(served.url, headers=served.bearer()) as web:
            async with web.post("/v1/media", data=bytes(900)) as answer:
                assert answer.status == 201
            async with web.post("/v1/media", data=bytes(200)) as answer:
                assert (answer.status, (await answer.json())["code"]) == (429, "media_full")
                assert answer.headers["Retry-After"]
        assert len(list((tmp_path / "media").iterdir())) == 1


async def test_slow_ones_keep_nobody_out(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever says nothing, half a head, or no token makes room for whoever asks."""
    kinds = (b"", b"POST /v1/inst", head(served, "Content-Length: 10", token="wzt_none"))
    slow = []
    for number in range(150):
        reader, writer = await asyncio.open_connection(HOST, served.port)
        writer.write(kinds[number % 3])
        slow.append((reader, writer))
    async with (
        aiohttp.ClientSession(served.url, headers=served.bearer()) as web,
        asyncio.timeout(ANSWER_S),
        web.get("/v1/messages") as answer,
    ):
        assert answer.status == 200
    for _, writer in slow:
        writer.close()


async def test_when_all_are_being_answered_one_more_is_told_so(served: Served) -> None:
    token = served.token()
    half = head(served, "Expect: 100-continue", "Content-Length: 10", token=token)
    busy = []
    async with asyncio.timeout(ANSWER_S):
        for _ in range(clients.MOST // 2):
            reader, writer = await asyncio.open_connection(HOST, served.port)
            busy.append(writer)
            writer.write(half)
            assert b"100 Continue" in await reader.readline()
        told = await raw(served, head(served, "Content-Length: 0"))
    assert status_of(told) == 503 and b"Retry-After: 1\r\n" in told
    assert failure_of(told)["code"] == "busy"
    for writer in busy:
        writer.close()


# -- where it listens -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("api", "words"),
    [
        (Api(Address("0.0.0.0", 8480)), "other machines"),
        (Api(Address("::", 8480)), "other machines"),
        (Api(Address("192.0.2.1", 8480)), "other machines"),
        (Api(Address("box.example", 8480)), "other machines"),
        (Api(Address("0.0.0.0", 8480), allow_remote=True), "openly"),
        (Api(Address("0.0.0.0", 8480), behind_proxy=True), "other machines"),
        (Api(Address("127.0.0.1", 8480), tls_cert=Path("/a")), "alone"),
        (Api(Address("127.0.0.1", 8480), tls_cert=Path("/a"), tls_key=Path("/b")), "certificate"),
    ],
)
async def test_where_it_must_not_listen(tmp_path: Path, api: Api, words: str) -> None:
    with pytest.raises(FleetError, match=words) as refused:
        async with serving(tmp_path, api):
            pytest.fail("it listens")
    assert str(refused.value).startswith("the API does not answer: ") and refused.value.hint
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback(host: str) -> None:
    assert Api(Address(host, 1)).refusal(Listener.API) is None


async def test_for_other_machines_behind_a_proxy(tmp_path: Path) -> None:
    api = Api(Address("0.0.0.0", free_port()), allow_remote=True, behind_proxy=True)
    async with (
        serving(tmp_path, api) as served,
        aiohttp.ClientSession(served.url, headers=served.bearer()) as web,
        web.get("/v1/messages") as answer,
    ):
        assert answer.status == 200


async def test_a_port_in_use(served: Served) -> None:
    api = Api(Address(HOST, served.port))
    with pytest.raises(FleetError, match="Address already in use"):
        async with serving(served.root, api):
            pytest.fail("the port is taken")


def certificate(folder: Path) -> tuple[Path, Path]:
    """The files of a certificate for localhost, and of its key."""
    key, cert = folder / "api.key", folder / "api.crt"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-keyout", str(key), "-out", str(cert), "-days", "1"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return cert, key


async def test_encrypted(tmp_path: Path) -> None:
    cert, key = await asyncio.to_thread(certificate, tmp_path)
    api = Api(Address("0.0.0.0", free_port()), allow_remote=True, tls_cert=cert, tls_key=key)
    context = ssl.create_default_context(cafile=str(cert))
    async with serving(tmp_path, api) as served:
        async with aiohttp.ClientSession(headers=served.bearer()) as web:
            url = f"https://localhost:{served.port}/v1/messages"
            async with web.get(url, ssl=context) as answer:
                assert answer.status == 200
        assert b"HTTP" not in await raw(served, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    with pytest.raises(FleetError, match="certificate"):
        async with serving(tmp_path, replace(api, tls_key=cert)):
            pytest.fail("that is no key")
