"""Reading what a client sent: JSON bodies and query values, each checked before it is used."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web

from waziterm.manager.inputs import InputError

MOST_LINES = 5000


async def fields(
    request: web.Request, needed: Mapping[str, type], optional: Mapping[str, type]
) -> dict[str, Any]:
    """The body's fields, each of the type that is given for it; null counts as left out.

    needed, optional: field names and their types. An empty body is an empty object.
    Raises InputError.
    """
    raw = await request.read()
    data = _object(raw) if raw.strip() else {}
    known = {**needed, **optional}
    for name in data:
        if name not in known:
            allowed = ", ".join(known) or "none"
            raise InputError(f"unknown field {name[:40]!r}; allowed: {allowed}")
    given = {name: value for name, value in data.items() if value is not None}
    for name, value in given.items():
        if type(value) is not known[name]:
            raise InputError(f"{name!r} must be {_WORDS[known[name]]}")
    for name in needed:
        if name not in given:
            raise InputError(f"{name!r} is missing")
    return given


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which log lines a request wants: the newest `limit` of those with a number above `after`,
    from `since` (UTC seconds) on."""

    limit: int
    after: int
    since: float


def lines_of(request: web.Request) -> Wanted:
    """The query's `limit` (200), `after` (0) and `since` (the beginning). Raises InputError."""
    check_query(request, "limit", "after", "since")
    limit = limit_of(request, MOST_LINES)
    after = request.query.get("after", "0")
    if not re.fullmatch(r"[0-9]{1,15}", after):
        raise InputError("'after' must be the number of a line")
    return Wanted(limit, int(after), since_of(request))


def check_query(request: web.Request, *allowed: str) -> None:
    """Raise InputError for a query value that is not among the allowed ones."""
    for name in request.query:
        if name not in allowed:
            words = ", ".join(allowed)
            raise InputError(f"unknown query value {name[:40]!r}; allowed: {words}")


def limit_of(request: web.Request, most: int) -> int:
    """The query's `limit`: how many, at most `most`; 200 when left out. Raises InputError."""
    text = request.query.get("limit", "200")
    if not (re.fullmatch(r"[0-9]{1,6}", text) and 1 <= int(text) <= most):
        raise InputError(f"'limit' must be a number from 1 to {most}")
    return int(text)


def since_of(request: web.Request) -> float:
    """The query's `since`, in UTC seconds; 0 when it is left out. Raises InputError."""
    text = request.query.get("since")
    if text is None:
        return 0.0
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        raise InputError(f"'since' is no moment: {text[:40]!r}; ISO 8601 in UTC is") from None


def _object(raw: bytes) -> dict[str, Any]:
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise InputError("the body is not JSON") from error
    if not isinstance(data, dict):
        raise InputError("the body is not a JSON object")
    return data


_WORDS = {str: "a text", bool: "true or false", int: "a whole number"}
