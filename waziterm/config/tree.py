"""The tree of settings as it is walked: what may stand where, and what a value must be."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from enum import StrEnum
from typing import Any, get_args, get_origin

from waziterm.config.errors import NoHomeError
from waziterm.config.settings import Settings
from waziterm.config.source import CONFIG_VARIABLE, PREFIX
from waziterm.domain.frozen import dataclass
from waziterm.domain.secret import Secret
from waziterm.domain.settings import KEY, Regex, Setting

NOT_SETTINGS = (CONFIG_VARIABLE, "WAZITERM_LAB")
"""Variables of ours that set nothing of the tree."""

IN_FILE = "_file"
"""How the name of a secret's twin ends, which names the file that has the secret."""

Key = tuple[str, ...]
"""Names from the root down. An element of an array of tables goes by its own name."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A setting or a table. kind: its type, a dataclass for a table, a Mapping for a map, a tuple
    of dataclasses for an array of tables. field: where its value is, in the table's class. make:
    makes its default. is_file: it names the file of the secret that is called so without
    `_file`."""

    name: str
    kind: Any
    setting: Setting
    field: str = ""
    make: Callable[[], Any] = lambda: None
    is_file: bool = False

    @property
    def default(self) -> Any:
        """What it is when nobody sets it; None where this machine has none."""
        try:
            return self.make()
        except NoHomeError:
            return None

    @property
    def is_table(self) -> bool:
        # What is made of one value is a setting, whatever its class.
        return is_dataclass(self.kind) and self.setting.read is None

    @property
    def is_map(self) -> bool:
        return get_origin(self.kind) is Mapping

    @property
    def is_array(self) -> bool:
        """Whether it is an array of tables."""
        return get_origin(self.kind) is tuple and is_dataclass(get_args(self.kind)[0])

    @property
    def is_secret(self) -> bool:
        return not self.is_file and (self.kind is Secret or self.kind == tuple[Secret, ...])

    @property
    def holds_secrets(self) -> bool:
        """Whether it is a secret, or has one somewhere in it."""
        if self.is_map or self.is_array:
            return self.element.holds_secrets
        if self.is_table:
            return any(each.holds_secrets for each in declared(self.kind).values())
        return self.is_secret

    @property
    def element(self) -> "Declared":
        """What a map or an array of tables holds."""
        told = self.setting
        if self.is_array:
            return Declared("", get_args(self.kind)[0], told._replace(read=None))
        told = told._replace(read=told.read_value, read_value=None, allowed="", example="")
        return Declared("", get_args(self.kind)[1], told)

    @property
    def in_file(self) -> "Declared":
        """Of a secret, the setting that names its file instead."""
        return replace(self, name=self.name + IN_FILE, is_file=True)


ROOT = Declared("", Settings, Setting("All settings."))


def declared(of: Any) -> dict[str, Declared]:
    """The settings and tables of a table's class, by name, in their order."""
    found = [(each, each.metadata[KEY]) for each in fields(of) if KEY in each.metadata]
    names = [told.key or each.name for each, told in found]
    return {
        name: Declared(name, each.type, told, each.name, _made(each))
        for name, (each, told) in zip(names, found, strict=True)
    }


def _made(each: "Field[Any]") -> Callable[[], Any]:
    return (lambda: each.default) if each.default_factory is MISSING else each.default_factory


class NotAllowedError(ValueError):
    """Something cannot stand where it does. str(): why. allowed: what can."""

    def __init__(self, why: str, allowed: str) -> None:
        super().__init__(why)
        self.allowed = allowed


def child(of: Declared, name: str) -> Declared:
    """What has this name in a table, a map or an array of tables. Raises NotAllowedError when
    nothing can."""
    if of.is_map:
        _called(of.setting.read, name, of.setting.allowed)
        return of.element
    if of.is_array:
        return of.element
    found = named_in(of.kind)
    if name in found:
        return found[name]
    import difflib  # noqa: PLC0415 - only for a mistake

    allowed = ", ".join(found)
    close = difflib.get_close_matches(name, found, 1)
    guess = f"did you mean {close[0]}? " if close else ""
    raise NotAllowedError(f"no such key; {guess}allowed: {allowed}", allowed)


