"""The monitor's own command line, `waziterm [--data-dir DIR] [--lab FILE]`, read without a library.

cyclopts and the declarations of all verbs take 55 ms, a tenth of the time until the first paint.
Whatever is longer, shorter or odder than this is theirs to read, and to refuse.
"""

from collections.abc import Sequence
from pathlib import Path

from waziterm.cli.run.loading import nothing_collected

DATA_DIR, LAB = "--data-dir", "--lab"


def monitor_options(argv: Sequence[str]) -> dict[str, Path] | None:
    """The value of each option of a plain call of the monitor; None for any other command line."""
    flags, values = argv[::2], argv[1::2]
    plain = len(flags) == len(values) and len(set(flags)) == len(flags)
    if not plain or not {DATA_DIR, LAB}.issuperset(flags):
        return None
    if any(not value or value.startswith("-") for value in values):
        return None
    return dict(zip(flags, map(Path, values), strict=True))


def run_direct(options: dict[str, Path]) -> int:
    """Run the monitor; its exit code."""
    with nothing_collected():
        from waziterm.cli.run.host import run_monitor  # noqa: PLC0415 - it is most of the program

    return run_monitor(options.get(DATA_DIR), options.get(LAB))
