"""Old clients of Waziper before the real program: from a new instance to a phone, and what must not
get out."""

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from PIL import Image

from tests.e2e.test_api import holding
from tests.e2e.test_process import until_state
from tests.gateway.api.scripted import HOST, free_port
from tests.moving.foreign import aged
from tests.moving.sample import JID, PEERS, unpack
from tests.programs import Headless, headless, verb
from tests.qrscan import read_codes
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab, run_lab
from waziterm.lab.events import EventKind
from waziterm.lab.trouble import TroubleKind

TEXT = "the-text-of-the-facade-canary"
DEADLINE_S = 30.0


class Client:
    """One that asks as old clients do. codes: the QR codes that it was shown."""

    def __init__(self, session: aiohttp.ClientSession, token: str) -> None:
        self._session = session
        self._token = token
        self.codes: list[str] = []

    async def ask(self, path: str, **said: str) -> dict[str, Any]:
        said = {"access_token": self._token} | said
        async with self._session.post(f"/api/{path}", data=said) as answer:
            assert answer.status == 200
            found = await answer.json()
            assert isinstance(found, dict)
            return found

    async def code(self, instance: str) -> str:
        """The text of the QR code in the picture that it is shown."""
        told = await self.ask("get_qrcode", instance_id=instance)
        assert told["message"] == "Success", told
        kind, _, data = told["base64"].partition(",")
        assert kind == "data:image/png;base64"
        (found,) = read_codes(Image.open(io.BytesIO(base64.b64decode(data))).convert("L"))
        self.codes.append(found)
        return found

    async def until(self, path: str, instance: str) -> dict[str, Any]:
        """What is answered once it is a success."""
        async with asyncio.timeout(DEADLINE_S):
            while (told := await self.ask(path, instance_id=instance))["status"] != "success":
                pass
        return told


@asynccontextmanager
async def served(
    data: Path, lab: Lab, *tokens: str, **settings: str
) -> AsyncIterator[tuple[Headless, Client]]:
    port = free_port()
    settings |= {"WAZITERM_FACADE__ADDRESS": str(port), "WAZITERM_PACING__ENABLED": "false"}
    async with (
        headless(data, lab.file, **settings) as program,
        aiohttp.ClientSession(f"http://{HOST}:{port}") as session,
    ):
        added = await program.verb("token", "add", "old", "--json", *tokens)
        yield program, Client(session, added.json["token"])


ALL = ("--scope", "send", "--scope", "read", "--scope", "manage")


async def test_from_a_new_instance_to_a_phone_and_a_new_scan(lab: Lab, folder: Path) -> None:
    async with served(folder / "data", lab, *ALL) as (program, client):
        made = (await client.ask("create_instance"))["instance_id"]
        first = await client.code(made)
        assert await client.code(made) == first, "a code that is valid is shown again"
        phone = await lab.scan(first)
        told = await client.until("reconnect", made)
        assert told["data"]["id"].startswith(phone.number)
        assert (await client.ask("get_qrcode", instance_id=made))["message"] == (
            "Instance ID has been used"
        )
        send = {"instance_id": made, "number": phone.number, "type": "text", "message": TEXT}
        sent = await client.ask("send", **send)
        assert sent["message"]["status"] == "SUCCESS"
        assert (await lab.wait_message(phone.number, DEADLINE_S)).text == TEXT
        assert (await client.ask("send.php", **send))["message"]["key"] == sent["message"]["key"]

        # What ended the session in Waziper ends nothing here.
        assert (await client.ask("reboot", instance_id=made))["status"] == "success"
        await client.until("reconnect", made)
        assert (await client.ask("reset_instance", instance_id=made))["code"] == "linked"
        assert (await client.ask("reconnect", instance_id=made))["data"]["id"] == told["data"]["id"]
        await client.ask("send", **(send | {"message": f"{TEXT} 2"}))
        again = await lab.wait_message(phone.number, DEADLINE_S, nth=2)
        assert again.text == f"{TEXT} 2"

        # The phone unlinks it: clients are told, and it is linked again under its old id.
        await lab.remove_device(told["data"]["id"])
        async with asyncio.timeout(DEADLINE_S):
            while not (told := await client.ask("reconnect", instance_id=made)).get("relogin"):
                pass
        assert told == {"status": "error", "message": "Error", "relogin": True}
        refused = await client.ask("send", **(send | {"message": f"{TEXT} 3"}))
        assert refused["message"] == "This WhatsApp account relogin required"
        assert refused["relogin"] is True
        reset = await client.ask("reset_instance", instance_id=made)
        assert reset["message"] == "Reset Instance ID was successful"
        await lab.scan(await client.code(made), number=phone.number)
        await client.until("reconnect", made)

        audit = (await program.verb("audit", "--json")).json
        acts = [each["act"] for each in audit if each["via"] == "facade"]
        assert {"add-all", "start", "reconnect", "clean"} == set(acts)
    for secret in (TEXT, *client.codes, client._token):
        found = [each for each in holding(folder / "data", secret) if "messages.db" not in each]
        assert found == [], "nothing else keeps it"


