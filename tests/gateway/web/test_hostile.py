"""The scan page and whoever means it no good: nothing is told, and nobody else is kept out."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.test_api import holding
from tests.gateway.api.scripted import HOST, free_port
from tests.gateway.web.browser import Browser, token_of, web_settings
from waziterm.config import load_settings
from waziterm.domain.labfile import LabFile
from waziterm.domain.links import cookie_of, new_nonce
from waziterm.gateway.web.scan import MOST_STREAMS
from waziterm.gateway.web.scan_limits import MISSES
from waziterm.gateway.web.scan_page import serve
from waziterm.lab.client import Lab
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.manager import SessionManager, open_manager
from waziterm.manager.stored.fleet import StoredFleet
from waziterm.store.errors import StoreError

NOWHERE = "This link leads nowhere"
RESTS = "No code is shown now"


@dataclass
class Served:
    """A scan page before a fleet of which nobody connects."""

    fleet: SessionManager
    port: int

    @property
    def base(self) -> str:
        return f"http://{HOST}:{self.port}"

    async def opened(self, name: str = "shop") -> tuple[str, dict[str, str]]:
        """A link that a browser has opened, and that browser's cookie."""
        link = await self.fleet.make_link(name, 600)
        token = token_of(link.url)
        kept = await self.fleet.links.find(token)
        assert kept is not None
        cookie = cookie_of(token, new_nonce())
        assert await self.fleet.links.bind(kept, cookie)
        return f"{self.base}/scan/{token}", {"Cookie": f"scan={cookie}"}


@asynccontextmanager
async def serving(folder: Path, lab: Lab | None = None, **web: str) -> AsyncIterator[Served]:
    """lab: for a test in which a browser presses a button: a pairing begins."""
    port = free_port()
    settings = load_settings(data_dir=folder / "data", environ=web_settings(port, **web))
    data = DataDir(folder / "data")
    data.create()
    for name in ("shop", "bar"):
        await StoredFleet(data, lambda: settings).add(name)
    lab_file = None if lab is None else LabFile.parse(lab.file.read_text())
    async with open_manager(data.root, settings, lab_file) as fleet, serve(fleet, settings):
        yield Served(fleet, port)


@pytest.fixture
async def served(folder: Path) -> AsyncIterator[Served]:
    async with serving(folder) as running:
        yield running


async def raw(port: int, sent: bytes) -> bytes:
    """What is answered to bytes."""
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(sent)
    async with asyncio.timeout(20):
        answer = await reader.read(100_000)
    writer.close()
    return answer


async def test_two_hundred_that_are_told_what_changes(served: Served) -> None:
    url, cookie = await served.opened()
    other, others = await served.opened("bar")
    before = time.monotonic()
    async with AsyncExitStack() as many, Browser() as customer:
        statuses: list[int] = []
        for _ in range(200):
            browser = await many.enter_async_context(Browser())
            with suppress(OSError):
                stream = await many.enter_async_context(browser.following(url, **cookie))
                statuses.append(stream.status)
        assert set(statuses) <= {200, 429, 503}
        async with customer.following(other, **others) as mine:
            told = await mine.next()
            assert told is not None and told.title == RESTS
        assert (await customer.get(other, **others)).title == RESTS
    assert time.monotonic() - before < 60


async def test_a_fifth_one_of_a_link_ends_the_first(served: Served) -> None:
    url, cookie = await served.opened()
    async with AsyncExitStack() as many:
        browser = await many.enter_async_context(Browser())
        streams = []
        for _ in range(MOST_STREAMS + 1):
            streams.append(await many.enter_async_context(browser.following(url, **cookie)))
            assert streams[-1].status == 200
            assert (await streams[-1].next()) is not None
        assert await streams[0].next() is None
        await served.fleet.end_link("shop")
        for stream in streams[1:]:
            told = await stream.next()
            assert told is not None and told.title == NOWHERE
            assert await stream.next() is None


async def test_it_ends_at_once_although_somebody_is_told_what_changes(folder: Path) -> None:
    async with AsyncExitStack() as stack:
        browser = await stack.enter_async_context(Browser())
        async with serving(folder) as served:
            url, cookie = await served.opened()
            stream = await stack.enter_async_context(browser.following(url, **cookie))
            assert await stream.next() is not None
            at = time.monotonic()
        assert time.monotonic() - at < 5


async def test_who_never_ends_what_he_says_keeps_nobody_out(served: Served) -> None:
    url, cookie = await served.opened()
    fresh = (await served.fleet.make_link("bar", 600)).url
    head = f"Host: {HOST}:{served.port}\r\nSec-Fetch-Site: same-origin\r\n"
    slow = (
        f"GET {url} HTTP/1.1\r\nX-Slow: ",
        f"POST /scan/{'x' * 32}/open HTTP/1.1\r\n{head}Content-Length: 1000\r\n\r\npage=",
        f"POST /scan/{token_of(url)}/open HTTP/1.1\r\n{head}Content-Length: 1000\r\n\r\npage=",
        f"POST /scan/{'x' * 32}/start HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\n",
        "",
    )
    writers = []
    for number in range(150):
        _, writer = await asyncio.open_connection(HOST, served.port)
        writer.write(slow[number % len(slow)].encode())
        writers.append(writer)
    async with Browser() as customer:
        async with asyncio.timeout(15):
            while True:
                # All of them answer within a moment: a place is free again.
                seen = await customer.get(url, **cookie)
                if seen.status == 200:
                    break
        assert seen.title == RESTS
        assert (await customer.get(fresh)).title == "Link your WhatsApp"
    for writer in writers:
        writer.close()


