"""Every `match` over a closed set ends in `assert_never`, so that a new member has to be given a
case of its own before the type checker is content."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "waziterm"

EXCEPTIONS = {
    "domain/lifecycle/rules.py:_decided": "hands what is left to `_live`, which ends in it",
    "lab/server.py:act": "a trouble that stands raises ValueError: what a caller asks for is open",
    "lab/server.py:put_in_force": "most troubles stand without anything that begins them",
    "tui/textual_private.py:painted": "an app hands over more than what is painted",
    "tui/app/keyreader.py:tick": "most states wait for no time",
    "tui/app/keyreader.py:_take": "a paste raises AssertionError",
}
"""Function: why its match ends otherwise."""


def is_text(pattern: ast.pattern) -> bool:
    """Whether a pattern is a text, a number, or a sequence of them: what those can be is open."""
    match pattern:
        case ast.MatchValue(ast.Constant()):
            return True
        case ast.MatchSequence(parts) | ast.MatchOr(parts):
            return any(is_text(part) for part in parts)
        case _:
            return False


def is_closed(match: ast.Match) -> bool:
    """Whether it ends in `case _: assert_never(…)`."""
    last = match.cases[-1]
    match last.pattern, last.guard, last.body:
        case ast.MatchAs(None, _), None, [ast.Expr(ast.Call(ast.Name("assert_never")))]:
            return True
        case _:
            return False


def open_matches(source: str) -> Iterator[str]:
    """The functions with a match that does not end so, unless all its cases are texts."""
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Match) and not is_closed(node):
                    said = [each.pattern for each in node.cases]
                    if not all(is_text(each) for each in said if not isinstance(each, ast.MatchAs)):
                        yield function.name


def test_each_match_over_a_closed_set_ends_in_assert_never() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{name}"
        for path in sorted(ROOT.rglob("*.py"))
        for name in open_matches(path.read_text(encoding="utf-8"))
    }
    assert not found - EXCEPTIONS.keys(), "let it end in `case _: assert_never(…)`"
    assert not EXCEPTIONS.keys() - found, "these are no exceptions any more: strike them out"


@pytest.mark.parametrize(
    ("cases", "is_open"),
    [
        ("case State.HELD: pass", True),
        ("case Stop(): pass\n  case _: pass", True),
        ("case Stop(): pass\n  case _: assert_never(x)", False),
        ("case Stop(): pass\n  case _ if y: assert_never(x)", True),
        ("case 'held': pass", False),
        ("case 'encrypt', 'get': pass\n  case _: pass", False),
    ],
)
def test_it_is_found(cases: str, is_open: bool) -> None:
    assert list(open_matches(f"def f(x):\n match x:\n  {cases}")) == ["f"] * is_open
