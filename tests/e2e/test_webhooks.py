"""Webhooks of the real program: what becomes of a message and of an instance, told and kept."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
from standardwebhooks import Webhook as Verifier

from tests.alerts.delivering import KEY
from tests.alerts.receiver import Receiver, receiver, status
from tests.e2e.test_api import asked, holding
from tests.e2e.test_process import pair
from tests.gateway.api.scripted import HOST, free_port
from tests.programs import Headless, headless
from tests.worker.conftest import CUSTOMER
from waziterm.lab.client import Lab

TEXT = "the-text-of-the-webhooks-canary"
SAID = "the-text-of-a-customer-canary"
DEADLINE_S = 30.0


async def until(there: Receiver, **wanted: Any) -> dict[str, Any]:
    """Wait for an event whose data has these values; its body."""
    async with asyncio.timeout(DEADLINE_S), there.came:
        while True:
            for each in there.got:
                told: dict[str, Any] = each.json
                if wanted.items() <= told["data"].items():
                    return told
            await there.came.wait()


async def webhooks(program: Headless) -> dict[str, Any]:
    (found,) = (await program.verb("webhooks", "--json")).json
    assert isinstance(found, dict)
    return found


async def test_from_a_message_and_a_state_to_a_receiver(lab: Lab, folder: Path) -> None:
    port, config = free_port(), folder / "config.toml"
    settings = {
        "WAZITERM_API__ADDRESS": str(port),
        "WAZITERM_PACING__ENABLED": "false",
        "WAZITERM_CONFIG": str(config),
    }
    async with receiver() as there:
        config.write_text(f'[[webhooks]]\nname = "crm"\nurl = "{there.url}"\nsecret = "{KEY}"\n')
        config.chmod(0o600)
        async with headless(folder / "data", lab.file, **settings) as program:
            number = await pair(program, lab, "shop")
            linked = await until(there, state="connected")
            assert (linked["type"], linked["instance"]) == ("instance.state", "shop")
            [session] = await lab.sessions()
            await lab.send_text(session.jid, SAID, CUSTOMER)
            came = await until(there, text=SAID)
            assert (came["type"], came["data"]["is_own"]) == ("message.received", False)
            made = (await program.verb("token", "add", "web", "--json")).json
            headers = {"Authorization": f"Bearer {made['token']}"}
            async with aiohttp.ClientSession(f"http://{HOST}:{port}", headers=headers) as web:
                body = {"to": f"+{number}", "text": TEXT, "ref": "order-17"}
                _, sent = await asked(web, "POST", "/v1/instances/shop/messages", json=body)
            told = await until(there, id=sent["id"], state="sent")
            assert told["data"]["ref"] == "order-17" and told["type"] == "message.sent"
            assert number not in str(told) and TEXT not in str(told)
            assert (await program.verb("stop", "shop")).code == 0
            await until(there, state="stopped")
            there.answers.append(status(410))
            (tried,) = (await program.verb("webhooks", "test", "--json")).json
            assert tried["error"] == "HTTP 410"
            async with asyncio.timeout(DEADLINE_S):
                while (await webhooks(program))["pending"]:
                    pass
            before = len(there.got)
            assert (await program.verb("check", "--json")).json["findings"] == []
        async with headless(folder / "data", lab.file, **settings) as program:
            assert (await program.verb("start", "shop")).code == 0
            await until(there, state="connected", since=(await status_of(program))["since"])
            states = [each.json["data"]["state"] for each in there.got[before:]]
            assert "stopped" not in states, "it was told before"
            config.write_text("")
            assert (await program.verb("reload")).code == 0
            assert (await program.verb("webhooks", "--json")).json == []
        seqs = [each.json["seq"] for each in there.got if each.json["type"] != "test"]
        assert seqs == list(range(1, len(seqs) + 1))
        for each in there.got:
            Verifier(KEY).verify(each.body, dict(each.headers))
    assert holding(folder / "data", "s3cret-path") == []
    assert holding(folder / "data", KEY.removeprefix("whsec_")) == []
    for text in (TEXT, SAID):
        kept = [name for name in holding(folder / "data", text) if "messages.db" not in name]
        assert kept == []


async def status_of(program: Headless) -> dict[str, Any]:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            found = (await program.verb("status", "shop", "--json")).json
            if found["state"] == "connected":
                assert isinstance(found, dict)
                return found
