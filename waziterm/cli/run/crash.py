"""An unexpected exception: all of it into the program's log, one line to the operator."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from waziterm.cli.run.log import line_formatter, make_private
from waziterm.cli.target import data_dir_of
from waziterm.domain.errors import FleetError
from waziterm.domain.text import safe_line
from waziterm.manager.files.owner import acting_as_owner
from waziterm.manager.files.regular import open_regular


def record(error: Exception, argv: Sequence[str]) -> FleetError:
    """Append the traceback to the log, and return what the operator reads.

    argv: the command line, of which only the verb and the data directory are used.
    """
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    what = f"unexpected error ({safe_line(said, 200)})"
    try:
        data = data_dir_of(_data_dir_flag(argv))
        log = data.log
        with acting_as_owner(data.root):
            make_private(log.parent)
            handle = open_regular(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        with os.fdopen(handle, "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(line_formatter().format(_as_record(error, argv)) + "\n")
    except (OSError, FleetError) as failure:
        return FleetError(what, f"and it could not be logged: {failure}")
    return FleetError(what, f"the log has all of it: {log}")


def _as_record(error: Exception, argv: Sequence[str]) -> logging.LogRecord:
    verb = next((word for word in argv if not word.startswith("-")), "the monitor")
    return logging.LogRecord(
        "waziterm.cli",
        logging.ERROR,
        __file__,
        0,
        "%s failed",
        (verb,),
        (type(error), error, error.__traceback__),
    )


def _data_dir_flag(argv: Sequence[str]) -> Path | None:
    for place, word in enumerate(argv):
        if word == "--data-dir" and place + 1 < len(argv):
            return Path(argv[place + 1])
        if word.startswith("--data-dir="):
            return Path(word.partition("=")[2])
    return None
