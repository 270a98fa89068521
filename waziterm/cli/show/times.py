"""Moments as an operator writes and reads them on the command line."""

import re
from datetime import UTC, datetime

from waziterm.manager.inputs import InputError

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_AGO = re.compile(r"(\d{1,6})([smhd])")


def moment_of(text: str, now: float) -> float:
    """A moment in UTC seconds.

    text: how long before `now` it was (`30s`, `10m`, `2h`, `1d`), or ISO 8601, in UTC unless it
    says otherwise. Raises InputError.
    """
    if ago := _AGO.fullmatch(text.strip()):
        return max(0.0, now - int(ago[1]) * _UNITS_S[ago[2]])
    try:
        moment = datetime.fromisoformat(text.strip())
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, aware.timestamp())
    except (ValueError, OverflowError):
        raise InputError(
            f"{text[:40]!r} is no moment", "for example 10m, 2h, 1d or 2026-03-01T12:00:00Z"
        ) from None


def seconds_of(text: str) -> int:
    """A time in seconds, of `30s`, `10m`, `2h` or `1d`. Raises InputError."""
    if found := _AGO.fullmatch(text.strip()):
        return int(found[1]) * _UNITS_S[found[2]]
    raise InputError(f"{text[:40]!r} is no time", "for example 30s, 10m, 2h or 1d")


def shown(moment: str) -> str:
    """A moment of the JSON shapes (UTC ISO 8601) to the second: `2026-03-01 12:00:00Z`."""
    return moment[:19].replace("T", " ") + "Z"