async def test_what_is_too_much(served: Served) -> None:
    link = await served.fleet.make_link("shop", 600)
    token = token_of(link.url)
    head = f"Host: {HOST}:{served.port}\r\nSec-Fetch-Site: same-origin\r\n"
    to = f"POST /scan/{token}/open HTTP/1.1\r\n{head}"
    for sent, status in (
        (f"GET /scan/{token} HTTP/1.1\r\n{head}X-A: {'a' * 20_000}\r\n\r\n", b"400"),
        (f"GET /scan/{token}{'a' * 20_000} HTTP/1.1\r\n{head}\r\n", b"400"),
        (f"GET /scan/{token} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"4"),
        (f"GET /scan/{token} HTTP/1.1\r\nHost: evil.example\r\n\r\n", b"421"),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"400"),
        (f"{to}Content-Length: 5000\r\n\r\npage=", b"413"),
        (f"{to}Content-Length: 30\r\n\r\npage=short", b"408"),
        (f"{to}Content-Length: 5\r\nContent-Encoding: gzip\r\n\r\npage=", b"303"),
        (f"{to}Content-Length: 0\r\n\r\n", b"303"),
    ):
        answer = await raw(served.port, sent.encode("latin-1"))
        code = answer.split(b" ", 2)[1:2]
        assert code and code[0].startswith(status), (sent[:80], answer[:200])
        assert b"aiohttp" not in answer and b"Set-Cookie" not in answer
    async with Browser() as customer:
        assert (await customer.get(link.url)).title == "Link your WhatsApp"


async def test_who_guesses_is_stopped_and_keeps_nobody_from_his_link(served: Served) -> None:
    url, cookie = await served.opened()
    fresh = (await served.fleet.make_link("bar", 600)).url
    async with Browser() as guesser, Browser() as customer:
        statuses = []
        for number in range(int(MISSES) + 15):
            # Nobody believes him that he is always another one.
            seen = await guesser.get(
                f"{served.base}/scan/{number:032}", **{"X-Forwarded-For": f"10.0.0.{number}"}
            )
            statuses.append(seen.status)
        assert statuses[: int(MISSES)] == [404] * int(MISSES) and set(statuses[-10:]) == {429}
        assert int(seen.headers["Retry-After"]) >= 1 and seen.code is None
        assert (await customer.get(url, **cookie)).status == 200
        assert (await customer.get(fresh)).status == 200


async def test_who_floods_a_link_keeps_its_owner_in(served: Served) -> None:
    url, cookie = await served.opened()
    fresh = (await served.fleet.make_link("bar", 600)).url
    async with Browser() as other, Browser() as customer:
        statuses = [(await other.get(fresh)).status for _ in range(75)]
        assert statuses[0] == 200 and 429 in statuses
        assert (await customer.get(url, **cookie)).status == 200


async def test_a_proxy_says_who_asks_when_it_is_trusted(folder: Path) -> None:
    async with serving(folder, behind_proxy="true") as served, Browser() as browser:
        bad = f"{served.base}/scan/{'x' * 32}"
        for number in range(int(MISSES) + 3):
            seen = await browser.get(bad, **{"X-Forwarded-For": f"8.8.8.{number}, 203.0.113.9"})
        assert seen.status == 429, "what somebody wrote before the proxy is not believed"
        assert (await browser.get(bad, **{"X-Forwarded-For": "203.0.113.10"})).status == 404
        one, other = "2001:db8:1:1::1", "2001:db8:1:1:ffff::2"
        for _ in range(int(MISSES)):
            await browser.get(bad, **{"X-Forwarded-For": one})
        assert (await browser.get(bad, **{"X-Forwarded-For": other})).status == 429


async def test_behind_a_proxy_with_a_path_and_https(lab: Lab, folder: Path) -> None:
    public = "https://Scan.example:443/wa"
    async with serving(folder, lab, public_url=public, behind_proxy="true") as served:
        link = await served.fleet.make_link("shop", 600)
        token = token_of(link.url)
        assert link.url == f"{public}/scan/{token}"
        host = {"Host": "scan.example", "Origin": "https://scan.example"}
        for path in (f"/scan/{token}", f"/wa/scan/{token}"):
            async with Browser() as browser:
                door = await browser.get(f"{served.base}{path}", **host)
                assert door.title == "Link your WhatsApp" and door.button is not None
                assert 'href="page.css"' in door.html
            files = f"{served.base}{path.rpartition('/')[0]}/page.js"
            assert (await browser_get(files, host)).startswith('"use strict"')
        async with Browser() as browser:
            assert door.button is not None
            answer = await browser.ask(
                "POST",
                door.button[0],
                data=door.button[1],
                headers=host,
                allow_redirects=False,
            )
        kept = answer.headers["Set-Cookie"]
        assert answer.status == 303 and answer.headers["Location"] == f"../{token}"
        for part in ("HttpOnly", "Secure", "SameSite=Strict", f"Path=/wa/scan/{token}"):
            assert part in kept.split("; "), kept


async def browser_get(url: str, headers: dict[str, str]) -> str:
    async with Browser() as browser:
        return (await browser.get(url, **headers)).html


async def test_what_cannot_be_stored_opens_nothing(
    served: Served, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    link = await served.fleet.make_link("shop", 600)

    async def full(*_: object) -> bool:
        raise StoreError("the disk is full")

    async with Browser() as customer:
        door = await customer.get(link.url)
        with monkeypatch.context() as patched:
            patched.setattr(served.fleet.links._store, "bind_link", full)
            refused = await customer.press(door)
        assert (refused.status, customer.cookies) == (503, [])
        assert "Retry-After" in refused.headers
        kept = await served.fleet.links.find(token_of(link.url))
        assert kept is not None and kept.browser == ""
    assert holding(folder / "data", token_of(link.url)) == []
