"""The requests of the API, a row each: the listener answers them, the description tells of them."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from aiohttp import web

from waziterm.domain.messages.codes import Scope
from waziterm.domain.messages.message import MOST_MEDIA_BYTES, MessageState
from waziterm.gateway.api.routes import MOST_LISTED, OWNER, Routes
from waziterm.gateway.api_error import ApiError
from waziterm.gateway.request_body import later

Json = dict[str, Any]
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_ID = {"type": "string", "pattern": "^[0-9A-Za-z_-]{1,64}$"}
_TO = {
    Scope.SEND: "sending or changing",
    Scope.READ: "reading",
    Scope.RECEIVE: "receiving",
    Scope.MANAGE: "managing",
}


class Request(NamedTuple):
    """One request. path: with the names that aiohttp and OpenAPI both write in braces. name: its
    word in the description. handler: what answers it. scope: that its token needs, None for any
    token. answer: its status, and its document in the description, "" for any object. refused: the
    statuses of what it refuses, beside those that all have. body, parameters: as OpenAPI has
    them."""

    method: str
    path: str
    name: str
    handler: Callable[[Routes, web.Request], Awaitable[web.StreamResponse]]
    about: str
    scope: Scope | None
    answer: tuple[int, str]
    refused: tuple[int, ...] = ()
    body: Json | None = None
    parameters: tuple[Json, ...] = ()


def _path(name: str, kind: Json) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": kind}


def _query(name: str, about: str, kind: Json) -> Json:
    return {"name": name, "in": "query", "description": about, "schema": kind}


def json_of(name: str) -> Json:
    """Content of JSON, by its schema's name in the description."""
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


_MESSAGE = _path("id", _ID)
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A text of your own for this message: the same key with the same body within 24"
    " hours is the first message again, and sends nothing.",
    "schema": {"type": "string", "pattern": "^[ -~]{1,255}$"},
}
_LISTED = (
    _query("state", "Only those in this state.", {"enum": [each.value for each in MessageState]}),
    _query("ref", "Only those with this word of yours.", {"type": "string"}),
    _query("instance", "Only those of the instance with this name.", {"type": "string"}),
    _query("limit", "How many at most.", {"type": "integer", "minimum": 1, "maximum": MOST_LISTED}),
    _query("before", "The `next` of the page before.", _ID),
)
_AFTER = (
    _query("after", "The `next` of the page before.", {"type": "integer", "minimum": 0}),
    _query("limit", "How many at most.", {"type": "integer", "minimum": 1, "maximum": MOST_LISTED}),
)
REQUESTS = (
    Request(
        *("POST", "/v1/instances/{name}/messages", "send", Routes.send),
        "Take a message for an instance. It is stored for good when this answers.",
        Scope.SEND,
        (202, "Accepted"),
        (404, 408, 409, 413, 415, 422, 429),
        {"required": True, "content": json_of("MessageBody")},
        (_path("name", {"type": "string"}), _KEY),
    ),
    Request(
        *("GET", "/v1/messages", "list", Routes.page),
        "The messages, the newest first, without what they say.",
        Scope.READ,
        (200, "MessagePage"),
        (404,),
        parameters=_LISTED,
    ),
    Request(
        *("GET", "/v1/messages/{id}", "get", Routes.get),
        "One message, without what it says.",
        *(Scope.READ, (200, "Message"), (404,)),
        parameters=(_MESSAGE,),
    ),
    Request(
        *("POST", "/v1/messages/{id}/cancel", "cancel", Routes.cancel),
        "Take back a message that waits.",
        *(Scope.SEND, (200, "Message"), (404, 409)),
        parameters=(_MESSAGE,),
    ),
    Request(
        *("POST", "/v1/messages/{id}/resolve", "resolve", Routes.resolve),
        "Say what becomes of a message that is unknown, failed or held.",
        *(Scope.SEND, (200, "Message"), (404, 408, 409, 413, 415)),
        {"required": True, "content": json_of("ResolveBody")},
        (_MESSAGE,),
    ),
    Request(
        *("GET", "/v1/instances/{name}/events", "receive", Routes.events),
        "What rests of an instance's messages in and other events, the oldest first: each until all"
        " webhooks that want it have it, 24 hours without one.",
        Scope.RECEIVE,
        (200, "EventPage"),
        (404,),
        parameters=(_path("name", {"type": "string"}), *_AFTER),
    ),
    Request(
        *("POST", "/v1/media", "upload", Routes.upload),
        f"Take a file of at most {MOST_MEDIA_BYTES} bytes, for an image or a document.",
        *(Scope.SEND, (201, "Uploaded"), (408, 413, 415, 429)),
        {"required": True, "content": {"application/octet-stream": {}}},
    ),
    Request(
        *("GET", "/v1/openapi.json", "describe", Routes.describe),
        "This document.",
        *(None, (200, "")),
    ),
)
"""Every request that is answered."""


def routes_of(routes: Routes) -> list[web.RouteDef]:
    """The same for aiohttp."""
    made = []
    for each in REQUESTS:
        make = web.get if each.method == "GET" else web.post
        made.append(make(each.path, _scoped(each, routes), expect_handler=later))
    return made


def _scoped(asked: Request, routes: Routes) -> _Handler:
    """The handler for those alone whose token allows it."""

    async def handler(request: web.Request) -> web.StreamResponse:
        scope = asked.scope
        if scope is not None and scope not in request[OWNER].scopes:
            raise ApiError(403, "scope", f"this token is not for {_TO[scope]} messages")
        return await asked.handler(routes, request)

    return handler
