"""Days and moments as a person reads them: `Tue 24 Nov 17:20`, in the language of the reader.

An hour of another day never stands without its day. Verbs of the command line say moments in UTC as
ISO 8601 does, which sorts; the screen and the alerts say them in the zone of the machine, as here.
"""

import re
from collections.abc import Callable
from math import ceil
from time import strftime, struct_time

from waziterm.domain.phrase import Phrase, as_it_is

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_STORED = re.compile(r"\b(\d{4}-\d\d-\d\d \d\d:\d\d) UTC\b")


def weekday(local: struct_time, translate: Callable[[str], str]) -> str:
    """The day of the week, in three letters."""
    return translate(WEEKDAYS[local.tm_wday])


def day(local: struct_time, today: struct_time | None, translate: Callable[[str], str]) -> str:
    """A day: `Tue 24 Nov`; of another year `24 Nov 2025`. today: None where the year is plain."""
    date = f"{local.tm_mday} {translate(MONTHS[local.tm_mon - 1])}"
    if today is not None and local.tm_year != today.tm_year:
        return f"{date} {local.tm_year}"
    return f"{weekday(local, translate)} {date}"


def moment(
    local: struct_time,
    today: struct_time | None,
    translate: Callable[[str], str],
    *,
    form: str = "%H:%M",
) -> str:
    """An hour, with its day unless that is today. today: None tells the day in any case. form: that
    of an hour of today, as for `strftime`."""
    if today is not None and local[:3] == today[:3]:
        return strftime(form, local)
    return f"{day(local, today, translate)} {strftime('%H:%M', local)}"


def countdown(seconds: float) -> Phrase:
    """What is left of a wait, rounded up: `0:07`, `12:30`, `3:05:00`, `2 d 03:05`."""
    minutes, last = divmod(max(0, ceil(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return as_it_is(f"{minutes}:{last:02}")
    days, hours = divmod(hours, 24)
    if not days:
        return as_it_is(f"{hours}:{minutes:02}:{last:02}")
    return Phrase("{days} d {rest}", days=days, rest=f"{hours:02}:{minutes:02}")


def stored(at: struct_time) -> str:
    """A moment in a text that is stored. at: UTC."""
    return strftime("%Y-%m-%d %H:%M UTC", at)


def retold(text: str, tell: Callable[[str], str]) -> str:
    """A text that was stored, its moments told anew. tell: gets each as ISO 8601, in UTC."""
    return _STORED.sub(lambda found: tell(f"{found[1]}+00:00"), text)
