"""Carries out the probes of a worker's instances, one after the other where they are quick."""

import threading
import time
from collections import deque
from collections.abc import Callable

LOOK_S = 0.05
"""A probe that takes longer is waited for by the next ones no more. On a box beside the server it
takes 1 ms, over the internet a tenth of a second."""
PATIENCE_S = 0.25
"""No probe waits longer for others that end, but late: the manager counts from when it asked."""


class Prober:
    """Makes calls that block, in few threads: one for each that does not end soon, and one for all
    others, unless these are too slow together. A thread costs more than a probe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[tuple[float, Callable[[], None]]] = deque()
        self._threads = 0
        self._moved_at = 0.0

    def take(self, call: Callable[[], None]) -> None:
        """Make a call when those before it are made, or under way for `LOOK_S`, or in `PATIENCE_S`.
        It must not raise."""
        with self._lock:
            self._waiting.append((time.monotonic(), call))
            is_first = not self._threads
        if is_first:
            self._start()

    def look(self) -> float | None:
        """Let others go on where a call takes long. In how many seconds to look again; None when
        nothing waits."""
        with self._lock:
            if not self._waiting:
                return None
            now = time.monotonic()
            began, _ = self._waiting[0]
            if began + PATIENCE_S <= now:
                more = len(self._waiting)
                # Each of them has got a thread now.
                self._waiting = deque((now, call) for _, call in self._waiting)
            elif self._moved_at + LOOK_S <= now:
                more = 1
            else:
                return min(began + PATIENCE_S, self._moved_at + LOOK_S) - now
        for _ in range(more):
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
                _, call = self._waiting.popleft()
                self._moved_at = time.monotonic()
            call()
