"""Faults that meet several instances in the same seconds: they are one fault of the network, or
of WhatsApp, and say nothing about any one of them."""

from collections.abc import Callable

from waziterm.domain.lifecycle import events as ev
from waziterm.manager.clock import Clock, Handle

TOGETHER_S = 5.0
"""Drops of several instances within these seconds are one fault."""
REFUSED_TOGETHER_S = 900.0
"""Refused logins likewise: attempts are as far apart as the back-off, 300 s and more."""


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
        self._is_on = False
        self._lasting: tuple[str, Handle] | None = None

    def judged(self, name: str, event: ev.Event) -> ev.Event:
        """The event, with what only the fleet can tell of it."""
        match event:
            case ev.Disconnected(how, detail):
                return ev.Disconnected(how, detail, shared=self._drop_is_shared(name))
            case ev.StreamError():
                self._drop_is_shared(name)
            case ev.ConnectFailure(code, detail):
                return ev.ConnectFailure(code, detail, shared=self._refusal_is_shared(name))
            case ev.Connected():
                self._connected(name)
        return event

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

    def _refusal_is_shared(self, name: str) -> bool:
        self._refused[name] = self._clock.elapsed()
        return bool(_recent(self._refused, self._clock.elapsed(), REFUSED_TOGETHER_S) - {name})

    def _connected(self, name: str) -> None:
        self._refused.pop(name, None)
        if self._is_on and self._lasting is None:
            self._lasting = (name, self._clock.call_later(self._lasts_s(), self._calm))

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