async def test_a_code_to_type_is_the_same_one_when_it_is_asked_for_again(
    lab: Lab, folder: Path
) -> None:
    number = "4917012345678"
    async with served(folder / "data", lab, *ALL) as (_program, client):
        made = (await client.ask("create_instance"))["instance_id"]
        told = await client.ask("get_paircode", instance_id=made, phone=number)
        code = told["code"]
        assert told["status"] == "success" and told["pairing_code"] == code == told["data"]["code"]
        again = await client.ask("get_paircode", instance_id=made, phone=f"+{number}")
        assert again["code"] == code, "the phone is not notified twice"
        await lab.enter_code(code, number)
        assert number in (await client.until("reconnect", made))["data"]["id"]


async def test_nothing_that_a_client_asks_ends_a_cool_down_or_a_stop(
    lab: Lab, folder: Path
) -> None:
    async with served(folder / "data", lab, *ALL) as (program, client):
        made = (await client.ask("create_instance"))["instance_id"]
        name = made.lower()
        phone = await lab.scan(await client.code(made))
        await until_state(program, name, State.CONNECTED)
        await lab.trouble(TroubleKind.CONFLICT, phone.jid)
        await until_state(program, name, State.COOLDOWN)
        before = (await program.verb("status", name, "--json")).json
        logins = (await lab.counters())[EventKind.LOGIN]
        for _ in range(3):
            for path in ("reconnect", "reboot"):
                told = await client.ask(path, instance_id=made)
                assert (told["status"], told["code"]) == ("error", "cooldown"), told
                assert told["message"].startswith("Cannot connect") and "relogin" not in told
            told = await client.ask("get_qrcode", instance_id=made)
            assert told["message"] == "Instance ID has been used"
            assert (await client.ask("reset_instance", instance_id=made))["code"] == "linked"
        told = await client.ask("send", instance_id=made, number=phone.number, message=TEXT)
        assert told["status"] == "success", "it is sent when that is over"
        after = (await program.verb("status", name, "--json")).json
        for key in ("state", "reason", "since", "next_attempt"):
            assert after[key] == before[key], key
        assert (await program.verb("stop", name)).code == 0
        for path in ("reconnect", "reboot"):
            assert (await client.ask(path, instance_id=made))["code"] == "stopped"
        await until_state(program, name, State.STOPPED)
        assert (await lab.counters())[EventKind.LOGIN] == logins


@asynccontextmanager
async def receiving() -> AsyncIterator[tuple[str, asyncio.Queue[dict[str, Any]]]]:
    """A webhook of an old client, and what it is told."""
    told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def hook(request: web.Request) -> web.Response:
        told.put_nowait(await request.json())
        return web.Response()

    application = web.Application()
    application.router.add_post("/hook", hook)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        port = free_port()
        await web.TCPSite(runner, HOST, port).start()
        yield f"http://{HOST}:{port}/hook", told
    finally:
        await runner.cleanup()


async def test_the_webhook_of_an_old_client_hears_of_connections_and_messages(
    lab: Lab, folder: Path
) -> None:
    async with receiving() as (url, told):
        config = folder / "config.toml"
        lines = ("[[webhooks]]", f'url = "{url}"', 'form = "waziper"', 'numbers = "full"')
        config.write_text("\n".join((*lines, "unsigned = true", "")))
        data = folder / "data"
        async with served(data, lab, *ALL, WAZITERM_CONFIG=str(config)) as (_program, client):

            async def heard(event: str, **what: Any) -> dict[str, Any]:
                async with asyncio.timeout(DEADLINE_S):
                    while True:
                        body = await told.get()
                        found = body["data"]["data"]
                        found = found[0] if isinstance(found, list) else found
                        if body["data"]["event"] == event and what.items() <= found.items():
                            return body

            made = (await client.ask("create_instance"))["instance_id"]
            phone = await lab.scan(await client.code(made))
            opened = await heard("connection.update", connection="open")
            assert opened["instance_id"] == made, "as clients know it"
            sent = await client.ask(
                "send", instance_id=made, number=phone.number, message=f"{TEXT} told"
            )
            key = sent["message"]["key"]
            update = await heard("messages.update", key=key)
            assert update["data"]["data"][0]["update"] == {"status": 2}
            assert TEXT not in str(update)
            jid = (await client.ask("reconnect", instance_id=made))["data"]["id"]
            await lab.remove_device(jid)
            assert await heard("connection.update", connection="close", relogin=True)


async def test_after_an_import_the_old_client_works_under_its_old_id(folder: Path) -> None:
    auth, directory = unpack(folder)
    called = "609ACF28300AB"
    there = auth.rename(auth.with_name(called))
    aged(there)
    data = folder / "data"
    done = await verb("import", str(there), "--name", "x", "--yes", "--start", data_dir=data)
    assert done.code == 0, done.stderr
    async with run_lab(directory) as lab, served(data, lab, *ALL) as (_program, client):
        assert (await client.until("reconnect", called))["data"]["id"] == JID
        await client.ask("send", instance_id=called, number=PEERS[0], message=TEXT)
        assert (await lab.wait_message(PEERS[0], DEADLINE_S)).text == TEXT
