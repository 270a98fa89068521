"""Who asks for what over the socket, for the audit: as the kernel tells it of the connection."""

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from waziterm.domain.errors import FleetError
from waziterm.domain.fleet.audit import AuditLog, Via, recorded
from waziterm.domain.fleet.verbs import EXACT, LINE, Verb
from waziterm.health.clients import MOST, Clients
from waziterm.manager.people import People


class Recorder:
    """Writes down the acts of whoever is connected. log: None where nobody keeps one."""

    def __init__(self, log: AuditLog | None, clients: Clients) -> None:
        self._log = log
        self._clients = clients
        self._people = People(MOST)

    async def recorded(
        self,
        request: web.Request,
        verb: Verb,
        arguments: Mapping[str, Any],
        work: Callable[[], Any],
    ) -> Any:
        """What `work()` returns; see `domain.fleet.audit.recorded`. Raises FleetError when it is
        not known who asks."""
        if self._log is None:
            return work()
        peer = self._clients.peer_of(request)
        if peer is None:
            raise FleetError("it is not known any more who asked for this", "ask again")
        person = await self._people.of(peer, _via(request))
        return recorded(self._log, person, verb, arguments, work)


def _via(request: web.Request) -> Via:
    if request.headers.get("Accept") == EXACT:
        return Via.SCREEN
    return Via.VERB if request.headers.get("User-Agent") == LINE else Via.SOCKET