def named_in(of: Any) -> dict[str, Declared]:
    """All that may stand in a table: its settings and tables, and the files of its secrets."""
    found: dict[str, Declared] = {}
    for name, each in declared(of).items():
        found[name] = each
        if each.is_secret:
            found[each.in_file.name] = each.in_file
    return found


def array_of(key: Key) -> Key | None:
    """The array of tables that a key leads into; None for a key of none."""
    each = ROOT
    for depth, name in enumerate(key):
        if each.is_array:
            return key[:depth]
        each = child(each, name)
    return None


def value_of(each: Declared, raw: object, shown: str) -> Any:
    """The value of a setting. raw: as it was set. shown: the same for an operator.

    Raises NotAllowedError.
    """
    allowed = allowed_at(each)
    try:
        if each.setting.read is not None:
            return _called(each.setting.read, raw, allowed)
        return _checked(each, raw)
    except TypeError as error:
        raise NotAllowedError(f"must be {allowed}, not {shown}", allowed) from error


def allowed_at(each: Declared) -> str:
    """What a setting may be, in words."""
    kind, told = each.kind, each.setting
    if each.is_file:
        return "the path of a file that holds nothing else, as text"
    if told.allowed:
        return told.allowed
    if kind is bool:
        return "true or false"
    if kind is str:
        return "a text"
    if kind is Regex:
        return "a regular expression of RE2, as text"
    if get_origin(kind) is frozenset:
        return f"an array of {', '.join(get_args(kind)[0])}"
    if issubclass(kind, StrEnum):
        return f"one of {', '.join(kind)}"
    assert told.low is not None and told.high is not None
    number = "a whole number" if kind is int else "a number"
    return f"{number} from {_short(told.low)} to {_short(told.high)}"


def variable_of(key: Key) -> str | None:
    """The variable that sets this key; None in an array of tables, which none reaches."""
    if array_of(key) is not None:
        return None
    return PREFIX + "__".join(key).upper()


def key_of(variable: str) -> Key | None:
    """The key that a variable sets, of which the first part alone is sure to exist; None for
    none."""
    key = tuple(variable.removeprefix(PREFIX).lower().split("__"))
    top = declared(Settings).get(key[0])
    return key if top is not None and len(key) == 1 + len(_parts(top)) else None


def variables() -> Iterator[str]:
    """The variables there can be."""
    for name, top in declared(Settings).items():
        if top.is_array:
            continue
        yield PREFIX + "__".join((name.upper(), *_parts(top)))


def _parts(top: Declared) -> tuple[str, ...]:
    """How a variable's name goes on after the name of what it sets."""
    if top.is_map:
        return ("NAME", "KEY")
    return ("KEY",) if top.is_table else ()


def _called(read: Any, raw: object, allowed: str) -> Any:
    try:
        return raw if read is None else read(raw)
    except ValueError as error:
        raise NotAllowedError(str(error), allowed) from error


def _checked(each: Declared, raw: object) -> Any:
    """A plain value of the right type and size. Raises TypeError for any other."""
    kind, told = each.kind, each.setting
    if get_origin(kind) is frozenset:
        words = get_args(kind)[0]
        texts = isinstance(raw, list) and all(isinstance(one, str) for one in raw)
        if isinstance(raw, list) and texts and set(raw) <= set(words):
            return frozenset(words(one) for one in raw)
        raise TypeError(raw)
    if kind is Regex:
        return _regex(raw)
    if issubclass(kind, StrEnum):
        if isinstance(raw, str) and raw in tuple(kind):
            return kind(raw)
        raise TypeError(raw)
    # Not isinstance: `true` is not 1.
    fits = type(raw) is kind or (kind is float and type(raw) is int)
    if not fits:
        raise TypeError(raw)
    if isinstance(raw, int | float) and told.low is not None and told.high is not None:
        if not told.low <= raw <= told.high:
            raise TypeError(raw)
        return kind(raw)
    return raw


def _regex(raw: object) -> Regex:
    """Raises NotAllowedError for what RE2 cannot read, TypeError for what is no text."""
    if not isinstance(raw, str):
        raise TypeError(raw)
    from waziterm.regex import RegexError, regex_of  # noqa: PLC0415 - only where one is set

    try:
        regex_of(raw)
    except RegexError as error:
        raise NotAllowedError(
            f"is no regular expression of RE2: {error}", "a regular expression of RE2, as text"
        ) from error
    return Regex(raw)


def _short(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)
