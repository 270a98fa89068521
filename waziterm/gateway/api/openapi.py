"""The API's own description, OpenAPI 3.1, made from the types of what it takes and answers."""

import dataclasses
import re
from functools import cache
from typing import Any, assert_never

from waziterm import __version__
from waziterm.domain.codec import DIALECT, schema
from waziterm.domain.messages.message import MessageView
from waziterm.domain.units import Between
from waziterm.gateway.api.bodies import MessageBody, ResolveBody, Span, Text, bound_of, hints_of
from waziterm.gateway.api.documents import Accepted, EventPage, Failure, MessagePage, Uploaded
from waziterm.gateway.api.requests import REQUESTS, Request, json_of

Json = dict[str, Any]

_ANSWERS: dict[str, Any] = {
    "Message": MessageView,
    "Accepted": Accepted,
    "MessagePage": MessagePage,
    "EventPage": EventPage,
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


@cache
def described() -> Json:
    """The whole description."""
    paths: Json = {}
    for each in REQUESTS:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each)
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
            "description": "Messages out and in, through the sessions of waziterm.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": answers | {name: body_schema(kind) for name, kind in _BODIES.items()},
        },
    }


def _operation(each: Request) -> Json:
    status, answer = each.answer
    content = json_of(answer) if answer else {"application/json": {"schema": {"type": "object"}}}
    responses: Json = {str(status): {"description": "All is well.", "content": content}}
    for code in sorted({*_ALWAYS, *each.refused}):
        responses[str(code)] = {"description": _FAILURES[code], "content": json_of("Failure")}
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
