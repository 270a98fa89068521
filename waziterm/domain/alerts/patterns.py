"""Which lines of a log are counted, and when there are too many of them. Pure."""

from collections import deque
from collections.abc import Iterable, Mapping

from waziterm.domain.alerts.alert_settings import Pattern
from waziterm.domain.settings import Regex

BUILT_IN = (
    Pattern("opened", Regex(r"^connected: |Connection opened")),
    Pattern("conflict", Regex(r"\(440\)|Stream Errored \(conflict\)")),
    Pattern("closed", Regex(r"\(428\)|Connection closed, reason")),
    Pattern("timed_out", Regex(r"(?i)timed[ -]?out|timeout|deadline exceeded")),
)
"""What is counted of every instance: our lines and the library's, and those that Baileys wrote of
the same (its `Connection opened`, `Stream Errored (conflict)`, `Connection closed, reason`, `Timed
Out`). They are no alerts by themselves."""
_TOLD_AGAIN = 10
"""While it goes on, it is told so often within its window."""


def counted(patterns: Iterable[Pattern]) -> Mapping[str, Pattern]:
    """All that is counted, by name: one of the settings instead of a built-in one of its name."""
    return {each.name: each for each in (*BUILT_IN, *patterns)}


class Window:
    """The lines of one instance that match a pattern, as far as they can matter."""

    def __init__(self, pattern: Pattern) -> None:
        self._window_s = pattern.window_s
        self._at: deque[float] = deque(maxlen=pattern.count)
        self._told_at: float | None = None

    def saw(self, at: float) -> bool:
        """Take in one more line, whether that is to be told. at: on a clock that is never set."""
        times, window_s = self._at, self._window_s
        times.append(at)
        if len(times) != times.maxlen or at - times[0] > window_s:
            return False
        if self._told_at is not None and at - self._told_at < window_s / _TOLD_AGAIN:
            return False
        self._told_at = at
        return True
