"""Where settings are read from."""

import os
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from waziterm.config.errors import ConfigError
from waziterm.domain.frozen import dataclass

PREFIX = "WAZITERM_"
CONFIG_VARIABLE = "WAZITERM_CONFIG"


@dataclass(frozen=True, slots=True)
class Source:
    """The three places of settings, the strongest first.

    data_dir: the flag `--data-dir`. environ: the variables. file: read instead of the one that
    `WAZITERM_CONFIG` names, and instead of the user's.
    """

    data_dir: Path | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    file: Path | None = None

    @property
    def is_named(self) -> bool:
        """Whether somebody named the file, so that it must exist."""
        return self.file is not None or bool(self.environ.get(CONFIG_VARIABLE))

    @property
    def is_silent(self) -> bool:
        """Whether nothing but the flag is set."""
        if self.is_named:
            return False
        if any(variable.startswith(PREFIX) for variable in self.environ):
            return False
        try:
            file = config_file(self.environ)
            return file is None or not file.exists()
        except OSError:
            # A directory that may not be entered: reading tells of it.
            return False


def config_file(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Where the settings are read from: `WAZITERM_CONFIG`, else the user's config directory; None
    for a user without a home directory.

    Raises ConfigError for a `~user` that does not exist.
    """
    named = environ.get(CONFIG_VARIABLE)
    if named:
        try:
            return Path(named).expanduser()
        except RuntimeError as error:
            raise ConfigError.of(
                f"{CONFIG_VARIABLE}: {named} names no home directory", CONFIG_VARIABLE, named
            ) from error
    from platformdirs import user_config_path  # noqa: PLC0415 - takes 25 ms

    try:
        path = user_config_path("waziterm")
    except RuntimeError:
        return None
    # An older platformdirs leaves the ~ where it stands.
    return path / "config.toml" if path.is_absolute() else None
