"""The program's own log: one rotated file in the data directory, without secrets."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path

from waziterm.domain.errors import FleetError
from waziterm.domain.text import safe_line
from waziterm.manager.files.regular import open_regular

FILE_BYTES = 2_000_000
FILES_KEPT = 4
LONGEST_LINE = 2000


class _SafeFormatter(logging.Formatter):
    """Lines with UTC times, redacted, with nothing in them that a terminal would obey."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        lines = super().format(record).splitlines()
        indents = [line[: len(line) - len(line.lstrip(" "))] for line in lines]
        return "\n".join(
            indent + safe_line(line, LONGEST_LINE)
            for indent, line in zip(indents, lines, strict=True)
        )


def line_formatter() -> logging.Formatter:
    """The format of every line in the log."""
    return _SafeFormatter(
        "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S"
    )


def make_private(logs: Path) -> None:
    """Make the log's directory, and the data directory around it, for their owner alone.

    Raises OSError.
    """
    for directory in (logs.parent, logs):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)


class _PrivateFile(RotatingFileHandler):
    """Log files that only their owner can read, and no traceback on stderr when a disk is full."""

    def _open(self) -> "os._TextIOWrapper":  # type: ignore[name-defined]
        handle = open_regular(Path(self.baseFilename), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        return os.fdopen(handle, "a", encoding="utf-8", errors="backslashreplace")

    def handleError(self, record: logging.LogRecord) -> None:
        """A line that cannot be written is lost: the screen must not show why."""

    def close(self) -> None:
        """Lines that the disk has not taken by now are lost; how the program ends is not."""
        with suppress(OSError):
            super().close()


@contextmanager
def program_log(path: Path) -> Iterator[None]:
    """Send the log records of the whole process to this file while the context lasts.

    Nothing goes to stderr, where it would tear the screen. Raises FleetError when the file
    cannot be opened.
    """
    try:
        make_private(path.parent)
        handler = _PrivateFile(path, maxBytes=FILE_BYTES, backupCount=FILES_KEPT)
    except OSError as error:
        raise FleetError(
            f"cannot write the log {path}: {error.strerror}", "name another --data-dir"
        ) from error
    handler.setFormatter(line_formatter())
    root = logging.getLogger()
    before, root.handlers = root.handlers, [handler]
    level = root.level
    root.setLevel(logging.INFO)
    # httpx logs every request, with its URL.
    quiet = logging.getLogger("httpx")
    quiet.setLevel(logging.WARNING)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.handlers = before
        root.setLevel(level)
        handler.close()
