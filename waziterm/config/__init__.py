"""Settings: a flag beats an environment variable (`WAZITERM_…`), which beats `config.toml`.

A table's setting is `WAZITERM_TABLE__KEY`, for example `WAZITERM_LIMITS__COOLDOWN_S=15`; an empty
variable counts as not set. Reading and checking is pydantic's work, whose import takes about
0.15 s, so it is loaded only where something is set.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from waziterm.config.errors import ConfigError
from waziterm.config.plain import Settings

__all__ = ["ConfigError", "Settings", "config_file", "load_settings"]

_PREFIX = "WAZITERM_"


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
    is_set = any(variable.startswith(_PREFIX) for variable in environ)
    plain_flag = data_dir is None or (data_dir.is_absolute() and str(data_dir) != "")
    if not named and not is_set and plain_flag and not path.exists():
        return Settings(data_dir or platformdirs.user_data_path("waziterm"))
    from waziterm.config.loading import read_settings  # noqa: PLC0415 - loads pydantic

    return read_settings(data_dir, environ, path, required=named)
