"""How an operator wants the screen to look: `[screen]` of the settings."""

from dataclasses import dataclass
from enum import StrEnum


class Theme(StrEnum):
    """The colours of the screen."""

    DARK = "dark"
    LIGHT = "light"
    HIGH_CONTRAST = "high-contrast"


class Ascii(StrEnum):
    """Whether to paint ASCII alone; `auto` does where the locale is not UTF-8."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Screen:
    """`[screen]`: the theme, and whether the terminal shows ASCII alone."""

    theme: Theme = Theme.DARK
    ascii: Ascii = Ascii.AUTO
