"""The requests of the history; see `control.server.app`.

| request | body | answer |
|---|---|---|
| `GET /v1/incidents?since=` | | an array of incidents, newest first |
| `POST /v1/incidents/{id}/acknowledge` | | `{acknowledged}`: its number |
| `GET /v1/instances/{name}/timeline?since=&limit=200` | | an array of moves, oldest first |
| `GET /v1/attempts?since=&name=` | | an array of connect attempts, oldest first |

Shapes are those of `control.historyviews`.
"""

import re

from aiohttp import web

from waziterm.control.historyviews import attempt_json, incident_json, moved_json
from waziterm.control.server.requests import check_query, fields, limit_of, since_of
from waziterm.domain.fleet.api import Fleet, InstanceNotFoundError
from waziterm.manager.history.queries import MOST_MOVES
from waziterm.manager.inputs import InputError, instance_name


def routes(fleet: Fleet) -> list[web.RouteDef]:
    """The routes of the history of this fleet."""
    history = _History(fleet)
    return [
        web.get("/v1/incidents", history.incidents),
        web.post("/v1/incidents/{id}/acknowledge", history.acknowledge),
        web.get("/v1/instances/{name}/timeline", history.timeline),
        web.get("/v1/attempts", history.attempts),
    ]


class _History:
    """The handlers; they hold nothing but the fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    async def incidents(self, request: web.Request) -> web.Response:
        check_query(request, "since")
        found = await self._fleet.incidents(since_of(request))
        return web.json_response([incident_json(each) for each in found])

    async def acknowledge(self, request: web.Request) -> web.Response:
        await fields(request, {}, {})
        text = request.match_info["id"]
        if not re.fullmatch(r"[0-9]{1,15}", text):
            raise InputError("an incident's id is a number")
        await self._fleet.acknowledge(int(text))
        return web.json_response({"acknowledged": int(text)})

    async def timeline(self, request: web.Request) -> web.Response:
        check_query(request, "since", "limit")
        limit = limit_of(request, MOST_MOVES)
        name = instance_name(request.match_info["name"])
        if all(view.name != name for view in self._fleet.snapshot().instances):
            raise InstanceNotFoundError(name)
        moves = await self._fleet.timeline(name, since_of(request), limit)
        return web.json_response([moved_json(each) for each in moves])

    async def attempts(self, request: web.Request) -> web.Response:
        check_query(request, "since", "name")
        name = request.query.get("name")
        one = None if name is None else instance_name(name)
        found = await self._fleet.attempts(since_of(request), one)
        return web.json_response([attempt_json(each) for each in found])
