"""The requests of the API, made from the declarations of the verbs in `domain.fleet.protocol`.

Whoever sends the header `Accept: application/x-waziterm` gets the answer in its exact form, from
which an attached screen makes the same objects again; everybody else gets the document.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import aclosing
from functools import cached_property
from inspect import isawaitable
from typing import Any

from aiohttp import web

from waziterm.control.server.recorder import Recorder
from waziterm.control.server.requests import arguments_of, kind_of
from waziterm.domain.codec import encode
from waziterm.domain.errors import InstanceNotFoundError
from waziterm.domain.fleet.api import Fleet, FleetError, Shown
from waziterm.domain.fleet.typed import answer_of, document_for, hints_of
from waziterm.domain.fleet.verbs import EXACT, Verb, refusal, verbs_of
from waziterm.domain.units import Unit

_MANY = 200
"""An answer of more items is encoded beside the event loop."""


def routes(fleet: Fleet, recorder: Recorder, refuse: Callable[[], None]) -> list[web.RouteDef]:
    """The routes of all verbs of this fleet. recorder: writes down who asks for what. refuse:
    raises FleetError while none can be carried out."""
    made = []
    for owner in (Fleet, Shown):
        for verb in verbs_of(owner).values():
            if verb.path:
                make = web.get if verb.method == "GET" else web.post
                made.append(make(verb.path, _Handler(fleet, recorder, refuse, owner, verb).answer))
    return made


class _Handler:
    """One verb; it holds nothing but the fleet, who writes down what is asked of it, and who
    refuses it."""

    def __init__(
        self,
        fleet: Fleet,
        recorder: Recorder,
        refuse: Callable[[], None],
        owner: type,
        verb: Verb,
    ) -> None:
        self._fleet = fleet
        self._recorder = recorder
        self._refuse = refuse
        self._owner = owner
        self._verb = verb

    @cached_property
    def _named(self) -> bool:
        """Whether it is about an instance: all of these say the same of a name that nobody has."""
        return any(
            "{" + name + "}" in self._verb.path and kind_of(hint)[1] is Unit.NAME
            for name, hint in hints_of(self._owner, self._verb.name).items()
        )

    async def answer(self, request: web.Request) -> web.StreamResponse:
        arguments, wrong = dict[str, Any](request.match_info), None
        try:
            arguments = await arguments_of(request, self._owner, self._verb)
        except FleetError as error:
            # What cannot be understood is kept as well, as far as its path tells it.
            wrong = error

        def work() -> Any:
            return self._asked(arguments) if wrong is None else refusal(self._verb, wrong)

        if self._verb.is_change(arguments):
            told = await self._recorder.recorded(request, self._verb, arguments, work)
        else:
            told = work()
        exact = request.headers.get("Accept") == EXACT
        if self._verb.told_in_lines:
            return await self._lines(request, told, exact)
        result = await told if isawaitable(told) else told
        at = self._fleet.now()
        if isinstance(result, tuple) and len(result) > _MANY:
            text = await asyncio.to_thread(self._text, result, arguments, at, exact)
        else:
            text = self._text(result, arguments, at, exact)
        return web.json_response(text=text, status=self._verb.status)

    def _asked(self, arguments: dict[str, Any]) -> Any:
        try:
            self._refuse()
            if self._named:
                self._refuse_unknown(arguments["name"])
        except FleetError as error:
            return refusal(self._verb, error)
        owner: Any = self._fleet if self._owner is Fleet else self._fleet.snapshot()
        return getattr(owner, self._verb.name)(**arguments)

    def _refuse_unknown(self, name: str) -> None:
        """Raises InstanceNotFoundError. What is remembered of one is found under a former name."""
        try:
            self._fleet.view(name)
        except InstanceNotFoundError:
            remembers = self._owner is Fleet and not self._verb.changes
            if not remembers or name not in self._fleet.snapshot().aliases:
                raise

    def _text(self, result: Any, arguments: dict[str, Any], at: float, exact: bool) -> str:
        if exact:
            return json.dumps(encode(answer_of(self._owner, self._verb.name), result))
        return json.dumps(document_for(self._owner, self._verb, arguments, result, at))

    async def _lines(self, request: web.Request, steps: Any, exact: bool) -> web.StreamResponse:
        """Begin to answer with the first line: what is refused before it gets a status of its
        own, what fails later is a line `{error, code, hint}`."""
        answer = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        async with aclosing(steps) as telling:
            try:
                async for told in telling:
                    if not answer.prepared:
                        await answer.prepare(request)
                    line = self._text(told, {}, self._fleet.now(), exact)
                    await answer.write(line.encode() + b"\n")
            except FleetError as error:
                if not answer.prepared:
                    raise
                await answer.write(json.dumps(error.document).encode() + b"\n")
        await answer.write_eof()
        return answer
