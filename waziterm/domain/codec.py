"""The one codec: dataclasses as JSON and back, by their annotations alone.

A class has two forms. The exact one is what our own processes tell each other: every field under
its name, moments as UTC seconds, secrets too, a member of a union with its `kind`; `encode` makes
it and `decode` reads it. Unknown fields are ignored there, for a newer process may send them;
anything of a wrong type is a CodecError that names the field.

The document is what scripts read: the members that `@document` lists, moments as ISO 8601,
durations in seconds to the millisecond; `document` makes it, and `schema` describes it.
"""

import dataclasses
import functools
import math
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import MISSING
from enum import Enum
from inspect import getdoc, signature
from typing import Any, TypeVar

from waziterm.domain.phrase import Phrase, parts_of, phrase_of
from waziterm.domain.units import Unit, moment_text

Json = dict[str, Any]
T = TypeVar("T")
_Write = Callable[[Any], Any]
_WriteAt = Callable[[Any, float], Any]
_Read = Callable[[Any, str], Any]


class CodecError(ValueError):
    """Something is not what its type says; the message names the field."""


def document_of(*members: str) -> Callable[[type[T]], type[T]]:
    """The members of a class that its document has, in order.

    A member is a field, a property, or a method that takes the moment of the document. `a=b.c`
    shows the member `c` of the member `b` as `a`, and null where `b` is None.
    """

    def keep(cls: type[T]) -> type[T]:
        cls.__document__ = members  # type: ignore[attr-defined]
        return cls

    return keep


def kind_of(cls: type) -> str:
    """The word for a member of a union: the class's name in snake case."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


def encode(hint: Any, value: object) -> Any:
    """The exact form of a value of the type `hint`, as what `json` takes."""
    return _writer(hint)(value)


def decode(hint: Any, data: object) -> Any:
    """The value of the type `hint` whose exact form this is. Raises CodecError."""
    return _reader(hint)(data, "")


def document(hint: Any, value: object, at: float) -> Any:
    """The document of a value of the type `hint` at a moment, as what `json` takes."""
    return _documenter(hint)(value, at)


# -- what a type is -------------------------------------------------------------------------------


def _bare(hint: Any) -> tuple[Any, Any]:
    """A type and what `Annotated` says beside it, or None."""
    if typing.get_origin(hint) is typing.Annotated:
        return typing.get_args(hint)[0], typing.get_args(hint)[1]
    return hint, None


def _options(hint: Any) -> tuple[Any, ...] | None:
    """The members of a union, without None; None for any other type."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return tuple(each for each in typing.get_args(hint) if each is not types.NoneType)
    return None


def _is_optional(hint: Any) -> bool:
    return types.NoneType in typing.get_args(hint)


def _item(hint: Any) -> Any:
    """The type of the items of a tuple, list or mapping; None for any other type."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (tuple, list):
        return args[0]
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return args[1]
    return None


def _is_mapping(hint: Any) -> bool:
    origin = typing.get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _key(hint: Any) -> Any:
    """The type of a mapping's keys, which JSON has as texts: a text or an enum."""
    return typing.get_args(hint)[0]


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls, include_extras=True)


def _slugs(cls: type[Enum]) -> dict[str, Enum]:
    """The members of an enum by their word: its value, or its `slug` when that is no text."""
    return {getattr(each, "slug", each.value): each for each in cls}


# -- the exact form -------------------------------------------------------------------------------


def _same(value: Any) -> Any:
    return value


@functools.cache
def _writer(hint: Any) -> _Write:
    hint, unit = _bare(hint)
    if unit is Unit.PHRASE:
        return lambda text: parts_of(text) or text
    options = _options(hint)
    if options is not None:
        inner = _writer(options[0]) if len(options) == 1 else _union_writer(options)
        if inner is _same:
            return _same
        return lambda value: None if value is None else inner(value)
    item = _item(hint)
    if item is not None:
        each = _writer(item)
        if _is_mapping(hint):
            key = _writer(_key(hint))
            return lambda value: {key(name): each(one) for name, one in value.items()}
        return list if each is _same else lambda value: [each(one) for one in value]
    if isinstance(hint, type) and issubclass(hint, Enum):
        slugs = {member: slug for slug, member in _slugs(hint).items()}
        return slugs.__getitem__
    if dataclasses.is_dataclass(hint):
        return _object_writer(hint)
    return _same


