"""Settings: a flag beats an environment variable (`WAZITERM_…`), which beats `config.toml`.

A table's setting is `WAZITERM_TABLE__KEY`, for example `WAZITERM_LIMITS__COOLDOWN_S=15`; an empty
variable counts as not set.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from waziterm.config.errors import ConfigError
from waziterm.config.settings import Settings, directory
from waziterm.config.source import Source, config_file

__all__ = ["ConfigError", "Settings", "config_file", "load_settings"]


def load_settings(
    *,
    data_dir: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    file: Path | None = None,
) -> Settings:
    """Read the settings.

    data_dir: the flag `--data-dir`. file: read instead of `config_file(environ)`. The default
    file may be missing, one that was named must exist.
    Raises ConfigError, and NoHomeError when nobody names a data directory and there is no home.
    """
    source = Source(data_dir, environ, file)
    if source.is_silent:
        if data_dir is None:
            return Settings(source=source)
        # A directory that cannot be is left to the reading, which tells what is wrong with it.
        with suppress(ValueError):
            return Settings(data_dir=directory(data_dir), source=source)
    from waziterm.config.reading import read  # noqa: PLC0415 - takes 18 ms

    return read(source).checked()
