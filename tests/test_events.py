"""The rules alone ask what an event is; whoever carries a decision out looks at the decision."""

import ast
import types
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

import waziterm.manager
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.event_names import NAMES, EventName, tells_of_a_conflict
from waziterm.domain.lifecycle.reasons import Reason

ROOT = Path(waziterm.manager.__file__).parent
WORKER = ROOT.parent / "worker"
EVENTS = {kind.__name__ for kind in typing.get_args(ev.Event)}
UNIONS = {name for name, value in vars(ev).items() if isinstance(value, types.UnionType)}

KNOWN = {
    # While no manager runs, nobody connects: a boot waits for the next one.
    ("stored/tools.py", "Booted"),
    # A worker whose start hangs takes nobody any more, whichever instance it was.
    ("workers/worker.py", "NotStarted"),
    # A link keeps the device with which its worker leaves: a clean forgets it in the instance.
    ("workers/link.py", "PairSucceeded"),
}
"""What else is asked, and why. More than three would be rules in a second place."""


def asked(tree: ast.AST) -> Iterator[str]:
    """The event types that a module compares something with: in `isinstance`, in a case, or by
    `type(event)`."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name("isinstance" | "issubclass"), args=[_, kinds]):
                yield from named(kinds)
            case ast.MatchClass(cls=kind):
                yield from named(kind)
            case ast.Compare(left=left, comparators=others):
                for side in (left, *others):
                    if not isinstance(side, ast.Call):
                        yield from named(side)


def named(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        match part:
            case ast.Attribute(value=ast.Name("ev" | "events"), attr=name) | ast.Name(name):
                if name in EVENTS | UNIONS:
                    yield name


def found() -> set[tuple[str, str]]:
    return {
        (f"{path.relative_to(ROOT)}", kind)
        for path in sorted(ROOT.rglob("*.py"))
        for kind in asked(ast.parse(path.read_text()))
    }


def test_the_rules_alone_ask_what_an_event_is() -> None:
    assert len(KNOWN) <= 3
    assert found() == KNOWN


@pytest.mark.parametrize(
    "code",
    [
        "isinstance(event, ev.Booted)",
        "isinstance(event, ev.Booted | int)",
        "isinstance(event, (int, ev.Booted))",
        "match event:\n    case ev.Booted(): pass",
        "match event:\n    case int() | ev.Booted(True) if event: pass",
        "type(event) is ev.Booted",
        "type(event) in (ev.Booted, int)",
        "isinstance(event, Booted)",
    ],
)
def test_such_a_question_is_seen(code: str) -> None:
    assert list(asked(ast.parse(code))) == ["Booted"]


def test_every_event_of_the_library_is_made_by_the_worker() -> None:
    made = {
        node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        for path in sorted(WORKER.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name)
    }
    unmade = {kind.__name__ for kind in typing.get_args(ev.LibraryEvent)} - made
    assert not unmade, f"nothing makes these; waziterm/worker/neonize/mapping.py would: {unmade}"


def test_an_event_may_be_made_anywhere() -> None:
    assert not list(asked(ast.parse("post(ev.Booted()); x: ev.Booted = None; f() == ev.Booted()")))


def test_every_event_has_a_name_in_the_history_of_its_own() -> None:
    nameless = {kind.__name__ for kind in typing.get_args(ev.Event)} - {
        kind.__name__ for kind in NAMES
    }
    assert not nameless, f"give these a word in domain/lifecycle/event_names.py: {nameless}"
    assert set(NAMES) == set(typing.get_args(ev.Event))
    assert sorted([*NAMES.values(), EventName.ADDED, EventName.RENAMED]) == sorted(EventName)


@pytest.mark.parametrize(
    ("event", "reason", "is_one"),
    [
        (EventName.STREAM_REPLACED, Reason.CONFLICT, True),
        (EventName.STREAM_REPLACED, Reason.BY_OPERATOR, True),
        (EventName.HOLDER_FOUND, Reason.LOCAL_HOLDER, True),
        (EventName.TAKEN_OVER, Reason.LOCAL_HOLDER, True),
        (EventName.HOLDER_FOUND, Reason.BY_OPERATOR, False),
        (EventName.DUE, Reason.GUARDED, False),
        (EventName.START_ASKED, Reason.CONFLICT, False),
        (EventName.DISCONNECTED, Reason.SUSPECTED_CONFLICT, False),
        ("a word of a later version", Reason.RIVAL, False),
    ],
)
def test_a_conflict_is_what_was_told_or_found(event: str, reason: Reason, is_one: bool) -> None:
    assert tells_of_a_conflict(event, reason) is is_one
