"""How a verb is declared: once, on its method of the `Fleet` protocol.

Dispatcher, remote fleet, read-only fleet and the command line's caller are made from these
declarations; nothing here loads what the verbs answer with, so that `waziterm list` stays light.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from functools import cache
from inspect import Parameter, signature
from typing import Any, TypeVar

from waziterm.domain.errors import FleetError
from waziterm.domain.frozen import dataclass
from waziterm.domain.text import storable

F = TypeVar("F", bound=Callable[..., Any])

EXACT = "application/x-waziterm"
"""What a screen accepts: an answer in its exact form; see `domain.codec`."""
LINE = "waziterm-line"
"""The `User-Agent` of a verb of the command line."""
COMMAND_S = 30.0
"""A command is answered when it was stored."""
ANSWER_S = 660.0
"""Where WhatsApp answers: the settings allow it up to 600 s (`limits.query_timeout_s`)."""
MAINTENANCE_S = 300.0
"""What looks at, stops or starts a whole fleet; between two lines of an answer that has several."""

BACKUP_S = 3600.0
"""What copies everything there is."""


@dataclass(frozen=True, slots=True)
class Verb:
    """What is declared of a verb beside its signature and docstring.

    name: of the method. method, path: of the HTTP API; "" for what is asked of a copy alone.
    changes: whether it changes anything; dry runs never do. files: whether it works on the files
    while no manager runs. line: its word on the command line, "" for what only a screen does.
    deadline_s: seconds to the answer. under: the key under which the answer stands in its
    document, "" for none. part: the member of the answer that its document is, "" for all of it.
    status: of HTTP, when all is well. body_limit: bytes of a request's body, 0 for what is usual.
    parameters: of the method, without self. returns: the type
    of its answer, as it is written.
    """

    name: str
    about: str
    method: str
    path: str
    changes: bool
    files: bool
    line: str
    deadline_s: float
    under: str
    part: str
    status: int
    body_limit: int
    parameters: Mapping[str, Parameter]
    returns: str

    @property
    def word(self) -> str:
        """What a person calls it."""
        return self.line or self.name.replace("_", "-")

    @property
    def several(self) -> bool:
        """Whether it answers with several things of a kind."""
        return self.returns.startswith("tuple[")

    @property
    def told_in_lines(self) -> bool:
        """Whether its answer comes bit by bit."""
        return self.returns.startswith("AsyncGenerator[")

    def bound(self, given: tuple[object, ...], named: Mapping[str, object]) -> dict[str, Any]:
        """The arguments of a call by name, the defaults included; bytes of a command line that
        are no text as question marks. Raises TypeError."""
        names = [
            name for name, each in self.parameters.items() if each.kind is not each.KEYWORD_ONLY
        ]
        if len(given) > len(names):
            raise TypeError(f"{self.name} takes {len(names)} arguments by place")
        values = dict(zip(names, given, strict=False))
        for name, value in named.items():
            if name not in self.parameters or name in values:
                raise TypeError(f"{self.name} takes no such argument: {name}")
            values[name] = value
        for name, each in self.parameters.items():
            if name not in values:
                if each.default is each.empty:
                    raise TypeError(f"{self.name} needs {name}")
                values[name] = each.default
        return {
            name: storable(value) if type(value) is str else value for name, value in values.items()
        }

    def is_change(self, arguments: Mapping[str, object]) -> bool:
        """Whether this call of it changes anything."""
        return self.changes and not arguments.get("dry_run")


def verb(
    route: str = "",
    *,
    changes: bool = False,
    files: bool = False,
    line: str | None = None,
    deadline_s: float = COMMAND_S,
    under: str = "",
    part: str = "",
    status: int = 200,
    body_limit: int = 0,
) -> Callable[[F], F]:
    """Declare a method of a protocol as a verb; see `Verb`. route: `METHOD /path/{argument}`.

    line: None for the method's own name, with dashes.
    """
    method, _, path = route.partition(" ")

    def keep(function: F) -> F:
        _, *parameters = signature(function).parameters.values()
        function.__verb__ = Verb(  # type: ignore[attr-defined]
            name=function.__name__,
            about=function.__doc__ or "",
            method=method,
            path=path,
            changes=changes,
            files=files,
            line=function.__name__.replace("_", "-") if line is None else line,
            deadline_s=deadline_s,
            under=under,
            part=part,
            status=status,
            body_limit=body_limit,
            parameters={each.name: each for each in parameters},
            returns=str(function.__annotations__["return"]),
        )
        return function

    return keep


@cache
def verbs_of(protocol: type) -> dict[str, Verb]:
    """The verbs of a protocol by the names of their methods."""
    found = {}
    for cls in reversed(protocol.__mro__):
        for name, member in vars(cls).items():
            declared = getattr(member, "__verb__", None)
            if isinstance(declared, Verb):
                found[name] = declared
    return found


class ByVerb:
    """Has every verb of a protocol as a method; each call goes to one function.

    carry_out: gets the verb and its arguments by name.
    """

    def __init__(self, protocol: type, carry_out: Callable[[Verb, dict[str, Any]], Any]) -> None:
        self.__verbs = verbs_of(protocol)
        self.__carry_out = carry_out

    def __getattr__(self, name: str) -> Callable[..., Any]:
        declared = self.__verbs.get(name)
        if declared is None:
            raise AttributeError(name)

        def call(*given: object, **named: object) -> Any:
            return self.__carry_out(declared, declared.bound(given, named))

        return call


def refusal(declared: Verb, error: FleetError) -> Any:
    """What a verb returns that is refused: raises when it is awaited, or asked for its first
    line."""

    async def refuse() -> None:
        raise error

    async def refuse_lines() -> AsyncGenerator[None, None]:
        raise error
        yield

    return refuse_lines() if declared.told_in_lines else refuse()
