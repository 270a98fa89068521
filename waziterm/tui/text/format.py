"""Moments and durations as an operator reads them. Moments are UTC seconds, shown in local time."""

import time

from waziterm.domain import moments
from waziterm.domain.moments import MONTHS
from waziterm.domain.phrase import numeral, said_in
from waziterm.domain.text import plain
from waziterm.lang import tr

MINUTE = 60
HOUR = 3600
DAY = 86400


def clock(at: float) -> str:
    """A moment as local time: `14:02:11`."""
    return _shown("%H:%M:%S", local(at))


def since(at: float, now: float) -> str:
    """When something began: `14:02:11` today, `Sat 14 Mar 14:02` on another day."""
    return _moment(at, local(now), "%H:%M:%S")


def stamp(at: float, now: float) -> str:
    """The same in fewer cells, without the day of the week: `14 Mar 14:02`."""
    if is_same_day(at, now):
        return clock(at)
    moment = local(at)
    if moment is None:
        return "–"
    return f"{moment.tm_mday:>2} {tr(MONTHS[moment.tm_mon - 1])} {clock_minute(at)}"


def day(at: float, now: float) -> str:
    """The day of a moment: `Sat 14 Mar`, of another year `14 Mar 2025`."""
    moment = local(at)
    return "–" if moment is None else moments.day(moment, local(now), tr)


def clock_of_day(at: float) -> str:
    """A moment of a day that may be over: `Sat 14:02:11`."""
    return f"{weekday(at)} {clock(at)}"


def clock_minute(at: float) -> str:
    """A moment as local time: `14:02`."""
    return _shown("%H:%M", local(at))


def weekday(at: float) -> str:
    """The day of the week of a moment, in three letters."""
    moment = local(at)
    return "–" if moment is None else moments.weekday(moment, tr)


def day_and_minute(at: float) -> str:
    """A moment with its day, also when that is today: `Sat 14 Mar 14:02`."""
    return _moment(at, None, "%H:%M")


def is_same_day(at: float, now: float) -> bool:
    """Whether two moments are of one day here."""
    moment, today = local(at), local(now)
    return moment is not None and today is not None and moment[:3] == today[:3]


def zone(now: float) -> str:
    """The zone of all times on the screen, with what it is ahead of UTC: `WIB +0700`."""
    moment = local(now)
    return "UTC" if moment is None else plain(_shown("%Z %z", moment), 20)


def local(at: float) -> time.struct_time | None:
    """A moment in the machine's zone; None for one that no calendar has."""
    try:
        return time.localtime(at)
    except (OverflowError, OSError, ValueError):
        return None


def _moment(at: float, today: time.struct_time | None, form: str) -> str:
    moment = local(at)
    return "–" if moment is None else moments.moment(moment, today, tr, form=form)


def _shown(form: str, moment: time.struct_time | None) -> str:
    return "–" if moment is None else time.strftime(form, moment)


def countdown(seconds: float) -> str:
    """What is left of a wait, rounded up: `0:07`, `12:30`, `3:05:00`, `2 d 03:05`."""
    return said_in(moments.countdown(seconds), tr)


def duration(seconds: float) -> str:
    """How long something lasts, in its largest units: `8 s`, `12 min`, `3 h 05 min`, `3 d 04 h`."""
    passed = max(0, int(seconds))
    if passed < MINUTE:
        return tr("{seconds} s", seconds=passed)
    if passed < HOUR:
        return tr("{minutes} min", minutes=passed // MINUTE)
    if passed < DAY:
        minutes = f"{passed % HOUR // MINUTE:02}"
        return tr("{hours} h {minutes} min", hours=passed // HOUR, minutes=minutes)
    hours = f"{passed % DAY // HOUR:02}"
    return tr("{days} d {hours} h", days=passed // DAY, hours=hours)


def stretch(seconds: float) -> str:
    """How long something lasted, below an hour to the second: `8 s`, `1 min 11 s`."""
    passed = max(0, int(seconds))
    if not MINUTE <= passed < HOUR:
        return duration(passed)
    rest = f"{passed % MINUTE:02}"
    return tr("{minutes} min {seconds} s", minutes=passed // MINUTE, seconds=rest)


def measured(took_s: float) -> str:
    """A time that was measured, short or long: `1.1 s`, `1 min 11 s`."""
    return seconds(took_s, 1) if took_s < MINUTE else stretch(took_s)


def megabytes(size_bytes: int) -> str:
    """A size of memory: `51 MB`."""
    return tr("{megabytes} MB", megabytes=round(size_bytes / 1e6))


def seconds(took_s: float, digits: int = 2) -> str:
    """A measured time with its fraction: `0.08 s`."""
    return tr("{seconds} s", seconds=number(took_s, digits))


def milliseconds(took_s: float) -> str:
    """A short time that was measured: `80 ms`."""
    return tr("{milliseconds} ms", milliseconds=round(1000 * took_s))


def timed(took_s: float) -> str:
    """How long an answer took: `80 ms`, from a second on `1.20 s`."""
    return milliseconds(took_s) if took_s < 1 else seconds(took_s)


def share(part: float) -> str:
    """A share of a time, from 0 to 1, and 100 % only for all of it: `99.2 %`, `100 %`."""
    return f"{share_number(part)} %"


def share_number(part: float) -> str:
    """The same without its sign: `99.2`, `100`."""
    return "100" if part >= 1 else number(min(100 * part, 99.9), 1)


def number(value: float, digits: int) -> str:
    """A number with so many digits after the mark of the language: `0.08`."""
    return numeral(f"{value:.{digits}f}", tr)
