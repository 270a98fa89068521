"""Reading the settings from a flag, the environment and the file, and all that is wrong there."""

import json
import math
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from waziterm.config.errors import ConfigError, NoHomeError
from waziterm.config.lines import Path as At
from waziterm.config.lines import lines_of
from waziterm.config.origin import Origin, OriginKind
from waziterm.config.settings import Settings
from waziterm.config.source import PREFIX, Source, config_file
from waziterm.config.tree import (
    IN_FILE,
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
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.instance import OwnKey, OwnValue
from waziterm.domain.reload import ConfigProblem
from waziterm.domain.secret import MASK, Secret
from waziterm.domain.text import plain, redact

_ORDER = list(OriginKind)
_LONGEST_SECRET = 65_536
_INSTANCES = "instances"


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


def with_set(
    entries: tuple[Entry, ...], own: Mapping[str, Mapping[OwnKey, OwnValue]]
) -> tuple[Entry, ...]:
    """The entries with what a person has set of instances, by their names: it stands above the file
    and below a variable. What is no setting, as a note, is left out."""
    found = {entry.key: entry for entry in entries}
    of_instance = child(child(ROOT, _INSTANCES), "a")
    known = declared(of_instance.kind)
    for name, values in own.items():
        for key, value in values.items():
            at = (_INSTANCES, name, key.value)
            weaker = at not in found or _ORDER.index(found[at].origin.kind) < _ORDER.index(
                OriginKind.SET
            )
            if key.value in known and value is not None and weaker:
                each = known[key.value]
                told = Secret(str(value)) if each.is_secret else value
                found[at] = Entry(at, each, told, each.default, Origin(OriginKind.SET))
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class _Given:
    declared: Declared
    value: object
    origin: Origin


@dataclass(frozen=True, slots=True)
class _Element:
    """One table of an array, by the name that it has in keys."""

    name: str
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
        self._elements: dict[Key, list[_Element]] = {}
        self._secret_files: list[Path] = []
        self._values: dict[Key, Any] = {}
        self._entries: list[Entry] = []
        self._problems: list[tuple[int, ConfigProblem]] = []
        self._file: Path | None = None

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
            self._file = path
            self.take((), ROOT, held, lambda at: Origin(OriginKind.FILE, file, _line(lines, at)))

    def read_environ(self, environ: Mapping[str, str]) -> None:
        for variable in sorted(environ):
            if not variable.startswith(PREFIX) or variable in NOT_SETTINGS:
                continue
            text, origin = environ[variable], Origin(OriginKind.VARIABLE, plain(variable, 300))
            key, each = key_of(variable), ROOT
            if key is None:
                allowed = ", ".join((*variables(), *NOT_SETTINGS))
                why = f"no such setting; allowed: {allowed}"
                self._wrong((variable,), origin, MASK, why, allowed)
                continue
            try:
                for name in key:
                    each = child(each, name)
            except NotAllowedError as error:
                self._wrong(key, origin, _unless_secret(each, text), str(error), error.allowed)
                continue
            if each.is_array:
                allowed = "tables in the config file"
                why = f"no variable sets an array of tables; allowed: {allowed}"
                self._wrong(key, origin, MASK, why, allowed)
            elif text:
                self.take(key, each, _typed(each, text), _always(origin))

    def take(
        self,
        key: Key,
        each: Declared,
        value: Any,
        origin_of: Callable[[At], Origin],
        at: At | None = None,
    ) -> None:
        """Take a value, or all that a table or an array of them holds.

        at: where it stands in the file, where that is not its key.
        """
        at = key if at is None else at
        if each.is_array:
            self._take_array(key, each, value, origin_of, at)
        elif not each.is_table and not each.is_map:
            self._given[key] = _Given(each, value, origin_of(at))
        elif not isinstance(value, dict):
            why = f"must be a table, not {_shown(_unless_secret(each, value))}"
            self._wrong(key, origin_of(at), _unless_secret(each, value), why, "a table")
        else:
            for name, inner in value.items():
                try:
                    found = child(each, name)
                except NotAllowedError as error:
                    self._wrong(
                        (*key, name),
                        origin_of((*at, name)),
                        _unless_secret(each, inner),
                        str(error),
                        error.allowed,
                    )
                else:
                    self.take((*key, name), found, inner, origin_of, (*at, name))

    def _take_array(
        self, key: Key, each: Declared, value: Any, origin_of: Callable[[At], Origin], at: At
    ) -> None:
        """Take an array of tables. One that has no name of its own goes by its number."""
        if not isinstance(value, list):
            why = f"must be an array of tables, not {_shown(_unless_secret(each, value))}"
            self._wrong(key, origin_of(at), _unless_secret(each, value), why, "an array of tables")
            return
        named = each.setting.named
        value = [_with_name(each, inner) for inner in value]
        names = [inner.get(named) if isinstance(inner, dict) else None for inner in value]
        taken = Counter(name for name in names if isinstance(name, str))
        elements = self._elements[key] = []
        for index, (name, inner) in enumerate(zip(names, value, strict=True)):
            place, origin = (*at, index), origin_of((*at, index))
            is_own = isinstance(name, str) and taken[name] == 1 and _is_right(each, name)
            called = str(name) if is_own else f"#{index + 1}"
            elements.append(_Element(called, origin))
            if isinstance(name, str) and taken[name] > 1 and name in names[:index]:
                why = f"must differ from the other names, and {name!r} is there already"
                other = origin_of((*place, named))
                self._wrong((*key, called, named), other, name, why, "a name of its own")
            elif isinstance(inner, dict) and name is None:
                why = f"must have a {named}"
                self._wrong((*key, called), origin, None, why, f"a table with a {named}")
            self.take((*key, called), each.element, inner, origin_of, place)

    def built(self, source: Source) -> Reading:
        self._read_secret_files()
        for key, given in self._given.items():
            if given.declared.is_file:
                continue
            told = _unless_secret(given.declared, given.value)
            try:
                self._values[key] = value_of(given.declared, given.value, _shown(told))
            except NotAllowedError as error:
                self._wrong(key, given.origin, told, str(error), error.allowed)
            if given.declared.is_secret and given.origin.kind is OriginKind.FILE and self._file:
                self._secret_files.append(self._file)
        values = self._table(ROOT, (), None)
        self._problems.sort(key=lambda each: (each[0], each[1].line or 0, each[1].origin))
        problems = tuple(problem for _, problem in self._problems)
        files = tuple(dict.fromkeys(self._secret_files))
        settings = Settings(**values, source=source, secret_files=files, fixed=self._fixed())
        return Reading(settings, tuple(self._entries), problems)

    def _fixed(self) -> dict[str, frozenset[OwnKey]]:
        """What variables set of an instance that a person could set too, by its name."""
        fixed: dict[str, frozenset[OwnKey]] = {}
        for key, given in self._given.items():
            if given.origin.kind is OriginKind.VARIABLE and key[0] == _INSTANCES:
                own = key[2].removesuffix(IN_FILE)
                if own in tuple(OwnKey):
                    fixed[key[1]] = fixed.get(key[1], frozenset()) | {OwnKey(own)}
        return fixed

    def _read_secret_files(self) -> None:
        """Put what the files of secrets hold in the place of the secrets themselves."""
        for key, given in list(self._given.items()):
            if not given.declared.is_file:
                continue
            own = (*key[:-1], key[-1].removesuffix(IN_FILE))
            beside = self._given.get(own)
            if beside is not None and beside.origin.kind is given.origin.kind:
                why = f"must not be set beside {own[-1]}: one of them is enough"
                self._wrong(key, given.origin, given.value, why, f"this or {own[-1]}")
                continue
            if beside is not None and _ORDER.index(beside.origin.kind) > _ORDER.index(
                given.origin.kind
            ):
                del self._given[key]
                continue
            self._given.pop(own, None)
            try:
                path = self._beside_config(given)
                self._values[own] = _secret_in(path, given.declared)
            except NotAllowedError as error:
                self._wrong(key, given.origin, given.value, str(error), error.allowed)
            else:
                self._secret_files.append(path)

    def _beside_config(self, given: _Given) -> Path:
        """The path that a setting names; a relative one in the config is one beside that."""
        allowed = allowed_at(given.declared)
        if not isinstance(given.value, str):
            raise NotAllowedError(f"must be {allowed}, not {_shown(given.value)}", allowed)
        if not given.value or "\0" in given.value:
            raise NotAllowedError("must name a file", allowed)
        try:
            path = Path(given.value).expanduser()
        except RuntimeError as error:
            why = f"{given.value} names no home directory on this machine"
            raise NotAllowedError(why, allowed) from error
        if given.origin.kind is OriginKind.FILE and self._file is not None:
            path = self._file.parent / path
        return path.absolute()

    def _table(self, table: Declared, key: Key, base: object) -> dict[str, Any]:
        """The values of a table. base: has what the table does not set; None: nobody has."""
        values: dict[str, Any] = {}
        for name, each in declared(table.kind).items():
            at, field = (*key, name), each.field
            if each.is_table:
                values[field] = each.kind(**self._table(each, at, None))
            elif each.is_map:
                values[field] = self._map(each, at, values.get(each.setting.inherits))
            elif each.is_array:
                values[field] = self._array(each, at)
            else:
                default = getattr(base, field, each.default)
                values[field] = self._values.get(at, default)
                if values[field] is None:
                    values[field] = self._needed(each)
                in_file = (*key, each.in_file.name)
                if in_file in self._given:
                    value = self._given[in_file].value
                    self._entries.append(self._entry(in_file, each.in_file, value, None))
                elif base is None or at in self._given:
                    self._entries.append(self._entry(at, each, values[field], default))
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

    def _array(self, array: Declared, key: Key) -> tuple[Any, ...]:
        """The tables of an array in which nothing is wrong."""
        element, check, built = array.element, array.setting.check, []
        for each in self._elements.get(key, ()):
            at = (*key, each.name)
            table = element.kind(**self._table(element, at, element.kind()))
            dotted = ".".join(at)
            if any(
                problem.key == dotted or problem.key.startswith(f"{dotted}.")
                for _, problem in self._problems
            ):
                continue
            try:
                if check is not None:
                    check(table)
            except ValueError as error:
                self._wrong(at, each.origin, None, str(error), array.setting.means)
            else:
                built.append(table)
        return tuple(built)

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


def _always(origin: Origin) -> Callable[[At], Origin]:
    return lambda _at: origin


def _line(lines: Mapping[At, int], at: At) -> int | None:
    """The line of a key; inside an array that is a value, that of the statement."""
    while at and at not in lines:
        at = at[:-1]
    return lines.get(at)


def _with_name(array: Declared, inner: Any) -> Any:
    """A table of an array, with the name that it has where it says none."""
    named, name_for = array.setting.named, array.setting.name_for
    if not isinstance(inner, dict) or named in inner or name_for is None:
        return inner
    name = name_for(inner)
    return inner if name is None else {named: name, **inner}


def _is_right(array: Declared, name: str) -> bool:
    """Whether a table of an array may have this name."""
    try:
        value_of(child(array.element, array.setting.named), name, "")
    except NotAllowedError:
        return False
    return True


def _unless_secret(each: Declared, value: object) -> object:
    """A wrong value, or what stands for one that may hold a secret."""
    return MASK if each.holds_secrets else value


def _secret_in(path: Path, each: Declared) -> Any:
    """The secret that a file holds, without the end of its last line. Raises NotAllowedError."""
    allowed, shown = allowed_at(each), plain(str(path), 300)
    try:
        # A pipe would let us wait for its other end.
        if not path.is_file():
            raise NotAllowedError(f"{shown}: there is no such file", allowed)
        with path.open("rb") as file:
            text = file.read(_LONGEST_SECRET + 1).decode()
    except OSError as error:
        raise NotAllowedError(f"{shown} cannot be read: {error.strerror}", allowed) from error
    except UnicodeDecodeError as error:
        raise NotAllowedError(f"{shown} holds no UTF-8 text", allowed) from error
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise NotAllowedError(f"{shown} is empty", allowed)
    if len(text) > _LONGEST_SECRET:
        raise NotAllowedError(f"{shown} is too long for a secret", allowed)
    secret = replace(each, is_file=False)
    try:
        return value_of(secret, text, MASK)
    except NotAllowedError as error:
        raise NotAllowedError(f"{shown} {error}", error.allowed) from error


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
