"""The line of each key of a TOML file, whatever form the key has."""

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waziterm.config.lines import lines_of

VALUES = (
    "1",
    "'# no comment'",
    '"a \\" [b]"',
    '"""\n[not.a.header]\nnot_a_key = 1\n"""',
    "'''\nit\\\n\"\"\"\n''not'' = 2'''",
    '"""\\""" # still inside\n"""',
    "[ # an array\n  1,\n  [2, 3],\n]",
    '[\n"""\n]\n""",\n]',
    "{a = {b = [\n1,\n]}, 'c.d' = 2}",
    "2026-01-01T00:00:00Z",
)
NAMES = ("{}", '"{}"', "'{}'", '"{} é.x"', "'{} # ]'")
FILLERS = ("", "# a comment", "   ", "\t# [x]\n\n")
Placed = dict[tuple[str | int, ...], int]


@st.composite
def files(draw: st.DrawFn) -> tuple[str, Placed]:
    """A TOML file in which no two names are the same, and the line of each key and table."""
    rows: list[str] = []
    placed: Placed = {}
    counter = iter(range(1000))

    def name() -> tuple[str, str]:
        shape = draw(st.sampled_from(NAMES)).format(f"k{next(counter)}")
        [read] = tomllib.loads(f"{shape} = 1")
        return shape, read

    def put(text: str, paths: list[tuple[str | int, ...]]) -> None:
        for path in paths:
            for length in range(1, len(path) + 1):
                placed.setdefault(path[:length], 1 + sum(row.count("\n") + 1 for row in rows))
        rows.append(text)

    def key(table: tuple[str | int, ...]) -> None:
        parts = [name() for _ in range(draw(st.integers(1, 3)))]
        value = draw(st.sampled_from(VALUES))
        path = (*table, *(read for _, read in parts))
        held = tomllib.loads(f"x = {value}")["x"]
        inner = list(every_key(held, path)) if isinstance(held, dict) else []
        space = draw(st.sampled_from((".", " . ")))
        put(f"{space.join(shape for shape, _ in parts)} = {value}", [path, *inner])

    def fill() -> None:
        for _ in range(draw(st.integers(0, 2))):
            rows.append(draw(st.sampled_from(FILLERS)))

    for _ in range(draw(st.integers(0, 2))):
        key(())
        fill()
    for _ in range(draw(st.integers(0, 4))):
        (first, one), (second, two) = name(), name()
        form = draw(st.sampled_from(("table", "array", "inside")))
        if form == "table":
            put(f" [ {first} . {second} ] # [[", [(one, two)])
            key((one, two))
        for number in range(draw(st.integers(1, 3)) if form != "table" else 0):
            put(f"[[{first}.{second}]]", [(one, two, number)])
            key((one, two, number))
            if form == "inside":
                shape, read = name()
                put(f"[{first}.{second}.{shape}]", [(one, two, number, read)])
                fill()
                key((one, two, number, read))
        fill()
    newline = draw(st.sampled_from(("\n", "\r\n")))
    return "\n".join(rows).replace("\n", newline), placed


def every_key(held: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths of all keys, and of the elements of arrays of tables."""
    for name, value in held.items():
        at = (*path, name)
        yield at
        if isinstance(value, dict):
            yield from every_key(value, at)


@given(files())
def test_each_key_is_on_the_line_on_which_its_statement_begins(file: tuple[str, Placed]) -> None:
    text, placed = file
    tomllib.loads(text)
    assert lines_of(text) == placed


@pytest.mark.parametrize("text", ["", "\n", "# nothing", "\r\n# nothing\r\n"])
def test_a_file_without_keys_has_no_lines(text: str) -> None:
    assert lines_of(text) == {}


def test_an_endless_statement_costs_no_time_and_the_lines_after_it() -> None:
    array = "[1],\n" * 20_000
    text = f"first = 1\nlong = [\n{array}]\nlast = 2\n"
    assert lines_of(text) == {("first",): 1}
    short = "long = [\n" + "[1],\n" * 50 + "]\nlast = 2\n"
    assert lines_of(short) == {("long",): 1, ("last",): 53}


def test_a_table_that_is_opened_again_is_where_it_stands_first() -> None:
    text = "[a.b]\nx = 1\n\n[a]\ny = 2\n"
    assert lines_of(text) == {("a",): 1, ("a", "b"): 1, ("a", "b", "x"): 2, ("a", "y"): 5}
