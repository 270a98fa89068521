"""The terminal under the app: output that never blocks the event loop, keys from whatever comes.

Textual's own driver draws on stderr through a queue of 30 writes. A terminal that stops reading
(a stalled SSH line) fills it and then blocks the event loop, in which the manager lives; one that
is gone ends its writer thread, with the same result. Text here goes to stdout, which `run_screen`
has checked to be a terminal, from an own thread without a bound; the app paints nothing while the
terminal is behind.

Keys are read by our own `KeyReader`. The size is what the kernel says, within bounds. What fails in
a thread or in a signal's handler ends the screen, and nothing else.
"""

import asyncio
import os
import select
import signal
import sys
import termios
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, cast

from textual import events
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size
from textual.message import Message

from waziterm.tui.app.contained import ContainedApp
from waziterm.tui.app.keyreader import KeyReader
from waziterm.tui.app.line import LOST_S
from waziterm.tui.app.ringing import KEEP_TITLE, TITLE_BACK
from waziterm.tui.textual_private import (
    app_of,
    comes_back,
    draw_on,
    forget_reader,
    has_reader,
    loop_of,
    tell_of_resume,
)

BEHIND_BYTES = 32768
LAST_WORDS_S = 2.0
"""How long leaving waits for the terminal to take what was written, in seconds."""
ANSWERS_S = 1.0
"""How long leaving waits for answers of the terminal, in seconds."""
READ_BYTES = 1024
"""So much is read before the app has taken what came before: what floods waits in the kernel."""
LOOK_S = 0.03
"""How often the reader of keys looks whether it is to end, in seconds: the event loop waits."""
ASK = "\x1b[5n"
"""Asks the terminal for its state: the answer tells that it has taken all before it."""
AGAIN_S = 0.1
"""How long it waits where the terminal gives nothing, in seconds."""
MOST_COLUMNS, MOST_ROWS = 640, 200
"""More of a terminal stays empty; a window that claims 65535 × 65535 would cost all memory."""


