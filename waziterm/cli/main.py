"""The entry point: runs a verb, and turns every way in which it can end into an exit code.

Exit codes: 0 all well · 1 problems, or the action failed · 2 wrong usage · 3 no manager runs, or
another one owns the data directory · 130 ended by ctrl+c.
"""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from cyclopts import CycloptsError, UnusedCliTokensError

from waziterm.cli import output
from waziterm.cli.app_emergency import app
from waziterm.domain.errors import FleetError

FAILED = 1
WRONG_USAGE = 2
INTERRUPTED = 130


def main() -> NoReturn:
    """Run the verb that the process was called with, and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        # Whatever the terminal's encoding is, a name with a bullet in it is no reason to fail.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))


def run(argv: Sequence[str]) -> int:
    """Run one verb and return its exit code; nothing is raised, no traceback is printed."""
    as_json = "--json" in argv
    try:
        code = _call(argv, as_json)
        sys.stdout.flush()
    except BrokenPipeError:
        _silence_stdout()
        return FAILED
    return code


def _call(argv: Sequence[str], as_json: bool) -> int:
    try:
        code = app(list(argv), exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return output.fail(_misused(error, argv), as_json)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the last line of defence; the log has all of it
        return output.fail(_told(error, argv), as_json)
    return code if isinstance(code, int) else 0


def _misused(error: CycloptsError, argv: Sequence[str]) -> FleetError:
    """What was wrong with the command line, in one line."""
    verb = argv[0] if argv and argv[0] in app else ""
    hint = f"`waziterm {verb} --help`" if verb else "`waziterm --help`"
    words = " ".join(str(error).split())
    if argv and not verb and not argv[0].startswith("-"):
        from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

        near = get_close_matches(argv[0], [name for name in app if name.isalpha()], 1)
        words = f"unknown verb {argv[0]!r}" + (f"; did you mean {near[0]!r}?" if near else "")
    elif isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        unused = error.unused_tokens[0]
        words = f"{verb or 'the monitor'} takes no {unused!r}"
        if not verb and unused in app:
            words = f"the verb comes first: `waziterm {unused} {argv[0]} …`"
    return FleetError(words, f"{hint} says what is possible", WRONG_USAGE)


def _told(error: Exception, argv: Sequence[str]) -> FleetError:
    """What an operator reads about an exception: an error of ours, or where its log is."""
    expected = _expected(error)
    if expected is not None:
        return expected
    from waziterm.cli.crash import record  # noqa: PLC0415 - needed once in a blue moon

    return record(error, argv)


def _expected(error: BaseException) -> FleetError | None:
    """The FleetError in an exception, also alone in a group of a task group."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error if isinstance(error, FleetError) else None


def _silence_stdout() -> None:
    """Nobody reads any more: what is still buffered must not fail again at the exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
