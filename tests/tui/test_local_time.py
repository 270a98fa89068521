"""Times on the screen are local, the zone is named, and no zone and no moment breaks it."""

import time

import pytest

from waziterm.tui.text.format import clock, day, day_and_minute, since, zone

AT = 1_700_000_000.0


def set_zone(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("TZ", name)
    time.tzset()


def test_a_moment_is_told_in_the_zone_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (clock(AT), zone(AT)) == ("22:13:20", "UTC +0000")
    set_zone(monkeypatch, "WIB-7")
    assert (clock(AT), day(AT), zone(AT)) == ("05:13:20", "2023-11-15", "WIB +0700")
    assert since(AT, AT + 60.0) == "05:13:20" and day_and_minute(AT) == "11-15 05:13"


@pytest.mark.parametrize(
    "name", ["", "Nowhere/Else", ":", "<+0330>-3:30", "../../etc", "é", "X" * 999]
)
def test_an_odd_zone_does_no_harm(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    set_zone(monkeypatch, name)
    assert len(clock(AT)) == 8 and len(zone(AT)) <= 20


@pytest.mark.parametrize("at", [9e99, -9e99, float("nan"), float("inf")])
def test_a_moment_that_no_calendar_has_does_no_harm(at: float) -> None:
    assert (clock(at), day(at), since(at, AT), since(AT, at)[:4]) == ("–", "–", "–", "2023")
