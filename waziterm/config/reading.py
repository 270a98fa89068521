"""Reading the settings from a flag, the environment and the file, and all that is wrong there."""

import json
import math
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from waziterm.config.errors import ConfigError, NoHomeError
from waziterm.config.lines import lines_of
from waziterm.config.origin import Origin, OriginKind
from waziterm.config.settings import Settings
from waziterm.config.source import PREFIX, Source, config_file
from waziterm.config.tree import (
    NOT_SETTINGS,
    ROOT,
    Declared,
    Key,
    NotAllowedError,
    allowed_at,
    child,
    declared,
    key_of,
    value_of,
    variables,
)
from waziterm.domain.reload import ConfigProblem
from waziterm.domain.text import plain, redact

_ORDER = list(OriginKind)


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting as it is gone by. default: what it is when nobody sets it."""

    key: Key
    declared: Declared
    value: Any
    default: Any
    origin: Origin


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read. settings: with the default in place of whatever is wrong. entries: every
    setting; of a map those alone that are set. problems: all that is wrong."""

    settings: Settings
    entries: tuple[Entry, ...]
    problems: tuple[ConfigProblem, ...]

    def checked(self) -> Settings:
        """The settings. Raises ConfigError when anything is wrong."""
        if self.problems:
            raise ConfigError(self.problems)
        return self.settings


@dataclass(frozen=True, slots=True)
class _Given:
    declared: Declared
    value: object
    origin: Origin


def read(source: Source) -> Reading:
    """Read all settings. What a stronger place sets is not looked at in a weaker one.

    Raises NoHomeError when nobody names a data directory and there is no home for one.
    """
    reader = _Reader()
    reader.read_file(source)
    reader.read_environ(source.environ)
    if source.data_dir is not None:
        flag = Origin(OriginKind.FLAG, "--data-dir")
        reader.take(("data_dir",), child(ROOT, "data_dir"), source.data_dir, _always(flag))
    return reader.built(source)


