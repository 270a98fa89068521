"""The scan page in Chromium, and a phone of the lab before it. `WAZITERM_PICTURES` names a folder
for what was seen."""

import asyncio
import io
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from PIL import Image

from tests.e2e.test_scan_page import NOWHERE, SCAN, scanning, unlinked
from tests.fleets import in_state, shown
from tests.gateway.api.scripted import free_port
from tests.peers.chromium import PROGRAM, Tab, chromium
from tests.qrscan import read_codes
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab

pytestmark = [
    pytest.mark.skipif("WAZITERM_PEERS" not in os.environ, reason="run by `make peers` alone"),
    pytest.mark.skipif(
        PROGRAM is None,
        reason="THE SCAN PAGE WAS SEEN IN NO BROWSER: there is no Chromium (apt install chromium)",
    ),
]
SCREENS = {"laptop": (1366, 768), "tablet": (820, 1180), "phone": (390, 844)}


def read(picture: bytes) -> str | None:
    """The text of the code that a camera sees on a picture."""
    found = read_codes(Image.open(io.BytesIO(picture)).convert("L"))
    return found[0] if found else None


async def keep(tab: Tab, name: str) -> bytes:
    picture = await tab.picture()
    if folder := os.environ.get("WAZITERM_PICTURES"):
        await asyncio.to_thread((Path(folder) / f"{name}.png").write_bytes, picture)
    return picture


@asynccontextmanager
async def chat(url: str) -> AsyncIterator[str]:
    """A page of another site with a link to ours; its address."""

    async def show(_: web.Request) -> web.Response:
        return web.Response(text=f'<a href="{url}">{url}</a>', content_type="text/html")

    application = web.Application()
    application.add_routes([web.get("/", show)])
    runner = web.AppRunner(application)
    await runner.setup()
    port = free_port()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://localhost:{port}/"
    finally:
        await runner.cleanup()


@pytest.mark.timeout(300)
async def test_from_a_chat_to_a_linked_phone(  # noqa: PLR0915 - one person's way
    lab: Lab, folder: Path
) -> None:
    async with scanning(lab, folder) as fleet, chromium(folder) as browser:
        await unlinked(fleet, "shop")
        link = await fleet.make_link("shop", 900)
        async with chat(link.url) as elsewhere, browser.tab() as tab:
            await tab.go(elsewhere)
            await tab.click("a")
            await tab.shows("Link your WhatsApp")
            for name, size in SCREENS.items():
                await tab.resize(*size)
                await keep(tab, f"door-{name}")
                warns = "getComputedStyle(document.querySelector('.phone')).display !== 'none'"
                assert await tab.run(warns) is (name == "phone")
            await tab.resize(*SCREENS["laptop"])
            await tab.click("button")
            await tab.shows(SCAN)
            view = await shown(fleet, "shop", lambda view: view.qr is not None)
            assert view.qr is not None
            assert await tab.run("document.cookie") == ""
            for name, size in SCREENS.items():
                await tab.resize(*size)
                for scheme in ("light", "dark"):
                    await tab.ask(
                        "Emulation.setEmulatedMedia",
                        features=[{"name": "prefers-color-scheme", "value": scheme}],
                    )
                    picture = await keep(tab, f"code-{name}-{scheme}")
                    now = fleet.snapshot().instance("shop").qr
                    assert now is not None and read(picture) in (now.payload, view.qr.payload)
            await tab.resize(*SCREENS["laptop"])
            left = "Number(document.querySelector('[data-left]').textContent)"
            before = await tab.run(left)
            await tab.until(f"{left} < {before}")

            # Again: by its own reload, from the chat, in another tab, and back.
            await tab.ask("Page.reload")
            await tab.shows(SCAN)
            await tab.go(elsewhere)
            await tab.click("a")
            await tab.shows(NOWHERE)
            await tab.click("p a")
            await tab.shows(SCAN)
            async with browser.tab() as second:
                await second.go(link.url)
                await second.shows(SCAN)
                await fleet.stop("shop")
                await tab.shows("No code is shown now")
                await keep(tab, "used-up")
                await tab.click("button")
                await second.shows(SCAN)
                await tab.shows(SCAN)
                async with asyncio.timeout(30):
                    code = None
                    while code is None:
                        code = read(await second.picture())
                await lab.scan(code)
                await tab.shows("Linked")
                await second.shows("Linked")
                await keep(tab, "linked")
            await in_state(fleet, "shop", State.CONNECTED)
            history = await tab.ask("Page.getNavigationHistory")
            await tab.ask(
                "Page.navigateToHistoryEntry",
                entryId=history["entries"][history["currentIndex"] - 1]["id"],
            )
            await asyncio.sleep(0.5)
            assert await tab.run("document.querySelector('svg')") is None
            wrong = [line for line in tab.said if "favicon" not in line and "404" not in line]
            assert wrong == []


@pytest.mark.timeout(300)
async def test_without_scripts_in_indonesian(lab: Lab, folder: Path) -> None:
    async with (
        scanning(lab, folder) as fleet,
        chromium(folder) as browser,
        browser.tab("id-ID,id,en") as tab,
    ):
        await tab.ask("Emulation.setScriptExecutionDisabled", value=True)
        await unlinked(fleet, "shop")
        link = await fleet.make_link("shop", 900)
        await tab.resize(*SCREENS["tablet"])
        await tab.go(link.url)
        await tab.shows("Tautkan WhatsApp Anda")
        await keep(tab, "door-id")
        await tab.click("button")
        await tab.shows("Pindai kode ini dengan WhatsApp")
        async with asyncio.timeout(30):
            while (code := read(await keep(tab, "code-id"))) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        await lab.scan(code)
        await tab.shows("Tertaut")
        await keep(tab, "linked-id")


@pytest.mark.timeout(300)
async def test_on_a_phone_alone(lab: Lab, folder: Path) -> None:
    number = "+6281234567890"
    async with (
        scanning(lab, folder) as fleet,
        chromium(folder) as browser,
        browser.tab() as tab,
    ):
        await fleet.add("shop", number)
        link = await fleet.make_link("shop", 900)
        await tab.resize(*SCREENS["phone"], mobile=True)
        await tab.go(link.url)
        await tab.shows("Link your WhatsApp")
        await keep(tab, "alone-door")
        await tab.click("form button")
        await tab.shows(SCAN)
        await keep(tab, "alone-code")
        await tab.click(".phone button")
        text = await tab.until("(document.querySelector('.typed') || {}).textContent")
        await keep(tab, "alone-typed")
        await lab.enter_code(text, number)
        await tab.shows("Linked")
