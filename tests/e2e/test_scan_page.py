"""A scan from far away: the real neonize, a phone of the lab, and a browser on the scan page."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.e2e.test_api import holding
from tests.fleets import in_state, shown
from tests.gateway.api.scripted import HOST, free_port
from tests.gateway.web.browser import Browser, Seen, token_of, web_settings
from tests.programs import headless
from waziterm.config import load_settings
from waziterm.domain.fleet.audit import Via
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.states import State
from waziterm.gateway.web.scan_page import serve
from waziterm.lab.client import Lab
from waziterm.lab.trouble import TroubleKind
from waziterm.manager.manager import SessionManager, open_manager

SCAN = "Scan this code with WhatsApp"
NOWHERE = "This link leads nowhere"


@asynccontextmanager
async def scanning(lab: Lab, folder: Path, **web: str) -> AsyncIterator[SessionManager]:
    """A fleet with the scan page before it, and nobody in it."""
    environ = web_settings(free_port(), **web)
    settings = load_settings(data_dir=folder / "data", environ=environ)
    lab_file = LabFile.parse(lab.file.read_text())
    async with (
        open_manager(folder / "data", settings, lab_file) as fleet,
        serve(fleet, settings),
    ):
        yield fleet


async def unlinked(fleet: SessionManager, name: str) -> None:
    """Add an instance that stands still."""
    await fleet.add(name)
    await fleet.stop(name)
    await in_state(fleet, name, State.STOPPED)


def is_alike(one: Seen, other: Seen) -> bool:
    """Whether nobody can tell two answers apart."""
    differing = ("Date",)
    heads = [
        {name: value for name, value in each.headers.items() if name not in differing}
        for each in (one, other)
    ]
    return (one.status, one.html, heads[0]) == (other.status, other.html, heads[1])


async def test_without_a_script_from_the_link_to_the_phone(lab: Lab, folder: Path) -> None:
    async with scanning(lab, folder) as fleet, Browser() as customer, Browser() as other:
        await unlinked(fleet, "shop")
        link = await fleet.make_link("shop", 600)
        door = await customer.get(link.url)
        assert (door.status, door.title, door.code) == (200, "Link your WhatsApp", None)
        assert "shop" not in door.text and not door.refreshes and customer.cookies == []
        for _ in range(3):
            # A preview of a chat, a bot, a HEAD.
            assert (await other.get(link.url)).title == "Link your WhatsApp"
            assert (await other.ask("HEAD", link.url)).status == 200
        assert fleet.snapshot().instance("shop").state is State.STOPPED

        opened = await customer.press(door)
        assert opened.url == link.url and opened.refreshes
        ((name, cookie, path),) = customer.cookies
        assert (name, path) == ("scan", f"/scan/{token_of(link.url)}")
        seen = await customer.until(link.url, SCAN)
        view = fleet.snapshot().instance("shop")
        assert view.qr is not None and seen.code == view.qr.payload and seen.refreshes
        assert f"Code {view.qr.index} of {view.qr.count}" in seen.text
        assert view.qr.payload not in seen.html and "shop" not in seen.text
        assert (await other.get(link.url)).title == NOWHERE

        number = (await lab.scan(view.qr.payload)).number
        linked = await customer.until(link.url, "Linked")
        assert not linked.refreshes and linked.button is None and number not in linked.html
        await in_state(fleet, "shop", State.CONNECTED)
        assert (await customer.get(link.url)).title == "Linked"
        assert (await other.get(link.url)).title == NOWHERE
        acts = [each for each in await fleet.audit() if each.act == "start"]
        assert [(each.person.via, each.person.origin) for each in acts] == [("link", HOST)]
        said = [line.text for line in fleet.tail("shop", 500)]
        assert f"the link to the scan page was opened from {HOST}" in said
        payload = view.qr.payload
    for secret in (token_of(link.url), cookie, payload):
        assert holding(folder / "data", secret) == []


async def test_with_the_script_live_in_two_tabs(lab: Lab, folder: Path) -> None:
    async with scanning(lab, folder) as fleet, Browser() as customer, Browser() as thief:
        await unlinked(fleet, "shop")
        link = await fleet.make_link("shop", 600)
        async with customer.following(link.url) as early:
            assert early.status == 404
        await customer.press(await customer.get(link.url))
        async with customer.following(link.url) as one, customer.following(link.url) as two:
            assert one.headers["Content-Type"] == "text/event-stream"
            assert one.headers["X-Accel-Buffering"] == "no"
            first, second = await one.until(SCAN), await two.until(SCAN)
            view = fleet.snapshot().instance("shop")
            assert view.qr is not None and first.code == second.code == view.qr.payload
            await fleet.stop("shop")
            rests = await one.until("No code is shown now")
            pressed = await customer.press(rests)
            assert pressed.status == 200 and pressed.url == link.url
            again = await two.until(SCAN)
            code = again.code
            assert code is not None and code != first.code
            async with thief.following(link.url) as stolen:
                assert stolen.status == 404
            await lab.scan(code)
            await one.until("Linked")
            await two.until("Linked")
            assert await one.next() is None and await two.next() is None
        async with customer.following(link.url) as late:
            assert (await late.next() or first).title == "Linked"


async def test_what_leads_nowhere_is_told_to_nobody(lab: Lab, folder: Path) -> None:
    async with (
        scanning(lab, folder) as fleet,
        Browser() as customer,
        Browser() as other,
        Browser() as guest,
    ):
        for name in ("shop", "bar"):
            await unlinked(fleet, name)
        used, bars = await fleet.make_link("shop"), await fleet.make_link("bar")
        base = used.url.rpartition("/")[0]
        guessed = f"{base}/{'x' * 32}"
        nothing = await other.get(guessed)
        assert (nothing.status, nothing.title) == (404, NOWHERE)
        door = await customer.get(used.url)
        late = await other.get(used.url)
        await customer.press(door)
        assert (await customer.press(door)).status == 200, "pressed twice"
        assert is_alike(nothing, await other.get(used.url))
        refused = await other.press(late)
        lost = await other.ask("POST", f"{guessed}/open", headers={"Sec-Fetch-Site": "same-origin"})
        assert refused.status == lost.status == 404 and guest.cookies == other.cookies == []
        assert refused.html.replace(token_of(used.url), "x" * 32) == lost.html

        # A cookie of one link opens no other one.
        ((_, stolen, _),) = customer.cookies
        await guest.press(await guest.get(bars.url))
        head = {"Cookie": f"scan={stolen}"}
        async with Browser() as thief:
            assert is_alike(nothing, await thief.get(bars.url, **head))
            assert (await thief.get(used.url, **head)).status == 200, "it is no other browser"
            for action in ("start", "events"):
                method = "POST" if action == "start" else "GET"
                seen = await thief.ask(
                    method,
                    f"{bars.url}/{action}",
                    headers=head | {"Sec-Fetch-Site": "same-origin"},
                )
                assert (seen.status, seen.title) == (404, NOWHERE)

        # Ended, replaced, removed.
        await fleet.end_link("shop")
        assert is_alike(nothing, await customer.get(used.url))
        fresh = await fleet.make_link("bar", 600)
        assert is_alike(nothing, await guest.get(bars.url))
        assert (await guest.get(fresh.url)).title == "Link your WhatsApp"
        await fleet.remove("bar")
        assert is_alike(nothing, await guest.get(fresh.url))
        for url in (base, f"{base}/", f"{base}/..%2f", f"{base}/{'y' * 500}", base[:-5]):
            assert (await guest.get(url)).status == 404, url
        for method in ("OPTIONS", "PUT", "DELETE", "TRACE", "POST"):
            assert (await guest.ask(method, used.url)).status == 405


async def test_another_page_presses_no_button(lab: Lab, folder: Path) -> None:
    async with scanning(lab, folder) as fleet, Browser() as customer:
        await unlinked(fleet, "shop")
        link = await fleet.make_link("shop", 600)
        door = await customer.get(link.url)
        own = link.url.partition("/scan/")[0]
        foreign: tuple[dict[str, str], ...] = (
            {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
            {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
            {"Origin": own, "Sec-Fetch-Site": "cross-site"},
            {"Origin": own, "Sec-Fetch-Site": "same-site"},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://["},
            {"Origin": ""},
            {},
        )
        assert door.button is not None
        to, data = door.button
        for headers in foreign:
            seen = await customer.ask("POST", to, data=data, headers=headers)
            assert (seen.status, customer.cookies) == (403, []), headers
        assert fleet.snapshot().instance("shop").state is State.STOPPED
        seen = await customer.ask("POST", to, data=data, headers={"Origin": own})
        assert seen.status == 200 and len(customer.cookies) == 1
        start = to.replace("/open", "/start")
        for headers in foreign:
            assert (await customer.ask("POST", start, headers=headers)).status == 403
        host = {"Host": "evil.example"}
        assert (await customer.ask("GET", link.url, headers=host)).status == 421


async def test_a_pairing_of_which_nothing_comes_says_so_and_begins_again_by_a_button(
    lab: Lab, folder: Path
) -> None:
    async with scanning(lab, folder) as fleet, Browser("id,en;q=0.5") as customer:
        await unlinked(fleet, "shop")
        link = await fleet.make_link("shop", 60)
        door = await customer.get(link.url)
        assert door.title == "Tautkan WhatsApp Anda" and 'lang="id"' in door.html
        await customer.press(door)
        await shown(fleet, "shop", lambda view: view.qr is not None)
        for _ in range(2):
            await fleet.stop("shop")
            rests = await customer.until(link.url, "Tidak ada kode yang ditampilkan")
            assert not rests.refreshes
            # Of several presses one begins it.
            await asyncio.gather(*(customer.press(rests) for _ in range(3)))
            await asyncio.sleep(0)
        starts = [each for each in await fleet.audit() if each.act == "start"]
        assert 1 <= len(starts) <= 3


async def test_a_phone_alone_types_a_code(lab: Lab, folder: Path) -> None:
    number = "+6281234567890"
    async with scanning(lab, folder) as fleet, Browser() as customer, Browser() as other:
        await fleet.add("shop", number)
        await unlinked(fleet, "bar")
        for name in ("shop", "bar"):
            link = await fleet.make_link(name, 600)
            door = await customer.get(link.url)
            assert ("a code to type" in door.text) is (name == "shop")
            await customer.press(door)
            seen = await customer.until(link.url, SCAN)
            assert ("Show a code to type" in seen.text) is (name == "shop")
            assert number[-4:] not in door.text + seen.text
            if name == "shop":
                shops, page = link.url, seen
        assert (await other.press(page)).status == 404
        assert (await customer.press(page, Origin="https://evil.example")).status == 403
        assert fleet.view("shop").code is None

        async with customer.following(shops) as stream:
            typed = await customer.press(page)
            code = fleet.view("shop").code
            assert code is not None and code.text in typed.text and typed.button is None
            assert typed.code is not None, "whoever has another screen scans"
            told = await stream.until(SCAN)
            while code.text not in told.text:
                told = await stream.until(SCAN)
            again = await customer.press(page)
            assert again.url == shops and fleet.view("shop").code == code, "one is enough"
            await lab.enter_code(code.text, number)
            await stream.until("Linked")
        acts = {each.act: each for each in await fleet.audit()}
        assert acts["pair-code"].person.via is Via.LINK and acts["pair-code"].args == {}
    for secret in (code.text, code.text.replace("-", "")):
        assert holding(folder / "data", secret) == []


async def test_where_whatsapp_makes_no_code_to_type_none_is_offered_again(
    lab: Lab, folder: Path
) -> None:
    number = "+6281234567890"
    async with scanning(lab, folder) as fleet, Browser() as customer:
        await fleet.add("shop", number)
        link = await fleet.make_link("shop", 600)
        await customer.press(await customer.get(link.url))
        page = await customer.until(link.url, SCAN)
        await lab.trouble(TroubleKind.CODE_REFUSED, number, code=429)
        seen = await customer.press(page)
        assert seen.title == SCAN and seen.button is None and seen.code is not None


async def test_by_verbs_over_a_kill_of_the_manager(lab: Lab, folder: Path) -> None:
    """Who has opened a link goes on with it when the manager is back; nothing keeps the secrets."""
    environ, data = web_settings(free_port()), folder / "data"
    async with Browser() as customer:
        async with headless(data, lab.file, **environ) as program:
            assert (await program.verb("add", "shop")).code == 0
            refused = await program.verb("qr", "nobody", "--link", "--json")
            assert refused.code == 2 and "nobody" in refused.json["error"]
            made = (await program.verb("qr", "shop", "--link", "--for", "20m", "--json")).json
            assert sorted(made) == ["expires_at", "instance", "url"]
            again = await program.verb("qr", "shop", "--link")
            url = again.stdout.strip()
            assert again.stdout.count("\n") == 1 and "shop: until" in again.stderr
            assert (await customer.get(made["url"])).title == NOWHERE
            await customer.press(await customer.get(url))
            seen = await customer.until(url, SCAN)
            assert seen.code == (await program.verb("qr", "shop", "--json")).json["payload"]
            assert await program.end(signal.SIGKILL) != 0
        async with headless(data, lab.file, **environ) as program:
            rests = await customer.get(url)
            assert rests.status == 200 and rests.title != NOWHERE
            if rests.button is not None:
                await customer.press(rests)
            seen = await customer.until(url, SCAN)
            assert seen.code is not None
            await lab.scan(seen.code)
            await customer.until(url, "Linked")
            linked = await program.verb("qr", "shop", "--link", "--json")
            assert linked.code == 1 and "shop is linked already" in linked.json["error"]
            assert "`waziterm clean shop" in linked.json["hint"]
            acts = (await program.verb("audit", "--json")).json
            told = [(each["act"], each["args"]) for each in acts if "link" in each["act"]]
            assert ("make-link", {"seconds": 1200}) in told
        secrets = [token_of(made["url"]), token_of(url), customer.cookies[0][1], seen.code]
        for secret in secrets:
            assert holding(data, secret) == []
