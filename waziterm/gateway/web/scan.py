"""The requests of the scan page."""

import asyncio
import json
import math
import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from gettext import NullTranslations
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import web

from waziterm.domain.fleet.api import Fleet, FleetError, InstanceView
from waziterm.domain.fleet.audit import Person, Via, audited
from waziterm.domain.link_end import LinkEnd
from waziterm.domain.links import KeptLink, cookie_of, is_browser, is_nonce, new_nonce
from waziterm.domain.screen import Lang
from waziterm.domain.text import plain
from waziterm.gateway.listener import end_unread
from waziterm.gateway.web.html import drawing, main_of, page
from waziterm.gateway.web.language import wanted
from waziterm.gateway.web.parts import Code, Door, Part, Plain, is_last, offers_typing, part_of
from waziterm.gateway.web.scan_limits import Limits
from waziterm.lang import speaking

if TYPE_CHECKING:
    from waziterm.gateway.web.site import Site
    from waziterm.manager.manager import SessionManager

COOKIE = "scan"
BODY_BYTES = 2_000
BODY_S = 5.0
"""Seconds within which a form has to come."""
CODE_S = 20.0
"""Seconds within which WhatsApp has to make a code to type."""
HEARTBEAT_S = 10.0
"""Seconds after which a browser that is told what changes hears something in any case."""
WRITE_S = 10.0
"""Seconds within which it has to take what it is told."""
PAUSE_S = 0.25
"""Seconds between two looks for one browser, however much changes."""
MOST_STREAMS = 4
"""Of one link: a fifth one ends the first."""
_TOKEN = "{token:[A-Za-z0-9_-]{1,200}}"


@dataclass(eq=False)
class Refused(Exception):
    """What is not answered with what was asked for."""

    status: int
    part: Plain
    retry_after_s: float | None = None


class Met(NamedTuple):
    """A link that leads somewhere, as one browser has it. name: of its instance. part: what the
    browser is shown that has opened it. offers: a code to type can be had. is_owner: this browser
    has opened it."""

    token: str
    kept: KeptLink
    name: str
    part: Plain | Code
    offers: bool
    is_owner: bool


