"""A manager's own command lines, `waziterm [headless] [--data-dir DIR] [--lab FILE]`, read without
a library.

cyclopts and the declarations of all verbs take 55 ms, a tenth of the time until the first paint.
Whatever is longer, shorter or odder than this is theirs to read, and to refuse.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from waziterm.cli.run.loading import nothing_collected

HEADLESS, DATA_DIR, LAB = "headless", "--data-dir", "--lab"


@dataclass(frozen=True, slots=True)
class DirectCall:
    """A plain call of the monitor, or of `headless`, with its options; None: one is left out."""

    headless: bool
    data_dir: Path | None
    lab: Path | None


def direct_call(argv: Sequence[str]) -> DirectCall | None:
    """What a plain command line asks for; None for any other one."""
    headless = bool(argv) and argv[0] == HEADLESS
    flags, values = argv[headless::2], argv[headless + 1 :: 2]
    plain = len(flags) == len(values) and len(set(flags)) == len(flags)
    if not plain or not {DATA_DIR, LAB}.issuperset(flags):
        return None
    if any(not value or value.startswith("-") for value in values):
        return None
    paths = dict(zip(flags, map(Path, values), strict=True))
    return DirectCall(headless, paths.get(DATA_DIR), paths.get(LAB))


def run_direct(call: DirectCall) -> int:
    """Run the manager; its exit code."""
    with nothing_collected():
        from waziterm.cli.run.host import (  # noqa: PLC0415 - it is most of the program
            run_headless,
            run_monitor,
        )

    run = run_headless if call.headless else run_monitor
    return run(call.data_dir, call.lab)
