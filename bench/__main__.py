"""`python -m bench [NAME ...] [--quick] [--json FILE] [--compare FILE] [--fixture DIR]`."""

import argparse
import asyncio
import importlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Protocol, cast

from rich.console import Console

from bench.figures import Figure, Result, earlier, load, pace, show
from bench.rig import Rig, isolate
from waziterm.domain.fleet.api import FleetError
from waziterm.lab.words import LabError

BENCHES = (
    "cold_start",
    "footprint",
    "packed",
    "thousand",
    "phone_history",
    "sends",
    "gateway",
    "inbox",
    "history",
    "patterns",
    "conflicts",
    "war",
    "reconnects",
    "imports",
    "backups",
    "fast_motion",
    "outage",
    "alerts",
    "troubles",
    "screen",
)


class Bench(Protocol):
    """A module that measures something."""

    TITLE: str
    run: Callable[[Rig], Awaitable[list[Figure]]]


def main() -> int:
    """Run the named benches, or all of them, and print their tables."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure the real program.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHES))
    parser.add_argument("--quick", action="store_true", help="smaller counts: minutes, not an hour")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures here")
    parser.add_argument(
        "--compare", type=Path, metavar="FILE", help="show the figures of an earlier --json too"
    )
    parser.add_argument(
        "--fixture", type=Path, metavar="DIR", help="keep the paired fleet here, for the next run"
    )
    args = parser.parse_args()
    unknown = [name for name in args.names if name not in BENCHES]
    if unknown:
        parser.error(f"no bench is called {unknown[0]!r}; there are {', '.join(BENCHES)}")
    before = earlier(json.loads(args.compare.read_text())) if args.compare else {}
    console = Console(width=None if sys.stdout.isatty() else 150)
    with tempfile.TemporaryDirectory(prefix="wt-bench-") as name:
        isolate(Path(name))
        rig = Rig(args.fixture or Path(name) / "fixture", console, quick=args.quick)
        names = args.names or BENCHES
        try:
            results = asyncio.run(_run(names, rig, before))
        except (KeyboardInterrupt, asyncio.CancelledError):
            return 130
    if args.json is not None:
        document = {"quick": args.quick, "benches": [result.as_json() for result in results]}
        args.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0 if len(results) == len(names) else 1


async def _run(names: tuple[str, ...], rig: Rig, before: Mapping[str, float]) -> list[Result]:
    """Run the benches. SIGTERM and SIGHUP end them like ctrl+c, so that nothing stays behind."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    counts = "small counts (--quick)" if rig.quick else "full counts"
    rig.console.print(f"benches: {counts}; {os.cpu_count()} cores\n", highlight=False)
    results = []
    for name in names:
        bench = cast(Bench, importlib.import_module(f"bench.{name}"))
        began, load_before, pace_before = time.monotonic(), load(), pace()
        try:
            figures = tuple(await bench.run(rig))
        except (OSError, LabError, FleetError, ExceptionGroup) as error:
            rig.console.print(f"{name} could not be measured: {_told(error)}\n", markup=False)
            continue
        said = (
            f"load {load_before:.1f} before, {load():.1f} at the end; "
            f"a fixed loop took {pace_before:.2f} s before, {pace():.2f} s at the end"
        )
        title = f"{bench.TITLE} (smaller counts: --quick)" if rig.quick else bench.TITLE
        result = Result(name, title, time.monotonic() - began, said, figures)
        show(result, rig.console, before)
        results.append(result)
    return results


def _told(error: BaseException) -> str:
    """An error in one line; in a group of errors, those that it is made of."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_told(each) for each in error.exceptions)
    return f"{error}" or type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
