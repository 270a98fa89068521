"""The types of the verbs' arguments and answers, for whoever checks, encodes or describes them."""

import inspect
import typing
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager
from functools import cache
from typing import Any

from waziterm.domain.codec import document
from waziterm.domain.errors import FleetError
from waziterm.domain.fleet import api, audit, history, protocol, tools
from waziterm.domain.fleet.verbs import Verb
from waziterm.domain.lifecycle.instance import QrCode
from waziterm.domain.links import MadeLink
from waziterm.domain.messages import message, queue, token
from waziterm.domain.moving.plan import ImportReport
from waziterm.domain.phrase import Phrase
from waziterm.domain.stats import strips, sums
from waziterm.domain.upkeep.janitor import Act
from waziterm.domain.webhooks import views

_NAMES = {
    **vars(message),
    **vars(queue),
    **vars(strips),
    **vars(sums),
    **vars(token),
    **vars(views),
    **vars(tools),
    **vars(history),
    **vars(audit),
    **vars(api),
    **vars(protocol),
    "Act": Act,
    "ImportReport": ImportReport,
    "AbstractAsyncContextManager": AbstractAsyncContextManager,
    "AsyncGenerator": AsyncGenerator,
    "MadeLink": MadeLink,
    "QrCode": QrCode,
}


@cache
def hints_of(owner: type, name: str) -> dict[str, Any]:
    """The types of the arguments of a protocol's method, and of its answer as `return`."""
    method = inspect.getattr_static(owner, name)
    return typing.get_type_hints(method, localns=_NAMES, include_extras=True)


@cache
def answer_of(owner: type, name: str) -> Any:
    """The type of a verb's answer; of each line where it tells in lines."""
    hint = hints_of(owner, name)["return"]
    if typing.get_origin(hint) is AsyncGenerator:
        return typing.get_args(hint)[0]
    return hint


def document_type(owner: type, declared: Verb) -> Any:
    """The type that a verb's document shows: the part of its answer, or all of it."""
    hint = answer_of(owner, declared.name)
    if not declared.part:
        return hint
    part = typing.get_type_hints(hint, include_extras=True)[declared.part]
    return next(each for each in typing.get_args(part) if each is not type(None))


def document_for(
    owner: type, declared: Verb, arguments: Mapping[str, Any], result: Any, at: float
) -> Any:
    """The document of what a verb answered, as what `json` takes. at: UTC seconds, its moment.

    Raises FleetError when the part that it shows is gone.
    """
    if result is None:
        # There is nothing to tell but what it was about.
        return {declared.under: next(iter(arguments.values()))}
    if declared.part:
        result = getattr(result, declared.part)
        if result is None:
            name = arguments["name"]
            raise FleetError(
                Phrase("{name}: the pairing ended meanwhile", name=name), f"waziterm start {name}"
            )
    shown = document(document_type(owner, declared), result, at)
    return {declared.under: shown} if declared.under else shown