class TerminalWriter:
    """A file whose `write` returns at once; a thread passes the text on to the terminal.

    failed: called in that thread when the terminal takes no more.
    """

    def __init__(
        self, fd: int, failed: Callable[[BaseException], None] = lambda _error: None
    ) -> None:
        self._fd = fd
        self._failed = failed
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

    def give_up(self) -> None:
        """Write nothing more."""
        self.gone = True

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
            except Exception as error:  # noqa: BLE001 - without its thread the screen is no more
                self.gone = True
                self._failed(error)
            with self._changed:
                self._waiting -= len(data)
                if self.gone:
                    self._chunks.clear()
                    return

    def _put(self, data: bytes) -> None:
        while data and not self.gone:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:
                poll = select.poll()
                poll.register(self._fd, select.POLLOUT)
                poll.poll()


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
        self.answered: Callable[[int, float], None] = lambda _count, _at: None
        """Called in the event loop when the terminal says that it has taken all before an `ask`:
        with how many times it said so at once, and when, in seconds of the monotonic clock."""
        self._unanswered = 0
        self._asked_at = 0.0
        self._modes: list[Any] | None = None
        self.is_put_away = True
        """Whether the terminal is as it was before the screen, but for what `end` does."""
        self._begin_writing()

    def _begin_writing(self) -> None:
        self.writer = TerminalWriter(self._fd, self._crash)
        draw_on(self, self.writer)

    def write(self, data: str) -> None:
        """Hand text to the writer. Textual's own queue in between blocks once it is full."""
        self.writer.write(data)

    def ask(self) -> None:
        """Have `answered` called once the terminal has taken all that was written."""
        self._unanswered += 1
        self._asked_at = time.monotonic()
        self.write(ASK)

    def _hear(self, answers: int) -> None:
        """For the thread of the keys."""
        if answers:
            self._unanswered = max(0, self._unanswered - answers)
            with suppress(RuntimeError):  # the loop has ended, and the screen with it
                loop_of(self).call_soon_threadsafe(self.answered, answers, time.monotonic())

    def _get_terminal_size(self) -> tuple[int, int]:
        """The size that the terminal has now; COLUMNS and LINES would hide every resize."""
        with suppress(OSError):
            columns, lines = os.get_terminal_size(self._fd)
            if columns and lines:
                return min(columns, MOST_COLUMNS), min(lines, MOST_ROWS)
        return 80, 24

    def _query_in_band_window_resize(self) -> None:
        """Not asked: the kernel tells each size, and nobody can type one."""

    # -- keys

    def _run_input_thread(self) -> None:
        try:
            self.run_input_thread()
        except BaseException as error:  # noqa: BLE001 - without its thread the screen is deaf
            self._crash(error)

    def run_input_thread(self) -> None:
        """Pass keys on until the app ends; nothing that the terminal sends ends it before."""
        reader = KeyReader()
        poll = select.poll()
        poll.register(self.fileno, select.POLLIN)
        while not self.exit_event.is_set():
            told: list[Message] = []
            if poll.poll(LOOK_S * 1000):
                data = self._read()
                if not data:
                    # Gone for good, which `run_screen` sees, or not ours at the moment.
                    self.exit_event.wait(AGAIN_S)
                told += reader.feed(data, time.monotonic())
                self._hear(reader.answers)
                reader.answers = 0
            told += reader.tick(time.monotonic())
            for message in told:
                self.process_message(message)
            if told:
                self._wait_until_taken()
        if poll.poll(0):
            # It is thrown away now, and an answer in it would be waited for.
            reader.feed(self._read(), time.monotonic())
            self._hear(reader.answers)

    def _read(self) -> bytes:
        try:
            return os.read(self.fileno, READ_BYTES)
        except OSError:
            return b""

    def send_message(self, message: Message) -> None:
        app_of(self).post_message(message)

    def _wait_until_taken(self) -> None:
        """Let the app come to the end of what it was given."""
        taken = threading.Event()
        if app_of(self).post_message(events.Callback(callback=taken.set)):
            while not taken.wait(LOOK_S) and not self.exit_event.is_set():
                pass

    # -- the end

    def close(self) -> None:
        """Let the writer end. It is not waited for: a manager may live in this event loop."""
        super().close()
        self.writer.finish(0)

    def end(self) -> None:
        """Wait until the terminal has taken all, but not for long, and leave it alone then.

        It blocks, so it is for a thread.
        """
        self.exit_event.set()
        self.writer.finish()
        self.writer.give_up()
        self._give_modes_back()

    def _give_modes_back(self) -> None:
        """Make the terminal a shell's again, once all answers are in: the shell would echo them."""
        if self._modes is None or not is_in_foreground(self.fileno):
            return
        self._take_answers()
        with suppress(termios.error, OSError):
            termios.tcsetattr(self.fileno, termios.TCSANOW, self._modes)
        self._modes = None

    def _take_answers(self) -> None:
        """Take what the terminal was asked for and has not told yet, but do not wait for long."""
        reader, poll, now = KeyReader(), select.poll(), time.monotonic()
        poll.register(self.fileno, select.POLLIN)
        until = now + (ANSWERS_S if now - self._asked_at < LOST_S else 0.0)
        while self._unanswered > 0 and now < until and poll.poll((until - now) * 1000):
            data, now = self._read(), time.monotonic()
            if not data:
                break
            reader.feed(data, now)
            self._unanswered, reader.answers = self._unanswered - reader.answers, 0
        self._unanswered = 0

    def _crash(self, error: BaseException) -> None:
        """The screen cannot go on; where its terminal is gone, it is left as by `q`. For any
        thread, and for signal handlers."""
        app = cast(ContainedApp, app_of(self))
        end = app.leave if is_hung_up(self._fd) else partial(app.crash, error)
        with suppress(RuntimeError):  # the loop has ended, and the screen with it
            loop_of(self).call_soon_threadsafe(end)

    # -- stopped and continued

    def start_application_mode(self) -> None:
        if self.writer.finished:
            self._begin_writing()
        self._draws = True
        self.is_put_away = False
        forget_reader(self)
        self.write(KEEP_TITLE)
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if not has_reader(self):
            raise OSError("the terminal lets itself not be set up")
        # Textual's handler interrupts any code, which would have to bear what it raises.
        asyncio.get_running_loop().add_signal_handler(signal.SIGWINCH, self._resized)

    def _resized(self) -> None:
        size = Size(*self._get_terminal_size())
        app_of(self).post_message(events.Resize(size, size))

    def stop_application_mode(self) -> None:
        self._draws = False
        # They go back where waiting stops no event loop.
        if self.attrs_before is not None:
            self._modes, self.attrs_before = self.attrs_before, None
        super().stop_application_mode()
        self.write(TITLE_BACK)
        self.is_put_away = True

    def suspend_application_mode(self) -> None:
        super().suspend_application_mode()
        self.writer.finish()
        self._give_modes_back()

    def _sigtstp_application(self, *_: object) -> None:
        try:
            super()._sigtstp_application()
        except Exception as error:  # noqa: BLE001 - else whatever runs now would have to bear it
            self._crash(error)

    def _sigcont_application(self, *_: object) -> None:
        try:
            self._continue()
        except Exception as error:  # noqa: BLE001 - as above
            self._crash(error)

    def _continue(self) -> None:
        """Draw again, also after a SIGSTOP from outside, before which nothing could be put away.

        Textual alone would begin a second time beside what still runs: with two readers of keys,
        and with the raw mode as that to which the terminal is restored at the end.
        """
        if comes_back(self) and self._draws:
            if not is_in_foreground(self._fd):
                # The terminal is the shell's; what is drawn now would land in its lines.
                os.kill(os.getpid(), signal.SIGSTOP)
                return
            self.suspend_application_mode()
            tell_of_resume(self)
        super()._sigcont_application()


class Modes:
    """The terminal's modes before the screen was opened, to be put back when it has crashed."""

    _PUT_BACK = (
        "\x1b[?2026l\x1b[?2004l\x1b[?2048l\x1b[?7h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l"
        "\x1b[?1015l\x1b[?1016l\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l\x1b[0m" + TITLE_BACK
    )

    def __init__(self) -> None:
        stdin, stdout = sys.__stdin__, sys.__stdout__
        self.fd = stdin.fileno() if stdin is not None else 0
        self._out = stdout.fileno() if stdout is not None else 1
        self._attributes: list[Any] | None = None
        with suppress(termios.error):
            self._attributes = termios.tcgetattr(self.fd)

    def put_back(self) -> None:
        """Make the terminal what a shell needs."""
        # From the background it would stop this process, and the manager with it.
        if self._attributes is not None and is_in_foreground(self.fd):
            with suppress(termios.error):
                termios.tcsetattr(self.fd, termios.TCSANOW, self._attributes)
        self.say(self._PUT_BACK)

    def say(self, text: str) -> None:
        """Write on the terminal. Where it takes nothing this ends after LAST_WORDS_S, so it is for
        a thread."""
        writer = TerminalWriter(self._out)
        writer.write(text)
        writer.finish()
        writer.give_up()


def is_in_foreground(fd: int) -> bool:
    """Whether this process may use the terminal; True where there is no way to tell."""
    with suppress(OSError):
        return os.tcgetpgrp(fd) == os.getpgrp()
    return True


def is_hung_up(fd: int) -> bool:
    """Whether the terminal behind this file descriptor is gone."""
    poll = select.poll()
    poll.register(fd, 0)
    return any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(0))
