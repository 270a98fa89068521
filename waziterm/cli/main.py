"""The entry point: runs a verb, and turns every way in which it can end into an exit code.

Exit codes: 0 all well · 1 problems, or the action failed · 2 wrong usage · 3 no manager runs, or
another one owns the data directory · 130 ended by ctrl+c.
"""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from waziterm.cli.run import streams
from waziterm.cli.run.direct import direct_call, run_direct
from waziterm.cli.run.loading import nothing_collected
from waziterm.cli.show import output
from waziterm.cli.show.verbs import typed
from waziterm.domain.errors import FleetError

if TYPE_CHECKING:
    from cyclopts import CycloptsError

FAILED = 1
WRONG_USAGE = 2
INTERRUPTED = 130
NARROWEST = 20
"""The columns that the help has at least, on whatever terminal."""
_WITH_VALUE = ("--data-dir", "--lab", "--lang")
"""The options that a word follows, of those that may stand before a verb."""
# What they did is done, whether or not it could be told. What lasts is asked for nothing; `undo` is
# put together from other verbs.
_ACTS_BESIDE_VERBS = frozenset({"headless", "attach", "lab", "undo"})


def main() -> NoReturn:
    """Run the verb that the process was called with, and exit with its code."""
    streams.install()
    sys.exit(run(sys.argv[1:]))


def run(argv: Sequence[str]) -> int:
    """Run one verb and return its exit code; nothing is raised, no traceback is printed."""
    argv = verb_first(argv)
    with typed(argv):
        code = _call(argv, "--json" in argv)
    sys.stdout.flush()
    lost = streams.lost()
    if lost is None:
        return code
    if not streams.is_gone(lost):
        output.remark(f"waziterm: the answer could not be written: {lost.strerror}")
    return code if _acted(argv) else code or FAILED


def verb_first(argv: Sequence[str]) -> list[str]:
    """A command line whose options stand before its verb, with them behind all the rest."""
    place = 0
    while place < len(argv) and argv[place].startswith("-"):
        place += 2 if argv[place] in _WITH_VALUE else 1
    before, rest = argv[:place], argv[place:]
    end = rest.index("--") if "--" in rest else len(rest)
    return [*rest[:end], *before, *rest[end:]]


def _acted(argv: Sequence[str]) -> bool:
    """Whether a verb changes something; of the others only the answer is wanted."""
    from waziterm.domain.fleet.protocol import Fleet  # noqa: PLC0415 - for a lost answer alone
    from waziterm.domain.fleet.verbs import verbs_of  # noqa: PLC0415 - for a lost answer alone

    if not {"--help", "-h", "--dry-run"}.isdisjoint(argv):
        return False
    acts = {verb.line for verb in verbs_of(Fleet).values() if verb.changes and verb.line}
    typed_verbs = {" ".join(argv[:count]) for count in (1, 2)}
    return not typed_verbs.isdisjoint(acts | _ACTS_BESIDE_VERBS)


def _call(argv: Sequence[str], as_json: bool) -> int:
    if not {"--help", "-h"}.isdisjoint(argv):
        from shutil import get_terminal_size  # noqa: PLC0415 - for the help alone

        if get_terminal_size().columns < NARROWEST:
            # In one or two columns the help's table would search for its widths without end.
            os.environ["COLUMNS"] = str(NARROWEST)
    try:
        call = direct_call(argv)
        return _verb(argv, as_json) if call is None else run_direct(call)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last line of defence; the log has all of it
        return output.fail(_told(error, argv), as_json)


def _verb(argv: Sequence[str], as_json: bool) -> int:
    """What the command line names, read by cyclopts."""
    with nothing_collected():
        from cyclopts import CycloptsError  # noqa: PLC0415 - the monitor starts without it

        from waziterm.cli.app import app  # noqa: PLC0415 - and without the verbs

    try:
        code = app(list(argv), exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return output.fail(_misused(error, argv), as_json)
    return code if isinstance(code, int) else 0


def _misused(error: "CycloptsError", argv: Sequence[str]) -> FleetError:
    """What was wrong with the command line, in one line."""
    from cyclopts import UnusedCliTokensError  # noqa: PLC0415 - only for a mistake

    from waziterm.cli.app import app  # noqa: PLC0415 - loaded by now

    verb = argv[0] if argv and argv[0] in app else ""
    hint = f"`waziterm {verb} --help`" if verb else "`waziterm --help`"
    words = " ".join(str(error).split())
    if argv and not verb and not argv[0].startswith("-"):
        from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

        near = get_close_matches(argv[0], [name for name in app if name.isalpha()], 1)
        words = f"unknown verb {argv[0]!r}" + (f"; did you mean {near[0]!r}?" if near else "")
    elif isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        words = f"{verb or 'the monitor'} takes no {error.unused_tokens[0]!r}"
    return FleetError(words, f"{hint} says what is possible", WRONG_USAGE)


def _told(error: Exception, argv: Sequence[str]) -> FleetError:
    """What an operator reads about an exception: an error of ours, or where its log is."""
    expected = _expected(error)
    if expected is not None:
        return expected
    from waziterm.cli.run.crash import record  # noqa: PLC0415 - needed once in a blue moon

    return record(error, argv)


def _expected(error: BaseException) -> FleetError | None:
    """The FleetError in an exception, also alone in a group of a task group."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error if isinstance(error, FleetError) else None
