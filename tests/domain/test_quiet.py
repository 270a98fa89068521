"""Quiet hours in the nights in which the clocks are changed."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from waziterm.domain.alerts.quiet import Quiet

NIGHTS = (
    ("Europe/Berlin", datetime(2026, 3, 28, 20)),
    ("Europe/Berlin", datetime(2026, 10, 24, 20)),
    ("America/New_York", datetime(2026, 3, 7, 20)),
    ("America/New_York", datetime(2026, 10, 31, 20)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 20)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 20)),
)


@pytest.mark.parametrize(("zone", "evening"), NIGHTS)
@pytest.mark.parametrize("hours", ["23:00-02:30", "23:00-02:00", "23:00-02:15", "21:30-07:00"])
def test_they_end_when_the_clock_says_so(zone: str, evening: datetime, hours: str) -> None:
    quiet = Quiet.parse(f"{hours} {zone}")
    assert quiet is not None
    began = evening.replace(tzinfo=ZoneInfo(zone)).timestamp()
    minutes = [began + 60.0 * minute for minute in range(14 * 60)]
    ends = [quiet.until(at) for at in minutes]
    assert ends[0] is None and ends[-1] is None and any(ends)
    loud = [at for at, end in zip(minutes, ends, strict=True) if end is None]
    for at, end in zip(minutes, ends, strict=True):
        assert end is None or end == min(each for each in loud if each > at)
