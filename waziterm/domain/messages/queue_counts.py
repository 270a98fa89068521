"""How the messages out of an instance stand, in numbers."""

from waziterm.domain.frozen import dataclass
from waziterm.domain.units import Moment


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """The messages of one instance. queued: that wait. unknown: that wait for a person. next_at:
    when the next one is sent at the earliest, None when nobody knows. waits_for: why it is not sent
    now, a slug, or "". sent_hour, sent_day: in the last 60 minutes and 24 hours. hours: sent in
    each of the last 24 hours, the newest last."""

    queued: int = 0
    unknown: int = 0
    failed: int = 0
    next_at: Moment | None = None
    waits_for: str = ""
    sent_hour: int = 0
    sent_day: int = 0
    hours: tuple[int, ...] = ()
