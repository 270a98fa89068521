"""The library's log records as lines of the instance's log, and as evidence."""

import re
import threading
from collections import deque
from collections.abc import Callable

from waziterm.worker.neonize.mapping import log_line
from waziterm.worker.neonize.phrases import Sign, sign_of

# Records come on whichever thread of the library: how long one may be under way when its effect
# is known.
RECORD_WAIT_S = 1.0
_TROUBLES = {"WARN": "warning", "ERROR": "error"}


class LibraryLog:
    """Passes each record on as one inert line without secrets, and keeps the last troubles. One of
    level DEBUG is no line: it holds whole nodes.

    note: takes the line. tell: hears of a record that means something. Both are called on threads
    of the library, which waits for them.
    """

    def __init__(self, note: Callable[[str], None], tell: Callable[[Sign], None]) -> None:
        self._note = note
        self._tell = tell
        self._last: deque[str] = deque(maxlen=50)
        self._news = threading.Condition()

    def take(self, level: str, text: str) -> None:
        """One record. level: `DEBUG`, `INFO`, `WARN` or `ERROR` (goneonize `utils/log.go`)."""
        if level != "DEBUG":
            with self._news:
                self._last.append(text)
                self._news.notify_all()
            trouble = _TROUBLES.get(level)
            self._note(f"{trouble}: {log_line(text)}" if trouble else log_line(text))
        sign = sign_of(level, text)
        if sign is not None:
            self._tell(sign)

    def evidence(self, pattern: re.Pattern[str], wait_s: float = RECORD_WAIT_S) -> str:
        """The first group of the pattern in the newest record that has it, or "".

        Not redacted. Waits so long for a record that may still be under way.
        """

        def found() -> str:
            matches = (pattern.search(text) for text in reversed(self._last))
            return next((match[1] for match in matches if match), "")

        with self._news:
            return self._news.wait_for(found, wait_s)