def _object_writer(cls: Any) -> _Write:
    hints = _hints(cls)
    fields = [(field.name, _writer(hints[field.name])) for field in dataclasses.fields(cls)]

    def write(value: Any) -> Any:
        return {
            name: getattr(value, name) if each is _same else each(getattr(value, name))
            for name, each in fields
        }

    return write


def _union_writer(options: tuple[Any, ...]) -> _Write:
    if not any(dataclasses.is_dataclass(each) for each in options):
        return _same
    kinds = {cls: kind_of(cls) for cls in options}

    def write(value: Any) -> Any:
        # Made when it is needed: each worker would make those of 60 events to write a few.
        cls: Any = type(value)
        return {"kind": kinds[cls], **_writer(cls)(value)}

    return write


@functools.cache
def _reader(hint: Any) -> _Read:
    hint, unit = _bare(hint)
    options = _options(hint)
    if options is not None:
        return _options_reader(options, _is_optional(hint))
    item = _item(hint)
    if item is not None:
        return _mapping_reader(_key(hint), item) if _is_mapping(hint) else _array_reader(item)
    if unit is Unit.PHRASE:
        return _only_phrase if hint is Phrase else _phrase
    if hint is types.NoneType:
        return _nothing
    if hint is float:
        return _float
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _enum_reader(hint)
    if dataclasses.is_dataclass(hint):
        return _object_reader(hint)
    return _plain_reader(hint)


def _wrong(value: object, where: str, wanted: str) -> CodecError:
    return CodecError(f"{where or 'it'} must be {wanted}, not {type(value).__name__}")


def _nothing(value: Any, where: str) -> None:
    if value is not None:
        raise _wrong(value, where, "null")


def _float(value: Any, where: str) -> float:
    kind = type(value)
    if kind is float or kind is int:
        try:
            if math.isfinite(value):
                return float(value)
        except OverflowError:
            pass
    raise _wrong(value, where, "a number")


def _phrase(value: Any, where: str) -> str:
    if type(value) is str:
        return value
    try:
        return phrase_of(value)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise _wrong(value, where, "a text or a phrase") from error


def _only_phrase(value: Any, where: str) -> Phrase:
    told = _phrase(value, where)
    if isinstance(told, Phrase):
        return told
    raise _wrong(value, where, "a phrase")


def _plain_reader(kind: Any) -> _Read:
    words = {str: "a text", bool: "true or false", int: "a whole number"}.get(kind, "an object")
    wanted = typing.get_origin(kind) or kind

    def read(value: Any, where: str) -> Any:
        if type(value) is wanted:
            return value
        raise _wrong(value, where, words)

    return read


def _enum_reader(kind: type[Enum]) -> _Read:
    slugs = _slugs(kind)

    def read(value: Any, where: str) -> Any:
        found = slugs.get(value) if type(value) is str else None
        if found is None:
            raise CodecError(f"{where or 'it'} is no {kind.__name__}: {str(value)[:40]!r}")
        return found

    return read


def _array_reader(item: Any) -> _Read:
    each = _reader(item)

    def read(value: Any, where: str) -> Any:
        if type(value) is not list:
            raise _wrong(value, where, "an array")
        return tuple(each(one, where) for one in value)

    return read


def _mapping_reader(key: Any, item: Any) -> _Read:
    named, each = _reader(key), _reader(item)

    def read(value: Any, where: str) -> Any:
        if type(value) is not dict:
            raise _wrong(value, where, "an object")
        return {named(name, where): each(one, where) for name, one in value.items()}

    return read


def _options_reader(options: tuple[Any, ...], optional: bool) -> _Read:
    one = _reader(options[0]) if len(options) == 1 else _union_reader(options)

    def read(value: Any, where: str) -> Any:
        return None if optional and value is None else one(value, where)

    return read


