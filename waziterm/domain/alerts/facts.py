"""What the rules of telling are told of."""

from collections.abc import Iterable
from typing import assert_never

from waziterm.domain.alerts.alert import AlertRule
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.instance import Instance


@dataclass(frozen=True, slots=True)
class Stood:
    """A manager has begun: so do all of its instances stand."""

    instances: tuple[Instance, ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """An instance changed, and that is stored. incident: the number of the stored incident that
    the change belongs to, 0 for none."""

    instance: Instance
    incident: int = 0


@dataclass(frozen=True, slots=True)
class Removed:
    """An instance is gone. id: see `Instance`."""

    id: str


@dataclass(frozen=True, slots=True)
class Measured:
    """Something was measured, whether or not it is beyond its limit. Whoever measures tells it
    again and again: it is by that that an alert ends.

    rule: `SUCCESS` and `UPTIME` (shares of a day's texts and of a day, 0 to 1), `DROPS` (times the
    instance's own habit), `DISK` and `MEMORY` (MB), `PHONE` (days), `BACKUP` (hours).
    instance: its id, None for the machine.
    """

    rule: AlertRule
    instance: str | None
    value: float
    limit: float


@dataclass(frozen=True, slots=True)
class PatternSeen:
    """A pattern of the settings was seen too often in an instance's log, in its last `window_s`
    seconds. instance: its id."""

    name: str
    instance: str
    count: int
    window_s: float


Fact = Stood | Changed | Removed | Measured | PatternSeen


def newest(facts: Iterable[Fact]) -> list[Fact]:
    """Of each instance and each measure the newest fact alone, in order: what has to wait for long
    must not grow."""
    kept: dict[object, Fact] = {}
    for fact in facts:
        match fact:
            case Stood():
                about: object = None
            case Changed(instance):
                about = instance.id
            case Removed(identity):
                about = identity
            case Measured(rule, identity):
                about = (rule, identity)
            case PatternSeen(name, identity):
                about = (AlertRule.PATTERN, name, identity)
            case _:
                assert_never(fact)
        kept.pop(about, None)
        kept[about] = fact
    return list(kept.values())