class Scan:
    """Shows the codes of instances to those who have links. most_streams: how many browsers may be
    told what changes at once."""

    def __init__(
        self,
        fleet: "SessionManager",
        site: "Site",
        catalogs: Mapping[Lang, NullTranslations],
        most_streams: int,
    ) -> None:
        self._fleet = fleet
        self._site = site
        self._catalogs = catalogs
        self._most_streams = most_streams
        self._limits = Limits()
        self._streams: dict[int, OrderedDict[object, asyncio.Event]] = {}
        self._drawn: tuple[str, tuple[int, str]] | None = None
        self._without_code: set[int] = set()
        self._closing = False

    def routes(self, prefix: str) -> list[web.RouteDef]:
        """All requests. prefix: of their paths."""
        path = f"{prefix}/scan/{_TOKEN}"
        return [
            web.get(path, self._show),
            web.post(f"{path}/open", self._open),
            web.post(f"{path}/start", self._start),
            web.post(f"{path}/code", self._type),
            web.get(f"{path}/open", self._back),
            web.get(f"{path}/code", self._back),
            web.get(f"{path}/start", self._back),
            web.get(f"{path}/events", self._follow, allow_head=False),
        ]

    def close(self) -> None:
        """Let all who are told what changes go."""
        self._closing = True
        for streams in self._streams.values():
            for ended in streams.values():
                ended.set()

    def refusal(self, request: web.Request, refused: Refused) -> web.Response:
        """The page that says that something is refused."""
        _, is_ours, rest = request.path.partition("/scan/")
        token, *deeper = rest.split("/")
        root = "../" * len(deeper) if is_ours else "scan/"
        again = f"{root}{token}" if deeper and is_nonce(token) else ""
        with self._speaking(request):
            body = main_of(refused.part, token=again)
            answer = _html(page(refused.part, body, root=root), refused.status)
        if refused.retry_after_s is not None:
            answer.headers["Retry-After"] = str(max(1, math.ceil(refused.retry_after_s)))
        end_unread(request, answer)
        return answer

    # -- the requests

    async def _show(self, request: web.Request) -> web.Response:
        met = await self._met(request)
        part: Part = met.part
        if not met.is_owner:
            by_script = "Sec-Fetch-Site" not in request.headers
            part = Door(met.token, new_nonce(), by_script, met.offers)
        body = await self._body(request, part, met.token)
        with self._speaking(request):
            return _html(page(part, body, met.token if met.is_owner else ""))

    async def _open(self, request: web.Request) -> web.Response:
        """Let the browser in whose button was pressed, if it is the first one."""
        if not self._site.is_own(request):
            raise Refused(403, Plain.FOREIGN)
        met = await self._met(request, pressed=True)
        answer = _to_the_page(met.token)
        if met.is_owner:
            return answer
        try:
            nonce = await _nonce(request)
        except Refused as refused:
            raise (self._missed(request) if met.kept.browser else refused) from None
        cookie = cookie_of(met.token, nonce)
        if not nonce and not met.kept.browser:
            return answer
        if not nonce or not await self._fleet.links.bind(met.kept, cookie):
            raise self._missed(request)
        if not met.kept.browser:
            where = plain(self._site.address(request), 60)
            self._fleet.links.note(met.kept, f"the link to the scan page was opened from {where}")
            await self._begin(request, met)
        answer.set_cookie(
            COOKIE,
            cookie,
            max_age=math.ceil(self._fleet.links.left_s(met.kept)),
            path=f"{self._site.prefix}/scan/{met.token}",
            secure=self._site.is_secure(request),
            httponly=True,
            samesite="Strict",
        )
        return answer

    async def _start(self, request: web.Request) -> web.Response:
        """Let the instance show codes again."""
        if not self._site.is_own(request):
            raise Refused(403, Plain.FOREIGN)
        met = await self._met(request)
        if not met.is_owner:
            raise self._missed(request)
        await self._begin(request, met)
        return _to_the_page(met.token)

    async def _type(self, request: web.Request) -> web.Response:
        """Have a code to type made for the number for which the instance was added. Where WhatsApp
        makes none, none is offered any more."""
        if not self._site.is_own(request):
            raise Refused(403, Plain.FOREIGN)
        met = await self._met(request)
        if not met.is_owner:
            raise self._missed(request)
        asks = isinstance(met.part, Code) and met.part.offers and met.part.typed is None
        if asks and not self._limits.code(met.kept.number, _now()):
            try:
                async with asyncio.timeout(CODE_S):
                    await self._for(request).pairing_code(met.name)
            except (FleetError, TimeoutError):
                self._without_code.add(met.kept.number)
        return _to_the_page(met.token)

    async def _back(self, request: web.Request) -> web.Response:
        """A browser asks again for what a button has led to: it is led to the page."""
        return _to_the_page(request.match_info["token"])

    async def _begin(self, request: web.Request, met: Met) -> None:
        """Begin a pairing where none is under way, as a person's start does: what forbids that one
        forbids this."""
        if met.part not in (Plain.USED_UP, Plain.REFUSED):
            return
        if self._limits.start(met.kept.number, _now()):
            return
        # What it is refused for stands in the audit, and the page shows how it stands.
        with suppress(FleetError):
            await self._for(request).start(met.name)

    def _for(self, request: web.Request) -> Fleet:
        """The fleet, for whoever has opened a link: each act is written down with the address."""
        origin = plain(self._site.address(request), 60)
        person = Person("", os.getuid(), 0, Via.LINK, origin=origin)
        return audited(self._fleet, self._fleet.audit_log, person)

    async def _follow(self, request: web.Request) -> web.StreamResponse:
        """Tell a browser what changes (server-sent events) until the link leads nowhere."""
        met = await self._met(request)
        if not met.is_owner:
            raise self._missed(request)
        with self._stream(met.kept.number) as ended:
            answer = web.StreamResponse(
                headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
            )
            # Its end is that of the connection.
            answer.force_close()
            await answer.prepare(request)
            # Where it cannot be told any more, the browser asks anew.
            with suppress(ConnectionError, TimeoutError, FleetError):
                await self._tell(request, answer, met, ended)
        return answer

    async def _tell(
        self, request: web.Request, answer: web.StreamResponse, met: Met, ended: asyncio.Event
    ) -> None:
        told: Plain | tuple[object, ...] | None = None
        while not ended.is_set():
            news = asyncio.create_task(self._fleet.links.news(met.kept))
            gone = asyncio.create_task(ended.wait())
            try:
                # What changes from here on is waited for.
                await asyncio.sleep(0)
                part = await self._part(met)
                what = _what(part)
                said = b":\n\n"
                if what != told:
                    told = what
                    html = await self._body(request, part, met.token)
                    data = json.dumps({"html": html, "last": is_last(part)})
                    said = f"event: part\ndata: {data}\n\n".encode()
                async with asyncio.timeout(WRITE_S):
                    await answer.write(said)
                if is_last(part):
                    return
                left_s = part.left_s + PAUSE_S if isinstance(part, Code) else HEARTBEAT_S
                left_s = min(left_s, HEARTBEAT_S, self._fleet.links.left_s(met.kept) + PAUSE_S)
                await asyncio.wait(
                    (news, gone), timeout=left_s, return_when=asyncio.FIRST_COMPLETED
                )
                await asyncio.wait((gone,), timeout=PAUSE_S)
            finally:
                news.cancel()
                gone.cancel()

    async def _part(self, met: Met) -> Plain | Code:
        """How a link stands that was opened."""
        kept = await self._fleet.links.find(met.token)
        if kept is None or kept.ended not in (None, LinkEnd.LINKED):
            return Plain.NOWHERE
        if kept.ended is LinkEnd.LINKED:
            return Plain.LINKED
        view = self._fleet.links.view(kept)
        return Plain.NOWHERE if view is None else self._shown(kept, view)

    def _shown(self, kept: KeptLink, view: InstanceView) -> Plain | Code:
        part = part_of(view, self._fleet.now())
        if isinstance(part, Code) and kept.number in self._without_code:
            return replace(part, offers=False)
        return part

    # -- how it is done

    async def _met(self, request: web.Request, *, pressed: bool = False) -> Met:
        """The link that is asked for. Raises Refused, for whoever it is not for: always with the
        same words. pressed: its button was, perhaps for the second time: the browser that has
        opened it may not know that yet."""
        token, cookie = request.match_info["token"], request.cookies.get(COOKIE, "")
        kept = await self._fleet.links.find(token) if is_nonce(token) else None
        if kept is None:
            raise self._missed(request)
        is_owner = is_browser(kept, cookie)
        view = self._fleet.links.view(kept)
        leads = kept.ended is None and (is_owner or not kept.browser or pressed)
        shows_end = kept.ended is LinkEnd.LINKED and is_owner and self._fleet.links.left_s(kept) > 0
        if view is None or not (leads or shows_end):
            raise self._missed(request)
        if wait_s := self._limits.hit(kept.number, is_owner, _now()):
            raise Refused(429, Plain.BUSY, wait_s)
        part = Plain.LINKED if shows_end else self._shown(kept, view)
        return Met(token, kept, view.name, part, offers_typing(view), is_owner)

    def _missed(self, request: web.Request) -> Refused:
        """What is told of a link that leads nowhere, or not whoever asks."""
        if wait_s := self._limits.miss(self._site.address(request), _now()):
            return Refused(429, Plain.BUSY, wait_s)
        return Refused(404, Plain.NOWHERE)

    @contextmanager
    def _stream(self, link: int) -> Iterator[asyncio.Event]:
        """One more browser that is told what changes. Raises Refused when there are too many."""
        mine = self._streams.get(link, OrderedDict())
        if len(mine) < MOST_STREAMS and sum(map(len, self._streams.values())) >= self._most_streams:
            raise Refused(503, Plain.BUSY, HEARTBEAT_S)
        self._streams[link] = mine
        if len(mine) >= MOST_STREAMS:
            _, oldest = mine.popitem(last=False)
            oldest.set()
        key, ended = object(), asyncio.Event()
        if self._closing:
            ended.set()
        mine[key] = ended
        try:
            yield ended
        finally:
            mine.pop(key, None)
            if not mine and self._streams.get(link) is mine:
                del self._streams[link]

    async def _body(self, request: web.Request, part: Part, token: str) -> str:
        drawn = None
        if isinstance(part, Code):
            if self._drawn is None or self._drawn[0] != part.payload:
                self._drawn = part.payload, await asyncio.to_thread(drawing, part.payload)
            drawn = self._drawn[1]
        with self._speaking(request):
            return main_of(part, drawn, token)

    @contextmanager
    def _speaking(self, request: web.Request) -> Iterator[None]:
        """In the language that a browser wants, as long as the context lasts."""
        lang = wanted(request.headers.get("Accept-Language", ""))
        with speaking(self._catalogs[lang]):
            yield


async def _nonce(request: web.Request) -> str:
    """What the page has brought along whose button was pressed; "" for what is none of ours. Raises
    Refused for what does not come, or is too much."""
    if (request.content_length or 0) > BODY_BYTES:
        raise Refused(413, Plain.BUSY)
    raw = b""
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.content.iter_any():
                raw += chunk
                if len(raw) > BODY_BYTES:
                    raise Refused(413, Plain.BUSY)
    except TimeoutError:
        raise Refused(408, Plain.BUSY) from None
    except web.RequestPayloadError:
        raise Refused(400, Plain.BUSY) from None
    for each in raw.decode("ascii", "replace").split("&"):
        name, _, value = each.partition("=")
        if name == "page" and is_nonce(value):
            return value
    return ""


def _what(part: Plain | Code) -> Plain | tuple[object, ...]:
    """What of a part a browser does not know by itself: not how time passes."""
    if not isinstance(part, Code):
        return part
    return part.payload, part.index, part.typed and part.typed.text, part.offers


def _to_the_page(token: str) -> web.Response:
    return web.Response(status=303, headers={"Location": f"../{token}"})


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8")


def _now() -> float:
    return asyncio.get_running_loop().time()
