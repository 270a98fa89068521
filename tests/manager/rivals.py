"""Steers the program in `rival`."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DEADLINE_S = 30.0


class Rival:
    """A process beside ours, and not below it."""

    def __init__(self, program: "subprocess.Popen[str]") -> None:
        self._program = program
        self.pid = int(self.answer())

    def do(self, *words: object) -> Any:
        self.begin(*words)
        return self.answer()

    def begin(self, *words: object) -> None:
        assert self._program.stdin is not None
        self._program.stdin.write(json.dumps(words) + "\n")
        self._program.stdin.flush()

    def kill(self) -> None:
        """SIGKILL, and wait until the kernel has closed what it had open."""
        os.kill(self.pid, signal.SIGKILL)
        assert self._program.stdout is not None
        assert self._program.stdout.read() == ""

    def answer(self) -> Any:
        assert self._program.stdout is not None
        return json.loads(self._program.stdout.readline())


@contextmanager
def a_rival() -> Iterator[Rival]:
    """Runs while the context lasts."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.manager.rival"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        try:
            # What was started is its parent, and counts among ours until it is gone.
            program.wait(DEADLINE_S)
            yield Rival(program)
        finally:
            assert program.stdin is not None and program.stdout is not None
            program.stdin.close()
            program.stdout.read()
