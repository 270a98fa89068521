"""The manager's HTTP API on a unix socket: the verbs of `domain.fleet.protocol`, and a few more.

Each verb's method, path and arguments are declared there, once: a POST takes its arguments as a
JSON object of at most 16 KiB, a GET as query values; `waziterm schema` prints the shape of every
answer. Beside them are `GET /v1` (`{version, protocol, pid}` of the manager, see
`control.protocol`), `GET /v1/stream` (changes as server-sent events, see `control.server.stream`),
and health, see `waziterm.health`.

Errors are `{error, code, hint}` with 400 for wrong input (exit code 2), 404, 405, 409 for a
command that was refused or failed (1), 413, 503 (3), also for a client too many
(`health.clients`), and 500 for a fault of ours, whose traceback goes to the log.
"""

import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from aiohttp import web

from waziterm.control.protocol import hello
from waziterm.control.server import dispatch
from waziterm.control.server.recorder import Recorder
from waziterm.control.server.stream import Stream
from waziterm.domain.fleet.api import Fleet, FleetError, InstanceNotFoundError
from waziterm.domain.fleet.audit import AuditLog
from waziterm.domain.fleet.verbs import EXACT
from waziterm.health.answers import Health
from waziterm.health.clients import Clients, answering, most_clients
from waziterm.manager.descriptors import descriptors
from waziterm.manager.files.listening import listening

BODY_LIMIT = 16 * 1024
# Requests that are open when the manager ends get this long; a send-test may take a minute.
SHUTDOWN_S = 1.0

_log = logging.getLogger(__name__)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serve_control(
    fleet: Fleet,
    path: Path,
    upgraded: Callable[[], bool] = lambda: False,
    audit: AuditLog | None = None,
    refuse: Callable[[], None] = lambda: None,
) -> AsyncIterator[None]:
    """Answer the API on the unix socket `path` (mode 0600) while the context is open.

    upgraded: whether the program was upgraded on disk, for `/health`. audit: where the acts of
    whoever is connected are written down; None: nowhere. refuse: raises FleetError while no verb
    can be carried out and no screen be attached.
    Only the holder of the data directory's lock may call it. Raises FleetError when the path
    is too long or taken.
    """
    most = most_clients(descriptors())
    clients = Clients(most)
    recorder = Recorder(audit, clients)
    application = web.Application(
        middlewares=[clients.counted, _errors_as_json], client_max_size=BODY_LIMIT
    )
    # Screens stay; the verbs, and whoever asks how the manager does, must get in beside them.
    stream = Stream(fleet, most // 2, refuse)
    application.on_shutdown.append(stream.end)
    application.add_routes(
        [
            web.get("/v1", _hello),
            *dispatch.routes(fleet, recorder, refuse),
            *stream.routes(),
            *Health(lambda: fleet, upgraded).routes(),
        ]
    )
    async with answering(application, clients, partial(listening, path), SHUTDOWN_S):
        yield


async def _hello(_request: web.Request) -> web.Response:
    return web.json_response(hello(os.getpid()))


@web.middleware
async def _errors_as_json(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except InstanceNotFoundError as error:
        return _failure(request, error, 404)
    except FleetError as error:
        return _failure(request, error, {2: 400, 3: 503}.get(error.code, 409))
    except web.HTTPRequestEntityTooLarge:
        return _failure(
            request, FleetError(f"the body is larger than {BODY_LIMIT} bytes", code=2), 413
        )
    except web.HTTPNotFound:
        return _failure(request, FleetError(f"no such path: {request.path[:80]!r}", code=2), 404)
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        return _failure(request, FleetError(f"this path takes {allowed}", code=2), 405)
    except web.HTTPException as error:
        return _failure(request, FleetError(error.reason, code=2), error.status)
    except Exception:  # noqa: BLE001 - the last line of defence; the log has all of it
        _log.exception("a request failed: %s %s", request.method, request.path[:80])
        fault = FleetError("the manager met an unexpected error", "its log says more")
        return _failure(request, fault, 500)


def _failure(request: web.Request, error: FleetError, status: int) -> web.Response:
    exact = request.headers.get("Accept") == EXACT
    return web.json_response(error.exact if exact else error.document, status=status)
