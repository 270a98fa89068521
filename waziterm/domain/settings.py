"""What a setting is: its default, bounds and meaning stand where its field is declared.

A table of settings is a frozen dataclass whose fields are made by `setting`; the type of the
field is the type of the setting. What reads, checks, prints and reloads settings walks the tables
and knows no setting by its name.
"""

from collections.abc import Callable, Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class Regex(str):
    """A regular expression of RE2, whose matching takes time in proportion to the text. The config
    was read only if it is one."""

    __slots__ = ()


KEY = "setting"
"""Of a field's metadata: its `Setting`."""


class Applies(StrEnum):
    """When a changed setting is gone by. RELOAD: once the config was reloaded. START: at the next
    start of the manager. SCREEN: at the next start of a screen."""

    RELOAD = "reload"
    START = "start"
    SCREEN = "screen"


class Setting(NamedTuple):
    """What is declared of one setting.

    means: one sentence. low, high: the bounds of a number, both allowed. at_most: the setting of
    the same table that this one may not exceed, or "". allowed: what may be set, in words, where
    type and bounds do not say it; for a map, what may be its keys. read: makes the value from
    that of the file or variable, for a map from a key; raises ValueError, with a sentence where
    `allowed` does not say it all.
    read_value: the same for the values of a map. compare: of a map, which of its entries cannot
    stand beside the others, and why. inherits: for a map of tables, the table that has
    what one of them leaves out. example: for a map, one of its names; for a setting that is left
    out by default, a value; in TOML. key: its name in the config, where the field has another.
    named: for an array of tables, the key that every one of them has, with a value of its own;
    name_for: what one is called that leaves it out, None where nothing tells;
    check: raises ValueError, with a sentence, for one whose values do not go together.
    """

    means: str
    low: float | None = None
    high: float | None = None
    at_most: str = ""
    applies: Applies = Applies.RELOAD
    allowed: str = ""
    read: Callable[[Any], Any] | None = None
    inherits: str = ""
    example: str = ""
    read_value: Callable[[Any], Any] | None = None
    compare: Callable[[Mapping[str, Any]], Mapping[str, str]] | None = None
    key: str = ""
    named: str = ""
    check: Callable[[Any], None] | None = None
    name_for: Callable[[Mapping[str, Any]], str | None] | None = None


def setting(
    default: T,
    means: str,
    *,
    low: float | None = None,
    high: float | None = None,
    at_most: str = "",
    applies: Applies = Applies.RELOAD,
    allowed: str = "",
    read: Callable[[Any], Any] | None = None,
    example: str = "",
    key: str = "",
) -> T:
    """Declare a setting, as the default of a dataclass's field; see `Setting`."""
    told = Setting(means, low, high, at_most, applies, allowed, read, example=example, key=key)
    made: Any = field(default=default, metadata={KEY: told})
    return made  # type: ignore[no-any-return]


def table(
    make: Callable[[], T],
    means: str,
    *,
    applies: Applies = Applies.RELOAD,
    allowed: str = "",
    read: Callable[[Any], Any] | None = None,
    read_value: Callable[[Any], Any] | None = None,
    compare: Callable[[Mapping[str, Any]], Mapping[str, str]] | None = None,
    inherits: str = "",
    example: str = "",
    named: str = "",
    check: Callable[[Any], None] | None = None,
    name_for: Callable[[Mapping[str, Any]], str | None] | None = None,
) -> T:
    """Declare a table of settings, a map, an array of tables, or a setting whose default has to be
    made.

    make: makes the default: the class of a table, `dict` for a map, `tuple` for an array of
    tables. The others: see `Setting`.
    """
    told = Setting(
        means,
        applies=applies,
        allowed=allowed,
        read=read,
        inherits=inherits,
        example=example,
        read_value=read_value,
        compare=compare,
        named=named,
        check=check,
        name_for=name_for,
    )
    made: Any = field(default_factory=make, metadata={KEY: told})
    return made  # type: ignore[no-any-return]
