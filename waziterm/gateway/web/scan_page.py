"""The scan page's listener: who may ask it, and what it tells to nobody."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from gettext import NullTranslations
from importlib.resources import files
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from waziterm.domain.errors import FleetError
from waziterm.domain.listeners import Listener
from waziterm.domain.screen import Lang
from waziterm.gateway.listener import Hosts, listening, tell_fault
from waziterm.gateway.web.parts import Plain
from waziterm.gateway.web.scan import Refused, Scan
from waziterm.gateway.web.site import Site
from waziterm.health.clients import Clients, most_clients
from waziterm.lang import translations
from waziterm.manager.descriptors import descriptors

if TYPE_CHECKING:
    from waziterm.config.settings import Settings
    from waziterm.manager.manager import SessionManager

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self';"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every answer."""
FILES = {"page.css": "text/css", "page.js": "text/javascript"}
_STREAMS_PER_CLIENT = 2
"""One of so many clients may be a browser that is told what changes."""

log = logging.getLogger(__name__)


@asynccontextmanager
async def serve(fleet: "SessionManager", settings: "Settings") -> AsyncIterator[None]:
    """Answer the scan page of a manager while the context is open. settings: those that it was
    started with, with an address. Raises FleetError, one line, when it must not be listened on, or
    cannot."""
    most = most_clients(descriptors()) // 2
    clients = Clients(most, _told)
    site = Site.of(settings)
    static, catalogs = await asyncio.to_thread(_read)
    scan = Scan(fleet, site, catalogs, most // _STREAMS_PER_CLIENT)
    application = web.Application(
        middlewares=[clients.counted, _errors_as_pages(scan), _of_this_host(settings, site)]
    )
    application.on_response_prepare.append(_with_headers)
    for prefix in dict.fromkeys(("", site.prefix)):
        application.add_routes([*scan.routes(prefix), *_static(prefix, static)])
    async with listening(Listener.WEB, settings.web, application, clients):
        log.info("the scan page answers on %s", settings.web.address)
        try:
            yield
        finally:
            scan.close()


def _told(error: FleetError, status: int) -> dict[str, object]:
    """What is answered before a request could be looked at: nothing of the fleet."""
    return {"error": "busy" if status == 503 else "the request is no sound HTTP"}


def _read() -> tuple[dict[str, bytes], dict[Lang, NullTranslations]]:
    """The files, and the catalogs of all languages: what lies there later may be another version's,
    or gone. A language whose catalog was not installed is English."""
    folder = files("waziterm.gateway.web") / "static"
    catalogs = {lang: NullTranslations() for lang in Lang}
    for lang in Lang:
        with suppress(FileNotFoundError):
            catalogs[lang] = translations(lang, {})
    return {name: (folder / name).read_bytes() for name in FILES}, catalogs


def _static(prefix: str, read: dict[str, bytes]) -> list[web.RouteDef]:
    def answer(name: str) -> Handler:
        async def handler(_: web.Request) -> web.Response:
            return web.Response(body=read[name], content_type=FILES[name], charset="utf-8")

        return handler

    return [web.get(f"{prefix}/scan/{name}", answer(name)) for name in FILES]


async def _with_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
    # It would tell the versions of what runs here.
    response.headers["Server"] = "waziterm"


def _of_this_host(settings: "Settings", site: Site) -> Middleware:
    hosts = Hosts(settings.web, *site.hosts)

    @web.middleware
    async def let_in(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not hosts.has(request):
            raise Refused(421, Plain.NOWHERE)
        return await handler(request)

    return let_in


def _errors_as_pages(scan: Scan) -> Middleware:
    @web.middleware
    async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refused as refused:
            return scan.refusal(request, refused)
        except FleetError as error:
            log.error("the scan page could not answer: %s", error)
            return scan.refusal(request, Refused(503, Plain.BUSY, retry_after_s=60.0))
        except web.HTTPNotFound:
            return scan.refusal(request, Refused(404, Plain.NOWHERE))
        except web.HTTPMethodNotAllowed as error:
            answer = scan.refusal(request, Refused(405, Plain.NOWHERE))
            answer.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
            return answer
        except web.HTTPException as error:
            return scan.refusal(request, Refused(error.status, Plain.NOWHERE))
        except ConnectionError:
            # Whoever asked is gone.
            raise
        except Exception as error:  # noqa: BLE001 - the last line of defence
            tell_fault("the scan page", error)
            return scan.refusal(request, Refused(500, Plain.BUSY))

    return answered
