"""The API's listener: where it listens, who may ask, and what an error looks like."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from waziterm.domain.errors import FleetError, InstanceNotFoundError
from waziterm.domain.listeners import Listener
from waziterm.domain.messages.queue import MessageRefusedError, RefusalCode
from waziterm.domain.webhooks.event import WebhookEvent
from waziterm.gateway.api.failures import (
    http_failure,
    refused,
    told,
    unauthorized,
    unavailable,
)
from waziterm.gateway.api.openapi import described
from waziterm.gateway.api.requests import routes_of
from waziterm.gateway.api.routes import OWNER, Behind, Routes, token_of
from waziterm.gateway.api_error import ApiError
from waziterm.gateway.listener import Hosts, Strangers, end_unread, listening, tell_fault
from waziterm.gateway.media import Media
from waziterm.health.clients import Clients, most_clients
from waziterm.manager.descriptors import descriptors

if TYPE_CHECKING:
    from waziterm.config.settings import Api, Settings
    from waziterm.manager.manager import SessionManager

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = logging.getLogger(__name__)


def serve(fleet: "SessionManager", settings: "Settings") -> AbstractAsyncContextManager[None]:
    """Answer the API of a manager; see `serve_api`. settings: those that it was started with."""
    return serve_api(settings.api, behind_of(fleet, settings))


def behind_of(fleet: "SessionManager", settings: "Settings") -> Behind:
    """What stands behind the API of a manager. settings: those that it was started with."""

    def exists(name: str) -> bool:
        # By the name that it has now, for by that the tokens go.
        try:
            fleet.view(name)
        except InstanceNotFoundError:
            return False
        return True

    async def events(name: str, after: int, limit: int) -> tuple[WebhookEvent, ...]:
        return await fleet.events.after(fleet.view(name).id, after, limit)

    media = Media(settings.data_dir, settings.api.media_mb * 1_000_000)
    return Behind(fleet.queue, fleet.owner_of, exists, fleet.now, media, events)


@asynccontextmanager
async def serve_api(api: "Api", behind: Behind) -> AsyncIterator[None]:
    """Answer the API where the settings say so while the context is open.

    api: with an address. Raises FleetError, one line, when it must not be listened on, or cannot.
    """
    clients = Clients(most_clients(descriptors()) // 2, told)
    door = _Door(api, behind)
    application = web.Application(middlewares=[clients.counted, _errors_as_json, door.let_in])
    application.add_routes(routes_of(Routes(behind, described)))
    await behind.media.clear()
    async with listening(Listener.API, api, application, clients):
        log.info("the API answers on %s", api.address)
        yield


class _Door:
    """Lets in whoever asks for this host and has a token."""

    def __init__(self, api: "Api", behind: Behind) -> None:
        self._behind = behind
        self._hosts = Hosts(api)
        self._strangers = Strangers("the API")

    @web.middleware
    async def let_in(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        if not self._hosts.has(request):
            raise ApiError(
                421, "host", "this host is not answered for here", "add its name to [api] hosts"
            )
        token = token_of(request)
        owner = await self._behind.owner_of(token) if token else None
        if owner is None:
            self._strangers.tell(request)
            raise unauthorized()
        request[OWNER] = owner
        return await handler(request)


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
        tell_fault("the API", error)
        return _failure(request, http_failure(500, "an unexpected error was met"))


def _failure(request: web.Request, error: ApiError) -> web.Response:
    answer = web.json_response(error.document, status=error.status, headers=error.headers)
    end_unread(request, answer)
    return answer
