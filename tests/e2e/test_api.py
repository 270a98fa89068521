"""The API of the real program: a message from a request to a phone, and what must not get out."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import aiohttp

from tests.e2e.test_process import pair
from tests.gateway.api.scripted import HOST, free_port
from tests.programs import headless
from waziterm.lab.client import Lab

TEXT = "the-text-of-the-api-canary"
DEADLINE_S = 30.0


async def asked(
    web: aiohttp.ClientSession, method: str, path: str, **more: Any
) -> tuple[int, dict[str, Any]]:
    async with web.request(method, path, **more) as answer:
        return answer.status, await answer.json()


def holding(folder: Path, secret: str) -> list[str]:
    """The files below a folder that hold a text, by their names."""
    return sorted(
        path.name
        for path in folder.rglob("*")
        if path.is_file() and secret.encode() in path.read_bytes()
    )


async def test_from_a_request_to_a_phone(lab: Lab, folder: Path) -> None:
    port = free_port()
    settings = {"WAZITERM_API__ADDRESS": str(port), "WAZITERM_PACING__ENABLED": "false"}
    async with headless(folder / "data", lab.file, **settings) as program:
        number = await pair(program, lab, "shop")
        made = (await program.verb("token", "add", "web", "--instance", "sh*", "--json")).json
        assert made["name"] == "web" and made["instances"] == ["sh*"]
        headers = {"Authorization": f"Bearer {made['token']}"}
        async with aiohttp.ClientSession(f"http://{HOST}:{port}", headers=headers) as web:
            body = {"to": f"+{number}", "text": TEXT, "ref": "order-17"}
            key = {"Idempotency-Key": "one"}
            path = "/v1/instances/shop/messages"
            status, sent = await asked(web, "POST", path, json=body, headers=key)
            assert (status, sent["instance"]) == (202, "shop") and number not in str(sent)
            assert (await lab.wait_message(number, DEADLINE_S)).text == TEXT
            again = await asked(web, "POST", path, json=body, headers=key)
            assert again[0] == 202 and again[1]["id"] == sent["id"]
            async with asyncio.timeout(DEADLINE_S):
                while True:
                    _, view = await asked(web, "GET", f"/v1/messages/{sent['id']}")
                    if view["state"] not in ("queued", "sending"):
                        break
            assert view["state"] in ("sent", "delivered", "read") and TEXT not in str(view)
            _, page = await asked(web, "GET", "/v1/messages?ref=order-17")
            assert [each["id"] for each in page["messages"]] == [sent["id"]]
            status, told = await asked(
                web, "POST", path, json=body | {"text": "other"}, headers=key
            )
            assert (status, told["code"]) == (422, "other_body")
            status, told = await asked(web, "POST", path, json=body | {"to": "+49"})
            assert (status, told["code"]) == (400, "wrong_recipient")
            assert (await program.verb("rename", "shop", "pub")).code == 0
            status, told = await asked(web, "POST", path, json=body)
            assert (status, told["code"]) == (404, "instance_not_found"), "a former name"
            assert (await asked(web, "GET", f"/v1/messages/{sent['id']}"))[0] == 404
            assert (await program.verb("token", "revoke", "web")).code == 0
            assert (await asked(web, "GET", "/v1/messages"))[0] == 401
        found = holding(folder / "data", made["token"])
        assert found == [], "nothing keeps a token"
        kept = [name for name in holding(folder / "data", TEXT) if "messages.db" not in name]
        assert kept == []


async def test_a_port_that_is_taken_costs_the_api_alone(lab: Lab, folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        address = f"{HOST}:{taken.getsockname()[1]}"
        async with headless(folder / "data", lab.file, WAZITERM_API__ADDRESS=address) as program:
            await pair(program, lab, "shop")
            findings = (await program.verb("check", "--json")).json["findings"]
            (finding,) = (each for each in findings if each["kind"] == "listener_silent")
            assert finding["evidence"] == (
                f"the API does not answer: {address} cannot be listened on: Address already in use"
            )
            log = (folder / "data" / "logs" / "waziterm.log").read_text()
            assert log.count("the API does not answer") == 1
    async with headless(folder / "data", lab.file, WAZITERM_API__ADDRESS="0.0.0.0:1") as program:
        findings = (await program.verb("check", "--json")).json["findings"]
        (finding,) = (each for each in findings if each["kind"] == "listener_silent")
        assert "other machines would reach 0.0.0.0:1" in finding["evidence"]


async def test_a_file_that_was_moved_away_is_told_and_takes_nothing(lab: Lab, folder: Path) -> None:
    port = free_port()
    async with headless(
        folder / "data", lab.file, **{"WAZITERM_API__ADDRESS": str(port)}
    ) as program:
        number = await pair(program, lab, "shop")
        token = (await program.verb("token", "add", "web", "--json")).json["token"]
        headers = {"Authorization": f"Bearer {token}"}
        path, body = "/v1/instances/shop/messages", {"to": f"+{number}", "text": TEXT}
        kept, aside = folder / "data" / "messages.db", folder / "aside.db"
        async with aiohttp.ClientSession(f"http://{HOST}:{port}", headers=headers) as web:
            status, first = await asked(web, "POST", path, json=body)
            assert status == 202
            kept.rename(aside)
            assert (await asked(web, "POST", path, json=body))[0] == 503
            assert (await asked(web, "GET", f"/v1/messages/{first['id']}"))[0] == 200
            (finding,) = (await program.verb("check", "--json")).json["findings"]
            assert finding["kind"] == "messages_refused" and TEXT not in str(finding)
            aside.rename(kept)
            assert (await asked(web, "POST", path, json=body))[0] == 202
            assert (await program.verb("check", "--json")).json["findings"] == []
