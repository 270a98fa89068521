"""What the hours of an instance measure it by."""

from dataclasses import replace

import pytest

from waziterm.domain.alerts.alert import AlertRule
from waziterm.domain.alerts.alert_settings import Alerts
from waziterm.domain.alerts.measures import measured_of
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.stats.hours import Hour

DAY_S = 86_400.0
SHOP = Instance(
    "shop",
    created_at=0.0,
    id="a" * 16,
    jid="6281234567890:1@s.whatsapp.net",
    state=State.CONNECTED,
    reason=Reason.ONLINE,
    wanted=Wanted.RUNNING,
)


def day(**counted: float) -> Hour:
    hour = Hour(up_s=DAY_S, seen_s=DAY_S)
    for name, value in counted.items():
        setattr(hour, name, value)
    return hour


def measured(
    of_day: Hour, week: Hour | None = None, instance: Instance = SHOP
) -> dict[AlertRule, float]:
    found = list(measured_of(instance, of_day, week or Hour(), Alerts()))
    assert {each.instance for each in found} == {instance.id}
    return {each.rule: each.value for each in found}


@pytest.mark.parametrize(
    ("sends", "acks", "share"),
    [(0, 0, 1.0), (2, 0, None), (3, 0, 0.0), (40, 38, 0.95), (40, 30, 0.75)],
)
def test_some_texts_that_failed_are_chance(sends: int, acks: int, share: float | None) -> None:
    assert measured(day(sends=sends, acks=acks)).get(AlertRule.SUCCESS) == share


@pytest.mark.parametrize(
    ("drops", "in_week", "weeks", "times"),
    [
        (2, 0, 0.0, 2.0),
        (4, 0, 0.0, 4.0),  # A new one: one a day is usual.
        (4, 2, 1.0, 4.0),  # So it is for a calm one.
        (12, 28, 1.0, 3.0),
        (12, 28, 0.5, 1.5),  # In half a week it was to be connected.
    ],
)
def test_drops_are_told_by_its_own_habit(
    drops: int, in_week: int, weeks: float, times: float
) -> None:
    week = Hour(drops=in_week, seen_s=7 * DAY_S * weeks)
    assert measured(day(drops=drops), week)[AlertRule.DROPS] == times


def test_two_drops_are_chance_whatever_the_limit() -> None:
    strict = Alerts(drops_factor=1.0)
    found = [list(measured_of(SHOP, day(drops=count), Hour(), strict)) for count in (2, 3)]
    assert [[each.rule for each in one].count(AlertRule.DROPS) for one in found] == [0, 1]


def test_uptime_is_of_what_is_lost_several_times() -> None:
    assert measured(day(up_s=0.6 * DAY_S, drops=5))[AlertRule.UPTIME] == pytest.approx(0.6)
    assert AlertRule.UPTIME not in measured(day(up_s=0.6 * DAY_S, drops=1))
    assert AlertRule.UPTIME not in measured(day(up_s=60.0, seen_s=600.0, drops=5))
    assert measured(day(up_s=0.99 * DAY_S, drops=1))[AlertRule.UPTIME] == pytest.approx(0.99)
    gone = replace(SHOP, state=State.RETRYING, reason=Reason.DROPPED)
    assert AlertRule.UPTIME not in measured(day(up_s=0.6 * DAY_S, drops=5), instance=gone)


def test_of_one_that_is_not_to_run_nothing_is_amiss() -> None:
    stopped = replace(SHOP, state=State.STOPPED, reason=Reason.BY_OPERATOR, wanted=Wanted.STOPPED)
    bad = day(up_s=0.1 * DAY_S, drops=50, sends=50)
    assert measured(bad, instance=stopped) == {
        AlertRule.SUCCESS: 1.0,
        AlertRule.DROPS: 0.0,
        AlertRule.UPTIME: 1.0,
    }
