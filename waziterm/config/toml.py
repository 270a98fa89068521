"""Settings written as TOML and as JSON."""

import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

from waziterm.config.reading import Entry
from waziterm.config.tree import ROOT, Declared, Key, allowed_at, declared, variable_of
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
    """Every setting as a line of TOML, with where it came from."""
    for entry in entries:
        yield f"{'.'.join(entry.key)} = {_toml(entry.value)}  # {entry.origin}"


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


def _table(table: Declared, key: Key, *, sets: bool = True) -> Iterator[str]:
    """A table's settings, then the tables in it. sets: whether they are set, or only shown."""
    inner = []
    for name, each in declared(table.kind).items():
        if each.is_table or each.is_map:
            inner.append(each)
            continue
        if sets:
            told = each.setting
            example = f" For example: {told.example}." if told.example else ""
            about = f"{told.means} {_sentence(allowed_at(each))}.{example}{_APPLIES[told.applies]}"
            yield from ("", *_comment(about))
        # A path differs from user to user.
        off = "" if sets and each.kind is not Path else "#"
        yield f"{off}{name} = {_toml(each.default)}"
    for each in inner:
        at = (*key, each.name)
        yield ""
        yield from _comment(each.setting.means)
        if each.is_table:
            yield f"[{'.'.join(at)}]"
            yield from _table(each, at)
        elif each.element.is_table:
            yield f"#[{'.'.join((*at, each.setting.example))}]"
            yield from _table(each.element, at, sets=False)
        else:
            yield f"[{'.'.join(at)}]"
            yield f"#{each.setting.example}"


def _comment(text: str) -> list[str]:
    import textwrap  # noqa: PLC0415 - for an example alone

    return [f"# {line}" for line in textwrap.wrap(" ".join(text.split()), _WIDTH)]


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _json(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _toml(value: Any) -> str:
    """A value as TOML. A text without what TOML forbids is one of JSON's."""
    if value is None:
        return '""'
    if isinstance(value, bool | int | float) and not isinstance(value, StrEnum):
        return json.dumps(value)
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
