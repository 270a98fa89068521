"""A pairing code over the socket: in its own answer and on the stream, and nowhere else."""

from pathlib import Path

import pytest

from tests.control.live import LiveFleet
from tests.control.scripted import CODE_TEXT, ScriptedFleet, pairing_view
from tests.control.test_server import ask
from waziterm.control.client.remote import attached
from waziterm.control.server.app import serve_control
from waziterm.domain.fleet.api import FleetError
from waziterm.domain.fleet.readonly import read_only

URL = "/v1/instances/shop-b/pairing-code"


async def test_the_answer_has_the_code_and_no_other_answer_has(
    socket_path: Path, fleet: ScriptedFleet
) -> None:
    answer = await ask(socket_path, "POST", URL, json={"phone": "+62 812-3456.7890"})
    assert answer.status_code == 200
    told = answer.json()
    assert told["code"] == CODE_TEXT and 149 < told["seconds_left"] <= 150
    assert set(told) == {"code", "seconds_left"}
    assert fleet.calls == [("pairing_code", "shop-b", "+6281234567890")]
    for url in ("/v1/fleet", "/v1/instances", "/v1/instances/shop-b"):
        assert CODE_TEXT not in (await ask(socket_path, "GET", url)).text


@pytest.mark.parametrize("body", [{"phone": "0812"}, {"phone": 62}, {"number": "+62"}])
async def test_a_wrong_body_never_reaches_the_fleet(
    socket_path: Path, fleet: ScriptedFleet, body: dict[str, object]
) -> None:
    assert (await ask(socket_path, "POST", URL, json=body)).status_code == 400
    assert fleet.calls == []


async def test_a_refusal_is_told(socket_path: Path, fleet: ScriptedFleet) -> None:
    fleet.refuse = FleetError("shop-b is connected")
    answer = await ask(socket_path, "POST", URL)
    assert (answer.status_code, answer.json()["error"]) == (409, "shop-b is connected")


async def test_an_attached_screen_gets_it_and_one_that_only_watches_cannot_ask(
    folder: Path,
) -> None:
    fleet = LiveFleet(pairing_view("shop-b"))
    path = folder / "c.sock"
    async with serve_control(fleet, path), attached(path, lambda: 4711) as far:
        view = await far.pairing_code("shop-b")
        assert view.code is not None and view.code.text == CODE_TEXT
        assert view.qr == pairing_view("shop-b", view.qr.expires_at if view.qr else 0.0).qr
        with pytest.raises(FleetError, match="only watches: pair-code"):
            await read_only(far).pairing_code("shop-b")
    assert fleet.calls == [("pairing_code", "shop-b", None)]
