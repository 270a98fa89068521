"""How many messages an instance has, and sent: what its card shows."""

from waziterm.domain.messages.message import Message, MessageState
from waziterm.domain.messages.pacing import HOUR_S

_HOURS = 24
_MINUTES = 60
_MINUTE_S = 60


class Tally:
    """The counts of one instance. unknown, failed: those that nobody has decided about."""

    def __init__(self) -> None:
        self.unknown = 0
        self.failed = 0
        self._hours: dict[int, int] = {}
        self._minutes: dict[int, int] = {}

    def sent(self, at: float, now: float) -> None:
        """Count one that was sent at a moment."""
        _count(self._hours, int(at // HOUR_S), int(now // HOUR_S) - _HOURS)
        _count(self._minutes, int(at // _MINUTE_S), int(now // _MINUTE_S) - _MINUTES)

    def moved(self, before: MessageState | None, was_closed: bool, after: Message) -> None:
        """Count a message that was in a state, None for a new one, as it stands now."""
        for state, is_closed, by in ((before, was_closed, -1), (after.state, after.is_closed, 1)):
            if is_closed:
                continue
            if state is MessageState.UNKNOWN:
                self.unknown += by
            elif state is MessageState.FAILED:
                self.failed += by

    def sent_hour(self, now: float) -> int:
        """Sent in the last 60 minutes."""
        first = int(now // _MINUTE_S) - _MINUTES
        return sum(count for minute, count in self._minutes.items() if minute > first)

    def hours(self, now: float) -> tuple[int, ...]:
        """Sent in each of the last 24 hours of the clock, the newest last."""
        newest = int(now // HOUR_S)
        return tuple(self._hours.get(each, 0) for each in range(newest - _HOURS + 1, newest + 1))


def _count(into: dict[int, int], slot: int, oldest: int) -> None:
    into[slot] = into.get(slot, 0) + 1
    for each in [each for each in into if each <= oldest]:
        del into[each]
