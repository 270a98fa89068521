"""A browser in front of the scan page: what it sends along, and what is seen in it."""

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import aiohttp
import cairosvg  # type: ignore[import-untyped]
from PIL import Image

from tests.qrscan import read_codes
from waziterm.gateway.web.scan_page import HEADERS

DEADLINE_S = 30.0


@dataclass(frozen=True)
class Seen:
    """An answer, as it was shown."""

    status: int
    url: str
    headers: Mapping[str, str]
    html: str

    @property
    def title(self) -> str:
        """Its heading."""
        found = re.search(r"<h1>(.*?)</h1>", self.html)
        return unescape(found[1]) if found else ""

    @property
    def text(self) -> str:
        """What it says, without its marks."""
        return unescape(re.sub(r"<[^>]*>", " ", self.html))

    @property
    def code(self) -> str | None:
        """The text of the QR code that a camera sees on it."""
        return scanned(self.html)

    @property
    def button(self) -> tuple[str, dict[str, str]] | None:
        """Where its button leads, and what its form sends along."""
        form = re.search(r'<form method="post" action="([^"]*)"', self.html)
        if form is None:
            return None
        fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', self.html)
        return urljoin(self.url, form[1]), dict(fields)

    @property
    def refreshes(self) -> bool:
        """Whether it asks for itself again, where no script runs."""
        return '<noscript><meta http-equiv="refresh"' in self.html


def scanned(html: str) -> str | None:
    """The text of the QR code in a page, drawn as a picture and read by another program."""
    found = re.search(r"<svg.*?</svg>", html, re.DOTALL)
    if found is None:
        return None
    drawn = found[0].replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    picture = Image.open(io.BytesIO(cairosvg.svg2png(drawn.encode(), output_width=600)))
    codes = read_codes(picture.convert("L"))
    return codes[0] if codes else None


class Browser:
    """One with cookies of its own. It follows redirects and says where a form came from."""

    def __init__(self, lang: str = "en-US,en;q=0.9") -> None:
        jar = aiohttp.CookieJar(unsafe=True)
        self._web = aiohttp.ClientSession(cookie_jar=jar, headers={"Accept-Language": lang})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self._web.close()

    @property
    def cookies(self) -> list[tuple[str, str, str]]:
        """Name, value and path of each."""
        return [(each.key, each.value, each["path"]) for each in self._web.cookie_jar]

    async def ask(self, method: str, url: str, **more: Any) -> Seen:
        """One request; every answer has the headers that each has to have."""
        async with self._web.request(method, url, **more) as answer:
            for name, value in HEADERS.items():
                assert answer.headers[name] == value, (url, name)
            assert "aiohttp" not in answer.headers["Server"]
            html = await answer.text()
            return Seen(answer.status, str(answer.url), answer.headers, html)

    async def get(self, url: str, **headers: str) -> Seen:
        """Open a page."""
        return await self.ask("GET", url, headers={"Sec-Fetch-Site": "none"} | headers)

    async def press(self, seen: Seen, **headers: str) -> Seen:
        """Press its button."""
        assert seen.button is not None, seen.text
        to, data = seen.button
        sent = {"Origin": "null", "Sec-Fetch-Site": "same-origin"} | headers
        return await self.ask("POST", to, data=data, headers=sent)

    async def until(self, url: str, title: str) -> Seen:
        """Ask for a page again and again, as a browser without scripts does."""
        async with asyncio.timeout(DEADLINE_S):
            while (seen := await self.get(url)).title != title:  # noqa: ASYNC110
                await asyncio.sleep(0.3)
        return seen

    @asynccontextmanager
    async def following(self, url: str, **headers: str) -> AsyncIterator["Stream"]:
        """Be told what changes, as the script is."""
        async with self._web.get(f"{url}/events", headers=headers) as answer:
            yield Stream(answer, url)


class Stream:
    """Server-sent events."""

    def __init__(self, answer: aiohttp.ClientResponse, url: str) -> None:
        self._url = url
        self.status = answer.status
        self.headers = answer.headers
        self._answer = answer

    async def next(self) -> Seen | None:
        """The next part of the page; None at the end."""
        async with asyncio.timeout(DEADLINE_S):
            while line := await self._answer.content.readline():
                if line.startswith(b"data: "):
                    told = json.loads(line[6:])
                    return Seen(200, self._url, self._answer.headers, told["html"])
        return None

    async def until(self, title: str) -> Seen:
        """The next part with this heading."""
        while (seen := await self.next()) is not None:
            if seen.title == title:
                return seen
        raise AssertionError(f"it ended without {title}")


def token_of(url: str) -> str:
    """The secret of a link."""
    return urlsplit(url).path.rpartition("/")[2]


def web_settings(port: int, **more: str) -> dict[str, str]:
    """The variables of a page on this port."""
    named = {f"WAZITERM_WEB__{name.upper()}": value for name, value in more.items()}
    return {"WAZITERM_WEB__ADDRESS": str(port)} | named
