"""The API's listener: where it listens, who may ask, and what an error looks like."""

import asyncio
import ipaddress
import logging
import os
import ssl
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from waziterm.domain.errors import FleetError, InstanceNotFoundError
from waziterm.domain.messages.queue import MessageRefusedError, RefusalCode
from waziterm.domain.phrase import Phrase
from waziterm.gateway.api.failures import (
    ApiError,
    http_failure,
    refused,
    told,
    unauthorized,
    unavailable,
)
from waziterm.gateway.api.media import Media
from waziterm.gateway.api.openapi import described
from waziterm.gateway.api.routes import OWNER, Behind, Routes, token_of
from waziterm.health.clients import Clients, answering, most_clients
from waziterm.manager.descriptors import descriptors

if TYPE_CHECKING:
    from waziterm.config.settings import Api, Settings
    from waziterm.manager.manager import SessionManager

SHUTDOWN_S = 1.0
HANDSHAKE_S = 5.0
"""Seconds within which a client has to agree on how to encrypt."""
TOLD_EVERY_S = 60.0
"""Who comes without a token is told in the log at most once in so many seconds."""

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = logging.getLogger(__name__)


def behind_of(fleet: "SessionManager", settings: "Settings") -> Behind:
    """What stands behind the API of a manager. settings: those that it was started with."""

    def exists(name: str) -> bool:
        # By the name that it has now, for by that the tokens go.
        try:
            fleet.view(name)
        except InstanceNotFoundError:
            return False
        return True

    media = Media(settings.data_dir, settings.api.media_mb * 1_000_000)
    return Behind(fleet.queue, fleet.owner_of, exists, fleet.now, media)


@asynccontextmanager
async def serve_api(api: "Api", behind: Behind) -> AsyncIterator[None]:
    """Answer the API where the settings say so while the context is open.

    api: with an address. Raises FleetError, one line, when it must not be listened on, or cannot.
    """
    if (refusal := api.refusal) is not None:
        raise FleetError(refusal.why, refusal.hint)
    assert api.address is not None
    host, port = api.address
    context = await asyncio.to_thread(_tls, api)
    await behind.media.clear()
    clients = Clients(most_clients(descriptors()) // 2, told)
    door = _Door(api, behind)
    application = web.Application(middlewares=[clients.counted, _errors_as_json, door.let_in])
    application.add_routes(Routes(behind, described).definitions())

    @asynccontextmanager
    async def listen(serve: Callable[[], asyncio.Protocol]) -> AsyncIterator[None]:
        try:
            listening = await asyncio.get_running_loop().create_server(
                serve,
                host,
                port,
                ssl=context,
                ssl_handshake_timeout=None if context is None else HANDSHAKE_S,
            )
        except OSError as error:
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
            raise FleetError(
                Phrase(
                    "the API does not answer: {where} cannot be listened on: {why}",
                    where=str(api.address),
                    why=why,
                ),
                Phrase("name another address in the table [api] of the config"),
            ) from error
        try:
            yield
        finally:
            listening.close()

    async with answering(application, clients, listen, SHUTDOWN_S):
        log.info("the API answers on %s", api.address)
        yield


def _tls(api: "Api") -> ssl.SSLContext | None:
    """How the listener encrypts; None where it does not. Raises FleetError."""
    if api.tls_cert is None or api.tls_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # A key with a passphrase would ask for it at the terminal.
        context.load_cert_chain(api.tls_cert, api.tls_key, password=lambda: b"")
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        raise FleetError(
            Phrase("the API does not answer: its certificate cannot be used: {why}", why=str(why)),
            Phrase("see tls_cert and tls_key in [api]"),
        ) from error
    return context


class _Door:
    """Lets in whoever asks for this host and has a token."""

    def __init__(self, api: "Api", behind: Behind) -> None:
        assert api.address is not None
        self._behind = behind
        self._hosts = {"localhost", api.address.host.lower(), *api.hosts}
        self._told_at: float | None = None

    @web.middleware
    async def let_in(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        if not self._is_host(request):
            raise ApiError(
                421, "host", "this host is not answered for here", "add its name to [api] hosts"
            )
        token = token_of(request)
        owner = await self._behind.owner_of(token) if token else None
        if owner is None:
            self._tell(request)
            raise unauthorized()
        request[OWNER] = owner
        return await handler(request)

    def _is_host(self, request: web.Request) -> bool:
        """Whether the request names a host that this is. An address is one if it is the one that
        was called: a name is what a foreign page could let lead here."""
        given = request.headers.getall("Host", [])
        if len(given) != 1:
            return False
        name, _, port = given[0].rpartition(":")
        if not name or not port.isdecimal():
            name = given[0]
        name = name.lower().removesuffix(".").removeprefix("[").removesuffix("]")
        if name in self._hosts:
            return True
        if request.transport is None:
            return False
        called = request.transport.get_extra_info("sockname")[0].partition("%")[0]
        try:
            return ipaddress.ip_address(name) == ipaddress.ip_address(called)
        except ValueError:
            return False

    def _tell(self, request: web.Request) -> None:
        now = asyncio.get_running_loop().time()
        if self._told_at is None or now - self._told_at >= TOLD_EVERY_S:
            self._told_at = now
            log.warning("the API was asked without a valid token, from %s", request.remote)


@web.middleware
async def _errors_as_json(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as error:
        return _failure(request, error)
    except MessageRefusedError as error:
        return _failure(request, refused(error))
    except InstanceNotFoundError as error:
        return _failure(
            request, ApiError(404, RefusalCode.INSTANCE_NOT_FOUND, str(error), str(error.hint))
        )
    except FleetError as error:
        log.error("the API could not answer: %s", error)
        return _failure(request, unavailable())
    except web.HTTPNotFound:
        return _failure(request, http_failure(404, "there is no such path"))
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        answer = _failure(request, http_failure(405, f"this path takes {allowed}"))
        answer.headers["Allow"] = allowed
        return answer
    except web.HTTPException as error:
        return _failure(request, http_failure(error.status, error.reason))
    except ConnectionError:
        # Whoever asked is gone.
        raise
    except Exception as error:  # noqa: BLE001 - the last line of defence
        # What it says may hold what was sent; where it was met holds nothing of that.
        met = "".join(traceback.format_tb(error.__traceback__))
        log.error("a request of the API failed: %s\n%s", type(error).__name__, met)
        return _failure(request, http_failure(500, "an unexpected error was met"))


def _failure(request: web.Request, error: ApiError) -> web.Response:
    answer = web.json_response(error.document, status=error.status, headers=error.headers)
    if not request.content.at_eof():
        # The rest of what was sent is no next request.
        answer.force_close()
    return answer
