"""What is typed to find instances: it is read as it is written, or refused in one line."""

from dataclasses import replace
from typing import assert_never

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waziterm.domain.fleet.query import (
    ALLOWED,
    Connected,
    Field,
    Lasting,
    Query,
    QueryError,
    Term,
    Word,
    query_of,
)
from waziterm.domain.text import plain

LETTERS = st.text("abcxyz019-_*+.[]", min_size=1, max_size=8)
FIELDS = [None, *(field for field in Field if field is not Field.SINCE)]
SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def typed(term: Term, unit: str) -> str:
    """A term as an operator types it."""
    mark = "!" if term.is_not else ""
    match term:
        case Word(text, field):
            return f"{mark}{text}" if field is None else f"{mark}{field.value}:{text}"
        case Connected():
            return f"{mark}up"
        case Lasting(seconds, longer):
            sign = ">" if longer else "<"
            return f"{mark}since{sign}{seconds / SPANS[unit]:.0f}{unit}"
        case _:
            assert_never(term)


@st.composite
def terms(draw: st.DrawFn) -> tuple[Term, str]:
    """A term, and how it is typed."""
    unit = draw(st.sampled_from(list(SPANS)))
    seconds = st.integers(0, 999_999).map(lambda count: float(count * SPANS[unit]))
    words = st.builds(Word, LETTERS, st.sampled_from(FIELDS), st.booleans())
    lasting = st.builds(Lasting, seconds, st.booleans(), st.booleans())
    term = draw(words | st.builds(Connected, st.booleans()) | lasting)
    return term, typed(term, unit)


@given(st.lists(terms(), max_size=5), st.sampled_from([" ", "  ", "\t"]))
def test_it_is_read_as_it_is_written(found: list[tuple[Term, str]], between: str) -> None:
    text = between.join(text for _, text in found)
    expected = [term for term, _ in found]
    turned = text.startswith("!")
    if turned:
        # In front of all the mark turns all round, and not the first word alone.
        expected[0] = replace(expected[0], is_not=False)
    assert query_of(text) == Query(tuple(expected), turned)
    assert query_of(text.upper()) == query_of(text)
    assert query_of(f"!{text}").is_not is bool(found)


@given(st.text(max_size=40) | st.text("!<>:sincetag up12hd", max_size=20))
def test_whatever_is_typed_is_read_or_refused_in_one_line(text: str) -> None:
    try:
        query = query_of(text)
    except QueryError as error:
        assert plain(str(error), 500) == str(error).rstrip() and error.allowed
    else:
        assert not query.is_not or query.terms


@pytest.mark.parametrize("text", ["colour:red", "a b:c", "::", "!x:", "since:1h", "since>x"])
def test_a_field_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(QueryError):
        query_of(text)
    assert all(field.value in ALLOWED for field in Field)
