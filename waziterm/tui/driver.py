"""The terminal under the app: output that never blocks the event loop, and a hang-up that is seen.

Textual's own driver draws on stderr through a queue of 30 writes. A terminal that stops reading
(a stalled SSH line) fills it and then blocks the event loop, in which the manager lives; one that
is gone ends its writer thread, with the same result. Text here goes to stdout, which `run_screen`
has checked to be a terminal, from an own thread without a bound; the app paints nothing while the
terminal is behind.
"""

import logging
import os
import select
import signal
import sys
import threading
from collections import deque
from contextlib import suppress
from typing import Any, cast

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

logger = logging.getLogger(__name__)

BEHIND_BYTES = 32768
LAST_WORDS_S = 2.0
"""How long leaving waits for the terminal to take what was written, in seconds."""


class TerminalWriter:
    """A file whose `write` returns at once; a thread passes the text on to the terminal."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._chunks: deque[bytes] = deque()
        self._waiting = 0
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._pump, daemon=True, name="terminal-output")
        self.gone = False
        self._thread.start()

    @property
    def is_behind(self) -> bool:
        """Whether the terminal has much left to take."""
        return self._waiting > BEHIND_BYTES

    def write(self, text: str) -> int:
        data = text.encode("utf-8", "replace")
        with self._changed:
            if not self.gone:
                self._chunks.append(data)
                self._waiting += len(data)
                self._changed.notify()
        return len(text)

    def flush(self) -> None:
        """Nothing to do: the thread never holds text back."""

    def fileno(self) -> int:
        return self._fd

    def isatty(self) -> bool:
        return True

    @property
    def finished(self) -> bool:
        """Whether it takes no more."""
        return self._closing

    def finish(self, timeout_s: float = LAST_WORDS_S) -> None:
        """Wait until all is written, but not longer than `timeout_s`."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout_s)

    def _pump(self) -> None:
        while True:
            with self._changed:
                while not self._chunks and not self._closing:
                    self._changed.wait()
                if not self._chunks:
                    return
                data = self._chunks.popleft()
            try:
                self._put(data)
            except OSError:
                self.gone = True
            with self._changed:
                self._waiting -= len(data)
                if self.gone:
                    self._chunks.clear()
                    return

    def _put(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:
                select.select((), (self._fd,), ())


class TerminalDriver(LinuxDriver):
    """Textual's driver for Linux and macOS on a `TerminalWriter`."""

    def __init__(
        self,
        app: App[None],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        stdout = sys.__stdout__
        if stdout is None:
            raise RuntimeError("stdout is closed")
        self._fd = stdout.fileno()
        self._draws = False
        self._begin_writing()

    def _begin_writing(self) -> None:
        self.writer = TerminalWriter(self._fd)
        self._file = cast(Any, self.writer)

    def _get_terminal_size(self) -> tuple[int, int]:
        """The size that the terminal has now; COLUMNS and LINES would hide every resize."""
        with suppress(OSError):
            columns, lines = os.get_terminal_size(self._fd)
            if columns and lines:
                return columns, lines
        return 80, 24

    def run_input_thread(self) -> None:
        """Pass keys on until the app ends; a terminal that is gone is no error of ours."""
        try:
            super().run_input_thread()
        except OSError:
            return
        except Exception:
            logger.critical("reading keys failed", exc_info=True)
            raise

    def close(self) -> None:
        super().close()
        self.writer.finish()

    # -- stopped and continued

    def start_application_mode(self) -> None:
        if self.writer.finished:
            self._begin_writing()
        self._draws = True
        super().start_application_mode()  # type: ignore[no-untyped-call]

    def stop_application_mode(self) -> None:
        self._draws = False
        super().stop_application_mode()

    def _sigcont_application(self, *_: object) -> None:
        """Draw again, also after a SIGSTOP from outside, before which nothing could be put away.

        Textual alone would begin a second time beside what still runs: with two readers of keys,
        and with the raw mode as that to which the terminal is restored at the end.
        """
        if self._auto_restart and self._draws:
            if not self._is_in_foreground():
                # The terminal is the shell's; what is drawn now would land in its lines.
                os.kill(os.getpid(), signal.SIGSTOP)
                return
            self.suspend_application_mode()
            self._must_signal_resume = True
        super()._sigcont_application()

    def _is_in_foreground(self) -> bool:
        with suppress(OSError):
            return os.tcgetpgrp(self._fd) == os.getpgrp()
        return True


def is_hung_up(fd: int) -> bool:
    """Whether the terminal behind this file descriptor is gone."""
    poll = select.poll()
    poll.register(fd, 0)
    return any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(0))
