"""The process's own standard streams: printing never ends it, and no file takes their places."""

import errno
import io
import os
import select
import sys
from typing import Any, TextIO, cast

_STANDARD = (0, 1, 2)


def install() -> None:
    """Make standard input, output and error safe to use, whatever whoever started us left of them.

    To be called before anything else is opened: a file that gets one of these numbers would be
    read as commands, or written over by the next line that is printed.
    """
    for fd in _STANDARD:
        try:
            os.fstat(fd)
        except OSError:
            # Its end is read at once, and what is written to it fails as it would without it.
            _put_nothing(fd, os.O_RDONLY)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - lives as long as we
    sys.stdout = cast(TextIO, Printer.over(1, sys.stdout))
    sys.stderr = cast(TextIO, Printer.over(2, sys.stderr))


def lost() -> OSError | None:
    """Why standard output has not taken all that was printed; None when it has."""
    return sys.stdout.lost if isinstance(sys.stdout, Printer) else None


class Printer(io.TextIOWrapper):
    """A text stream whose `write` and `flush` never fail: a full disk, a reader that has left or a
    terminal that is gone must not end a manager. lost: what happened to the first text that could
    not be written; all that follows is dropped."""

    lost: OSError | None = None

    @classmethod
    def over(cls, fd: int, before: TextIO | None) -> "Printer":
        """One that writes to this descriptor, like the stream that Python has made for it.

        What the terminal's encoding cannot say is written as an escape.
        """
        # Ctrl+c in the middle of a `write` in Python would have its text written again.
        raw = io.FileIO if os.get_blocking(fd) else _Patient
        printer = cls(
            io.BufferedWriter(raw(fd, "w", closefd=False)),
            encoding=before.encoding if before is not None else "utf-8",
            errors="backslashreplace",
            line_buffering=fd == 2 or os.isatty(fd),
        )
        printer._fd = fd
        return printer

    _fd: int

    def write(self, text: str) -> int:
        if self.lost is None:
            try:
                return super().write(text)
            except OSError as error:
                self._lose(error)
        return len(text)

    def flush(self) -> None:
        if self.lost is None:
            try:
                super().flush()
            except OSError as error:
                self._lose(error)

    def _lose(self, error: OSError) -> None:
        self.lost = error
        # What is still buffered must not fail again at the exit.
        _put_nothing(self._fd, os.O_WRONLY)


class _Patient(io.FileIO):
    """A descriptor that others have made non-blocking is waited for."""

    def write(self, data: Any) -> int:
        while (count := super().write(data)) is None:
            select.select([], [self.fileno()], [])
        return count


def is_gone(error: OSError) -> bool:
    """Whether whoever read has left, as `head` does: nothing to complain of."""
    return error.errno == errno.EPIPE


def _put_nothing(fd: int, mode: int) -> None:
    """Open the null device in place of a descriptor."""
    nothing = os.open(os.devnull, mode)
    if nothing != fd:
        os.dup2(nothing, fd, inheritable=False)
        os.close(nothing)
