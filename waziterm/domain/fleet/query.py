"""What is typed to find instances: words and `field:word`, read. Pure; who fits is not said here.

A word of its own is looked for as the screen likes; `up` is who is connected. A `!` before a word
turns that one round, in front of all it turns all round.
"""

import re
from enum import StrEnum
from typing import assert_never

from waziterm.domain.frozen import dataclass
from waziterm.domain.phrase import Phrase
from waziterm.domain.text import plain


class Field(StrEnum):
    """Where a word is looked for; the value stands before it, with a colon. SINCE: for how long it
    is in its state, with < or > instead of the colon."""

    NAME = "name"
    STATE = "state"
    NUMBER = "number"
    REASON = "reason"
    TAG = "tag"
    NOTE = "note"
    PROXY = "proxy"
    SINCE = "since"


@dataclass(frozen=True, slots=True)
class Word:
    """A word to look for, casefolded. field: where; None for a word of its own. is_not: who has it
    does not fit."""

    text: str
    field: Field | None = None
    is_not: bool = False


@dataclass(frozen=True, slots=True)
class Connected:
    """Whether it is connected. is_not: whether it is not."""

    is_not: bool = False


@dataclass(frozen=True, slots=True)
class Lasting:
    """For how long it is in its state, in seconds. longer: for more than so long, else for less."""

    seconds: float
    longer: bool
    is_not: bool = False


Term = Word | Connected | Lasting


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for: all of these terms. is_not: who fits them is left out."""

    terms: tuple[Term, ...] = ()
    is_not: bool = False


class QueryError(ValueError):
    """What was typed cannot be read. said: why. allowed: what can, as it is typed."""

    def __init__(self, said: Phrase, allowed: str) -> None:
        super().__init__(said)
        self.said = said
        self.allowed = allowed


ALLOWED = " ".join(
    f"{field.value}>" if field is Field.SINCE else f"{field.value}:" for field in Field
)
"""The fields as they are typed."""
_SINCE = re.compile(r"since([<>])(.*)", re.DOTALL)
_SPAN = re.compile(r"([0-9]{1,6})([smhd])")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def query_of(text: str) -> Query:
    """What a text looks for. A field without a word, and a `!` alone, look for nothing.

    Raises QueryError for a field that there is not, and for a time that is none.
    """
    bare = text.lstrip()
    is_not = bare.startswith("!")
    words = bare.removeprefix("!").casefold().split()
    terms = tuple(term for word in words if (term := _term(word)) is not None)
    return Query(terms, is_not and bool(terms))


def _term(word: str) -> Term | None:
    is_not = word.startswith("!")
    word = word.removeprefix("!")
    if word == "up":
        return Connected(is_not)
    if (since := _SINCE.fullmatch(word)) is not None:
        seconds = _seconds(since[2])
        return None if seconds is None else Lasting(seconds, since[1] == ">", is_not)
    name, colon, rest = word.partition(":")
    if not colon:
        return Word(word, None, is_not) if word else None
    field = next((field for field in Field if field == name), None)
    match field:
        case None:
            said = Phrase("no field {name}", name=plain(name, 30))
            raise QueryError(said, ALLOWED)
        case Field.SINCE:
            raise QueryError(Phrase("since is followed by > or <"), "since>1h since<10m")
        case (
            Field.NAME
            | Field.STATE
            | Field.NUMBER
            | Field.REASON
            | Field.TAG
            | Field.NOTE
            | Field.PROXY
        ):
            return Word(rest, field, is_not) if rest else None
        case _:
            assert_never(field)


def _seconds(text: str) -> float | None:
    """Seconds of `10m`; None while the unit is still to be typed. Raises QueryError."""
    if not text or (text.isascii() and text.isdigit() and len(text) <= 6):
        return None
    span = _SPAN.fullmatch(text)
    if span is None:
        raise QueryError(Phrase("{text} is no time", text=plain(text, 30)), "30s 10m 2h 1d")
    return int(span[1]) * _SECONDS[span[2]]
