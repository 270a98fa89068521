"""What the hours of an instance measure it by, as the rules of telling are told of it. Pure."""

from collections.abc import Iterator

from waziterm.domain.alerts.alert import AlertRule
from waziterm.domain.alerts.alert_rules import is_bad
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
    """How an instance stands by `success`, `uptime` and `drops`; nothing of what cannot be judged
    now, which goes on as it was told.

    day: what was counted of it in the last 24 hours. week: in the seven days before.
    """
    runs = instance.wanted is Wanted.RUNNING and instance.is_paired
    if not runs:
        day = Hour()
    failed = day.sends - day.acks
    success = day.acks / day.sends if day.sends else 1.0
    yield from _judged(AlertRule.SUCCESS, instance.id, success, limits.success_below, failed)
    # One a day is usual for all.
    usual = max(1.0, week.drops / max(1.0, week.seen_s / _DAY_S))
    times = day.drops / usual
    yield from _judged(AlertRule.DROPS, instance.id, times, limits.drops_factor, day.drops)
    # One that is not connected now is told of by what its state means.
    if not runs or instance.state is State.CONNECTED:
        uptime = day.up_s / day.seen_s if day.seen_s else 1.0
        # One long outage is told while it lasts.
        lost = day.drops if day.seen_s >= KNOWN_S else 0
        yield from _judged(AlertRule.UPTIME, instance.id, uptime, limits.uptime_below, lost)


def phone_silent_s(instance: Instance, at: float) -> float | None:
    """For how many seconds nothing has come from an instance's phone; None when that cannot be
    told: its last sign is not known, or what the phone has sent since may still wait at WhatsApp.

    at: UTC seconds.
    """
    is_stable = instance.state is State.CONNECTED and instance.due is None
    if instance.phone_seen_at is None or not is_stable:
        return None
    return max(0.0, at - instance.phone_seen_at)


def phone_measured(instance: Instance, at: float, limits: Alerts) -> Iterator[Measured]:
    """How an instance stands by `phone`; nothing of what cannot be judged now, as above."""
    runs = instance.wanted is Wanted.RUNNING and instance.is_paired
    silent_s = phone_silent_s(instance, at) if runs else 0.0
    if silent_s is not None:
        yield Measured(AlertRule.PHONE, instance.id, silent_s / _DAY_S, limits.phone_days)


def _judged(
    rule: AlertRule, identity: str, value: float, limit: float, count: int
) -> Iterator[Measured]:
    """count: how often it happened."""
    if count >= FEWEST or not is_bad(rule, value, limit):
        yield Measured(rule, identity, value, limit)
