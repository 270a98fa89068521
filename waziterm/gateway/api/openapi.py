"""The API's own description, OpenAPI 3.1, made from the types of what it takes and answers."""

import dataclasses
import re
from functools import cache
from typing import Any, NamedTuple, assert_never

from waziterm import __version__
from waziterm.domain.codec import DIALECT, schema
from waziterm.domain.messages.codes import Scope
from waziterm.domain.messages.message import MOST_MEDIA_BYTES, MessageState, MessageView
from waziterm.domain.units import Between
from waziterm.gateway.api.bodies import MessageBody, ResolveBody, Span, Text, bound_of, hints_of
from waziterm.gateway.api.documents import Accepted, Failure, MessagePage, Uploaded
from waziterm.gateway.api.routes import MOST_LISTED

Json = dict[str, Any]

_ID = {"type": "string", "pattern": "^[0-9A-Za-z_-]{1,64}$"}
_ANSWERS: dict[str, Any] = {
    "Message": MessageView,
    "Accepted": Accepted,
    "MessagePage": MessagePage,
    "Uploaded": Uploaded,
    "Failure": Failure,
}
_BODIES: dict[str, type] = {"MessageBody": MessageBody, "ResolveBody": ResolveBody}
_FAILURES = {
    400: "What was sent cannot be used.",
    401: "No token, or none that is valid; told before anything else is looked at.",
    403: "The token is not for this.",
    404: "There is no such instance, message or path; or the token is not for that message.",
    405: "The path does not take this method.",
    408: "The body came too slowly.",
    409: "It cannot be done now; `code` says why.",
    413: "The body is too large.",
    415: "The body is of another type, or compressed.",
    421: "The request names another host.",
    422: "The same Idempotency-Key came with another body.",
    429: "Too much at once; Retry-After says when to ask again.",
    503: "The messages cannot be read or written now, or too many ask.",
}
_ALWAYS = (400, 401, 403, 405, 421, 503)


class _Described(NamedTuple):
    """One request. refused: the statuses of what it refuses, beside those that all have."""

    method: str
    path: str
    name: str
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


def _json(name: str) -> Json:
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
_DESCRIBED = (
    _Described(
        *("post", "/v1/instances/{name}/messages", "send"),
        "Take a message for an instance. It is stored for good when this answers.",
        Scope.SEND,
        (202, "Accepted"),
        (404, 408, 409, 413, 415, 422, 429),
        {"required": True, "content": _json("MessageBody")},
        (_path("name", {"type": "string"}), _KEY),
    ),
    _Described(
        *("get", "/v1/messages", "list"),
        "The messages, the newest first, without what they say.",
        Scope.READ,
        (200, "MessagePage"),
        (404,),
        parameters=_LISTED,
    ),
    _Described(
        *("get", "/v1/messages/{id}", "get"),
        "One message, without what it says.",
        *(Scope.READ, (200, "Message"), (404,)),
        parameters=(_MESSAGE,),
    ),
    _Described(
        *("post", "/v1/messages/{id}/cancel", "cancel"),
        "Take back a message that waits.",
        *(Scope.SEND, (200, "Message"), (404, 409)),
        parameters=(_MESSAGE,),
    ),
    _Described(
        *("post", "/v1/messages/{id}/resolve", "resolve"),
        "Say what becomes of a message that is unknown, failed or held.",
        *(Scope.SEND, (200, "Message"), (404, 408, 409, 413, 415)),
        {"required": True, "content": _json("ResolveBody")},
        (_MESSAGE,),
    ),
    _Described(
        *("post", "/v1/media", "upload"),
        f"Take a file of at most {MOST_MEDIA_BYTES} bytes, for an image or a document.",
        *(Scope.SEND, (201, "Uploaded"), (408, 413, 415, 429)),
        {"required": True, "content": {"application/octet-stream": {}}},
    ),
    _Described(
        *("get", "/v1/openapi.json", "describe"),
        "This document.",
        *(None, (200, "")),
    ),
)


@cache
def described() -> Json:
    """The whole description."""
    paths: Json = {}
    for each in _DESCRIBED:
        paths.setdefault(each.path, {})[each.method] = _operation(each)
    answers = {name: _embedded(schema(kind)) for name, kind in _ANSWERS.items()}
    answers["MessagePage"]["properties"]["messages"]["items"] = {
        "$ref": "#/components/schemas/Message"
    }
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": DIALECT,
        "info": {
            "title": "waziterm",
            "version": __version__,
            "description": "Messages out, through the sessions of waziterm.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": answers | {name: body_schema(kind) for name, kind in _BODIES.items()},
        },
    }


def _operation(each: _Described) -> Json:
    status, answer = each.answer
    content = _json(answer) if answer else {"application/json": {"schema": {"type": "object"}}}
    responses: Json = {str(status): {"description": "All is well.", "content": content}}
    for code in sorted({*_ALWAYS, *each.refused}):
        responses[str(code)] = {"description": _FAILURES[code], "content": _json("Failure")}
    scope = f" The token needs the scope `{each.scope}`." if each.scope else ""
    made: Json = {
        "operationId": each.name,
        "description": each.about + scope,
        "responses": responses,
    }
    if each.parameters:
        made["parameters"] = list(each.parameters)
    if each.body is not None:
        made["requestBody"] = each.body
    return made


def _embedded(made: Json) -> Json:
    """A schema as part of a document that names the dialect itself."""
    made.pop("$schema")
    return made


def body_schema(cls: type) -> Json:
    """The schema of what a body holds: what may be left out, bounds, and no other members."""
    about = _embedded(schema(cls))
    hints = hints_of(cls)
    required = []
    for each in dataclasses.fields(cls):
        told = about["properties"][each.name]
        told.update(_bounds(hints[each.name]))
        if each.default is dataclasses.MISSING:
            required.append(each.name)
        elif each.default:
            told["default"] = each.default
    return about | {"required": required, "additionalProperties": False}


def _bounds(hint: Any) -> Json:
    match beside := bound_of(hint):
        case None:
            return {}
        case Text():
            found: Json = {"maxLength": beside.most}
            if beside.least:
                found["minLength"] = beside.least
            if pattern := beside.pattern or beside.described:
                found["pattern"] = f"^(?:{_of_schema(pattern)})$"
            return found
        case Span() | Between():
            return {"minimum": beside.least, "maximum": beside.most}
        case _:
            assert_never(beside)


def _of_schema(pattern: str) -> str:
    """A pattern as JSON Schema writes it."""
    return re.sub(r"\\x([0-9a-f]{2})", r"\\u00\1", pattern)
