"""Where a wrong value came from, and how that reads for an operator."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from waziterm.config.errors import ConfigError
from waziterm.config.settings import PREFIX, LimitsTable, SettingsModel
from waziterm.domain.text import plain

Key = Sequence[str | int]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from: the strongest of flags, environment and file that has it."""

    flags: Mapping[str, Any]
    from_environ: Mapping[str, Any]
    path: Path

    def of(self, key: Key) -> str:
        """The flag, the variable's name, or the file and the key."""
        if key and key[0] in self.flags:
            return f"--{str(key[0]).replace('_', '-')}"
        values: Any = self.from_environ
        for part in key:
            if not isinstance(values, dict) or part not in values:
                return f"{self.path}: {'.'.join(str(part) for part in key)}"
            values = values[part]
        return PREFIX + "__".join(str(part).upper() for part in key)

    def told(self, error: ErrorDetails) -> ConfigError:
        """pydantic's finding as one line for an operator."""
        key = [part for part in error["loc"] if part != "[key]"]
        where = plain(self.of(key), 300)
        if error["type"] == "extra_forbidden":
            allowed = _keys_of(key[:-1])
            close = difflib.get_close_matches(str(key[-1]), allowed, 1)
            guess = f"did you mean {close[0]}? " if close else ""
            return ConfigError(f"{where}: no such key; {guess}allowed: {', '.join(allowed)}")
        if error["type"] == "value_error":
            return ConfigError(f"{where}: {error['ctx']['error']}")
        value = plain(repr(error["input"]), 60)
        return ConfigError(f"{where}: must be {_allowed(key)}, not {value}")


def _keys_of(table: Key) -> list[str]:
    """The keys that a table may have."""
    match table:
        case []:
            return list(SettingsModel.model_fields)
        case ["instances", _]:
            return list(LimitsTable.model_fields)
        case [name, *_]:
            model = SettingsModel.model_fields[str(name)].annotation
            assert isinstance(model, type) and issubclass(model, BaseModel)
            return list(model.model_fields)
    raise AssertionError(table)


def _field(key: Key) -> FieldInfo | None:
    match key:
        case ["instances", _, name]:
            return LimitsTable.model_fields.get(str(name))
        case [table, name]:
            model = SettingsModel.model_fields[str(table)].annotation
            if isinstance(model, type) and issubclass(model, BaseModel):
                return model.model_fields.get(str(name))
        case [name]:
            return SettingsModel.model_fields.get(str(name))
    return None


def _allowed(key: Key) -> str:
    """What may stand at this key, in words."""
    field = _field(key)
    if field is not None and field.annotation is Path:
        return "a path, as text"
    kind = field.annotation if field is not None else None
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return f"one of {', '.join(kind)}"
    if field is None or kind not in (int, float):
        return "a table"
    bounds = {}
    for rule in field.metadata:
        for bound in ("ge", "le"):
            if hasattr(rule, bound):
                bounds[bound] = getattr(rule, bound)
    number = "a whole number" if kind is int else "a number"
    return f"{number} from {_plainly(bounds['ge'])} to {_plainly(bounds['le'])}"


def _plainly(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)
