"""Clients of the facade that mean no good, or do not know better."""

import asyncio
import gzip
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gateway.api.scripted import HOST
from tests.gateway.facade.served import CALLED, TEXT, TO, Served, serving_facade
from waziterm.config.settings import Facade
from waziterm.domain.errors import FleetError
from waziterm.gateway import request_body
from waziterm.gateway.facade import answers, parameters
from waziterm.health import clients

ANSWER_S = 10.0
Form = dict[str, str]
WRONG = "The request cannot be read: "


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


def request(served: Served, *lines: str, method: str = "POST", path: str = "/api/send") -> bytes:
    said = [f"{method} {path} HTTP/1.1", f"Host: {HOST}:{served.port}", "Connection: close", *lines]
    return "\r\n".join((*said, "", "")).encode("utf-8", "surrogateescape")


def told_in(answer: bytes, status: int = 200) -> dict[str, Any]:
    """The document of an answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert int(head.split(b" ", 2)[1]) == status, head
    found = json.loads(body)
    assert isinstance(found, dict) and found["status"] in ("success", "error")
    return found


async def test_what_cannot_be_read_is_said_to_be(served: Served) -> None:
    kinds = {
        "json": "application/json",
        "form": "application/x-www-form-urlencoded",
        "parts": "multipart/form-data; boundary=B",
    }
    for kind, body, why in (
        ("json", b"{", "its body is not JSON"),
        ("json", b"[]", "its body is not a JSON object"),
        ("json", b'"text"', "its body is not a JSON object"),
        ("json", b"\xff{}", "it is not UTF-8"),
        ("json", b'{"message": "\\ud800"}', "it is not UTF-8"),
        ("json", b'{"message": NaN}', "its body is not JSON"),
        ("json", b'{"a":' * 50_000, "its body is not JSON"),
        ("json", b'{"number": ' + b"1" * 5000 + b"}", "its body is not JSON"),
        ("form", b'{"message": "x"', "its body is not JSON"),
        ("form", b"message=%ff", "it is not UTF-8"),
        ("form", b"\xff=1", "it is not UTF-8"),
        ("form", b"&".join(b"a%d=1" % each for each in range(200)), "its body has more than 100"),
        ("parts", b"--B\r\n", "its body is not complete"),
        ("parts", b"--B\r\n\r\nx\r\n--B--", "its body has a part without a name"),
        (
            "parts",
            b"--B\r\nContent-Disposition: x\r\n\r\nx\r\n--B--",
            "its body has a part without",
        ),
        ("parts", b"\r\n--B" * 200 + b"--", "its body has more than 100"),
        (
            "parts",
            b'--B\r\nContent-Disposition: form-data; name="message"\r\n\r\n\xff\r\n--B--',
            "it is not UTF-8",
        ),
    ):
        told = await served.asked("/api/send", data=body, headers={"Content-Type": kinds[kind]})
        assert told["message"].startswith(f"{WRONG}{why}"), (body[:40], told)
    more = {"Content-Type": "multipart/form-data"}
    told = await served.asked("/api/send", data=b"--B--", headers=more)
    assert told["message"] == f"{WRONG}its body has no boundary"
    told = await served.asked("/api/send?" + "&".join(f"a{each}" for each in range(200)), "GET")
    assert told["message"] == f"{WRONG}its query has more than 100 parameters"
    packed = gzip.compress(b"{}")
    told = await served.asked("/api/send", data=packed, headers={"Content-Encoding": "gzip"})
    assert told["message"] == "the body must not be compressed"
    assert await served.texts() == []


async def test_bytes_in_the_query_that_are_no_text(served: Served) -> None:
    start = f"/api/send?access_token={served.token}&instance_id={CALLED}&number={TO}&message="
    told = told_in(await raw(served, request(served, method="GET", path=f"{start}%ff")))
    assert told["message"] == f"{WRONG}it is not UTF-8"
    told = told_in(await raw(served, request(served, method="GET", path=f"{start}gr%C3%BCn")))
    assert told["status"] == "success"
    # What is not encoded is no HTTP, and refused before it is a request.
    for bare in ("\udcff", "gr\u00fcn", "two words"):
        answer = await raw(served, request(served, method="GET", path=f"{start}{bare}"))
        assert told_in(answer, 400)["code"] == "bad_request"
    assert [text for _, _, text in await served.texts()] == ["gr\u00fcn"]


async def test_too_much_and_too_slow(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    most = parameters.MOST_BODY_BYTES
    told = told_in(await raw(served, request(served, f"Content-Length: {most + 1}")))
    assert told["message"] == f"the body has more than {most} bytes", "before any of it has come"
    told = await served.asked("/api/send", data=b"a" * (most + 1))
    assert told["code"] == "too_large"
    monkeypatch.setattr(request_body, "BODY_S", 0.2)
    told = told_in(await raw(served, request(served, "Content-Length: 9"), b"a"))
    assert told["code"] == "too_slow"


async def test_only_get_and_post_are_requests(served: Served) -> None:
    said = {"access_token": served.token, "instance_id": CALLED, "number": TO, "message": TEXT}
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        told = await served.asked("/api/send", method, params=said)
        assert told["message"] == "A request is a GET or a POST"
    async with served.web.head("/api/send", params=said) as answer:
        assert answer.status == 200
        assert not any("Access-Control" in name for name in answer.headers)
    assert await served.texts() == [], "a preview sends nothing"


async def test_what_is_no_path(served: Served) -> None:
    for path in (
        *("/", "/api", "/api/", "/api/send/x", "/api//send", "/send.phpx", "/api/%2e%2e/x"),
        *("/x/api/send", "/api/send.php.php", "/" + "a" * 4000, "/api/s\u00e9nd"),
    ):
        told = await served.said(path, instance_id=CALLED)
        assert told["message"] == "There is no such request", path


@pytest.mark.parametrize("host", ["evil.example", "10.0.0.1", "127.0.0.1.evil.example", ""])
async def test_another_host_is_not_answered_for(served: Served, host: str) -> None:
    lines = f"GET /api/get_groups?access_token={served.token}&instance_id={CALLED} HTTP/1.1"
    answer = await raw(served, f"{lines}\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert told_in(answer)["code"] == "host"


async def test_http_itself_is_refused_as_it_must_be_and_quotes_nothing(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    secret = f"access_token={served.token}"
    for wrong in (
        f"GET /api/send?{secret}&message={TEXT} and more HTTP/1.1\r\n\r\n",
        f"GET /api/send?{secret}&message={'x' * 9000} HTTP/1.1\r\nHost: a\r\n\r\n",
        f"POST /api/send?{secret} HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    ):
        answer = await raw(served, wrong.encode())
        assert told_in(answer, 400)["status"] == "error"
        assert served.token.encode() not in answer and TEXT.encode() not in answer
    assert served.token not in caplog.text and TEXT not in caplog.text


async def test_nobody_without_a_token_learns_anything_and_the_log_says_it_once(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    for token in ("x", served.token[:-1], served.token + "x", served.token.upper(), "*"):
        for path in ("send", "create_instance", "get_qrcode", "set_webhook", "get_groups"):
            told = await served.said(f"/api/{path}", access_token=token, instance_id=CALLED)
            assert told == {"status": "error", "message": "Access token does not exist"}
    headers = {"Authorization": f"Bearer {served.token}"}
    told = await served.asked(f"/api/get_groups?instance_id={CALLED}", headers=headers)
    assert told["message"] == "Access token is required"
    assert caplog.text.count("without a valid token") == 1


async def test_a_fault_of_ours_says_nothing_of_what_was_sent(
    served: Served, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, message in (
        (RuntimeError(TEXT), "An unexpected error was met"),
        (
            FleetError("messages.db is full"),
            answers.CANNOT_CONNECT,
        ),
    ):

        async def fails(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        monkeypatch.setattr(served.manager.queue, "accept", fails)
        told = await served.said("/api/send", instance_id=CALLED, number=TO, message=TEXT)
        assert told["message"] == message and TEXT not in str(told)
    assert TEXT not in caplog.text and served.token not in caplog.text
    assert "RuntimeError" in caplog.text and "messages.db is full" in caplog.text


async def test_secrets_reach_no_file_but_their_own(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await served.said("/api/send", "GET", instance_id=CALLED, number=TO, message=TEXT)
    url = "https://127.0.0.1/the-path-that-nobody-logs"
    await served.said("/api/send", "GET", instance_id=CALLED, number=TO, media_url=url)
    await served.said("/api/reset_instance", "GET", instance_id=CALLED, message=TEXT)
    for secret in (TEXT, TO, "the-path-that-nobody-logs", served.token):
        assert secret not in caplog.text
        held = holding(served.root, secret)
        assert held <= {"messages.db", "messages.db-wal"}, (secret, held)
    assert not any(served.token in str(each) for each in await served.manager.audit())


def holding(root: Path, text: str) -> set[str]:
    files = [path for path in root.rglob("*") if path.is_file()]
    return {path.name for path in files if text.encode() in path.read_bytes()}


@asynccontextmanager
async def many(served: Served, count: int) -> AsyncIterator[list[asyncio.StreamWriter]]:
    """Clients that have begun to ask, and go on no further."""
    opened = []
    for _ in range(count):
        _, writer = await asyncio.open_connection(HOST, served.port)
        writer.write(request(served, "Content-Length: 9")[:-2])
        opened.append(writer)
    try:
        yield opened
    finally:
        for writer in opened:
            writer.close()


async def test_slow_clients_keep_nobody_out(served: Served) -> None:
    async with many(served, clients.MOST * 2):
        async with asyncio.timeout(ANSWER_S):
            told = await served.said("/api/get_groups", instance_id=CALLED)
        assert told["status"] == "success"


async def test_a_proxy_s_name_is_answered_for(folder: Path) -> None:
    facade = replace(Facade(), hosts=("wa.example",))
    async with serving_facade(folder, "shop", facade=facade) as served:
        headers = {"Host": "wa.example"}
        said = {"access_token": served.token, "instance_id": CALLED}
        told = await served.asked("/api/get_groups", data=said, headers=headers)
        assert told["status"] == "success"


VALUES = st.one_of(
    st.text(max_size=40),
    st.sampled_from(("", TO, f"+{TO}", "text", "media", "true", CALLED, "\0", "a" * 500)),
)
NAMES = st.sampled_from(
    (
        *("access_token", "instance_id", "number", "group_id", "type", "message", "media_url"),
        *("filename", "enable", "webhook_url", "phone", "x"),
    )
)
PATHS = st.sampled_from(
    ("send", "send.php", "send_group", "sendgroup.php", "reset_instance", "set_webhook",
     "get_groups", "reconnect", "reboot", "get_qrcode", "get_paircode", "nothing")
)  # fmt: skip
JSON = st.recursive(
    st.one_of(VALUES, st.integers(), st.floats(), st.booleans(), st.none()),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=4,
)


async def test_any_mix_of_query_form_and_json_is_answered(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.get_running_loop()

    async def ask(
        path: str, query: Form, form: Form | None, body: dict[str, Any], kind: str
    ) -> None:
        # One that is linked and stopped: whatever is asked reaches no network.
        query = query | {"access_token": served.token}
        more: dict[str, Any] = {"data": form}
        if form is None:
            more = {"data": json.dumps(body), "headers": {"Content-Type": kind}}
        if query.get("media_url", body.get("media_url")):
            query["type"] = "text"
        told = await served.asked(f"/api/{path}", params=query, **more)
        assert told.get("code") != "fault", told

    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(
        PATHS,
        st.dictionaries(NAMES, VALUES, max_size=6),
        st.none() | st.dictionaries(NAMES, VALUES, max_size=6),
        st.dictionaries(NAMES, JSON, max_size=6),
        st.sampled_from(("application/json", "text/plain", "application/x-www-form-urlencoded")),
    )
    def run(path: str, query: Form, form: Form | None, body: dict[str, Any], kind: str) -> None:
        asyncio.run_coroutine_threadsafe(ask(path, query, form, body, kind), loop).result(ANSWER_S)

    await asyncio.to_thread(run)
    assert served.token not in caplog.text and "failed" not in caplog.text
