"""Media that a client names by its address: fetched from the internet alone, within bounds.

The address is looked at when it is connected with, whatever way led there: a number in disguise, a
name that leads inwards, one that leads elsewhere the next time it is asked for, a redirect.
"""

import asyncio
import errno
import mimetypes
import re
import socket
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from typing import NamedTuple
from urllib.parse import unquote

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from waziterm.domain.messages.message import MessageKind
from waziterm.domain.public_address import is_public
from waziterm.gateway.facade.answers import FacadeError
from waziterm.gateway.facade.urls import check_media
from waziterm.gateway.media import Media
from waziterm.lookup import Found, look_up

FETCH_S = 60.0
"""Seconds within which all of a file has to come."""
CONNECT_S = 10.0
_REDIRECTS = 3
_MOST_LOOK_UPS = 8
"""Names that may be looked up at once, those among them for which nobody waits any more."""
_LONGEST_NAME = 120
_CHUNK = 65_536
_MIME = re.compile(r"[A-Za-z0-9.+_-]{1,60}/[A-Za-z0-9.+_-]{1,60}", re.ASCII)
_ANY = "application/octet-stream"
_NOT_FETCHED = "The media could not be fetched"


class Fetched(NamedTuple):
    """A file that was fetched. path: below the data directory. file_name: of a document, or ""."""

    kind: MessageKind
    path: str
    file_name: str
    mime_type: str


class _Resolver(AbstractResolver):
    """Looks names up, so many at once at most: strangers choose them."""

    def __init__(self) -> None:
        self._under_way: list[Future[Found]] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises OSError."""
        self._under_way = [each for each in self._under_way if not each.done()]
        if len(self._under_way) >= _MOST_LOOK_UPS:
            raise OSError(errno.EAGAIN, "too many names are being looked up")
        looking = look_up(host)
        self._under_way.append(looking)
        found = await asyncio.wrap_future(looking)
        if isinstance(found, OSError):
            raise found
        kinds = {each: socket.AF_INET6 if ":" in each else socket.AF_INET for each in found}
        return [
            ResolveResult(
                hostname=host,
                host=each,
                port=port,
                family=kind,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for each, kind in kinds.items()
            if family in (socket.AF_UNSPEC, kind)
        ]

    async def close(self) -> None: ...


class Fetching:
    """Fetches media into `media/`. may: whether an address may be connected with."""

    def __init__(self, media: Media, may: Callable[[str], bool] = is_public) -> None:
        self._media = media
        self._may = may
        self._resolver = _Resolver()

    async def fetch(self, url: str, file_name: str) -> Fetched:
        """What lies at an address. file_name: what the recipient sees of a document; "" for the
        last part of the address. Raises FacadeError, and ApiError where there is no room."""
        check_media(url)
        timeout = aiohttp.ClientTimeout(total=FETCH_S, sock_connect=CONNECT_S)
        connector = aiohttp.TCPConnector(
            resolver=self._resolver,
            limit=1,
            socket_factory=self._socket,
            use_dns_cache=False,
            force_close=True,
        )
        headers = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "waziterm"}
        try:
            async with (
                aiohttp.ClientSession(
                    connector=connector,
                    timeout=timeout,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    headers=headers,
                    auto_decompress=False,
                    trust_env=False,
                ) as session,
                session.get(url, max_redirects=_REDIRECTS) as answer,
            ):
                return await self._take(answer, file_name)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, UnicodeError) as error:
            # Why is told nobody: it would say what there is in a network that is not theirs.
            raise FacadeError(_NOT_FETCHED, code="media") from error

    async def _take(self, answer: aiohttp.ClientResponse, file_name: str) -> Fetched:
        if answer.status != 200:
            raise FacadeError(f"{_NOT_FETCHED}: its server answers {answer.status}", code="media")
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise FacadeError(f"{_NOT_FETCHED}: its server sends it compressed", code="media")
        upload = await self._media.take(_chunks(answer), answer.content_length or 0)
        path = await self._media.path_of(upload.id)
        assert path is not None
        image = await self._media.image_type(upload.id)
        if image:
            return Fetched(MessageKind.IMAGE, path, "", image)
        name = _file_name(file_name) or _file_name(unquote(answer.url.raw_name))
        name = name or "file"
        mime = answer.content_type
        if not _MIME.fullmatch(mime) or mime == _ANY:
            mime = mimetypes.guess_type(name)[0] or _ANY
        return Fetched(MessageKind.DOCUMENT, path, name, mime)

    def _socket(self, found: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = found
        if not self._may(str(address[0])):
            raise OSError(errno.EACCES, "it is no address of the internet")
        return socket.socket(family, kind, protocol)


async def _chunks(answer: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    try:
        async for chunk in answer.content.iter_chunked(_CHUNK):
            yield chunk
    except (aiohttp.ClientError, TimeoutError) as error:
        raise FacadeError(_NOT_FETCHED, code="media") from error


def _file_name(text: str) -> str:
    kept = "".join(each for each in text if each.isprintable() and each not in "/\\")
    return kept.strip()[:_LONGEST_NAME]
