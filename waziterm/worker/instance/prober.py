"""Carries out the probes of a worker's instances, one after the other where they are quick."""

import threading
import time
from collections import deque
from collections.abc import Callable

LOOK_S = 0.05
"""A probe that takes longer is waited for by the next ones no more. On a box beside the server it
takes 1 ms, over the internet a tenth of a second."""


class Prober:
    """Makes calls that block, in few threads: one for each that does not end soon, and one for all
    others. A thread costs more than a probe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Callable[[], None]] = deque()
        self._threads = 0
        self._moved_at = 0.0

    def take(self, call: Callable[[], None]) -> None:
        """Make a call when those before it are made, or under way for `LOOK_S`. It must not
        raise."""
        with self._lock:
            self._waiting.append(call)
            is_first = not self._threads
        if is_first:
            self._start()

    def look(self) -> float | None:
        """Let others go on where a call takes long. In how many seconds to look again; None when
        nothing waits."""
        with self._lock:
            if not self._waiting:
                return None
            left_s = self._moved_at + LOOK_S - time.monotonic()
        if left_s > 0:
            return left_s
        self._start()
        return LOOK_S

    def _start(self) -> None:
        with self._lock:
            self._threads += 1
            self._moved_at = time.monotonic()
        threading.Thread(target=self._work, name="probes", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._threads -= 1
                    return
                call = self._waiting.popleft()
                self._moved_at = time.monotonic()
            call()
