"""What the hours of an instance measure it by, as the rules of telling are told of it. Pure."""

from collections.abc import Iterator

from waziterm.domain.alerts.alert import AlertRule
from waziterm.domain.alerts.alert_settings import Alerts
from waziterm.domain.alerts.facts import Measured
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.stats.hours import Hour

FEWEST = 3
"""So many drops, or texts that were not acknowledged, there have to be: fewer are chance."""
KNOWN_S = 6 * 3600.0
"""So long at least it has to be seen before its share of a day is told."""
_DAY_S = 86_400.0


def measured_of(instance: Instance, day: Hour, week: Hour, limits: Alerts) -> Iterator[Measured]:
    """How an instance stands by `success`, `uptime` and `drops`.

    day: what was counted of it in the last 24 hours. week: in the seven days before.
    """
    runs = instance.wanted is Wanted.RUNNING and instance.is_paired
    success = _success(day) if runs else 1.0
    yield Measured(AlertRule.SUCCESS, instance.id, success, limits.success_below)
    drops = _times_usual(day, week) if runs else 0.0
    yield Measured(AlertRule.DROPS, instance.id, drops, limits.drops_factor)
    # One that is not connected now is told of by what its state means.
    if not runs or instance.state is State.CONNECTED:
        uptime = _uptime(day) if runs else 1.0
        yield Measured(AlertRule.UPTIME, instance.id, uptime, limits.uptime_below)


def _success(day: Hour) -> float:
    """The share of the texts of a day that were acknowledged."""
    return day.acks / day.sends if day.sends - day.acks >= FEWEST else 1.0


def _uptime(day: Hour) -> float:
    """The share of a day for which it was connected, when that was lost several times. One long
    outage is told while it lasts."""
    is_told = day.drops >= FEWEST and day.seen_s >= KNOWN_S
    return day.up_s / day.seen_s if is_told else 1.0


def _times_usual(day: Hour, week: Hour) -> float:
    """How many times the drops of its own usual day there were; one a day is usual for all."""
    usual = max(1.0, week.drops / max(1.0, week.seen_s / _DAY_S))
    return day.drops / usual if day.drops >= FEWEST else 0.0
