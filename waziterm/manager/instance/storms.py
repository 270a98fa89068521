"""Faults that meet several instances in the same time: they are one fault of the network, of
WhatsApp or of the machine, and say nothing about any one of them."""

from collections.abc import Callable
from typing import assert_never

from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.handling import Fault
from waziterm.manager.clock import Clock, Handle

TOGETHER_S = 5.0
"""Drops of several instances within these seconds are one fault."""
TOGETHER_LONG_S = 900.0
"""Refused logins likewise, and libraries that tell nothing more: attempts are as far apart as the
back-off, 300 s and more."""


class Storms:
    """Watches what happens to the instances of a fleet.

    lasts_s: a connection that lasts so long shows that a storm is over. tell: posts an event to an
    instance. on_calm: hears of a storm's end.
    """

    def __init__(
        self,
        clock: Clock,
        lasts_s: Callable[[], float],
        tell: Callable[[str, ev.Event], None],
        on_calm: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._lasts_s = lasts_s
        self._tell = tell
        self._on_calm = on_calm
        self._dropped: dict[str, float] = {}
        self._refused: dict[str, float] = {}
        self._deaf: dict[str, float] = {}
        self._is_on = False
        self._lasting: tuple[str, Handle] | None = None

    def is_shared(self, name: str, fault: Fault) -> bool:
        """A fault has met an instance: whether it has met others in the same time."""
        match fault:
            case Fault.DROP:
                return self._drop_is_shared(name)
            case Fault.REFUSAL:
                return self._met_others(name, self._refused)
            case Fault.DEAFNESS:
                return self._met_others(name, self._deaf)
            case _:
                assert_never(fault)

    def logged_in(self, name: str) -> None:
        """An instance has logged in: one that lasts shows that a storm is over."""
        self._refused.pop(name, None)
        if self._is_on and self._lasting is None:
            self._lasting = (name, self._clock.call_later(self._lasts_s(), self._calm))

    def forgotten(self, name: str) -> None:
        """Nobody has this name any more."""
        for met in (self._dropped, self._refused, self._deaf):
            met.pop(name, None)

    def close(self) -> None:
        """Watch no more."""
        self._stop_waiting()

    def _drop_is_shared(self, name: str) -> bool:
        self._dropped[name] = self._clock.elapsed()
        others = _recent(self._dropped, self._clock.elapsed(), TOGETHER_S) - {name}
        if self._is_on or others:
            # A connection that was about to show the end may be the next to be dropped.
            self._stop_waiting()
        if not others:
            return False
        self._is_on = True
        for other in others:
            self._tell(other, ev.DropShared())
        return True

    def _met_others(self, name: str, met: dict[str, float]) -> bool:
        met[name] = self._clock.elapsed()
        return bool(_recent(met, self._clock.elapsed(), TOGETHER_LONG_S) - {name})

    def _calm(self) -> None:
        self._lasting, self._is_on = None, False
        self._on_calm()

    def _stop_waiting(self) -> None:
        if self._lasting is not None:
            self._lasting[1].cancel()
            self._lasting = None


def _recent(moments: dict[str, float], now: float, within_s: float) -> set[str]:
    """Whose moment is recent; the others are forgotten."""
    for name in [name for name, at in moments.items() if now - at > within_s]:
        del moments[name]
    return set(moments)
