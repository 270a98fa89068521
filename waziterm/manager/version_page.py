"""WhatsApp's current version, read from a page of WhatsApp, as whatsmeow and Baileys read it.

The page goes the way that the instance's own connection takes; nothing else is fetched, and
nothing of what it says is used but one number.
"""

import asyncio
import importlib
from collections.abc import AsyncIterator

from waziterm.domain.labfile import LabFile
from waziterm.domain.text import safe_line
from waziterm.domain.version import revision_in
from waziterm.manager.files.program import UPGRADED

PAGE_S = 10.0
"""How long the reading may take in all, the way there included."""
MAX_PAGE = 8_000_000
"""Bytes that are looked at; the page had 0.3 MB when this was written."""
PAGE = "/sw.js"
_LONGEST_MATCH = 256

# What is asked for is what a browser asks for on its first visit (whatsmeow `update.go`).
_HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/140.0.0.0 Safari/537.36",
    "Accept": "*/*",
    "Accept-Language": "en-US,en;q=0.9",
    # An answer that is packed could unpack to any size.
    "Accept-Encoding": "identity",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "none",
    "Sec-Fetch-User": "?1",
}


class PageError(Exception):
    """The page tells no version; the message says why, in a few words."""


async def read_version(proxy: str | None, lab: LabFile | None) -> int:
    """N of WhatsApp's current version `2.3000.N`, whatever number the page tells.

    proxy: the instance's own, a URL, or None. lab: a local WhatsApp in use instead of the real
    one. Raises PageError.
    """
    # Both take longer to load than a loop may stand still, and most managers never need them.
    try:
        reaching = await asyncio.to_thread(importlib.import_module, "waziterm.manager.care.route")
        httpx = await asyncio.to_thread(importlib.import_module, "httpx")
    except ImportError as error:
        raise PageError(UPGRADED) from error
    route = reaching.route_of(reaching.WHATSAPP, proxy, lab)
    try:
        async with asyncio.timeout(PAGE_S):
            client = await asyncio.to_thread(reaching.client_of, route)
            url = f"https://{route.server.host}{PAGE}"
            async with client, client.stream("GET", url, headers=_HEADERS) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise PageError(f"WhatsApp's page answers HTTP {answer.status_code}")
                if answer.headers.get("content-encoding", "identity") != "identity":
                    raise PageError("WhatsApp's page came packed, which was not asked for")
                return await _number(answer.aiter_raw())
    except TimeoutError as error:
        raise PageError(f"WhatsApp's page gave no answer within {PAGE_S:.0f} s") from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        said = safe_line(reaching.why(error), 200)
        raise PageError(f"WhatsApp's page cannot be read: {said}") from error


async def _number(chunks: AsyncIterator[bytes]) -> int:
    page = bytearray()
    async for chunk in chunks:
        page += chunk
        # What stood before was looked through already, but for a match that the chunk completes.
        seen = max(0, len(page) - len(chunk) - _LONGEST_MATCH)
        number = revision_in(bytes(page[seen:]), whole=False)
        if number is not None:
            return number
        if len(page) > MAX_PAGE:
            raise PageError(f"WhatsApp's page is longer than {MAX_PAGE // 1_000_000} MB")
    number = revision_in(bytes(page[-_LONGEST_MATCH:]), whole=True)
    if number is None:
        raise PageError("WhatsApp's page tells no version")
    return number
