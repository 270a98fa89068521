"""Run as a program: waziterm itself, which is killed at a step of its work.

    python -m tests.killed STEP WORDS OF THE COMMAND LINE

A step is what it is about to do to the disk or with another process: a file that is opened to be
written, moved or deleted, a transaction that begins or ends, a process that is started. STEP: the
number of the one before which SIGKILL comes; 0: it does not, and the number of all steps is the
last line on stderr. A manager counts from SIGUSR1 on.
"""

import itertools
import os
import re
import signal
import sqlite3
import sys
from typing import Any

from waziterm.cli.main import main

_FILES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.link", "os.truncate")
_PROCESSES = ("subprocess.Popen", "os.posix_spawn", "os.fork")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_CONNECT = sqlite3.connect
_BOUNDS = re.compile(r"(BEGIN|COMMIT|END)\b", re.IGNORECASE)
_CHANGES = re.compile(r"(INSERT|UPDATE|DELETE|REPLACE|CREATE|DROP|ALTER)\b", re.IGNORECASE)


class Steps:
    """Counts, and ends the process. at: the step before which; 0 for none."""

    def __init__(self, at: int, *, armed: bool) -> None:
        self._at = at
        self._numbers = itertools.count(1)
        self.armed = armed
        self.taken = 0

    def hear(self, event: str, values: tuple[Any, ...]) -> None:
        """An event of Python's audit."""
        if event == "open":
            if isinstance(values[2], int) and values[2] & _WRITES and values[0] != os.devnull:
                self._step()
        elif event in _FILES or event in _PROCESSES:
            self._step()

    def connect(self, *args: Any, **options: Any) -> sqlite3.Connection:
        """A connection to a database whose changes are heard of."""
        database: sqlite3.Connection = _CONNECT(*args, **options)

        def traced(statement: str) -> None:
            alone = _CHANGES.match(statement) and not database.in_transaction
            if alone or _BOUNDS.match(statement):
                self._step()

        database.set_trace_callback(traced)
        return database

    def _step(self) -> None:
        if self.armed:
            self.taken = next(self._numbers)
            if self.taken == self._at:
                os.kill(os.getpid(), signal.SIGKILL)


def run() -> None:
    at = int(sys.argv.pop(1))
    steps = Steps(at, armed="headless" not in sys.argv)
    signal.signal(signal.SIGUSR1, lambda *_: setattr(steps, "armed", True))
    sqlite3.connect = steps.connect  # type: ignore[assignment]
    sys.addaudithook(steps.hear)
    try:
        main()
    finally:
        sys.stderr.write(f"{steps.taken}\n")


if __name__ == "__main__":
    run()
