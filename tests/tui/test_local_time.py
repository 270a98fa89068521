"""Times on the screen are local, the zone is named, and no zone and no moment breaks it."""

import time

import pytest

from waziterm.domain.alerts.alert import AlertRule
from waziterm.domain.lifecycle.details import as_phrase, measure_detail
from waziterm.domain.moments import stored
from waziterm.domain.phrase import numeral
from waziterm.domain.screen import Lang
from waziterm.lang import retold, speaking, tr, translations
from waziterm.tui.text.format import (
    clock,
    clock_of_day,
    day,
    day_and_minute,
    number,
    seconds,
    share,
    since,
    stamp,
    zone,
)

AT = 1_700_000_000.0


DAY = 86_400.0


def set_zone(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("TZ", name)
    time.tzset()


def test_a_moment_is_told_in_the_zone_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (clock(AT), zone(AT)) == ("22:13:20", "UTC +0000")
    set_zone(monkeypatch, "WIB-7")
    assert (clock(AT), day(AT, AT), zone(AT)) == ("05:13:20", "Wed 15 Nov", "WIB +0700")
    assert since(AT, AT + 60.0) == "05:13:20" and day_and_minute(AT) == "Wed 15 Nov 05:13"


def test_an_hour_of_another_day_has_its_day() -> None:
    assert (since(AT, AT + 60), stamp(AT, AT + 60)) == ("22:13:20", "22:13:20")
    tomorrow, next_year = AT + DAY, AT + 100 * DAY
    assert (since(AT, tomorrow), stamp(AT, tomorrow)) == ("Tue 14 Nov 22:13", "14 Nov 22:13")
    assert (since(AT, next_year), day(AT, next_year)) == ("14 Nov 2023 22:13", "14 Nov 2023")
    assert clock_of_day(AT) == "Tue 22:13:20"
    with speaking(translations(Lang.ID, {})):
        assert since(AT, tomorrow) == "Sel 14 Nov 22:13"
        assert day(AT + 200 * DAY, AT + 200 * DAY) == "Sab 1 Jun"


def test_a_stored_moment_is_told_as_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    set_zone(monkeypatch, "WIB-7")
    assert stored(time.gmtime(AT)) == "2023-11-14 22:13 UTC"
    told = retold(f"suspect: pid 7: python bot.py, since {stored(time.gmtime(AT))}; 2 more")
    assert told == "suspect: pid 7: python bot.py, since Wed 15 Nov 05:13; 2 more"


def test_a_fraction_has_the_mark_of_the_language() -> None:
    assert (seconds(0.38, 1), share(0.996), number(5.0, 1)) == ("0.4 s", "99.6 %", "5.0")
    detail = as_phrase(measure_detail(AlertRule.DROPS, 3.14, 2.0))
    assert retold(detail) == "3.1 times as many as usual"
    with speaking(translations(Lang.ID, {})):
        assert (seconds(0.38, 1), share(0.996), share(1)) == ("0,4 dtk", "99,6 %", "100 %")
        assert retold(detail) == "3,1 kali lipat dari biasanya"
        assert numeral("2.3000.1019", tr) == "2.3000.1019"


@pytest.mark.parametrize(
    "name", ["", "Nowhere/Else", ":", "<+0330>-3:30", "../../etc", "é", "X" * 999]
)
def test_an_odd_zone_does_no_harm(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    set_zone(monkeypatch, name)
    assert len(clock(AT)) == 8 and len(zone(AT)) <= 20


@pytest.mark.parametrize("at", [9e99, -9e99, float("nan"), float("inf")])
def test_a_moment_that_no_calendar_has_does_no_harm(at: float) -> None:
    assert (clock(at), day(at, AT), since(at, AT), since(AT, at)[:4]) == ("–", "–", "–", "Tue ")
