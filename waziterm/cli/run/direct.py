"""The plain command lines that somebody waits for, read without a library: those of a manager,
`waziterm [headless] [--data-dir DIR] [--lab FILE]`, and of the verbs that are asked again and
again, such as `waziterm list [--data-dir DIR] [--json]`.

cyclopts and the declarations of all verbs take 55 ms: a tenth of the time until the first paint,
and a third of a verb's. Whatever is longer, shorter or odder than this is theirs to read, and to
refuse.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, assert_never

from waziterm.cli.run.loading import nothing_collected

DATA_DIR, LAB, JSON = "--data-dir", "--lab", "--json"


class Line(StrEnum):
    """A command line that is read here, by its first word."""

    MONITOR = ""
    HEADLESS = "headless"
    LIST = "list"
    STATUS = "status"
    CHECK = "check"


_WORDS = frozenset(Line) - {Line.MONITOR}
_MANAGERS = (Line.MONITOR, Line.HEADLESS)


class DirectCall(NamedTuple):
    """A plain command line with its options; None: one is left out. names: of `status`."""

    line: Line
    names: tuple[str, ...] = ()
    data_dir: Path | None = None
    lab: Path | None = None
    as_json: bool = False


def direct_call(argv: Sequence[str]) -> DirectCall | None:
    """What a plain command line asks for; None for any other one."""
    has_word = bool(argv) and not argv[0].startswith("-")
    if has_word and argv[0] not in _WORDS:
        return None
    line = Line(argv[0]) if has_word else Line.MONITOR
    rest, names = list(argv[has_word:]), []
    while line is Line.STATUS and rest and rest[0] and not rest[0].startswith("-"):
        names.append(rest.pop(0))
    options = _options(rest, {DATA_DIR, LAB} if line in _MANAGERS else {DATA_DIR, JSON})
    if options is None:
        return None
    data_dir, lab = options.get(DATA_DIR), options.get(LAB)
    return DirectCall(
        line,
        tuple(names),
        None if data_dir is None else Path(data_dir),
        None if lab is None else Path(lab),
        JSON in options,
    )


def _options(words: Sequence[str], known: set[str]) -> dict[str, str] | None:
    """The options with their values, that of `--json` is ""; None unless all are plain."""
    options: dict[str, str] = {}
    left = iter(words)
    for flag in left:
        if flag not in known or flag in options:
            return None
        value = "" if flag == JSON else next(left, "")
        if flag != JSON and (not value or value.startswith("-")):
            return None
        options[flag] = value
    return options


def run_direct(call: DirectCall) -> int:
    """Carry it out; its exit code. What a manager loads is kept, what a verb makes is not
    searched for garbage: it answers once and ends."""
    if call.line in _MANAGERS:
        with nothing_collected():
            run = _carried_out_by(call)
        return run()
    with nothing_collected():
        return _carried_out_by(call)()


def _carried_out_by(call: DirectCall) -> Callable[[], int]:
    """What does it, loaded: it is most of the program."""
    match call.line:
        case Line.MONITOR:
            from waziterm.cli.run.host import run_monitor  # noqa: PLC0415

            return lambda: run_monitor(call.data_dir, call.lab)
        case Line.HEADLESS:
            from waziterm.cli.run.host import run_headless  # noqa: PLC0415

            return lambda: run_headless(call.data_dir, call.lab)
        case Line.LIST:
            from waziterm.cli.verbs.instances import list_instances  # noqa: PLC0415

            return lambda: list_instances(call.data_dir, call.as_json)
        case Line.STATUS:
            from waziterm.cli.verbs.instances import show_instances  # noqa: PLC0415

            return lambda: show_instances(call.data_dir, call.as_json, call.names)
        case Line.CHECK:
            from waziterm.cli.verbs.emergency import check  # noqa: PLC0415

            return lambda: check(call.data_dir, call.as_json)
        case _:
            assert_never(call.line)
