"""WhatsApp's version numbers: `2.3000.N`, how old each is, and from when it will be refused. Pure.

WhatsApp refuses a version at login (405) some four months after it was current, every device at
once. The number stands in neonize's library; WhatsApp's own page tells the current one.
"""

import calendar
import itertools
import re
from datetime import UTC, datetime
from enum import StrEnum

from waziterm.domain.codec import document_of
from waziterm.domain.frozen import dataclass
from waziterm.domain.units import Moment

MAJOR, MINOR = 2, 3000
LOWEST, HIGHEST = 1_000_000_000, 1_999_999_999
"""No number outside was ever seen, nor will be for decades: one that is, is an error."""
VERSIONS = f'"auto", "compiled" or "2.3000.N" with N from {LOWEST} to {HIGHEST}'
"""What the setting may be."""

WARNED_AFTER_MONTHS = 3
REFUSED_AFTER_MONTHS = 4
"""No version that was seen to be refused had lived less than that."""

_DAY_S = 86_400.0


def _day(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


# Numbers of whatsmeow, and the days on which the libraries that hold them were compiled.
_KNOWN = (
    (1025473630, _day("2025-08-04")),
    (1030403648, _day("2025-12-01")),
    (1031716404, _day("2026-01-07")),
    (1033287297, _day("2026-02-11")),
    (1047769893, _day("2026-09-21")),
)
_TEXT = re.compile(r"2\.3000\.([0-9]{10})")
# The quotes are escaped where the page holds it inside a text.
_REVISION = re.compile(rb'client_revision\\{0,4}"?\s{0,9}:\s{0,9}\\{0,4}"?([0-9]{1,40})(?![0-9])')


class VersionMode(StrEnum):
    """Which version the fleet uses.

    AUTO: the library's own until it is refused, then WhatsApp's current one. COMPILED: the
    library's own. FIXED: a number that somebody has set.
    """

    AUTO = "auto"
    COMPILED = "compiled"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class VersionChoice:
    """The setting. number: N of a fixed version, else None."""

    mode: VersionMode = VersionMode.AUTO
    number: int | None = None

    def __str__(self) -> str:
        """What `parse` reads back."""
        return self.mode.value if self.number is None else version_text(self.number)

    @classmethod
    def parse(cls, text: str) -> "VersionChoice":
        """`auto`, `compiled` or `2.3000.N`. Raises ValueError for any other text."""
        if text in (VersionMode.AUTO, VersionMode.COMPILED):
            return cls(VersionMode(text))
        number = number_in(text)
        if number is None:
            raise ValueError(f"must be {VERSIONS}, not {text[:40]!r}")
        return cls(VersionMode.FIXED, number)


class Origin(StrEnum):
    """Where a number in use comes from: it is the library's own, was read from WhatsApp's page, or
    was set by an operator."""

    COMPILED = "compiled"
    READ = "read"
    SET = "set"


_ORIGINS: dict[str, str] = {
    Origin.COMPILED: "neonize's own",
    Origin.READ: "read from WhatsApp's page, a bridge for weeks: upgrade neonize",
    Origin.SET: "set",
}


@document_of("number=text", "origin", "dated", "age_days", "refusals_from")
@dataclass(frozen=True, slots=True)
class UsedVersion:
    """The version that a fleet uses. number: N. dated: about when it was current, UTC seconds."""

    number: int
    origin: Origin
    dated: Moment

    @property
    def text(self) -> str:
        return version_text(self.number)

    @property
    def warned_from(self) -> float:
        """From when its end is near enough for a warning, UTC seconds."""
        return months_after(self.dated, WARNED_AFTER_MONTHS)

    @property
    def refusals_from(self) -> Moment:
        """From about when refusals are to be expected, UTC seconds."""
        return months_after(self.dated, REFUSED_AFTER_MONTHS)

    def age_days(self, now: float) -> int:
        """Whole days since it was current. now: UTC seconds."""
        return max(0, int((now - self.dated) // _DAY_S))


def version_text(number: int) -> str:
    """The version as WhatsApp writes it: `2.3000.N`."""
    return f"{MAJOR}.{MINOR}.{number}"


def number_in(text: str) -> int | None:
    """N of `2.3000.N`; None for any other text, and for a number that cannot be."""
    match = _TEXT.fullmatch(text)
    number = int(match[1]) if match else 0
    return number if is_sane(number) else None


def is_sane(number: int) -> bool:
    """Whether it can be one of WhatsApp's numbers."""
    return LOWEST <= number <= HIGHEST


def dated_about(number: int, now: float) -> float:
    """About when a number was current, UTC seconds: between numbers whose days are known, and
    beyond them at the pace of the nearest; never after `now`."""
    pairs = itertools.pairwise(_KNOWN)
    (low, since), (high, until) = next(
        ((one, other) for one, other in pairs if number <= other[0]), _KNOWN[-2:]
    )
    pace_s = (until - since) / (high - low)
    return min(now, since + (number - low) * pace_s)


def months_after(moment: float, months: int) -> float:
    """The same day so many months later, or the last of that month. moment: UTC seconds."""
    at = datetime.fromtimestamp(moment, UTC)
    years, month = divmod(at.month - 1 + months, 12)
    year = at.year + years
    day = min(at.day, calendar.monthrange(year, month + 1)[1])
    return at.replace(year=year, month=month + 1, day=day).timestamp()


def said(number: str, origin: str, age_days: int, refusals_from: str) -> str:
    """A version with its age and its end, in words. number: `2.3000.N`. origin: an `Origin`.
    refusals_from: a day."""
    whence = _ORIGINS.get(origin, origin)
    return (
        f"{number} ({whence}), about {age_days} days old; WhatsApp may refuse it from about"
        f" {refusals_from}"
    )


def day_text(moment: float) -> str:
    """A UTC day: `2027-01-21`."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}"


def revision_in(page: bytes, *, whole: bool) -> int | None:
    """The current N as a page of WhatsApp tells it; None when it is not there.

    whole: nothing more of the page comes, so a number at its very end is complete.
    """
    match = _REVISION.search(page)
    if match is None or (match.end() == len(page) and not whole):
        return None
    # More digits than any number has are not worth being counted.
    return int(match[1][:20])


def objection(number: int, refused: int) -> str:
    """Why a number from WhatsApp's page is not used, for an operator; "" when it is."""
    if not is_sane(number):
        return f"WhatsApp's page tells an absurd number ({str(number)[:20]})"
    if number == refused:
        return f"WhatsApp's page tells {version_text(number)} too"
    if number < refused:
        return f"WhatsApp's page tells an older one ({version_text(number)})"
    return ""
