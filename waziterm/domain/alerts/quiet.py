"""Hours of a day in which a sink is left alone: `23:00-07:00 Asia/Jakarta`."""

import re
from datetime import datetime, time, timedelta

from waziterm.domain.frozen import dataclass

ALLOWED = '"HH:MM-HH:MM", with a time zone behind it or in the machine\'s, or ""'
_SHAPE = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)(?: +(\S+))?")


@dataclass(frozen=True, slots=True)
class Quiet:
    """From `start` to `end` of the clock of a zone, over midnight where it ends before it starts.
    zone: of the IANA database; "" is the machine's own."""

    start: time
    end: time
    zone: str = ""

    @classmethod
    def parse(cls, text: object) -> "Quiet | None":
        """What a config says; None for "". Raises TypeError, and ValueError with a sentence for
        hours that are none and for a zone that this machine does not know."""
        if text == "":
            return None
        found = _SHAPE.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            raise TypeError(text)
        start = time(int(found[1]), int(found[2]))
        end = time(int(found[3]), int(found[4]))
        if start == end:
            raise ValueError("must not start and end at the same time")
        zone = found[5] or ""
        if zone:
            from zoneinfo import ZoneInfo  # noqa: PLC0415 - only where one is set

            try:
                ZoneInfo(zone)
            except (ValueError, OSError, LookupError) as error:
                raise ValueError(
                    f"this machine knows no time zone {zone!r}; one is Asia/Jakarta, and the"
                    " system's package tzdata has them"
                ) from error
        return cls(start, end, zone)

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M} {self.zone}".rstrip()

    def until(self, at: float) -> float | None:
        """When the quiet time that holds at this moment ends; None when none does. UTC seconds."""
        from zoneinfo import ZoneInfo  # noqa: PLC0415 - as above

        zone = ZoneInfo(self.zone) if self.zone else None
        now = datetime.fromtimestamp(at, zone)
        clock, day = now.time(), now.date()
        if self.start < self.end:
            holds = self.start <= clock < self.end
        else:
            holds = clock >= self.start or clock < self.end
            day += timedelta(days=int(clock >= self.start))
        if not holds:
            return None
        end = datetime.combine(day, self.end, zone)
        first, second = end.timestamp(), end.replace(fold=1).timestamp()
        if first > second:
            # The clock is put forward over the end, which does not come: it ends in that moment.
            naive = end.replace(tzinfo=None)
            while first - second > 1:
                between = (first + second) // 2
                if datetime.fromtimestamp(between, zone).replace(tzinfo=None) < naive:
                    second = between
                else:
                    first = between
            return first
        # Where the clock is put back over the end, that comes a second time.
        return first if first > at else second
