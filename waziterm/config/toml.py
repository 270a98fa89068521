"""Settings written as TOML and as JSON."""

import json
from collections.abc import Iterator
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Any

from waziterm.config.reading import Entry
from waziterm.config.tree import (
    ROOT,
    Declared,
    Key,
    allowed_at,
    array_of,
    declared,
    variable_of,
)
from waziterm.domain.settings import Applies

_WIDTH = 96
_HEAD = """\
Every setting of waziterm with its default. A line that begins with "#" and no space after it is a
setting that is not set here; take the "#" away to set it. An environment variable beats this
file, for example WAZITERM_LIMITS__COOLDOWN_S=15, and a flag beats both. `waziterm config --check`
says all that is wrong, `waziterm config` what is gone by and why. `waziterm reload` lets a
running manager read this file again."""
_APPLIES = {
    Applies.RELOAD: "",
    Applies.START: " Applies at the next start.",
    Applies.SCREEN: " Applies to the next screen.",
}


def example_file() -> str:
    """A config file with every setting, its default and what it means."""
    return "\n".join(_comment(_HEAD) + list(_table(ROOT, ()))) + "\n"


def effective(entries: tuple[Entry, ...]) -> Iterator[str]:
    """Every setting as a line of TOML, with where it came from; arrays of tables at the end."""
    arrays = [(array_of(entry.key), entry) for entry in entries]
    for array, entry in arrays:
        if array is None:
            yield f"{'.'.join(entry.key)} = {_toml(entry.value)}  # {entry.origin}"
    inside = ((array, entry) for array, entry in arrays if array is not None)
    for (array, _), group in groupby(inside, lambda each: (each[0], each[1].key[:-1])):
        yield f"[[{'.'.join(array)}]]"
        for _, entry in group:
            yield f"{entry.key[-1]} = {_toml(entry.value)}  # {entry.origin}"


def entry_json(entry: Entry) -> dict[str, Any]:
    """`{key, value, origin: {kind, name, line}, default, allowed, variable, applies,
    needs_restart, description}`."""
    origin, told = entry.origin, entry.declared.setting
    return {
        "key": ".".join(entry.key),
        "value": _json(entry.value),
        "origin": {"kind": origin.kind.value, "name": origin.name or None, "line": origin.line},
        "default": _json(entry.default),
        "allowed": allowed_at(entry.declared),
        "variable": variable_of(entry.key),
        "applies": told.applies.value,
        "needs_restart": told.applies is Applies.START,
        "description": told.means,
    }


def _table(table: Declared, key: Key, *, sets: bool = True, explains: bool = True) -> Iterator[str]:
    """A table's settings, then the tables in it. sets: whether they are set, or only shown.
    explains: whether what each means is said."""
    inner = []
    for name, each in declared(table.kind).items():
        if each.is_table or each.is_map or each.is_array:
            inner.append(each)
            continue
        if explains:
            told = each.setting
            example = f" For example: {told.example}." if told.example else ""
            if each.is_secret:
                example += f" Or {each.in_file.name} names the file that holds it."
            about = f"{told.means} {_sentence(allowed_at(each))}.{example}{_APPLIES[told.applies]}"
            yield from ("", *_comment(about))
        # A path differs from user to user.
        off = "" if sets and each.kind is not Path else "#"
        shown = each.setting.example if explains and not sets else ""
        yield f"{off}{name} = {shown or _toml(each.default)}"
    for each in inner:
        at = (*key, each.name)
        yield ""
        yield from _comment(each.setting.means)
        if each.is_table:
            yield f"[{'.'.join(at)}]"
            yield from _table(each, at)
        elif each.is_array:
            yield f"#[[{'.'.join(at)}]]"
            yield from _table(each.element, at, sets=False)
        elif each.element.is_table:
            yield f"#[{'.'.join((*at, each.setting.example))}]"
            # What they mean was said of the table that they differ from.
            yield from _table(each.element, at, sets=False, explains=False)
        else:
            yield f"[{'.'.join(at)}]"
            yield f"#{each.setting.example}"


def _comment(text: str) -> list[str]:
    import textwrap  # noqa: PLC0415 - for an example alone

    return [f"# {line}" for line in textwrap.wrap(" ".join(text.split()), _WIDTH)]


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _json(value: Any) -> Any:
    if type(value) in (tuple, frozenset):
        return [_json(each) for each in _ordered(value)]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _ordered(values: tuple[Any, ...] | frozenset[Any]) -> list[Any]:
    return sorted(values) if isinstance(values, frozenset) else list(values)


def _toml(value: Any) -> str:
    """A value as TOML. A text without what TOML forbids is one of JSON's."""
    if value is None:
        return '""'
    if isinstance(value, bool | int | float) and not isinstance(value, StrEnum):
        return json.dumps(value)
    if type(value) in (tuple, frozenset):
        return f"[{', '.join(_toml(each) for each in _ordered(value))}]"
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
