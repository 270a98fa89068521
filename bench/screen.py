"""The screen under a flood of log lines: what is lost, what waits, and what it costs.

`bench/noisy.py` runs the real manager and the real screen in a pty of 160×50 with N instances,
none of them live, each with a past of a year and five drops on each day, and adds 2,000 lines a
second through their logs: to the store, and through the broadcast to the screen. Every view has a
process of its own, those with lines or panels for all a second one with 1,000. All instances are
brought on the screen once, and all tails in memory are full, before the measuring begins.
Lines lost: those written less those that the database holds after the end.
Loop gap: how late the loop gets to each moment of a grid of 5 ms; a block counts with every moment
that falls into it.
CPU: of the whole process, threads included; so are the making of the lines and the measuring.
Key to repaint: from writing a key to the pty until output has come with which the screen shows
another instance as selected: in the list and in the wall's rows by its mark, among the wall's cards
by its heavy frame, in the focus view by the name that heads it.
RSS per minute: the slope of the line that fits the samples of every second of the second half
best. Flat means within the steps in which memory comes: Python takes it from the system by 1 MB,
and 10,000 objects of garbage, 1 to 2 MB, wait for each collection
(`tui.app.terminal.GC_THRESHOLDS`).
"""

import asyncio
import contextlib
import os
import random
import re
import signal
import sqlite3
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Figure, percentile, slope
from bench.noisy import MEASURING, NOISE, WARM_LINES, WARM_UP, Measured
from bench.past import QUICK_DAYS, YEAR_DAYS, stopped_fleet
from bench.programs import environment
from bench.rig import Rig
from bench.terminal import RecordedTerminal
from waziterm.manager.files.datadir import DataDir

TITLE = "the screen with N instances and 2,000 log lines a second"
RATE = 2_000.0
LARGE = 1_000
GAP_MS = 50.0
CPU_PERCENT = 35.0
KEY_MS = 80.0
KEYS_PER_S = 100 / 30
"""As fast as an operator looks through a fleet; their own cost counts too."""
STARTED_S = 30.0
KEY_TIMEOUT_S = 5.0
LAST_S = 1.0
SPARE_S = 60.0
POLL_S = 0.05

_PAGE_DOWN, _HOME, _RIGHT, _LEFT = b"\x1b[6~", b"g", b"\x1b[C", b"\x1b[D"
_FIRST = "shop-001"


@dataclass(frozen=True, slots=True)
class View:
    """A way to show the fleet.

    opens: the keys that show it. selected: finds the selected instance in a row of the screen.
    forth, back: keys that select the next one and the one before.
    per_row: how many instances one of these keys passes by. pages: it shows many at once.
    """

    name: str
    opens: tuple[bytes, ...]
    selected: re.Pattern[str]
    forth: bytes = b"j"
    back: bytes = b"k"
    per_row: int = 1
    pages: bool = True


VIEWS = (
    View("rows", (), re.compile(r"▌ \S+ (shop-\d{3,4})")),
    View("cards", (b"h",), re.compile(r"┏━ (shop-\d{3,4})"), per_row=4),
    View("list", (b"2",), re.compile(r"▌ +(shop-\d{3,4})")),
    View(
        "focus", (b"\r",), re.compile(r"^ (shop-\d{3,4}) "), forth=_RIGHT, back=_LEFT, pages=False
    ),
)
MANY = ("rows", "cards", "list")
"""The views that are measured with a large fleet too."""
_ROWS = VIEWS[0]


@dataclass(frozen=True, slots=True)
class Found:
    """One run. keys: seconds from each key to its repaint. stored: measured lines in the database.
    dropped: notes there that say how many lines it lost."""

    measured: Measured
    keys: list[float]
    stored: int
    dropped: int


async def run(rig: Rig) -> list[Figure]:
    """Each view in turn."""
    count, days, seconds = (50, QUICK_DAYS, 10.0) if rig.quick else (200, YEAR_DAYS, 60.0)
    figures = []
    for view in VIEWS:
        for many in (count, *((LARGE,) if view.name in MANY and not rig.quick else ())):
            figures += _figures(view, many, await _measure(view, many, days, seconds))
    return figures


