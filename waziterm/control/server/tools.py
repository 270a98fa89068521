"""The requests of the emergency tools; see `control.server.app`.

| request | body | answer |
|---|---|---|
| `POST /v1/check` | | `{findings}` |
| `POST /v1/fix` | `{dry_run?}` | what was or would be done |
| `POST /v1/restart` | `{clean_sessions?}`: how many sessions go to the trash | JSON lines: progress, then the report |
| `POST /v1/clean-all` | `{count, logout?}` | `{cleaned}`: names |
| `POST /v1/instances/{name}/remove` | `{logout?}` | `{entry, not_unlinked}`: its id in the trash, and why it is still linked |
| `POST /v1/instances/{name}/test` | `{to?}` | the test, layer by layer |
| `GET /v1/conflicts?since=` | | an array of conflicts |
| `GET /v1/sessions` | | `{names}`: the instances that have something to clean |
| `GET /v1/trash` | | an array of entries |
| `POST /v1/trash/{id}/restore` | | `{instance}`: its name |
"""  # noqa: E501

import asyncio
import json
from contextlib import aclosing

from aiohttp import web

from waziterm.control.server.requests import fields, since_of
from waziterm.control.toolviews import (
    conflict_json,
    finding_json,
    fix_json,
    removal_json,
    restart_json,
    test_json,
    trash_json,
)
from waziterm.control.views import error_json
from waziterm.domain.fleet.api import Fleet, FleetError
from waziterm.manager import inputs


def routes(fleet: Fleet) -> list[web.RouteDef]:
    """The routes of the tools of this fleet."""
    tools = _Tools(fleet)
    return [
        web.post("/v1/check", tools.check),
        web.post("/v1/fix", tools.fix),
        web.post("/v1/restart", tools.restart),
        web.post("/v1/clean-all", tools.clean_all),
        web.get("/v1/conflicts", tools.conflicts),
        web.get("/v1/sessions", tools.sessions),
        web.get("/v1/trash", tools.trash),
        web.post("/v1/trash/{id}/restore", tools.restore),
        web.post("/v1/instances/{name}/remove", tools.remove),
        web.post("/v1/instances/{name}/test", tools.test),
    ]


class _Tools:
    """The handlers; they hold nothing but the fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    async def check(self, request: web.Request) -> web.Response:
        await fields(request, {}, {})
        findings = await self._fleet.check()
        return web.json_response({"findings": [finding_json(each) for each in findings]})

    async def fix(self, request: web.Request) -> web.Response:
        body = await fields(request, {}, {"dry_run": bool})
        report = await self._fleet.fix(dry_run=bool(body.get("dry_run")))
        return web.json_response(fix_json(report))

    async def clean_all(self, request: web.Request) -> web.Response:
        body = await fields(request, {"count": int}, {"logout": bool})
        cleaned = await self._fleet.clean_all(body["count"], logout=bool(body.get("logout")))
        return web.json_response({"cleaned": list(cleaned)})

    async def remove(self, request: web.Request) -> web.Response:
        body = await fields(request, {}, {"logout": bool})
        name = inputs.instance_name(request.match_info["name"])
        removal = await self._fleet.remove(name, logout=bool(body.get("logout")))
        return web.json_response(removal_json(removal))

    async def test(self, request: web.Request) -> web.Response:
        body = await fields(request, {}, {"to": str})
        name = inputs.instance_name(request.match_info["name"])
        to = body.get("to")
        number = None if to is None else inputs.phone_number(to)
        return web.json_response(test_json(await self._fleet.test(name, number)))

    async def conflicts(self, request: web.Request) -> web.Response:
        found = await self._fleet.conflicts(since_of(request))
        # Thousands of them take too long for the event loop.
        text = await asyncio.to_thread(lambda: json.dumps([conflict_json(each) for each in found]))
        return web.json_response(text=text)

    async def sessions(self, _request: web.Request) -> web.Response:
        return web.json_response({"names": list(self._fleet.with_session())})

    async def trash(self, _request: web.Request) -> web.Response:
        return web.json_response([trash_json(entry) for entry in await self._fleet.trash()])

    async def restore(self, request: web.Request) -> web.Response:
        await fields(request, {}, {})
        return web.json_response({"instance": await self._fleet.restore(request.match_info["id"])})

    async def restart(self, request: web.Request) -> web.StreamResponse:
        """Begin to answer with the first line: what is refused before it gets a status of its
        own, what fails later is a line `{error, code, hint}`."""
        body = await fields(request, {}, {"clean_sessions": int})
        answer = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        steps = self._fleet.restart(clean_sessions=body.get("clean_sessions"))
        async with aclosing(steps) as telling:
            try:
                async for told in telling:
                    if not answer.prepared:
                        await answer.prepare(request)
                    await answer.write(json.dumps(restart_json(told)).encode() + b"\n")
            except FleetError as error:
                if not answer.prepared:
                    raise
                await answer.write(json.dumps(error_json(error)).encode() + b"\n")
        await answer.write_eof()
        return answer
