"""A real terminal for tests: a program in a pty, its screen as cells, keys, resizes, hang-ups.

    with Terminal([sys.executable, "-m", "waziterm"], columns=80, rows=24) as terminal:
        terminal.wait_for(lambda screen: "No WhatsApp number" in screen, what="the empty fleet")
        terminal.send("a")
        await terminal.until(lambda screen: "Add an instance" in screen)   # on an event loop
        cells = terminal.cells()              # rows of Cell(text, fg, bg, ...), colours as hex
        assert decode_qr(cells) == payload    # tests.qrscan
        terminal.resize(160, 50)
        terminal.signal(signal.SIGTERM)
        assert terminal.wait_exit() == 0
        assert terminal.is_sane()             # alternate screen left, cursor shown, echo on

A thread reads the pty all the time, so the program never waits for the test. Every wait has a
deadline and fails with the screen as it was. Leaving the `with` block ends the program's process
group. `screenshots.render` makes pictures of `terminal.screen`.
"""

import asyncio
import codecs
import contextlib
import errno
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyte
from pyte.screens import wcwidth

DEADLINE_S = 15.0
THROTTLED_BYTES = 64
ANSWER = "\x1b[0n"
KEYS = {
    "enter": "\r", "escape": "\x1b", "tab": "\t", "backspace": "\x7f",
    "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D",
    "pageup": "\x1b[5~", "pagedown": "\x1b[6~", "home": "\x1b[H", "end": "\x1b[F",
    "ctrl+c": "\x03", "ctrl+p": "\x10", "ctrl+q": "\x11",
    "ctrl+z": "\x1a",
}  # fmt: skip

