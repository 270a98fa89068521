"""The manager's HTTP API: a thin translation of requests into calls of the `Fleet` protocol.

| request | body | answer |
|---|---|---|
| `GET /v1` | | `{version, pid}` of the manager |
| `GET /v1/fleet` | | the fleet |
| `GET /v1/instances` | | an array of instances |
| `POST /v1/instances` | `{name, phone?, proxy?}` | 201, the instance |
| `GET /v1/instances/{name}` | | the instance |
| `GET /v1/instances/{name}/qr` | | the QR code that is valid now |
| `GET /v1/instances/{name}/logs?limit=200&after=SEQ&since=` | | log lines, oldest first |
| `POST /v1/instances/{name}/start`, `…/stop` | | the instance |
| `POST /v1/instances/{name}/clean` | `{logout?}` | the instance |
| `POST /v1/instances/{name}/reconnect` | `{takeover?}` | the instance |
| `POST /v1/instances/{name}/pairing-code` | `{phone?}` | a pairing code, made now |
| `POST /v1/janitor` | `{dry_run?}` | an array of acts |
| `POST /v1/instances/{name}/send-test` | `{to?}` | the result, when WhatsApp has answered |
| `GET /v1/stream` | | changes as server-sent events, see `control.server.stream` |

The requests of the emergency tools are in `control.server.tools`, those of the history in
`control.server.history`, those of health in `control.server.health`. Shapes are those of
`control.views`. A body is JSON of at most 16 KiB. Errors are `{error, code, hint}` with 400 for
wrong input (exit code 2), 404, 405, 409 for a command that was refused or failed (1), 413, 503
(3), also for a client too many (`control.server.clients`), and 500 for a fault of ours, whose
traceback goes to the log.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from waziterm import __version__
from waziterm.control.server import history, tools
from waziterm.control.server.clients import Clients, most_clients
from waziterm.control.server.health import Health
from waziterm.control.server.listener import listener
from waziterm.control.server.requests import fields, lines_of
from waziterm.control.server.stream import Stream
from waziterm.control.views import (
    act_json,
    code_json,
    error_json,
    fleet_json,
    instance_json,
    log_json,
    qr_json,
    send_json,
)
from waziterm.domain.fleet.api import (
    Fleet,
    FleetError,
    FleetView,
    InstanceNotFoundError,
    InstanceView,
)
from waziterm.manager import inputs
from waziterm.manager.descriptors import descriptors

BODY_LIMIT = 16 * 1024
# Requests that are open when the manager ends get this long; a send-test may take a minute.
SHUTDOWN_S = 1.0

_log = logging.getLogger(__name__)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serve_control(fleet: Fleet, path: Path) -> AsyncIterator[None]:
    """Answer the API on the unix socket `path` (mode 0600) while the context is open.

    Only the holder of the data directory's lock may call it. Raises FleetError when the path
    is too long or taken.
    """
    most = most_clients(descriptors())
    clients = Clients(most)
    application = web.Application(
        middlewares=[clients.counted, _errors_as_json], client_max_size=BODY_LIMIT
    )
    # Screens stay; the verbs, and whoever asks how the manager does, must get in beside them.
    stream = Stream(fleet, most // 2)
    application.on_shutdown.append(stream.end)
    application.add_routes(
        [
            *_Api(fleet).routes(),
            *tools.routes(fleet),
            *history.routes(fleet),
            *stream.routes(),
            *Health(lambda: fleet).routes(),
        ]
    )
    with listener(path) as sock:
        runner = web.AppRunner(
            application, handle_signals=False, access_log=None, shutdown_timeout=SHUTDOWN_S
        )
        await runner.setup()
        assert runner.server is not None
        loop = asyncio.get_running_loop()
        listening = await loop.create_unix_server(clients.serve(runner.server), sock=sock)
        try:
            yield
        finally:
            listening.close()
            await runner.cleanup()


class _Api:
    """The handlers; they hold nothing but the fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def routes(self) -> list[web.RouteDef]:
        one = "/v1/instances/{name}"
        return [
            web.get("/v1", self.hello),
            web.get("/v1/fleet", self.fleet),
            web.get("/v1/instances", self.instances),
            web.post("/v1/instances", self.add),
            web.post("/v1/janitor", self.tidy_up),
            web.get(one, self.instance),
            web.get(one + "/qr", self.qr),
            web.get(one + "/logs", self.logs),
            web.post(one + "/start", self.start),
            web.post(one + "/stop", self.stop),
            web.post(one + "/clean", self.clean),
            web.post(one + "/reconnect", self.reconnect),
            web.post(one + "/send-test", self.send_test),
            web.post(one + "/pairing-code", self.pairing_code),
        ]

    async def hello(self, _request: web.Request) -> web.Response:
        return web.json_response({"version": __version__, "pid": os.getpid()})

    async def fleet(self, _request: web.Request) -> web.Response:
        return web.json_response(fleet_json(self._fleet.snapshot()))

    async def instances(self, _request: web.Request) -> web.Response:
        return web.json_response(fleet_json(self._fleet.snapshot())["instances"])

    async def instance(self, request: web.Request) -> web.Response:
        fleet, view = self._find(request)
        return web.json_response(instance_json(view, fleet.at))

    async def qr(self, request: web.Request) -> web.Response:
        fleet, view = self._find(request)
        if view.qr is None:
            raise FleetError(
                f"{view.name} shows no QR code: {view.state.label}, {view.reason.sentence}",
                "" if view.paired else f"waziterm start {view.name}",
            )
        return web.json_response(qr_json(view.qr, fleet.at))

    async def logs(self, request: web.Request) -> web.Response:
        wanted = lines_of(request)
        _fleet, view = self._find(request)
        lines = await self._fleet.lines(
            view.name, limit=wanted.limit, since=wanted.since, after=wanted.after
        )
        return web.json_response([log_json(line) for line in lines])

    async def add(self, request: web.Request) -> web.Response:
        body = await fields(request, {"name": str}, {"phone": str, "proxy": str})
        name = inputs.instance_name(body["name"])
        phone, proxy = body.get("phone"), body.get("proxy")
        view = await self._fleet.add(
            name,
            None if phone is None else inputs.phone_number(phone),
            None if proxy is None else inputs.proxy_url(proxy),
        )
        return self._answer(view, 201)

    async def start(self, request: web.Request) -> web.Response:
        return self._answer(await self._fleet.start(await self._bare(request)))

    async def stop(self, request: web.Request) -> web.Response:
        return self._answer(await self._fleet.stop(await self._bare(request)))

    async def clean(self, request: web.Request) -> web.Response:
        body = await fields(request, {}, {"logout": bool})
        _fleet, view = self._find(request)
        logout = bool(body.get("logout"))
        return self._answer(await self._fleet.clean(view.name, logout=logout))

    async def reconnect(self, request: web.Request) -> web.Response:
        body = await fields(request, {}, {"takeover": bool})
        _fleet, view = self._find(request)
        takeover = bool(body.get("takeover"))
        return self._answer(await self._fleet.reconnect(view.name, takeover=takeover))

    async def send_test(self, request: web.Request) -> web.Response:
        body = await fields(request, {}, {"to": str})
        _fleet, view = self._find(request)
        to = body.get("to")
        number = None if to is None else inputs.phone_number(to)
        return web.json_response(send_json(await self._fleet.send_test(view.name, number)))

    async def pairing_code(self, request: web.Request) -> web.Response:
        body = await fields(request, {}, {"phone": str})
        _fleet, found = self._find(request)
        phone = body.get("phone")
        number = None if phone is None else inputs.phone_number(phone)
        view = await self._fleet.pairing_code(found.name, number)
        if view.code is None:
            raise FleetError(
                f"{view.name}: the pairing ended meanwhile", f"waziterm start {view.name}"
            )
        return web.json_response(code_json(view.code, self._fleet.snapshot().at))

    async def tidy_up(self, request: web.Request) -> web.Response:
        body = await fields(request, {}, {"dry_run": bool})
        acts = await self._fleet.tidy_up(dry_run=bool(body.get("dry_run")))
        return web.json_response([act_json(act) for act in acts])

    async def _bare(self, request: web.Request) -> str:
        """The name in the path, of a request whose body must be empty."""
        await fields(request, {}, {})
        return self._find(request)[1].name

    def _find(self, request: web.Request) -> tuple[FleetView, InstanceView]:
        name = inputs.instance_name(request.match_info["name"])
        fleet = self._fleet.snapshot()
        for view in fleet.instances:
            if view.name == name:
                return fleet, view
        raise InstanceNotFoundError(name)

    def _answer(self, view: InstanceView, status: int = 200) -> web.Response:
        return web.json_response(instance_json(view, self._fleet.snapshot().at), status=status)


@web.middleware
async def _errors_as_json(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except InstanceNotFoundError as error:
        return _failure(error, 404)
    except FleetError as error:
        return _failure(error, {2: 400, 3: 503}.get(error.code, 409))
    except web.HTTPRequestEntityTooLarge:
        return _failure(FleetError(f"the body is larger than {BODY_LIMIT} bytes", code=2), 413)
    except web.HTTPNotFound:
        return _failure(FleetError(f"no such path: {request.path[:80]!r}", code=2), 404)
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        return _failure(FleetError(f"this path takes {allowed}", code=2), 405)
    except web.HTTPException as error:
        return _failure(FleetError(error.reason, code=2), error.status)
    except Exception:  # noqa: BLE001 - the last line of defence; the log has all of it
        _log.exception("a request failed: %s %s", request.method, request.path[:80])
        fault = FleetError("the manager met an unexpected error", "its log says more")
        return _failure(fault, 500)


def _failure(error: FleetError, status: int) -> web.Response:
    return web.json_response(error_json(error), status=status)
