"""Moments and durations as an operator reads them. Moments are UTC seconds, shown in local time."""

import time
from math import ceil

from waziterm.tui.text.lang import tr

MINUTE = 60
HOUR = 3600
DAY = 86400


def clock(at: float) -> str:
    """A moment as local time: `14:02:11`."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def since(at: float, now: float) -> str:
    """When something began: the time today, with the date on other days."""
    moment, today = time.localtime(at), time.localtime(now)
    same_day = moment[:3] == today[:3]
    return time.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M", moment)


def countdown(seconds: float) -> str:
    """What is left of a wait, rounded up: `0:07`, `12:30`, `3:05:00`, `2 d 03:05`."""
    left = max(0, ceil(seconds))
    if left < HOUR:
        return f"{left // MINUTE}:{left % MINUTE:02}"
    if left < DAY:
        return f"{left // HOUR}:{left % HOUR // MINUTE:02}:{left % MINUTE:02}"
    rest = f"{left % DAY // HOUR:02}:{left % HOUR // MINUTE:02}"
    return tr("{days} d {rest}", days=left // DAY, rest=rest)


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


def seconds(took_s: float, digits: int = 2) -> str:
    """A measured time with its fraction: `0.08 s`."""
    return tr("{seconds} s", seconds=f"{took_s:.{digits}f}")


def percent(part: int, whole: int) -> str:
    """A share of attempts; `–` when there were none, and 100 % only when all succeeded."""
    if whole <= 0:
        return "–"
    share = 100 * part / whole
    return "100 %" if part == whole else f"{min(share, 99.9):.1f} %"
