"""The error of everything that is wrong with a setting."""

from waziterm.domain.errors import FleetError


class ConfigError(FleetError):
    """A setting is wrong. The message names the file or variable, the key and what is allowed."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint, code=2)