def _union_reader(options: tuple[Any, ...]) -> _Read:
    if any(dataclasses.is_dataclass(each) for each in options):
        kinds = {kind_of(cls): cls for cls in options}

        def read(value: Any, where: str) -> Any:
            if type(value) is not dict:
                raise _wrong(value, where, "an object")
            kind = value.get("kind")
            cls = kinds.get(kind) if type(kind) is str else None
            if cls is None:
                raise CodecError(f"{where or 'it'} has an unknown kind: {str(kind)[:40]!r}")
            return _reader(cls)(value, where)

        return read
    readers = [_reader(each) for each in options]

    def first(value: Any, where: str) -> Any:
        for each in readers[:-1]:
            try:
                return each(value, where)
            except CodecError:
                continue
        return readers[-1](value, where)

    return first


def _object_reader(cls: Any) -> _Read:
    hints = _hints(cls)
    word = kind_of(cls)
    fields = [
        (
            field.name,
            f"{word}.{field.name}",
            _reader(hints[field.name]),
            field.default is MISSING and field.default_factory is MISSING,
        )
        for field in dataclasses.fields(cls)
        if field.init
    ]

    def read(value: Any, where: str) -> Any:
        if type(value) is not dict:
            raise _wrong(value, where or word, "an object")
        given = {}
        for name, place, each, needed in fields:
            if name in value:
                given[name] = each(value[name], place)
            elif needed:
                raise CodecError(f"{place} is missing")
        return cls(**given)

    return read


# -- documents ------------------------------------------------------------------------------------


def _as_is(value: Any, at: float) -> Any:
    return value


@functools.cache
def _documenter(hint: Any) -> _WriteAt:
    hint, unit = _bare(hint)
    if unit is Unit.MOMENT:
        return lambda value, at: moment_text(value)
    if unit is Unit.SECONDS:
        return lambda value, at: round(value, 3)
    options = _options(hint)
    if options is not None:
        return _option_documenter(options)
    item = _item(hint)
    if item is not None:
        each = _documenter(item)
        if _is_mapping(hint):
            key = _documenter(_key(hint))
            return lambda value, at: {key(name, at): each(one, at) for name, one in value.items()}
        return lambda value, at: [each(one, at) for one in value]
    if isinstance(hint, type) and issubclass(hint, Enum):
        slugs = {member: slug for slug, member in _slugs(hint).items()}
        return lambda value, at: slugs[value]
    if dataclasses.is_dataclass(hint):
        members = [(name, get, _documenter(kind)) for name, get, kind in _members(hint)]

        def write(value: Any, at: float) -> Any:
            data = {}
            for name, get, each in members:
                found = get(value, at)
                data[name] = None if found is None else each(found, at)
            return data

        return write
    return _as_is


def _option_documenter(options: tuple[Any, ...]) -> _WriteAt:
    if len(options) == 1:
        only = _documenter(options[0])
        return lambda value, at: None if value is None else only(value, at)
    return lambda value, at: None if value is None else document(type(value), value, at)


def _members(cls: Any) -> list[tuple[str, Callable[[Any, float], Any], Any]]:
    """The members of a class's document: name, how to get its value, and its type."""
    found = []
    for name, path in _paths(cls):
        first, *rest = path.split(".")
        steps = [_step(cls, first)]
        for part in rest:
            hint = _bare(steps[-1][1])[0]
            steps.append(_step((_options(hint) or (hint,))[0], part))
        found.append((name, _through([get for get, _ in steps]), _kind(steps)))
    return found


def _paths(cls: Any) -> list[tuple[str, str]]:
    """The members of a class's document, and where the value of each is found."""
    listed = getattr(cls, "__document__", None) or [each.name for each in dataclasses.fields(cls)]
    parts = (member.partition("=") for member in listed)
    return [(name, path or name) for name, _, path in parts]


def _kind(steps: list[tuple[Any, Any]]) -> Any:
    """The type at the end of a path: it may be None where a step before it may be."""
    maybe = any(_options(_bare(hint)[0]) is not None for _, hint in steps[:-1])
    return steps[-1][1] | None if maybe else steps[-1][1]


