"""Reading the settings from a flag, the environment and the file."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    TomlConfigSettingsSource,
)

from waziterm.config.errors import ConfigError, Key, Origin
from waziterm.config.settings import PREFIX, Settings
from waziterm.domain.limits import Limits
from waziterm.domain.text import plain

_NOT_SETTINGS = frozenset({"WAZITERM_CONFIG", "WAZITERM_LAB"})
# How many parts follow the first one in a variable's name; all other settings are tables.
_PARTS = {"data_dir": (), "instances": ("NAME", "KEY")}


def config_file(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the settings are read from: `WAZITERM_CONFIG`, else the user's config directory.

    Raises ConfigError for a `~user` that does not exist.
    """
    named = environ.get("WAZITERM_CONFIG")
    if named:
        try:
            return Path(named).expanduser()
        except RuntimeError as error:
            raise ConfigError(f"WAZITERM_CONFIG: {named} names no home directory") from error
    return platformdirs.user_config_path("waziterm") / "config.toml"


def load_settings(
    *,
    data_dir: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    file: Path | None = None,
) -> Settings:
    """Read the settings.

    data_dir: the flag `--data-dir`. file: read instead of `config_file(environ)`. The default
    file may be missing, one that was named must exist.
    Raises ConfigError.
    """
    path = file or config_file(environ)
    named = file is not None or bool(environ.get("WAZITERM_CONFIG"))
    from_file = _read(path, required=named)
    from_environ = _read_environ(environ)

    class Sources(Settings):
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
        settings = Sources(**flags)
    except ValidationError as error:
        raise origin.told(error.errors()[0]) from error
    _check_backoff(settings, origin)
    return settings


class _Environ(EnvSettingsSource):
    """The variables of a given environment, with numbers read as TOML would."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(Settings)
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
        if first not in Settings.model_fields or len(rest) != len(_parts(first)):
            allowed = ", ".join((*_variables(), *sorted(_NOT_SETTINGS)))
            raise ConfigError(f"{variable}: no such setting; allowed: {allowed}")
    return _Environ(environ)


def _parts(name: str) -> tuple[str, ...]:
    return _PARTS.get(name, ("KEY",))


def _variables() -> Iterator[str]:
    for name in Settings.model_fields:
        yield PREFIX + "__".join((name.upper(), *_parts(name)))


def _read(path: Path, *, required: bool) -> TomlConfigSettingsSource:
    try:
        if not path.is_file() and (required or path.exists()):
            raise ConfigError(f"{path}: there is no such file")
        return TomlConfigSettingsSource(Settings, path)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {plain(str(error))}") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error


def _check_backoff(settings: Settings, origin: Origin) -> None:
    """Raise ConfigError where the first wait would be longer than the longest one."""
    tables: list[tuple[Key, Limits]] = [(("limits",), settings.limits.over(Limits()))]
    tables += [(("instances", name), settings.limits_for(name)) for name in settings.instances]
    for table, limits in tables:
        if limits.backoff_first_s > limits.backoff_cap_s:
            raise ConfigError(
                f"{origin.of((*table, 'backoff_first_s'))}: must be at most backoff_cap_s,"
                f" and {limits.backoff_first_s:g} is more than {limits.backoff_cap_s:g}"
            )
