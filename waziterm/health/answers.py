"""Health for machines: `/health`, `/ready` and `/metrics`, and never a command.

| request | answer |
|---|---|
| `GET /health` | 200 while the event loop works: `{status, pid, version, upgraded}` |
| `GET /ready` | 200 once the fleet is up: `{status, instances}`, a count per state; 503 before |
| `GET /metrics` | Prometheus text, see `health.metrics` |

`upgraded` is true when the program's files on disk are of another version: restart it.
They are part of the API on the control socket, and they are all that a TCP address offers.
"""

import asyncio
import importlib
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from waziterm import __version__
from waziterm.domain.fleet.api import Fleet, FleetError
from waziterm.health.clients import Clients, answering, most_clients
from waziterm.manager.descriptors import descriptors

SHUTDOWN_S = 0.5
_COMPRESSED_BESIDE = 32_768
"""An answer of so many bytes is compressed in a thread."""


class Health:
    """The three answers. fleet: the fleet once it is up, None before. upgraded: whether the
    program was upgraded on disk."""

    def __init__(self, fleet: Callable[[], Fleet | None], upgraded: Callable[[], bool]) -> None:
        self._fleet = fleet
        self._upgraded = upgraded

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/health", self.health),
            web.get("/ready", self.ready),
            web.get("/metrics", self.metrics),
        ]

    async def health(self, _request: web.Request) -> web.Response:
        said = {"status": "ok", "pid": os.getpid(), "version": __version__}
        return web.json_response(said | {"upgraded": self._upgraded()})

    async def ready(self, _request: web.Request) -> web.Response:
        fleet = self._fleet()
        if fleet is None:
            return web.json_response({"status": "starting"}, status=503)
        counts = Counter(view.state.value for view in fleet.snapshot().instances)
        return web.json_response({"status": "ready", "instances": dict(counts)})

    async def metrics(self, _request: web.Request) -> web.Response:
        fleet = self._fleet()
        # Its import takes 80 ms, and most managers are never asked.
        metrics = await asyncio.to_thread(importlib.import_module, "waziterm.health.metrics")
        # Of a thousand instances it takes a tenth of a second, and 1.1 MB without compression.
        shown = None if fleet is None else fleet.snapshot()
        text = await asyncio.to_thread(metrics.exposition, shown)
        answer = web.Response(
            body=text,
            headers={"Content-Type": metrics.CONTENT_TYPE},
            zlib_executor_size=_COMPRESSED_BESIDE,
        )
        answer.enable_compression()
        return answer


@asynccontextmanager
async def serve_health(
    address: tuple[str, int],
    fleet: Callable[[], Fleet | None],
    upgraded: Callable[[], bool] = lambda: False,
) -> AsyncIterator[None]:
    """Answer the three over TCP while the context is open. address: host and port.

    fleet, upgraded: as in `Health`. Raises FleetError when the address cannot be listened on.
    """
    host, port = address
    clients = Clients(most_clients(descriptors()) // 2)
    application = web.Application(middlewares=[clients.counted])
    application.add_routes(Health(fleet, upgraded).routes())

    @asynccontextmanager
    async def listen(serve: Callable[[], asyncio.Protocol]) -> AsyncIterator[None]:
        try:
            listening = await asyncio.get_running_loop().create_server(serve, host, port)
        except OSError as error:
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
            raise FleetError(
                f"cannot listen on {host} port {port} for health: {why}",
                "name another address in the table [health] of the config",
            ) from error
        try:
            yield
        finally:
            listening.close()

    async with answering(application, clients, listen, SHUTDOWN_S):
        yield
