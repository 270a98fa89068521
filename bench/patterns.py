"""What it takes to look for 20 patterns in the log lines of a noisy fleet.

The manager's own `LogPatterns` takes lines in as they come, 2,000 a second of 200 instances: lines
as the library writes them, of its nodes and its errors, and some with a stranger's text that a
backtracking engine would lose itself in. One in a hundred matches. What this process needs beside
them for the feeding is in the figure too.
"""

import asyncio
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.figures import Figure
from bench.rig import Rig
from waziterm.domain.alerts.alert_settings import Pattern
from waziterm.domain.alerts.facts import Fact
from waziterm.domain.settings import Regex
from waziterm.manager.care.patterns import LogPatterns
from waziterm.manager.clock import SystemClock
from waziterm.manager.instance.fresh_lines import FreshLines
from waziterm.store.store import open_store

TITLE = "20 patterns in 2,000 lines a second"
LINES_S, PATTERNS, INSTANCES = 2_000, 20, 200
CORE_SHARE = 5.0
_STEP_S = 0.05
_LINES = (
    "warning: Node handling took 7.213 s for <message id=3AB727D3F85DAA8051DA type=text>",
    "Successfully authenticated",
    "Uploading 812 new prekeys to server",
    "error: Error reading from websocket: failed to get reader: failed to read frame header: EOF",
    "warning: Failed to decrypt message 3A7F150B2974A276F4B8: no session for the sender",
    "probe ok after 0.08 s",
    "connected: online",
    "error: " + "a" * 300 + "!",
)
_MATCHING = "error: slow query 17 of the shop"


async def run(rig: Rig) -> list[Figure]:
    """Feed them for some seconds, and then as fast as it goes."""
    lasts_s = 5 if rig.quick else 20
    heard: list[Fact] = []
    with TemporaryDirectory(prefix="wt-patterns-") as folder:
        async with open_store(Path(folder) / "waziterm.db") as store:
            fresh, patterns = FreshLines(), _patterns()
            looks = LogPatterns(
                fresh, store, SystemClock(), lambda: patterns, lambda: (), heard.append
            )
            task = asyncio.create_task(looks.run())
            try:
                share = await _paced(fresh, lasts_s)
                await asyncio.sleep(1.0)
            finally:
                task.cancel()
            lines = list(islice(_lines(), 20_000))
            began, rest = time.perf_counter(), iter(lines)
            while looks.look(rest):
                pass
            took_us = (time.perf_counter() - began) / len(lines) * 1e6
    note = f"{len(heard)} times told"
    return [
        Figure("of a core", share * 100, "%", CORE_SHARE, note=note),
        Figure("a line", took_us, "µs"),
    ]


def _patterns() -> tuple[Pattern, ...]:
    nested = Pattern("nested", Regex(r"(a+)+$"), count=1_000)
    slow = Pattern("slow", Regex(r"slow query \d+"), count=5)
    others = (
        Pattern(f"other-{number}", Regex(rf"(?i)(?:fault|failure) {number} .*(?:shop|till)"))
        for number in range(PATTERNS - 2)
    )
    return (nested, slow, *others)


def _lines() -> Iterator[tuple[str, str]]:
    texts = cycle((*(_LINES[number % len(_LINES)] for number in range(99)), _MATCHING))
    ids = cycle(f"{number:016x}" for number in range(INSTANCES))
    return zip(ids, texts, strict=False)


async def _paced(fresh: FreshLines, lasts_s: int) -> float:
    """The share of a core that this process needs meanwhile."""
    lines, each = _lines(), int(LINES_S * _STEP_S)
    began, used = time.monotonic(), time.process_time()
    for step in range(int(lasts_s / _STEP_S)):
        for line in islice(lines, each):
            fresh.add(*line)
        await asyncio.sleep(max(0.0, began + (step + 1) * _STEP_S - time.monotonic()))
    return (time.process_time() - used) / (time.monotonic() - began)