def _step(cls: Any, part: str) -> tuple[Callable[[Any, float], Any], Any]:
    hints = _hints(cls)
    if part in hints:
        return lambda value, at: getattr(value, part), hints[part]
    member = getattr(cls, part)
    if isinstance(member, property):
        kind = typing.get_type_hints(member.fget, include_extras=True)["return"]
        return lambda value, at: getattr(value, part), kind
    kind = typing.get_type_hints(member, include_extras=True)["return"]
    if len(signature(member).parameters) == 1:
        return lambda value, at: member(value), kind
    return member, kind


def _through(steps: list[Callable[[Any, float], Any]]) -> Callable[[Any, float], Any]:
    if len(steps) == 1:
        return steps[0]

    def get(value: Any, at: float) -> Any:
        for step in steps:
            if value is None:
                return None
            value = step(value, at)
        return value

    return get


# -- JSON Schema ----------------------------------------------------------------------------------

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(hint: Any) -> Json:
    """JSON Schema (2020-12) of the documents of a type; a document of a newer version may have
    more members."""
    return {"$schema": DIALECT, **_schema(hint)}


def _schema(hint: Any) -> Json:
    hint, unit = _bare(hint)
    if unit is Unit.MOMENT:
        return {"type": "string", "format": "date-time"}
    if unit is Unit.SECONDS:
        return {"type": "number", "description": "seconds"}
    if unit is Unit.PHRASE:
        return {"type": "string"}
    if isinstance(unit, type) or _bare(unit)[1] is not None:
        return _schema(unit)  # a document that is at hand as JSON already
    options = _options(hint)
    if options is not None:
        kinds = [_schema(each) for each in options]
        return {"anyOf": [*kinds, {"type": "null"}] if _is_optional(hint) else kinds}
    item = _item(hint)
    if item is not None:
        if _is_mapping(hint):
            return {"type": "object", "additionalProperties": _schema(item)}
        return {"type": "array", "items": _schema(item)}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"type": "string", "enum": list(_slugs(hint))}
    if dataclasses.is_dataclass(hint):
        kinds = [kind for _, _, kind in _members(hint)]
        return _object_schema(
            hint, [(*each, kind) for each, kind in zip(_paths(hint), kinds, strict=True)]
        )
    if typing.is_typeddict(hint):
        return _object_schema(hint, [(name, name, kind) for name, kind in _hints(hint).items()])
    plain = {str: "string", bool: "boolean", int: "integer", float: "number"}.get(hint)
    return {} if hint is Any else {"type": plain or "object"}


def _object_schema(cls: Any, members: Iterable[tuple[str, str, Any]]) -> Json:
    members = list(members)
    about, told = _told(cls, {part for name, path, _ in members for part in (name, path)})
    properties = {}
    for name, path, kind in members:
        made = _schema(kind)
        if said := told.get(path) or ("" if "." in path else told.get(name)):
            unit = made.get("description")
            made["description"] = f"{said} ({unit})" if unit == "seconds" else said
        properties[name] = made
    return {
        "type": "object",
        "description": about,
        "properties": properties,
        "required": [name for name, _, _ in members],
    }


_MEMBER = re.compile(r"(?:^|(?<=[.;,] ))([\w.]+(?:(?:, | and )[\w.]+)*): ")


def _told(cls: Any, members: Set[str]) -> tuple[str, dict[str, str]]:
    """What a class's docstring says of itself, and of each member after `NAME: ` or `A, B: `. What
    it says of its fields that its document has not is left out."""
    text = " ".join((getdoc(cls) or "").split()).replace("None", "null")
    text = text.replace("UTC seconds", "UTC")
    known = members | _hints(cls).keys()
    places = [
        (found, names)
        for found in _MEMBER.finditer(text)
        if (names := re.split(", | and ", found[1])) and known.issuperset(names)
    ]
    about = text[: places[0][0].start()] if places else text
    told = {}
    for at, (found, names) in enumerate(places):
        end = places[at + 1][0].start() if at + 1 < len(places) else len(text)
        for name in names:
            told[name] = text[found.end() : end].strip().rstrip(".,;")
    return about.strip(), told
