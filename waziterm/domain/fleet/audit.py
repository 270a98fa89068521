"""Who did what to a fleet, and what came of it: each act of a person, written down in one place.

Whatever a person asks of the `Fleet` protocol goes through `recorded`: the embedded screen's keys,
an attached screen's, verbs, and whoever else speaks to the socket. What has no verb is `noted`.
"""

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from enum import StrEnum
from typing import Any, Protocol, cast

from waziterm.domain.codec import document_of
from waziterm.domain.errors import FleetError
from waziterm.domain.fleet.protocol import Fleet
from waziterm.domain.fleet.verbs import ByVerb, Verb, verbs_of
from waziterm.domain.frozen import dataclass
from waziterm.domain.jid import mask_jid, mask_number
from waziterm.domain.secret import MASK
from waziterm.domain.text import mask_proxy, plain, safe_line
from waziterm.domain.units import Moment

Argument = str | bool | int

_LONGEST = 300
"""Characters of an argument or an error that are kept."""
_MOST_NAMES = 100
"""Of those that were added at once; the number of all is among the arguments."""


class Via(StrEnum):
    """By what a person reached the fleet, as far as it says so; anything else is `socket`. signal:
    SIGHUP, which reloads the config. facade: with a token, whose name stands for who it was. link:
    the scan page, by whoever has opened a link."""

    SCREEN = "screen"
    VERB = "verb"
    SOCKET = "socket"
    SIGNAL = "signal"
    FACADE = "facade"
    LINK = "link"


class AuditResult(StrEnum):
    """What came of an act. refused: an error that is told to a person. failed: a fault of the
    program. cut_short: whoever asked went away, or the manager ended."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    CUT_SHORT = "cut_short"


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts, as the kernel tells it, never as they say.

    who: the name of the user that logged in, or that the process runs as where nobody did; "" of a
    signal, which does not tell who sent it. uid: of the process, of a signal our own. login_uid:
    with which they logged in, which sudo and su leave as it is; None where it is not known. tty:
    their terminal, as `pts/3`. origin: the address from which they came over SSH, which the
    process's own environment says and so is a hint. pid: 0 when it is not known.
    """

    who: str
    uid: int
    pid: int
    via: Via
    login_uid: int | None = None
    tty: str | None = None
    origin: str | None = None


@document_of(
    *("at", "who=person.who", "uid=person.uid", "login_uid=person.login_uid", "tty=person.tty"),
    *("from=person.origin", "pid=person.pid", "via=person.via", "act", "instances", "args"),
    *("result", "error"),
)
@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act of a person. at: when it was asked, UTC seconds.

    act: the verb's word. instances: those that it names, or that its answer tells. args: its other
    arguments, but those that were left out; without secrets, numbers masked. result: None while it
    is under way, and when the program ended before it did. error: one line, or "".
    """

    at: Moment
    person: Person
    act: str
    instances: tuple[str, ...] = ()
    args: Mapping[str, Argument] | None = None
    result: AuditResult | None = None
    error: str = ""


class AuditLog(Protocol):
    """Where acts are written down. What cannot be is told in the program's log: a full disk is no
    reason to refuse a stop."""

    def now(self) -> float:
        """UTC seconds."""
        ...

    async def begin(self, entry: AuditEntry) -> int:
        """Write down what is asked, before it is done; its number."""
        ...

    async def end(self, number: int, entry: AuditEntry) -> None:
        """Write down what came of it."""
        ...


_ACTING: ContextVar[Person | None] = ContextVar("acting", default=None)


def acting() -> Person | None:
    """Whose act is carried out by this task; None for what nobody asked for."""
    return _ACTING.get()


def recorded(
    log: AuditLog, person: Person, verb: Verb, arguments: Mapping[str, Any], work: Callable[[], Any]
) -> Any:
    """What `work()` returns, to be awaited or asked for its lines, written down meanwhile. What
    changes nothing is not."""
    if not verb.is_change(arguments):
        return work()
    entry = asked(log.now(), person, verb, arguments)
    return (_lines if verb.told_in_lines else _once)(log, entry, verb, work)


def noted(
    log: AuditLog, person: Person, act: str, instance: str, args: Mapping[str, Argument]
) -> AbstractAsyncContextManager[object]:
    """An act that is no verb of the fleet, written down as long as the context lasts. args: without
    secrets."""
    return _Recording(log, AuditEntry(log.now(), person, act, (instance,), args))


def audited(fleet: Fleet, log: AuditLog, person: Person) -> Fleet:
    """The same fleet for one person, whose acts are written down."""
    return cast(Fleet, _Audited(fleet, log, person))


def asked(at: float, person: Person, verb: Verb, arguments: Mapping[str, Any]) -> AuditEntry:
    """What is written down of a call before it is carried out. at: UTC seconds."""
    named = tuple(
        plain(str(value), _LONGEST)
        for name, value in arguments.items()
        if _kind(verb, name) == "Name" and value is not None
    )
    args = {
        name: _harmless(_kind(verb, name), value)
        for name, value in arguments.items()
        if _kind(verb, name) != "Name" and value != verb.parameters[name].default
    }
    return AuditEntry(at, person, verb.word, named, args)


class _Audited(ByVerb):
    def __init__(self, fleet: Fleet, log: AuditLog, person: Person) -> None:
        def carry_out(verb: Verb, arguments: dict[str, Any]) -> Any:
            work = getattr(fleet, verb.name)
            return recorded(log, person, verb, arguments, lambda: work(**arguments))

        super().__init__(Fleet, carry_out)
        self._fleet = fleet

    def __getattr__(self, name: str) -> Callable[..., Any]:
        declared = verbs_of(Fleet).get(name)
        if declared is not None and not declared.changes:
            # What a screen paints with is asked many times a second.
            return cast(Callable[..., Any], getattr(self._fleet, name))
        return super().__getattr__(name)


def _kind(verb: Verb, name: str) -> str:
    """The name of an argument's type, without what it may be besides."""
    return str(verb.parameters[name].annotation).split(" | ")[0]


