"""Which instances a filter means, and which messages. Pure."""

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import assert_never

from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.fleet.query import (
    Connected,
    Field,
    Lasting,
    Query,
    QueryError,
    Term,
    Word,
    query_of,
)
from waziterm.domain.messages.message import MessageView
from waziterm.lang import retold, tr
from waziterm.tui.paint.cells import inert
from waziterm.tui.text import words

_BARE = (Field.NAME, Field.NUMBER, Field.STATE)
"""Where a word of its own is looked for."""
_InstanceOf = Callable[[str], InstanceView | None]


def wrong_in(pattern: str) -> str:
    """What is wrong in a pattern, one line that says what is allowed; "" when nothing is."""
    try:
        query_of(pattern)
    except QueryError as error:
        said = inert(retold(error.said))
        return tr("{what}; allowed: {allowed}", what=said, allowed=error.allowed)
    return ""


def fits(query: Query, view: InstanceView, now: float) -> bool:
    """Whether an instance is meant by a query. now: UTC seconds.

    Every term must fit. A word of its own is looked for in name, number and state.
    """
    return all(_fits(term, view, now) != term.is_not for term in query.terms) != query.is_not


def _fits(term: Term, view: InstanceView, now: float) -> bool:
    match term:
        case Word(text, field):
            where = _BARE if field is None else (field,)
            return any(_is_in(text, view, each) for each in where)
        case Connected():
            return view.connected_at is not None
        case Lasting(seconds, longer):
            return (now - view.since > seconds) is longer
        case _:
            assert_never(term)


def _is_in(word: str, view: InstanceView, field: Field) -> bool:
    """A name may hold the letters apart, all else holds them together."""
    match field:
        case Field.NAME:
            letters = iter(view.name.casefold())
            return all(letter in letters for letter in word)
        case Field.STATE:
            state = view.state
            known = (state.value, state.label, state.label.replace("-", ""), tr(state.label))
            return any(word in each.casefold() for each in known)
        case Field.NUMBER:
            return word in words.number(view).casefold()
        case Field.REASON:
            return any(word in each.casefold() for each in (view.reason.slug, words.why(view)))
        case Field.TAG:
            return any(fnmatchcase(tag, word) for tag in view.tags)
        case Field.NOTE:
            return word in view.note.casefold()
        case Field.PROXY:
            return word in (view.proxy or "").casefold()
        case Field.SINCE:
            # It is no word but a time, see `Lasting`.
            return False
        case _:
            assert_never(field)


def fitting(pattern: str, views: Sequence[InstanceView], now: float) -> list[InstanceView]:
    """Those that a pattern means; all where it cannot be read. now: UTC seconds."""
    try:
        query = query_of(pattern)
    except QueryError:
        return list(views)
    return [view for view in views if fits(query, view, now)]


def fitting_messages(
    pattern: str, messages: Sequence[MessageView], instance: _InstanceOf, now: float
) -> list[MessageView]:
    """The same of messages: a name is that of the instance, a number that of the recipient, and
    what a message has not is looked for in its instance. instance: by its name."""
    try:
        query = query_of(pattern)
    except QueryError:
        return list(messages)
    return [
        each
        for each in messages
        if all(_suits(term, each, instance, now) != term.is_not for term in query.terms)
        != query.is_not
    ]


def _suits(term: Term, message: MessageView, instance: _InstanceOf, now: float) -> bool:
    match term:
        case Word(text, field):
            where = _BARE if field is None else (field,)
            own = field is None and text in f"{message.id} {message.ref}".casefold()
            return own or any(_is_of(text, message, instance, each) for each in where)
        case Connected():
            view = instance(message.instance)
            return view is not None and view.connected_at is not None
        case Lasting(seconds, longer):
            return (now - message.at > seconds) is longer
        case _:
            assert_never(term)


def _is_of(word: str, message: MessageView, instance: _InstanceOf, field: Field) -> bool:
    match field:
        case Field.NAME:
            return word in message.instance.casefold()
        case Field.STATE:
            state = message.state.value
            return any(word in each.casefold() for each in (state, tr(state)))
        case Field.NUMBER:
            return word in message.to.casefold()
        case Field.REASON:
            return any(word in each.casefold() for each in (message.code, retold(message.reason)))
        case Field.TAG | Field.NOTE | Field.PROXY | Field.SINCE:
            view = instance(message.instance)
            return view is not None and _is_in(word, view, field)
        case _:
            assert_never(field)
