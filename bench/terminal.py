"""A program in a pty whose output is recorded with its times, and looked at afterwards.

No terminal is emulated while the program runs, which would take its CPU: `first_shown` replays
the record, and `painted` follows the screen's text alone (`bench/cells.py`), with the moments at
which the pieces came, not those at which they are looked at.
"""

import codecs
import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

import pyte

from bench.cells import Cells
from tests.terminal import UNKNOWN_TO_PYTE

END_TIMEOUT_S = 20.0


class RecordedTerminal:
    """Runs a command in a terminal of its own, as the leader of a session.

    argv: the command. env: its whole environment but the terminal's own variables.
    started_at: UTC seconds, just before the process is made.
    """

    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str], columns: int = 160, rows: int = 50
    ) -> None:
        self._size = (columns, rows)
        self._chunks: list[tuple[float, bytes]] = []
        self._cells = Cells(columns, rows)
        self._followed = 0
        self._output = bytearray()
        self._news = threading.Condition()
        self._closing = False
        self._master, slave = os.openpty()
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        terminal = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"}
        self.started_at = time.time()
        self._process = subprocess.Popen(
            list(argv),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**env, **terminal},
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509 (runs between fork and exec)
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True, name="pty")
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()

    def wait_bytes(self, wanted: bytes, timeout_s: float) -> None:
        """Wait until the program has written these bytes in one piece. Raises TimeoutError."""
        deadline = time.monotonic() + timeout_s
        with self._news:
            while wanted not in self._output:
                left = deadline - time.monotonic()
                if left <= 0 or self._process.poll() is not None:
                    raise TimeoutError(f"the program never wrote {wanted!r}")
                self._news.wait(min(left, 0.5))

    @property
    def position(self) -> int:
        """Where the record of the output ends now; see `painted`."""
        with self._news:
            return len(self._chunks)

    def press(self, keys: bytes) -> float:
        """Write keys as a terminal sends them; the moment just before, in UTC seconds."""
        at = time.time()
        os.write(self._master, keys)
        return at

    def painted(
        self, wanted: re.Pattern[str], other_than: str, position: int, timeout_s: float
    ) -> tuple[float, str]:
        """Wait until a row that was written on from a position on shows the pattern with another
        first group than that; the moment of the last piece of it, and the group.

        One thread alone may call it, and with positions that do not go back. Raises TimeoutError.
        """
        deadline = time.monotonic() + timeout_s
        cells = self._cells
        while True:
            at = self._follow(position, deadline, wanted)
            if self._followed <= position:
                cells.touched.clear()
            elif cells.is_between:
                found = [
                    match[1] for y in cells.touched for match in wanted.finditer(cells.line(y))
                ]
                cells.touched.clear()
                for each in found:
                    if each != other_than:
                        return at, each

    def _follow(self, position: int, deadline: float, wanted: re.Pattern[str]) -> float:
        """Take in all before a position, or the next piece; the moment at which that came."""
        with self._news:
            while self._followed == len(self._chunks):
                left = deadline - time.monotonic()
                if left <= 0 or self._process.poll() is not None:
                    raise TimeoutError(f"the program never painted {wanted.pattern!r} anew")
                self._news.wait(min(left, 0.5))
            last = max(self._followed + 1, position)
            pieces = self._chunks[self._followed : last]
        self._followed = last
        for _, data in pieces:
            self._cells.feed(data)
        return pieces[-1][0]

    def first_shown(self, holds: Callable[[str], bool]) -> float | None:
        """Seconds from the start until the screen's text first was the wanted one, or None."""
        screen = pyte.Screen(*self._size)
        stream = pyte.Stream(screen)
        for at, text in self._texts():
            stream.feed(text)
            if holds("\n".join(screen.display)):
                return at - self.started_at
        return None

    def screen(self) -> str:
        """The screen's text as it is now."""
        screen = pyte.Screen(*self._size)
        stream = pyte.Stream(screen)
        for _, text in self._texts():
            stream.feed(text)
        return "\n".join(line.rstrip() for line in screen.display)

    def end(self) -> int:
        """Ask the program to leave (SIGTERM), kill its group when it does not; its exit code."""
        if self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_TIMEOUT_S)
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        code = self._process.wait()
        if not self._closing:
            self._closing = True
            self._reader.join()
            os.close(self._master)
        return code

    def _texts(self) -> list[tuple[float, str]]:
        """The record as text, each piece with its time."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        with self._news:
            chunks = tuple(self._chunks)
        return [(at, UNKNOWN_TO_PYTE.sub("", decoder.decode(data))) for at, data in chunks]

    def _read(self) -> None:
        while not self._closing:
            if not select.select([self._master], [], [], 0.05)[0]:
                continue
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return
            with self._news:
                self._chunks.append((time.time(), data))
                self._output += data
                self._news.notify_all()


def _take_terminal() -> None:
    """In the child: make the pty its controlling terminal, so that signals and hang-ups arrive."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
