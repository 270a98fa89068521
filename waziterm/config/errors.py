"""The error of everything that is wrong with the settings."""

import os
from typing import TYPE_CHECKING

from waziterm.domain.errors import FleetError

if TYPE_CHECKING:
    from waziterm.domain.reload import ConfigProblem


class ConfigError(FleetError):
    """Settings are wrong. problems: all that is; the message is the first of them, which names
    the file or variable, the key and what is allowed."""

    def __init__(self, problems: "tuple[ConfigProblem, ...]") -> None:
        more = len(problems) - 1
        hint = f"`waziterm config --check` tells {more} more" if more else ""
        super().__init__(problems[0].error, hint, code=2)
        self.problems = problems

    @property
    def summary(self) -> str:
        """The first problem, and how many more there are."""
        more = len(self.problems) - 1
        return f"{self}; and {more} more" if more else str(self)

    @classmethod
    def of(cls, text: str, key: str, value: str) -> "ConfigError":
        """Of a variable that is wrong by itself."""
        from waziterm.domain.reload import ConfigProblem  # noqa: PLC0415 - only for a mistake

        return cls((ConfigProblem(None, None, key, key, value, "", text),))


class NoHomeError(FleetError):
    """Nobody named a data directory, and the user has no home directory for one."""

    def __init__(self) -> None:
        super().__init__(
            f"the user {os.getuid()} has no home directory for a data directory",
            "name one with --data-dir or WAZITERM_DATA_DIR, or set HOME",
            code=2,
        )
