"""What happens in a demo, and when: pure data from a seed."""

from collections.abc import Iterator
from enum import StrEnum
from random import Random

from waziterm.domain.frozen import dataclass

_CITIES = (
    *("jakarta", "bandung", "medan", "surabaya", "makassar", "denpasar"),
    *("lagos", "nairobi", "accra", "mumbai", "pune", "recife"),
)


class Turn(StrEnum):
    """What happens to an instance of the demo."""

    SEND_TEST = "send-test"
    TCP_DROP = "tcp-drop"
    SERVER_RESTART = "server-restart"
    SILENCE = "silence"
    CONFLICT = "conflict"

    @property
    def is_trouble(self) -> bool:
        return self is not Turn.SEND_TEST


@dataclass(frozen=True, slots=True)
class Act:
    """One event of a demo. at_s: seconds after its start. victim: which instance, from 0."""

    at_s: float
    turn: Turn
    victim: int


FIRST_S = 12.0
"""Until then the phones scan; trouble during a pairing would only look broken."""

SILENCE_S = 45.0
"""How long a silent server stays silent: longer than the library waits before it notices."""

_GAP_S = (3.0, 9.0)
_OPENING = (Turn.CONFLICT, Turn.SEND_TEST, Turn.TCP_DROP)
"""What every demo begins with, so that a short one shows it too."""

_WEIGHTS = {
    Turn.SEND_TEST: 4,
    Turn.TCP_DROP: 3,
    Turn.SERVER_RESTART: 2,
    Turn.SILENCE: 1,
    Turn.CONFLICT: 2,
}
# An act is left out when it could not be over before the end of a demo with a fixed length: a
# conflict cools down for 10 s, at most 11 s with jitter; a silence is noticed after at most 40 s,
# and 90 s later the instance connects anew.
_OVER_AFTER_S = {
    Turn.SEND_TEST: 5.0,
    Turn.TCP_DROP: 15.0,
    Turn.SERVER_RESTART: 20.0,
    Turn.SILENCE: 140.0,
    Turn.CONFLICT: 30.0,
}
# Connections that end within 30 s count as short-lived, and a conflict within 120 s of our own
# guarded attempt is a rival: the demo shows recoveries, so it leaves an instance this long alone.
_REST_S = {
    Turn.SEND_TEST: 0.0,
    Turn.TCP_DROP: 60.0,
    Turn.SERVER_RESTART: 60.0,
    Turn.SILENCE: 160.0,
    Turn.CONFLICT: 320.0,
}


def names(count: int) -> list[str]:
    """The demo's instance names."""
    return [
        f"shop-{_CITIES[number]}" if number < len(_CITIES) else f"shop-{number + 1:03}"
        for number in range(count)
    ]


def plan(seed: int, count: int, seconds: float | None = None) -> Iterator[Act]:
    """The acts of a demo with `count` instances, in order; endless without a length in seconds.

    The same seed, count and length give the same acts. Every trouble with a given length is
    over, by the program's own rules, before the end.
    """
    random = Random(seed)
    free_at = [FIRST_S] * count
    at = FIRST_S
    opening = iter(_OPENING)
    while seconds is None or at < seconds:
        drawn = random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        turn = next(opening, drawn)
        victims = [number for number in range(count) if free_at[number] <= at]
        over_in_time = seconds is None or at + _OVER_AFTER_S[turn] <= seconds
        if victims and over_in_time:
            victim = random.choice(victims)
            free_at[victim] = at + _REST_S[turn]
            yield Act(round(at, 2), turn, victim)
        at += random.uniform(*_GAP_S)
