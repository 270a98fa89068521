"""Clients of the API, slow ones by the hundred, delay no heal: real sockets, a real session."""

import asyncio
import time
from contextlib import suppress
from pathlib import Path

from tests.fleets import in_state, pair
from tests.gateway.api.scripted import HOST, ScriptedQueue, free_port, no_events
from tests.programs import packing
from waziterm.config import load_settings
from waziterm.config.settings import Address, Api
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.states import State
from waziterm.gateway.api.routes import Behind
from waziterm.gateway.api.serving import serve_api
from waziterm.gateway.media import Media
from waziterm.lab.client import Lab
from waziterm.lab.trouble import TroubleKind
from waziterm.manager.manager import open_manager

COOLDOWN_S = 1.0
SLOW = 500
HEALED_S = 10.0
SETTINGS = {"WAZITERM_LIMITS__COOLDOWN_S": str(COOLDOWN_S)}


async def slow(port: int, token: str, number: int) -> None:
    """A client that sends a byte now and then, for ever: nothing, half a head, half a body, with a
    token or without."""
    body = "Content-Length: 500000\r\n\r\n{"
    said = (
        "",
        "POST /v1/media HTTP/1.1\r\nHost: localhost\r\nAuth",
        f"POST /v1/media HTTP/1.1\r\nHost: localhost\r\n{body}",
        "POST /v1/instances/shop/messages HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n{body}",
    )[number % 4]
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                writer.write(said.encode())
                while not reader.at_eof():
                    with suppress(TimeoutError):
                        async with asyncio.timeout(0.5):
                            await reader.read(4096)
                    writer.write(b"x")
                    await writer.drain()
            finally:
                writer.close()
        await asyncio.sleep(0.1)


async def test_500_slow_clients_while_a_conflict_heals(lab: Lab, folder: Path) -> None:
    settings = load_settings(data_dir=folder / "data", environ=SETTINGS | packing())
    lab_file = LabFile.parse(lab.file.read_text())
    port = free_port()
    async with open_manager(folder / "data", settings, lab_file) as fleet:
        phone = await pair(fleet, lab, "shop")
        token = (await fleet.add_token("web")).token
        behind = Behind(
            *(ScriptedQueue(), fleet.owner_of, lambda _: True, fleet.now),
            *(Media(folder / "data", 10_000_000), no_events),
        )
        async with serve_api(Api(Address(HOST, port)), behind):
            clients = [asyncio.create_task(slow(port, token, each)) for each in range(SLOW)]
            try:
                await lab.trouble(TroubleKind.CONFLICT, phone.jid)
                cooled = await in_state(fleet, "shop", State.COOLDOWN)
                began = time.monotonic()
                assert cooled.next_attempt is not None
                await in_state(fleet, "shop", State.CONNECTED)
                assert time.monotonic() - began < COOLDOWN_S + HEALED_S
                late_s = await lateness()
            finally:
                for each in clients:
                    each.cancel()
                await asyncio.gather(*clients, return_exceptions=True)
        assert late_s < 0.5, "the loop, which the clients of this test share, is never held up"


async def lateness() -> float:
    """By how much a timer of the loop is late at most, of 20."""
    worst = 0.0
    for _ in range(20):
        began = time.monotonic()
        await asyncio.sleep(0.02)
        worst = max(worst, time.monotonic() - began - 0.02)
    return worst
