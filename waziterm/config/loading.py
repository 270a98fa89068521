"""Reading the settings from a flag, the environment and the file."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    TomlConfigSettingsSource,
)

from waziterm.config.errors import ConfigError
from waziterm.config.origin import Key, Origin
from waziterm.config.plain import Settings
from waziterm.config.settings import PREFIX, SettingsModel
from waziterm.domain.lifecycle.limits import Limits
from waziterm.domain.text import plain

_NOT_SETTINGS = frozenset({"WAZITERM_CONFIG", "WAZITERM_LAB"})
# How many parts follow the first one in a variable's name; all other settings are tables.
_PARTS = {"data_dir": (), "instances": ("NAME", "KEY")}


def read_settings(
    data_dir: Path | None, environ: Mapping[str, str], path: Path, *, required: bool
) -> Settings:
    """Read the settings from a flag, variables and a file; see `waziterm.config.load_settings`.

    required: the file was named, so it must exist. Raises ConfigError.
    """
    from_file = _read(path, required=required)
    from_environ = _read_environ(environ)

    class Sources(SettingsModel):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (init_settings, from_environ, from_file)

    flags: dict[str, Any] = {} if data_dir is None else {"data_dir": data_dir}
    origin = Origin(flags, from_environ(), path)
    try:
        settings = Sources(**flags).as_plain()
    except ValidationError as error:
        raise origin.told(error.errors()[0]) from error
    _check_backoff(settings, origin)
    return settings


class _Environ(EnvSettingsSource):
    """The variables of a given environment, with numbers read as TOML would."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(SettingsModel)
        self.env_vars = {
            name.lower(): value
            for name, value in environ.items()
            if value and name.startswith(PREFIX)
        }

    def __call__(self) -> dict[str, Any]:
        return {
            key: _with_numbers(value) if isinstance(value, dict) else value
            for key, value in super().__call__().items()
        }


def _with_numbers(table: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            values[key] = _with_numbers(value)
        elif isinstance(value, str):
            values[key] = _number(value)
        else:
            values[key] = value
    return values


def _number(text: str) -> int | float | str:
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    return text


def _read_environ(environ: Mapping[str, str]) -> _Environ:
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable in _NOT_SETTINGS:
            continue
        first, *rest = variable.removeprefix(PREFIX).lower().split("__")
        if first not in SettingsModel.model_fields or len(rest) != len(_parts(first)):
            allowed = ", ".join((*_variables(), *sorted(_NOT_SETTINGS)))
            raise ConfigError(f"{variable}: no such setting; allowed: {allowed}")
    return _Environ(environ)


def _parts(name: str) -> tuple[str, ...]:
    return _PARTS.get(name, ("KEY",))


def _variables() -> Iterator[str]:
    for name in SettingsModel.model_fields:
        yield PREFIX + "__".join((name.upper(), *_parts(name)))


def _read(path: Path, *, required: bool) -> TomlConfigSettingsSource:
    try:
        if not path.is_file() and (required or path.exists()):
            raise ConfigError(f"{path}: there is no such file")
        return TomlConfigSettingsSource(SettingsModel, path)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {plain(str(error))}") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error


def _check_backoff(settings: Settings, origin: Origin) -> None:
    """Raise ConfigError where the first wait would be longer than the longest one."""
    tables: list[tuple[Key, Limits]] = [(("limits",), settings.limits)]
    tables += [(("instances", name), settings.limits_for(name)) for name in settings.instances]
    for table, limits in tables:
        if limits.backoff_first_s > limits.backoff_cap_s:
            raise ConfigError(
                f"{origin.of((*table, 'backoff_first_s'))}: must be at most backoff_cap_s,"
                f" and {limits.backoff_first_s:g} is more than {limits.backoff_cap_s:g}"
            )