def _figures(view: View, count: int, found: Found) -> list[Figure]:
    measured = found.measured
    rate = measured.written / measured.took_s
    where = f"{view.name}, {count} instances"
    cpu = sorted(measured.cpu)
    late = len(measured.rss) // 2
    points = [(at / 60, mb) for at, mb in measured.rss[late:]]
    return [
        Figure(
            f"lines lost, {where}",
            measured.written - found.stored,
            "",
            0,
            note=f"of {measured.written} at {rate:.0f}/s; {found.dropped} notes of lost lines",
        ),
        Figure(
            f"loop gap p99, {where}",
            1000 * measured.gap_p99_s,
            "ms",
            GAP_MS,
            note=f"the longest {1000 * measured.gap_max_s:.0f} ms; the most CPU that the loop used"
            f" between two looks {1000 * measured.busy_max_s:.0f} ms; it waited for a core for"
            f" {100 * measured.waited_s / measured.took_s:.0f} % of the time",
        ),
        Figure(
            f"CPU of the app, {where}",
            100 * measured.cpu_s / measured.took_s,
            "% of a core",
            CPU_PERCENT,
            note=f"second by second {cpu[0]:.0f} to {cpu[-1]:.0f}" if cpu else "",
        ),
        Figure(
            f"key to repaint p95, {where}",
            1000 * percentile(found.keys, 0.95),
            "ms",
            KEY_MS,
            note=f"{len(found.keys)} keys, median {1000 * percentile(found.keys, 0.5):.0f} ms,"
            f" slowest {1000 * percentile(found.keys, 1.0):.0f} ms",
        ),
        Figure(
            f"RSS per minute, {where}",
            slope(points),
            "MB",
            note=f"of the last {points[-1][0] * 60 - points[0][0] * 60:.0f} s; RSS"
            f" {measured.rss[0][1]:.1f} MB at first, {measured.rss[late][1]:.1f} in the middle,"
            f" {measured.rss[-1][1]:.1f} at last; thousands of blocks that Python has in use:"
            f" {_spread(measured.blocks[:late])}, then {_spread(measured.blocks[late:])};"
            f" {measured.collections} collections, the longest"
            f" {1000 * measured.collection_max_s:.0f} ms",
        ),
    ]


def _spread(values: list[float]) -> str:
    """The least and the most."""
    return f"{min(values):.0f} to {max(values):.0f}"


async def _measure(view: View, count: int, days: int, seconds: float) -> Found:
    """Run the program once. Raises TimeoutError when the screen or the report does not come."""
    with tempfile.TemporaryDirectory(prefix="wtb-") as name:
        data, report = DataDir(Path(name) / "data"), Path(name) / "report.json"
        await stopped_fleet(data, count, days)
        argv = [sys.executable, "-m", "bench.noisy", str(data.root), str(report)]
        argv += ["--rate", str(RATE), "--seconds", str(seconds)]
        # Where nobody remembers how the screen of the view before was left.
        env = {**environment(), "XDG_STATE_HOME": name}
        with RecordedTerminal(argv, env) as terminal:
            keys = await asyncio.to_thread(_drive, terminal, view, report, count, seconds)
            code = await asyncio.to_thread(terminal.end)
        if code != 0:
            raise OSError(f"the noisy monitor ended with code {code}; {terminal.screen().strip()}")
        with contextlib.closing(sqlite3.connect(data.database)) as database:
            stored, warm, dropped = (
                database.execute(
                    "SELECT count(*) FROM lines WHERE substr(text, 1, ?) = ?", (len(text), text)
                ).fetchone()[0]
                for text in (NOISE, WARM_UP, "lines lost here")
            )
        if warm != WARM_LINES * count:
            raise OSError(f"of {WARM_LINES * count} lines to warm up only {warm} were stored")
        return Found(Measured.read(report), keys, stored, dropped)


def _drive(
    terminal: RecordedTerminal, view: View, report: Path, count: int, seconds: float
) -> list[float]:
    """Bring the view on, start the noise and press the keys; the seconds of each repaint."""
    terminal.wait_bytes(_FIRST.encode(), STARTED_S)
    _bring_all(terminal, _ROWS)
    position = terminal.position
    for key in view.opens:
        terminal.press(key)
    if view.opens:
        terminal.painted(view.selected, "", position, STARTED_S)
    if view.pages and view is not _ROWS:
        _bring_all(terminal, view)
    os.kill(terminal.pid, signal.SIGUSR1)
    _wait_file(report.with_name(MEASURING), SPARE_S * max(1.0, count / 200))
    keys = walk(terminal, view, count, seconds)
    _wait_file(report, seconds + SPARE_S)
    return keys


def _bring_all(terminal: RecordedTerminal, view: View) -> None:
    """Page through the fleet once and go back to the first instance."""
    name, position = _FIRST, terminal.position
    with contextlib.suppress(TimeoutError):
        while True:
            terminal.press(_PAGE_DOWN)
            _, name = terminal.painted(view.selected, name, position, LAST_S)
            position = terminal.position
    position = terminal.position
    terminal.press(_HOME)
    terminal.painted(view.selected, name, position, KEY_TIMEOUT_S)


def walk(terminal: RecordedTerminal, view: View, count: int, seconds: float) -> list[float]:
    """Go forth and back through the fleet until the noise ends; the seconds of each repaint.

    The keys come at moments that have nothing to do with the screen's frames.
    """
    chance = random.Random(count)
    leg = max(1, count // view.per_row - 2)
    name, took = _FIRST, list[float]()
    ends = time.monotonic() + seconds
    for number in range(round(KEYS_PER_S * seconds)):
        key = view.back if number // leg % 2 else view.forth
        pause = chance.uniform(0.4, 1.4) / KEYS_PER_S
        due = time.monotonic() + pause
        if due + LAST_S > ends:
            break
        position = terminal.position
        pressed = terminal.press(key)
        at, name = terminal.painted(view.selected, name, position, KEY_TIMEOUT_S)
        took.append(at - pressed)
        time.sleep(max(0.0, due - time.monotonic()))
    return took


def _wait_file(file: Path, timeout_s: float) -> None:
    """Wait until the program has written a file. Raises TimeoutError."""
    deadline = time.monotonic() + timeout_s
    while not file.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the noisy monitor never wrote {file.name}")
        time.sleep(POLL_S)
