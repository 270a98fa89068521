"""A verb has a few places; whoever leaves one out reads here which, in one sentence."""

import inspect
from collections.abc import Callable, Container, Iterable
from typing import Any, Protocol

import pytest

from waziterm.cli.app import lines
from waziterm.domain.fleet.api import Fleet, FleetView, Shown
from waziterm.domain.fleet.typed import document_type, hints_of
from waziterm.domain.fleet.verbs import ByVerb, Verb, verb
from waziterm.domain.units import Name
from waziterm.manager.manager import SessionManager
from waziterm.manager.stored.fleet import StoredFleet


def missing(protocol: type, carrier: type, stored: type | None, words: Container[str]) -> list[str]:
    """A sentence for each place that a member of the protocol lacks.

    carrier: carries it out. stored: does on the files, or None where that is nobody's job.
    words: the verbs of the command line.
    """
    said: list[str] = []
    for name, member in vars(protocol).items():
        if name.startswith("_") or not callable(member):
            continue
        whole = f"{protocol.__name__}.{name}"
        declared = getattr(member, "__verb__", None)
        if not isinstance(declared, Verb):
            said.append(f"{whole} is not declared: write @verb(…) above it")
            continue
        said += _unlike(whole, declared, carrier)
        said += _misplaced(whole, declared)
        if declared.line and declared.line not in words:
            said.append(
                f"{whole} has no line on the command line: add `waziterm {declared.line}` to"
                ' cli.app, or say line="" where only a screen does it'
            )
        if stored is None:
            continue
        if declared.files:
            said += _unlike(whole, declared, stored)
        elif hasattr(stored, name):
            said.append(f"{whole} is in {stored.__name__}: declare it with files=True")
    return said


def _unlike(whole: str, declared: Verb, carrier: type) -> Iterable[str]:
    method = getattr(carrier, declared.name, None)
    if method is None:
        yield f"{carrier.__name__} has no method for {whole}: write it"
        return
    _, *parameters = inspect.signature(method).parameters.values()
    found = [(each.name, each.kind, each.default) for each in parameters]
    wanted = [(each.name, each.kind, each.default) for each in declared.parameters.values()]
    if found != wanted:
        yield f"{carrier.__name__}.{declared.name} takes other arguments than {whole}"


def _misplaced(whole: str, declared: Verb) -> Iterable[str]:
    if declared.changes and not declared.path:
        yield f"{whole} changes something and has no path: nobody far away could ask for it"
    in_path = {part[1:-1] for part in declared.path.split("/") if part.startswith("{")}
    if not in_path <= set(declared.parameters):
        yield f"{whole} has a path with an argument that it does not take"
    if declared.changes and declared.method == "GET":
        yield f"{whole} changes something, so it is no GET"


LINES = set(lines())


def test_every_verb_has_its_places() -> None:
    said = missing(Fleet, SessionManager, StoredFleet, LINES)
    said += missing(Shown, FleetView, None, LINES)
    assert not said, "\n".join(said)


@pytest.mark.parametrize("owner", [Fleet, Shown])
def test_every_verbs_types_are_known(owner: type) -> None:
    for name, member in vars(owner).items():
        if isinstance(getattr(member, "__verb__", None), Verb):
            try:
                hints = hints_of(owner, name)
            except NameError as error:
                pytest.fail(
                    f"{owner.__name__}.{name}: {error}: put it in domain/fleet/tools.py, history.py"
                    " or api.py, or name it in _NAMES of domain/fleet/typed.py"
                )
            assert set(hints) == {*member.__verb__.parameters, "return"}
            assert document_type(owner, member.__verb__) is not None


class Toy(Protocol):
    async def forgotten(self) -> int: ...

    @verb("POST /v1/x", changes=True)
    async def unwritten(self) -> int: ...

    @verb("POST /v1/y/{name}", changes=True, files=True, line="")
    async def unlike(self, name: Name) -> int: ...

    @verb("GET /v1/z/{who}", changes=True, line="")
    async def strange(self) -> int: ...


class ToyManager:
    async def unlike(self, name: str, *, twice: bool = False) -> int: ...  # type: ignore[empty-body]

    async def strange(self) -> int: ...  # type: ignore[empty-body]


class ToyStored:
    async def strange(self) -> int: ...  # type: ignore[empty-body]


def test_what_is_missing_is_named() -> None:
    assert missing(Toy, ToyManager, ToyStored, ()) == [
        "Toy.forgotten is not declared: write @verb(…) above it",
        "ToyManager has no method for Toy.unwritten: write it",
        "Toy.unwritten has no line on the command line: add `waziterm unwritten` to cli.app,"
        ' or say line="" where only a screen does it',
        "ToyManager.unlike takes other arguments than Toy.unlike",
        "ToyStored has no method for Toy.unlike: write it",
        "Toy.strange has a path with an argument that it does not take",
        "Toy.strange changes something, so it is no GET",
        "Toy.strange is in ToyStored: declare it with files=True",
    ]


def _calls() -> tuple[Fleet, list[dict[str, Any]]]:
    noted: list[dict[str, Any]] = []

    def note(_verb: Verb, arguments: dict[str, Any]) -> None:
        noted.append(arguments)

    fleet: Any = ByVerb(Fleet, note)
    return fleet, noted


def test_arguments_are_bound_as_python_binds_them() -> None:
    fleet: Any
    fleet, noted = _calls()
    fleet.reconnect("a", takeover=True)
    fleet.attempts(1.0, "a")
    fleet.lines("a")
    assert noted == [
        {"name": "a", "takeover": True},
        {"since": 1.0, "name": "a"},
        {"name": "a", "limit": 200, "since": 0.0, "after": 0},
    ]


@pytest.mark.parametrize(
    "call",
    [
        lambda fleet: fleet.reconnect("a", True),
        lambda fleet: fleet.stop(),
        lambda fleet: fleet.stop("a", name="b"),
        lambda fleet: fleet.stop("a", now=True),
    ],
)
def test_wrong_arguments_are_a_type_error(call: Callable[[Any], object]) -> None:
    fleet, noted = _calls()
    with pytest.raises(TypeError):
        call(fleet)
    with pytest.raises(AttributeError):
        fleet.explode()  # type: ignore[attr-defined]
    assert noted == []


def test_an_answer_that_comes_bit_by_bit_is_known_by_its_type() -> None:
    assert Fleet.restart.__verb__.told_in_lines  # type: ignore[attr-defined]
    assert not Fleet.fix.__verb__.told_in_lines  # type: ignore[attr-defined]
