"""When an instance may send its next message, so that WhatsApp does not ban its number. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from waziterm.domain.frozen import dataclass
from waziterm.domain.messages.codes import Waits
from waziterm.domain.messages.message_settings import Pacing
from waziterm.domain.messages.message_states import RATE_S

HOUR_S, DAY_S = 3600.0, 86_400.0
GROWN_FACTOR, GROWN_AFTER_S = 10, 14 * DAY_S
JITTER = 0.5
TIME_LOCK_S = DAY_S
"""So long no new chat is begun after WhatsApp refused one (463)."""


@dataclass(frozen=True, slots=True)
class Stops:
    """What WhatsApp's refusals forbid. all_until, new_until: nothing, or no new chat, is sent
    before; UTC seconds, 0 for never."""

    all_until: float = 0.0
    new_until: float = 0.0

    def after(self, code: int, now: float) -> "Stops":
        """The same after WhatsApp refused a message with this code."""
        if code == 429:
            return Stops(max(self.all_until, now + RATE_S), self.new_until)
        if code == 463:
            return Stops(self.all_until, max(self.new_until, now + TIME_LOCK_S))
        return self

    def shifted(self, by: float) -> "Stops":
        """The same after the clock was set by so many seconds."""
        return Stops(
            self.all_until + by if self.all_until else 0.0,
            self.new_until + by if self.new_until else 0.0,
        )


@dataclass(frozen=True, slots=True)
class Past:
    """What an instance sent so far; moments in UTC seconds, the oldest first. began_at: its first
    message, None before that. gap_s: what has to lie behind the newest. hour: its messages of the
    last hour at least. new: those of the last day that began a chat."""

    began_at: float | None = None
    gap_s: float = 0.0
    hour: Sequence[float] = ()
    new: Sequence[float] = ()


class Turn(NamedTuple):
    """When a message may be sent. why: what it waits for, None when it may be sent now."""

    at: float
    why: Waits | None


def turn(pacing: Pacing, past: Past, stops: Stops, due: float, now: float, *, is_new: bool) -> Turn:
    """When a message may be sent, as far as that is known now. due: not before. is_new: it begins a
    chat. `stops` hold although nothing is paced."""
    found = Turn(now, None)
    for at, why in _limits(pacing, past, stops, due, now, is_new=is_new):
        if at > found.at:
            found = Turn(at, why)
    if pacing.enabled and pacing.quiet is not None:
        ends = pacing.quiet.until(found.at)
        if ends is not None and ends > found.at:
            return Turn(ends, Waits.QUIET)
    return found


def gap(pacing: Pacing, chance: float) -> float:
    """Seconds that have to lie behind a message. chance: from 0 to 1."""
    return pacing.gap_s * (1 - JITTER + 2 * JITTER * chance)


def new_chats(pacing: Pacing, began_at: float | None, now: float) -> int:
    """How many chats may be begun in a day."""
    age_s = 0.0 if began_at is None else min(max(0.0, now - began_at), GROWN_AFTER_S)
    grown = 1 + (GROWN_FACTOR - 1) * age_s / GROWN_AFTER_S
    return int(pacing.new_chats_per_day * grown)


def _limits(
    pacing: Pacing, past: Past, stops: Stops, due: float, now: float, *, is_new: bool
) -> list[tuple[float, Waits]]:
    found = [(stops.all_until, Waits.RATE), (due, Waits.RETRY)]
    if is_new:
        found.append((stops.new_until, Waits.TIME_LOCK))
    if not pacing.enabled:
        return found
    if past.hour:
        found.append((past.hour[-1] + past.gap_s, Waits.GAP))
    if len(past.hour) >= pacing.per_hour:
        found.append((past.hour[-pacing.per_hour] + HOUR_S, Waits.PER_HOUR))
    if is_new:
        allowed = new_chats(pacing, past.began_at, now)
        if not allowed:
            found.append((now + DAY_S, Waits.NEW_CHATS))
        elif len(past.new) >= allowed:
            found.append((past.new[-allowed] + DAY_S, Waits.NEW_CHATS))
    return found
