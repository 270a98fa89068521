"""The API over a real socket: shapes, statuses, and what strange requests get."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.control.scripted import QR_TEXT, ScriptedFleet, connected_view
from waziterm.control.server.app import BODY_LIMIT, serve_control
from waziterm.domain.fleet.api import FleetError, FleetView, SendResult

FIELDS = (
    *("name", "state", "reason", "code", "sentence", "detail", "next_step", "wanted", "paired"),
    *("jid", "since", "next_attempt", "connected_since", "uptime_s", "attempt"),
    *("attempts", "attempts_ok", "probe_s", "probed_at", "sent", "proxy", "pid", "phone"),
    *("version", "qr", "no_new_chats_until", "other_number", "silenced_until", "phone_seen_at"),
    *("note", "tags", "device_name", "isolated", "receipts", "messages"),
)


async def ask(path: Path, method: str, url: str, **options: Any) -> httpx.Response:
    transport = httpx.AsyncHTTPTransport(uds=str(path), verify=False, trust_env=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://waziterm", trust_env=False
    ) as client:
        return await client.request(method, url, **options)


async def test_an_instance_has_exactly_the_documented_fields(folder: Path) -> None:
    began = 1_767_225_600.0
    fleet = ScriptedFleet(connected_view("shop-a", began), at=began + 90.0)
    path = folder / "c.sock"
    async with serve_control(fleet, path):
        answer = await ask(path, "GET", "/v1/instances/shop-a")
    assert answer.status_code == 200
    found = answer.json()
    assert tuple(found) == FIELDS
    assert found == {
        **found,
        "state": "connected",
        "reason": "online",
        "wanted": "running",
        "paired": True,
        "jid": "+62812••••4411:3@s.whatsapp.net",
        "since": "2026-01-01T00:00:00.000Z",
        "connected_since": "2026-01-01T00:00:00.000Z",
        "uptime_s": 90.0,
        "probed_at": "2026-01-01T00:00:30.000Z",
        "next_attempt": None,
        "sent": 3,
        "pid": 4121,
        "qr": None,
    }


async def test_the_fleet_and_its_list_agree(socket_path: Path) -> None:
    fleet = (await ask(socket_path, "GET", "/v1/fleet")).json()
    listed = (await ask(socket_path, "GET", "/v1/instances")).json()
    assert fleet["lab"] is True
    assert (fleet["attempts"], fleet["attempts_ok"]) == (4, 3)
    assert [one["name"] for one in fleet["instances"]] == ["shop-a", "shop-b", "shop-c"]
    assert [one["name"] for one in listed] == ["shop-a", "shop-b", "shop-c"]


async def test_a_qr_text_is_in_its_own_answer_and_in_no_other(socket_path: Path) -> None:
    answer = await ask(socket_path, "GET", "/v1/instances/shop-b/qr")
    code = answer.json()
    assert (code["payload"], code["index"], code["count"]) == (QR_TEXT, 2, 6)
    assert 0 < code["seconds_left"] <= 15
    for url in ("/v1/fleet", "/v1/instances", "/v1/instances/shop-b"):
        answer = await ask(socket_path, "GET", url)
        assert QR_TEXT not in answer.text
        assert answer.status_code == 200


async def test_no_qr_is_said_with_the_reason(socket_path: Path) -> None:
    answer = await ask(socket_path, "GET", "/v1/instances/shop-a/qr")
    assert answer.status_code == 409
    assert "shop-a shows no QR code: connected" in answer.json()["error"]


@pytest.mark.parametrize(
    ("verb", "body", "call", "state"),
    [
        ("start", {}, ("start", "shop-c"), "connecting"),
        ("stop", None, ("stop", "shop-c"), "stopped"),
        ("clean", {}, ("clean", "shop-c", False), "stopped"),
        ("reconnect", {}, ("reconnect", "shop-c", False), "connecting"),
        ("reconnect", {"takeover": True}, ("reconnect", "shop-c", True), "connecting"),
    ],
)
async def test_a_command_reaches_the_fleet(
    socket_path: Path,
    fleet: ScriptedFleet,
    verb: str,
    body: dict[str, Any] | None,
    call: tuple[object, ...],
    state: str,
) -> None:
    answer = await ask(socket_path, "POST", f"/v1/instances/shop-c/{verb}", json=body)
    assert answer.status_code == 200
    assert answer.json()["state"] == state
    assert fleet.calls == [call]


async def test_a_command_for_one_makes_no_view_of_the_others(folder: Path) -> None:
    """With a thousand instances that took as long as the command itself, each time."""

    class Large(ScriptedFleet):
        def snapshot(self) -> FleetView:
            raise AssertionError("all instances were looked at for one")

    path = folder / "c.sock"
    async with serve_control(Large(connected_view("shop-a")), path):
        done = await ask(path, "POST", "/v1/instances/shop-a/stop")
        unknown = await ask(path, "POST", "/v1/instances/shop-z/stop")
    assert (done.status_code, unknown.status_code) == (200, 404)


async def test_add_normalises_what_was_typed_and_masks_it_again(
    socket_path: Path, fleet: ScriptedFleet
) -> None:
    body = {"name": "new", "phone": "+62 812-3456.7890", "proxy": "socks5://me:secret@host:1080/"}
    answer = await ask(socket_path, "POST", "/v1/instances", json=body)
    assert answer.status_code == 201
    assert fleet.calls == [("add", "new", "+6281234567890", "socks5://me:secret@host:1080")]
    assert answer.json()["proxy"] == "socks5://•••@host:1080"
    assert "secret" not in answer.text


async def test_a_send_test_waits_for_its_result(socket_path: Path, fleet: ScriptedFleet) -> None:
    fleet.sent = SendResult(False, 60.0, "", "no answer in 60 s")
    answer = await ask(
        socket_path, "POST", "/v1/instances/shop-a/send-test", json={"to": "+6281234567890"}
    )
    assert answer.status_code == 200
    assert answer.json() == {
        "ok": False,
        "took_s": 60.0,
        "message_id": "",
        "error": "no answer in 60 s",
        "code": "",
        "next_step": "",
    }
    assert fleet.calls == [("send_test", "shop-a", "+6281234567890")]


async def test_half_a_character_is_a_question_mark(socket_path: Path, fleet: ScriptedFleet) -> None:
    body = rb'{"message": "\ud83d"}'
    answer = await ask(socket_path, "POST", "/v1/alerts/retry", content=body)
    assert answer.status_code == 200
    assert fleet.calls == [("retry_alerts", "?")]


async def test_the_janitor_tells_its_acts(socket_path: Path, fleet: ScriptedFleet) -> None:
    answer = await ask(socket_path, "POST", "/v1/janitor", json={"dry_run": True})
    assert answer.json() == [
        {"kind": "report", "subject": "lost.db", "why": "a session file without an instance"}
    ]
    assert fleet.calls == [("tidy_up", True)]


async def test_the_logs_are_limited(socket_path: Path) -> None:
    answer = await ask(socket_path, "GET", "/v1/instances/shop-a/logs?limit=2")
    assert [(line["seq"], line["source"], line["text"]) for line in answer.json()] == [
        (9, "library", "line 9"),
        (10, "library", "line 10"),
    ]


POST, GET = "POST", "GET"
NEW, ONE = "/v1/instances", "/v1/instances/shop-a"


@pytest.mark.parametrize(
    ("method", "url", "content", "status", "code", "words"),
    [
        (GET, "/v1/instances/nobody", None, 404, 2, "no instance is called 'nobody'"),
        (GET, "/v1/instances/Shop%20A", None, 400, 2, "cannot be an instance name"),
        (GET, "/v1/instances/%00%1b%5b2J", None, 400, 2, "cannot be an instance name"),
        (GET, "/v2/instances", None, 404, 2, "no such path"),
        (GET, "/", None, 404, 2, "no such path"),
        ("DELETE", ONE, None, 405, 2, "GET"),
        (GET, f"{ONE}/logs?limit=0", None, 400, 2, "'limit' must be"),
        (GET, f"{ONE}/logs?limit=-1", None, 400, 2, "'limit' must be"),
        (GET, f"{ONE}/logs?limit=many", None, 400, 2, "'limit' must be"),
        (GET, f"{ONE}/logs?limit=9999999999999", None, 400, 2, "'limit' must be"),
        (GET, f"{ONE}/logs?lines=4", None, 400, 2, "unknown query value"),
        (POST, NEW, b"", 400, 2, "'name' is missing"),
        (POST, NEW, b"{", 400, 2, "not JSON"),
        (POST, NEW, b"\xff\xfe\x00", 400, 2, "not JSON"),
        (POST, NEW, b"[" * 9000, 400, 2, "not JSON"),
        (POST, NEW, b"[]", 400, 2, "not a JSON object"),
        (POST, NEW, b'{"name": 3}', 400, 2, "'name' must be a text"),
        (POST, NEW, b'{"name": "UPPER"}', 400, 2, "cannot be an instance name"),
        (POST, NEW, b'{"name": "\\ud800"}', 400, 2, "cannot be an instance name"),
        (POST, NEW, b'{"name": "x", "colour": 1}', 400, 2, "unknown field 'colour'"),
        (POST, NEW, b'{"name": "x", "phone": "0812"}', 400, 2, "country code"),
        (POST, NEW, b'{"name": "x", "proxy": "ftp://h:1"}', 400, 2, "socks5"),
        (POST, NEW, b'{"name": "shop-a"}', 409, 1, "exists already"),
        (POST, f"{ONE}/reconnect", b'{"takeover": "yes"}', 400, 2, "true or false"),
        (POST, f"{ONE}/start", b'{"takeover": true}', 400, 2, "unknown field 'takeover'"),
        (POST, f"{ONE}/send-test", b'{"to": "+1 555"}', 400, 2, "too short"),
        (POST, NEW, b" " * (BODY_LIMIT + 1), 413, 2, "larger than"),
    ],
)
async def test_a_wrong_request_gets_one_clear_line(
    socket_path: Path,
    fleet: ScriptedFleet,
    method: str,
    url: str,
    content: bytes | None,
    status: int,
    code: int,
    words: str,
) -> None:
    answer = await ask(socket_path, method, url, content=content)
    assert answer.status_code == status
    body = answer.json()
    assert set(body) == {"error", "code", "hint"}
    assert words in body["error"]
    assert body["code"] == code
    assert "\n" not in body["error"]
    assert [call for call in fleet.calls if call[:2] != ("add", "shop-a")] == []


@pytest.mark.parametrize(("code", "status"), [(1, 409), (2, 400), (3, 503)])
async def test_a_refusal_of_the_fleet_keeps_its_words(
    socket_path: Path, fleet: ScriptedFleet, code: int, status: int
) -> None:
    fleet.refuse = FleetError("shop-a is in its cool-down", "r tries at once", code)
    answer = await ask(socket_path, "POST", f"{ONE}/reconnect")
    assert answer.status_code == status
    assert answer.json() == {
        "error": "shop-a is in its cool-down",
        "code": code,
        "hint": "r tries at once",
    }


async def test_a_fault_of_ours_is_logged_and_told_without_its_traceback(
    socket_path: Path, fleet: ScriptedFleet, caplog: pytest.LogCaptureFixture
) -> None:
    fleet.refuse = RuntimeError("a private matter")
    answer = await ask(socket_path, "POST", f"{ONE}/start")
    assert answer.status_code == 500
    assert answer.json()["error"] == "the manager met an unexpected error"
    assert "private" not in answer.text
    assert "a private matter" in caplog.text


async def test_the_end_does_not_wait_for_a_request_that_hangs(
    fleet: ScriptedFleet, folder: Path
) -> None:
    entered = asyncio.Event()

    class Hanging(ScriptedFleet):
        async def send_test(self, name: str, to: str | None = None) -> SendResult:
            entered.set()
            await asyncio.Event().wait()
            raise AssertionError

    path = folder / "c.sock"
    async with asyncio.timeout(15):
        async with serve_control(Hanging(connected_view("shop-a")), path):
            hanging = asyncio.create_task(ask(path, "POST", f"{ONE}/send-test", json={}))
            await entered.wait()
        assert not path.exists()
        with pytest.raises(httpx.HTTPError):
            await hanging


async def test_json_is_plain_ascii_on_the_wire(socket_path: Path) -> None:
    answer = await ask(socket_path, "GET", "/v1/instances/shop-a")
    assert answer.content.isascii()
    assert "•" in json.loads(answer.content)["jid"]