_ALTERNATE, _CURSOR, _MOUSE, _PASTE = 1049, 25, 1000, 2004
UNKNOWN_TO_PYTE = re.compile(r"\x1b\[[<>=]\d*u|\x1b\[\?\d+\$p|\x1b\[\?2026[hl]")
_NAMES = {
    "black": "000000", "red": "cd0000", "green": "00cd00", "brown": "cdcd00", "blue": "0000ee",
    "magenta": "cd00cd", "cyan": "00cdcd", "white": "e5e5e5", "brightblack": "7f7f7f",
    "brightred": "ff0000", "brightgreen": "00ff00", "brightbrown": "ffff00",
    "brightblue": "5c5cff", "brightmagenta": "ff00ff", "bfightmagenta": "ff00ff",
    "brightcyan": "00ffff", "brightwhite": "ffffff",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell. text: "" is the right half of a wide character. fg, bg: six hex digits."""

    text: str
    fg: str
    bg: str
    bold: bool = False


class Screen(pyte.Screen):
    """pyte's screen, with the alternate buffer and a record of the private modes."""

    def __init__(self, columns: int, rows: int) -> None:
        self.private: set[int] = set()
        self._main: dict[int, Any] | None = None
        self._at = (0, 0)
        self._texts: list[str] = []
        super().__init__(columns, rows)

    def set_mode(self, *modes: int, **kwargs: Any) -> None:
        if kwargs.get("private"):
            self.private.update(modes)
            if _ALTERNATE in modes and self._main is None:
                self._main = {y: dict(line) for y, line in self.buffer.items()}
                self._at = (self.cursor.x, self.cursor.y)
                self.erase_in_display(2)
        super().set_mode(*modes, **kwargs)

    def reset_mode(self, *modes: int, **kwargs: Any) -> None:
        if kwargs.get("private"):
            self.private.difference_update(modes)
            if _ALTERNATE in modes and self._main is not None:
                self.erase_in_display(2)
                for y, line in self._main.items():
                    self.buffer[y].update(line)
                self._main = None
                self.cursor.x, self.cursor.y = self._at
        super().reset_mode(*modes, **kwargs)

    @property
    def display(self) -> list[str]:
        """Its lines as text. Only what was written to since is read again: pyte reads every cell,
        which takes longer than the program needs to paint them."""
        if len(self._texts) != self.lines:
            self._texts = [""] * self.lines
            self.dirty.update(range(self.lines))
        for y in self.dirty:
            if y < self.lines:
                self._texts[y] = self._text(y)
        self.dirty.clear()
        return list(self._texts)

    def _text(self, y: int) -> str:
        line = self.buffer[y]
        cells = [line[x].data for x in range(self.columns)]
        text = "".join(cells)
        wide = {char for char in set(text) if not char.isascii() and wcwidth(char) == 2}
        if not wide:
            return text
        return "".join(
            cell
            for cell, before in zip(cells, ["", *cells], strict=False)
            if before[:1] not in wide
        )

    def report_device_status(self, mode: int, **kwargs: Any) -> None:
        """Answered by `answer`; pyte chokes on private requests."""
        if mode == 5 and not kwargs.get("private"):
            self.answer()

    def answer(self) -> None:
        """Say that all until now was taken."""


class Terminal:
    """A program in a terminal of its own.

    argv: the command. env: set on top of a plain xterm-256color environment with true colour, in
    which nobody remembers how the screen was left. answer: what it does where it is asked whether
    it has taken all until now (`ESC [ 5 n`), in the thread that reads.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        columns: int = 80,
        rows: int = 24,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        answer: Callable[["Terminal"], None] = lambda terminal: terminal.send(ANSWER),
    ) -> None:
        self.screen = Screen(columns, rows)
        self.screen.answer = partial(self._answered, answer)  # type: ignore[method-assign]
        self.output = bytearray()
        self._stream = pyte.Stream(self.screen)
        self._changed = threading.Condition()
        self._ended = False
        self._bytes_per_s = 0
        self._master, slave = os.openpty()
        self._slave = os.dup(slave)
        self._set_size(columns, rows)
        own = ("NO_COLOR", "COLUMNS", "LINES", "LC_ALL", "LC_MESSAGES", "WAZITERM_SCREEN__LANG")
        inherited = {k: v for k, v in os.environ.items() if k not in own}
        self._state = tempfile.TemporaryDirectory(prefix="waziterm-state-")
        terminal = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
        terminal["XDG_STATE_HOME"] = self._state.name
        self.process = subprocess.Popen(
            list(argv),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**inherited, **terminal, **(env or {})},
            cwd=cwd,
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509 (runs between fork and exec)
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True, name="pty")
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # -- what the program shows

    def text(self) -> str:
        """The whole screen, rows joined by newlines."""
        with self._changed:
            return "\n".join(self.screen.display)

    def cells(self) -> list[list[Cell]]:
        """Every cell with its colours, reverse video resolved."""
        with self._changed:
            return [
                [_cell(self.screen.buffer[y][x]) for x in range(self.screen.columns)]
                for y in range(self.screen.lines)
            ]

    def wait_for(
        self,
        holds: Callable[[str], bool],
        timeout_s: float = DEADLINE_S,
        what: str = "the awaited screen",
    ) -> str:
        """Wait until the screen's text is the wanted one, and return it."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                text = "\n".join(self.screen.display)
                if holds(text):
                    return text
                left = deadline - time.monotonic()
                if left <= 0 or (self._ended and self.process.poll() is not None):
                    code = self.process.poll()
                    raise AssertionError(f"no {what} (exit code {code}); the screen:\n{text}")
                self._changed.wait(min(left, 0.2))

    async def until(
        self,
        holds: Callable[[str], bool],
        timeout_s: float = DEADLINE_S,
        what: str = "the awaited screen",
    ) -> str:
        """`wait_for` for a test that runs on an event loop."""
        return await asyncio.to_thread(self.wait_for, holds, timeout_s, what)

    # -- what a person does

    def send(self, *keys: str) -> None:
        """Press keys: names of `KEYS`, or texts to type."""
        os.write(self._master, "".join(KEYS.get(key, key) for key in keys).encode())

    def send_bytes(self, *pieces: bytes) -> None:
        """Send bytes that are no text, each piece by itself."""
        for piece in pieces:
            os.write(self._master, piece)

    def resize(self, columns: int, rows: int) -> None:
        with self._changed:
            self.screen.resize(rows, columns)
        self._set_size(columns, rows)

    def resize_window(self, columns: int, rows: int) -> None:
        """Tell the program a size that no screen is drawn for here, however absurd."""
        self._set_size(columns, rows)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program itself."""
        self.process.send_signal(number)

    def scribble(self, text: str) -> None:
        """What another program writes on the same terminal meanwhile."""
        os.write(self._slave, text.encode())

    def wait_stopped(self, timeout_s: float = DEADLINE_S) -> None:
        """Wait until the program was stopped, as by ctrl+z, and its output was taken in."""
        deadline = time.monotonic() + timeout_s
        flags = os.WSTOPPED | os.WNOHANG | os.WNOWAIT
        while os.waitid(os.P_PID, self.process.pid, flags) is None:
            assert time.monotonic() < deadline, f"it goes on; the screen:\n{self.text()}"
            with self._changed:
                self._changed.wait(0.02)
        self._drain()

    def stall(self) -> None:
        """Stop reading what the program writes, as a stalled SSH connection does."""
        self._stop_reading()

    def throttle(self, bytes_per_s: int) -> None:
        """Be at the end of a slow line from now on."""
        self._bytes_per_s = bytes_per_s

    def hang_up(self) -> None:
        """Close the terminal, as a lost SSH connection does."""
        os.close(self._slave)
        self._slave = -1
        self._stop_reading()
        os.close(self._master)
        self._master = -1

    # -- the end

    def wait_exit(self, timeout_s: float = DEADLINE_S) -> int:
        """The program's exit code, after all of its output was taken in."""
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the program does not end; the screen:\n{self.text()}") from None
        if self._master >= 0:
            self._drain()
        return code

    def is_sane(self) -> bool:
        """Whether the terminal is as a shell needs it."""
        flags = termios.tcgetattr(self._slave)[3]
        cooked = bool(flags & termios.ECHO) and bool(flags & termios.ICANON)
        private = self.screen.private
        left_over = private & {_ALTERNATE, _MOUSE, 1002, 1003, 1004, 1006, _PASTE}
        return cooked and _CURSOR in private and not left_over

    def close(self) -> None:
        """End the program and everything in its process group; give the pty back."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._stop_reading()
        for fd in (self._master, self._slave):
            if fd >= 0:
                os.close(fd)
        self._master = self._slave = -1
        self._state.cleanup()

    # -- inside

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _answered(self, answer: Callable[["Terminal"], None]) -> None:
        with contextlib.suppress(OSError):  # the program has ended meanwhile, and the pty with it
            answer(self)

    def _read(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while not self._ended:
            if not select.select([self._master], [], [], 0.05)[0]:
                continue
            # Within the lock, so that what is no more in the pty is on the screen.
            with self._changed:
                try:
                    data = os.read(self._master, THROTTLED_BYTES if self._bytes_per_s else 65536)
                except OSError as error:
                    if error.errno == errno.EIO:
                        return
                    raise
                self.output += data
                self._stream.feed(UNKNOWN_TO_PYTE.sub("", decoder.decode(data)))
                self._changed.notify_all()
            if self._bytes_per_s:
                time.sleep(len(data) / self._bytes_per_s)

    def _drain(self) -> None:
        """Wait until the reader has taken all that the program left in the pty."""
        with self._changed:
            while select.select([self._master], [], [], 0)[0]:
                self._changed.wait(0.05)

    def _stop_reading(self) -> None:
        self._ended = True
        self._reader.join()


def _take_terminal() -> None:
    """In the child: make the pty its controlling terminal, so that signals and hang-ups arrive."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _cell(char: Any) -> Cell:
    fg = "c0c0c0" if char.fg == "default" else _NAMES.get(char.fg, char.fg)
    bg = "000000" if char.bg == "default" else _NAMES.get(char.bg, char.bg)
    if char.reverse:
        fg, bg = bg, fg
    return Cell(char.data, fg, bg, char.bold)