def _harmless(kind: str, value: Any) -> Argument:
    if isinstance(value, bool | int):
        return value
    if kind == "Recipient" and "@" in str(value):
        return mask_jid(str(value)) or ""
    if kind in ("PhoneNumber", "Recipient"):
        return mask_number("".join(filter(str.isdecimal, str(value)))[:20])
    if kind == "TextToSend":
        return f"{len(str(value))} characters"
    if kind == "SecretText":
        return MASK
    if kind == "Table":
        return f"{len(str(value).splitlines())} lines"
    if kind == "Paths":
        return safe_line(", ".join(str(value).splitlines()), _LONGEST)
    if kind == "ProxyUrl":
        return plain(mask_proxy(str(value)), _LONGEST)
    return safe_line(str(value), _LONGEST)


async def _once(log: AuditLog, entry: AuditEntry, verb: Verb, work: Callable[[], Any]) -> Any:
    async with _Recording(log, entry) as recording:
        with _acting_as(entry.person):
            answer = await work()
        if verb.returns == "str":
            recording.names = (answer,)
        elif verb.returns == "tuple[str, ...]":
            recording.names = answer
        elif verb.returns == "AddedAll":
            recording.names = answer.added[:_MOST_NAMES]
        elif verb.returns == "ImportReport":
            recording.names = answer.imported[:_MOST_NAMES]
        elif verb.returns in ("MessageView", "MessageText", "OptedOut"):
            recording.names = (answer.instance,)
        return answer


async def _lines(
    log: AuditLog, entry: AuditEntry, verb: Verb, work: Callable[[], Any]
) -> AsyncGenerator[Any, None]:
    async with _Recording(log, entry), aclosing(work()) as telling:
        async for told in telling:
            yield told


class _Recording:
    """Writes down how an act ended, whatever that is."""

    def __init__(self, log: AuditLog, entry: AuditEntry) -> None:
        self._log = log
        self._entry = entry
        self._number = 0
        self.names = entry.instances

    async def __aenter__(self) -> "_Recording":
        self._number = await self._log.begin(self._entry)
        return self

    async def __aexit__(self, _kind: object, error: BaseException | None, _at: object) -> None:
        result, said = _outcome(error)
        ended = replace(self._entry, instances=self.names, result=result, error=said)
        await self._log.end(self._number, ended)


def _outcome(error: BaseException | None) -> tuple[AuditResult, str]:
    if error is None:
        return AuditResult.DONE, ""
    if isinstance(error, FleetError):
        return AuditResult.REFUSED, safe_line(str(error), _LONGEST)
    if isinstance(error, Exception):
        # Its text may hold anything; the program's log has it.
        return AuditResult.FAILED, type(error).__name__
    return AuditResult.CUT_SHORT, ""


@contextmanager
def _acting_as(person: Person) -> Iterator[None]:
    token = _ACTING.set(person)
    try:
        yield
    finally:
        _ACTING.reset(token)