class _Reader:
    """Takes one place after the other, each of them stronger than those before."""

    def __init__(self) -> None:
        self._given: dict[Key, _Given] = {}
        self._values: dict[Key, Any] = {}
        self._entries: list[Entry] = []
        self._problems: list[tuple[int, ConfigProblem]] = []

    def read_file(self, source: Source) -> None:
        try:
            path = source.file or config_file(source.environ)
        except ConfigError as error:
            self._problems += [(0, problem) for problem in error.problems]
            return
        if path is None:
            return
        file = plain(str(path), 300)
        try:
            if not path.is_file():
                if source.is_named or path.exists():
                    self._unreadable(file, "there is no such file")
                return
            text = path.read_bytes().decode()
            held, lines = tomllib.loads(text), lines_of(text)
        except OSError as error:
            self._unreadable(file, f"cannot be read: {error.strerror}")
        except RecursionError:
            self._unreadable(file, "not valid TOML: nested too deeply")
        except ValueError as error:
            # Of TOML, of UTF-8, or of a number with thousands of digits.
            self._unreadable(file, f"not valid TOML: {plain(str(error))}")
        else:
            self.take((), ROOT, held, lambda key: Origin(OriginKind.FILE, file, lines.get(key)))

    def read_environ(self, environ: Mapping[str, str]) -> None:
        for variable in sorted(environ):
            if not variable.startswith(PREFIX) or variable in NOT_SETTINGS:
                continue
            text, origin = environ[variable], Origin(OriginKind.VARIABLE, plain(variable, 300))
            key, each = key_of(variable), ROOT
            if key is None:
                allowed = ", ".join((*variables(), *NOT_SETTINGS))
                self._wrong(
                    (variable,), origin, text, f"no such setting; allowed: {allowed}", allowed
                )
                continue
            try:
                for name in key:
                    each = child(each, name)
            except NotAllowedError as error:
                self._wrong(key, origin, text, str(error), error.allowed)
                continue
            if text:
                self.take(key, each, _typed(each, text), _always(origin))

    def take(
        self, key: Key, each: Declared, value: Any, origin_of: Callable[[Key], Origin]
    ) -> None:
        """Take a value, or all that a table of them holds."""
        if not each.is_table and not each.is_map:
            self._given[key] = _Given(each, value, origin_of(key))
        elif not isinstance(value, dict):
            why = f"must be a table, not {_shown(value)}"
            self._wrong(key, origin_of(key), value, why, "a table")
        else:
            for name, inner in value.items():
                at = (*key, name)
                try:
                    found = child(each, name)
                except NotAllowedError as error:
                    self._wrong(at, origin_of(at), inner, str(error), error.allowed)
                else:
                    self.take(at, found, inner, origin_of)

    def built(self, source: Source) -> Reading:
        for key, given in self._given.items():
            try:
                self._values[key] = value_of(given.declared, given.value, _shown(given.value))
            except NotAllowedError as error:
                self._wrong(key, given.origin, given.value, str(error), error.allowed)
        values = self._table(ROOT, (), None)
        self._problems.sort(key=lambda each: (each[0], each[1].line or 0, each[1].origin))
        problems = tuple(problem for _, problem in self._problems)
        return Reading(Settings(**values, source=source), tuple(self._entries), problems)

    def _table(self, table: Declared, key: Key, base: object) -> dict[str, Any]:
        """The values of a table. base: has what the table does not set; None: nobody has."""
        values: dict[str, Any] = {}
        for name, each in declared(table.kind).items():
            at = (*key, name)
            if each.is_table:
                values[name] = each.kind(**self._table(each, at, None))
            elif each.is_map:
                values[name] = self._map(each, at, values.get(each.setting.inherits))
            else:
                default = getattr(base, name, each.default)
                values[name] = self._values.get(at, default)
                if values[name] is None:
                    values[name] = self._needed(each)
                if base is None or at in self._given:
                    self._entries.append(self._entry(at, each, values[name], default))
        self._compare(table, key, values)
        return values

    def _needed(self, each: Declared) -> Any:
        """The default of what may have none on this machine. Raises NoHomeError, or ConfigError
        where somebody set it and was wrong."""
        try:
            return each.make()
        except NoHomeError as error:
            if self._problems:
                raise ConfigError(tuple(problem for _, problem in self._problems)) from error
            raise

    def _map(self, each: Declared, key: Key, base: object) -> dict[str, Any]:
        depth = len(key)
        names = dict.fromkeys(at[depth] for at in self._values if at[:depth] == key)
        element = each.element
        if element.is_table:
            return {
                name: element.kind(**self._table(element, (*key, name), base)) for name in names
            }
        values = {name: self._values[(*key, name)] for name in names}
        compare = each.setting.compare
        for name, why in compare(values).items() if compare else ():
            given = self._given[(*key, name)]
            self._wrong((*key, name), given.origin, given.value, why, allowed_at(element))
            del values[name]
        for name, value in values.items():
            self._entries.append(self._entry((*key, name), element, value, None))
        return values

    def _entry(self, key: Key, each: Declared, value: Any, default: Any) -> Entry:
        origin = self._given[key].origin if key in self._given else Origin()
        return Entry(key, each, value, default, origin)

    def _compare(self, table: Declared, key: Key, values: Mapping[str, Any]) -> None:
        """Tell of what exceeds another setting of its table, where the table sets one of both."""
        for name, each in declared(table.kind).items():
            other = each.setting.at_most
            if not other or values[name] <= values[other]:
                continue
            both = ((*key, name), (*key, other))
            given = [self._given[at] for at in both if at in self._given]
            if given and all(at in self._values for at in both if at in self._given):
                more, less = f"{values[name]:g}", f"{values[other]:g}"
                allowed = f"at most {other}"
                origin = given[0].origin
                # The file's line is told with the key, a variable of the other one is not.
                which = name if both[0] not in self._given and origin.line is None else ""
                why = f"{which} must be {allowed}, and {more} is more than {less}".strip()
                self._wrong(both[0], origin, values[name], why, allowed)

    def _unreadable(self, file: str, why: str) -> None:
        found = re.search(r"\(at line (\d+)", why)
        line = int(found[1]) if found else None
        problem = ConfigProblem(file, line, file, "", None, "", f"{file}: {why}")
        self._problems.append((_ORDER.index(OriginKind.FILE), problem))

    def _wrong(self, key: Key, origin: Origin, value: object, why: str, allowed: str) -> None:
        dotted, file = plain(".".join(key), 200), None
        text = f"{origin.name}: {plain(why, 1000)}"
        if origin.kind is OriginKind.FILE:
            file = origin.name
            text = f"{file}: {dotted}: {plain(why, 1000)}"
        if origin.line is not None:
            text += f" (line {origin.line})"
        problem = ConfigProblem(
            file, origin.line, origin.name, dotted, _scalar(value), plain(allowed, 1000), text
        )
        self._problems.append((_ORDER.index(origin.kind), problem))


def _always(origin: Origin) -> Callable[[Key], Origin]:
    return lambda _key: origin


def _typed(each: Declared, text: str) -> object:
    """A variable's text as the value that TOML would have; a map is a JSON object."""
    if each.is_map:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    if each.kind is bool:
        return {"true": True, "false": False}.get(text, text)
    if each.kind in (int, float):
        for convert in (int, float):
            try:
                return convert(text)
            except ValueError:
                continue
    return text


def _shown(value: object) -> str:
    """A wrong value in a sentence, without a login that it may hold."""
    return plain(redact(repr(value)), 60)


def _scalar(value: object) -> str | int | float | bool | None:
    """A wrong value as JSON has it; None for what is no plain value."""
    if isinstance(value, dict | list):
        return None
    if isinstance(value, int | float) and math.isfinite(value):
        return value
    return plain(redact(str(value)), 200)
