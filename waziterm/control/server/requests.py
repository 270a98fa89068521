"""Reading what a client sent: a verb's arguments, each checked by its type before it is used."""

import asyncio
import json
import re
import typing
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from aiohttp import web

from waziterm.domain.fleet.typed import hints_of
from waziterm.domain.fleet.verbs import Verb
from waziterm.domain.text import storable
from waziterm.domain.units import Between, Unit, moment_of
from waziterm.manager import inputs
from waziterm.manager.inputs import InputError

_WORDS = {str: "a text", bool: "true or false", int: "a whole number"}
_LARGE = 65_536
"""A body of so many bytes is read beside the event loop."""
_CHECKS = {
    Unit.NAME: inputs.instance_name,
    Unit.NUMBER: inputs.phone_number,
    Unit.PROXY: inputs.proxy_url_or_none,
    Unit.ACT: inputs.act_id,
}


async def arguments_of(request: web.Request, owner: type, verb: Verb) -> dict[str, Any]:
    """The arguments for a verb: of the body of a POST, of the query of a GET, and of the path.

    owner: the protocol that declares it. Raises InputError.
    """
    hints = hints_of(owner, verb.name)
    in_path = request.match_info
    sent = {name: each for name, each in verb.parameters.items() if name not in in_path}
    if verb.method == "POST":
        given = await _body(request, sent, hints, verb.body_limit)
    else:
        given = _query(request, sent, hints)
    for name in in_path:
        given[name] = _from_text(name, in_path[name], hints[name])
    return {name: _checked(value, hints[name]) for name, value in given.items()}


def kind_of(hint: Any) -> tuple[type, Any]:
    """The Python type of an argument without None, and what is said beside it."""
    for each in typing.get_args(hint) if type(None) in typing.get_args(hint) else (hint,):
        if each is not type(None):
            hint = each
    if typing.get_origin(hint) is typing.Annotated:
        return typing.get_args(hint)[0], typing.get_args(hint)[1]
    return hint, None


def _checked(value: Any, hint: Any) -> Any:
    if type(value) is str:
        value = storable(value)
    check = _CHECKS.get(kind_of(hint)[1])
    return value if check is None else check(value)


async def _body(
    request: web.Request, sent: Mapping[str, Any], hints: Mapping[str, Any], limit: int
) -> dict[str, Any]:
    """The body's fields, each of its argument's type; null counts as left out, and so does the
    whole body. limit: see `Verb.body_limit`."""
    raw = await _read(request, limit)
    data: dict[str, Any] = {}
    if raw.strip():
        data = _object(raw) if len(raw) < _LARGE else await asyncio.to_thread(_object, raw)
    for name in data:
        if name not in sent:
            allowed = ", ".join(sent) or "none"
            raise InputError(f"unknown field {name[:40]!r}; allowed: {allowed}")
    given = {name: value for name, value in data.items() if value is not None}
    for name, value in given.items():
        kind, beside = kind_of(hints[name])
        if issubclass(kind, StrEnum) and type(value) is str:
            given[name] = _from_text(name, value, hints[name])
        elif type(value) is not kind:
            raise InputError(f"{name!r} must be {_WORDS.get(kind, 'a text')}")
        bounded = isinstance(value, int) and isinstance(beside, Between)
        if bounded and not beside.least <= value <= beside.most:
            raise InputError(beside.said)
    for name, each in sent.items():
        if name not in given and each.default is each.empty:
            raise InputError(f"{name!r} is missing")
    return given


async def _read(request: web.Request, limit: int) -> bytes:
    if limit:
        request = request.clone(client_max_size=limit)
    return await request.read()


def _query(
    request: web.Request, sent: Mapping[str, Any], hints: Mapping[str, Any]
) -> dict[str, Any]:
    """The query's values; a verb that takes none looks at none."""
    for name in request.query if sent else ():
        if name not in sent:
            raise InputError(f"unknown query value {name[:40]!r}; allowed: {', '.join(sent)}")
    return {name: _from_text(name, text, hints[name]) for name, text in request.query.items()
            if name in sent}  # fmt: skip


def _from_text(name: str, text: str, hint: Any) -> Any:
    """A value of the query or the path."""
    kind, beside = kind_of(hint)
    if beside is Unit.MOMENT:
        try:
            return moment_of(text)
        except (ValueError, OverflowError):
            said = f"{name!r} is no moment: {text[:40]!r}; ISO 8601 in UTC is"
            raise InputError(said) from None
    if kind is int and isinstance(beside, Between):
        if not (re.fullmatch(r"[0-9]{1,15}", text) and beside.least <= int(text) <= beside.most):
            raise InputError(beside.said)
        return int(text)
    if issubclass(kind, StrEnum):
        if text not in (words := [each.value for each in kind]):
            raise InputError(f"{name!r} must be one of {', '.join(words)}, not {text[:40]!r}")
        return kind(text)
    return text


def _object(raw: bytes) -> dict[str, Any]:
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise InputError("the body is not JSON") from error
    if not isinstance(data, dict):
        raise InputError("the body is not a JSON object")
    return data
