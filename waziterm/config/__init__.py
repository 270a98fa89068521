"""Settings: a flag beats an environment variable (`WAZITERM_…`), which beats `config.toml`.

A table's setting is `WAZITERM_TABLE__KEY`, for example `WAZITERM_LIMITS__COOLDOWN_S=15`; an empty
variable counts as not set. pydantic makes the import of this package slow (about 0.15 s): a verb
that needs no settings does not import it.
"""

from waziterm.config.errors import ConfigError
from waziterm.config.loading import config_file, load_settings
from waziterm.config.settings import Settings

__all__ = ["ConfigError", "Settings", "config_file", "load_settings"]
