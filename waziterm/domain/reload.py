"""What is wrong in a config, and what became of a reload."""

from waziterm.domain.frozen import dataclass


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One thing that is wrong in the config.

    file, line: where it stands, None for a variable or a flag. origin: the file, the variable or
    the flag. key: the dotted name of the setting, or what was taken for one. value: what was set,
    None for whatever is no plain value. allowed: what may stand there. error: all of it, one line.
    """

    file: str | None
    line: int | None
    origin: str
    key: str
    value: str | int | float | bool | None
    allowed: str
    error: str


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What became of a reload, as dotted names of the settings that have changed.

    changed: gone by from now on. needs_restart: at the manager's next start. next_screen: by
    whatever screen is opened next. errors: why nothing was changed at all.
    """

    changed: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()
    next_screen: tuple[str, ...] = ()
    errors: tuple[ConfigProblem, ...] = ()
