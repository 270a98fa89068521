"""The tree of settings as it is walked: what may stand where, and what a value must be."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import StrEnum
from typing import Any, get_args, get_origin

from waziterm.config.errors import NoHomeError
from waziterm.config.settings import Settings
from waziterm.config.source import CONFIG_VARIABLE, PREFIX
from waziterm.domain.settings import KEY, Setting

NOT_SETTINGS = (CONFIG_VARIABLE, "WAZITERM_LAB")
"""Variables of ours that set nothing of the tree."""

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Declared:
    """A setting or a table. kind: its type, a dataclass for a table, a Mapping for a map. make:
    makes its default."""

    name: str
    kind: Any
    setting: Setting
    make: Callable[[], Any] = lambda: None

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
    def element(self) -> "Declared":
        """What a map holds."""
        value = self.setting.read_value
        told = self.setting._replace(read=value, read_value=None, allowed="", example="")
        return Declared("", get_args(self.kind)[1], told)


ROOT = Declared("", Settings, Setting("All settings."))


def declared(of: Any) -> dict[str, Declared]:
    """The settings and tables of a table's class, by name, in their order."""
    return {
        each.name: Declared(each.name, each.type, each.metadata[KEY], _made(each))
        for each in fields(of)
        if KEY in each.metadata
    }


def _made(each: "Field[Any]") -> Callable[[], Any]:
    return (lambda: each.default) if each.default_factory is MISSING else each.default_factory


class NotAllowedError(ValueError):
    """Something cannot stand where it does. str(): why. allowed: what can."""

    def __init__(self, why: str, allowed: str) -> None:
        super().__init__(why)
        self.allowed = allowed


def child(of: Declared, name: str) -> Declared:
    """What has this name in a table or a map. Raises NotAllowedError when nothing can."""
    if of.is_map:
        _called(of.setting.read, name, of.setting.allowed)
        return of.element
    found = declared(of.kind)
    if name in found:
        return found[name]
    import difflib  # noqa: PLC0415 - only for a mistake

    allowed = ", ".join(found)
    close = difflib.get_close_matches(name, found, 1)
    guess = f"did you mean {close[0]}? " if close else ""
    raise NotAllowedError(f"no such key; {guess}allowed: {allowed}", allowed)


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
    if told.allowed:
        return told.allowed
    if kind is bool:
        return "true or false"
    if kind is str:
        return "a text"
    if issubclass(kind, StrEnum):
        return f"one of {', '.join(kind)}"
    assert told.low is not None and told.high is not None
    number = "a whole number" if kind is int else "a number"
    return f"{number} from {_short(told.low)} to {_short(told.high)}"


def variable_of(key: Key) -> str:
    """The variable that sets this key."""
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


def _short(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)
