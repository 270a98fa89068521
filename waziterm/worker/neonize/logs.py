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
    """Passes each record on as one inert line without secrets, and keeps the last troubles.

    note: takes the line. tell: hears of a record that means something. Both are called on threads
    of the library, which waits for them.
    """

    def __init__(self, note: Callable[[str], None], tell: Callable[[Sign], None]) -> None:
        self._note = note
        self._tell = tell
        self._troubles: deque[str] = deque(maxlen=20)
        self._news = threading.Condition()

    def take(self, level: str, text: str) -> None:
        """One record. level: `INFO`, `WARN` or `ERROR` (goneonize `utils/log.go`)."""
        trouble = _TROUBLES.get(level)
        if trouble is not None:
            with self._news:
                self._troubles.append(text)
                self._news.notify_all()
        self._note(f"{trouble}: {log_line(text)}" if trouble else log_line(text))
        sign = sign_of(level, text)
        if sign is not None:
            self._tell(sign)

    def evidence(self, pattern: re.Pattern[str]) -> str:
        """The first group of the pattern in the newest trouble that has it, or "".

        Not redacted. Waits for a record that may still be under way.
        """

        def found() -> str:
            matches = (pattern.search(text) for text in reversed(self._troubles))
            return next((match[1] for match in matches if match), "")

        with self._news:
            return self._news.wait_for(found, RECORD_WAIT_S)
