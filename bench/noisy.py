"""The monitor under a flood of log lines, in a process of its own: `python -m bench.noisy ...`.

The real manager on a prepared data directory, all of whose instances are stopped, under the real
screen; what adds the lines and takes the measures shares their event loop. The control socket of
`waziterm` is left out. SIGUSR1 begins: first `WARM_LINES` lines for each instance, which fill
every bounded tail in memory, as fast as the store takes them; then the measured lines. Each of the
two moments of the measuring is told by a file in the folder of the report: `MEASURING` when it
begins, and the report itself, JSON, when it has ended. The screen stays until it is told to leave.

`BENCH_PROFILE=FILE` in the environment writes a cProfile of the loop's thread while measuring,
which makes everything slower: for finding where the time goes, not for figures.
"""

import argparse
import asyncio
import contextlib
import cProfile
import gc
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from bench import machine
from bench.figures import percentile
from waziterm.cli.run.log import program_log
from waziterm.config import Settings, load_settings
from waziterm.domain.fleet.api import Source
from waziterm.domain.screen import Screen
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.instance.log import InstanceLog
from waziterm.manager.manager import SessionManager, open_manager
from waziterm.tui.app.terminal import run_screen
from waziterm.tui.state.model import KEPT_LINES

MEASURING = "measuring"
NOISE = "noise "
"""How every measured line begins, so that they can be counted in the database."""
WARM_UP = "early "
"""As long as that, so that the lines that replace them find room of their size."""
WARM_LINES = KEPT_LINES + 260
"""No kept line has one of the numbers up to 256 any more, which cost Python no memory."""
WARM_AT_ONCE = 500
TURN_S = 0.01
TICK_S = 0.005
GAP_STEP_S = 0.0001
SAMPLE_S = 1.0
LINES_KEPT = 100_000

_TEXTS = (
    "keepalive answered after {} ms",
    "[Client/Socket INFO] frame of {} bytes taken in, {} frames wait",
    "receipt: read, message of type text, {} ms after it was sent",
    "<iq from='s.whatsapp.net' id='{}-17' type='result'/> answered a query after {} ms, and"
    " nothing else was under way at that moment",
    "médias: 画像 {} kB ⏳ retry {} of 5",
)


@dataclass(slots=True)
class Measured:
    """What one run found.

    written: measured lines handed to the logs. took_s: how long that took, in seconds. cpu_s:
    of the whole process meanwhile. waited_s: how long the loop's thread wanted a core that others
    had. gap_p99_s, gap_max_s, busy_max_s: see `_watch_loop`. rss: (seconds, MB) once a second.
    blocks: what Python has allocated then, in thousands of blocks. cpu: percent of a core, second
    by second. collections: how many times Python looked for garbage, and collection_max_s: the
    longest time that it took.
    """

    written: int = 0
    took_s: float = 0.0
    cpu_s: float = 0.0
    waited_s: float = 0.0
    gap_p99_s: float = 0.0
    gap_max_s: float = 0.0
    busy_max_s: float = 0.0
    collections: int = 0
    collection_max_s: float = 0.0
    rss: list[tuple[float, float]] = field(default_factory=list)
    blocks: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @classmethod
    def read(cls, file: Path) -> Self:
        return cls(**json.loads(file.read_text(encoding="utf-8")))


def settings_of(root: Path) -> Settings:
    """The defaults, but for as many kept lines that pruning is no loss."""
    file = root / "no-config.toml"
    file.touch()
    environ = {"WAZITERM_LOG__LINES_KEPT": str(LINES_KEPT)}
    return load_settings(data_dir=root, environ=environ, file=file)


def main() -> int:
    """Show the fleet and make noise; the screen's exit code."""
    parser = argparse.ArgumentParser(prog="bench.noisy")
    parser.add_argument("data", type=Path, help="the data directory")
    parser.add_argument("report", type=Path, help="where the figures are written")
    parser.add_argument("--rate", type=float, required=True, help="lines per second, all together")
    parser.add_argument("--seconds", type=float, required=True)
    args = parser.parse_args()
    data = DataDir(args.data)
    with program_log(data.log):
        return asyncio.run(_show(data, args.report, args.rate, args.seconds))


async def _show(data: DataDir, report: Path, rate: float, seconds: float) -> int:
    begin = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, begin.set)
    painted = asyncio.Event()
    async with open_manager(data.root, settings_of(data.root), None, begin=painted) as manager:
        noise = asyncio.create_task(_noise(manager, begin, report, rate, seconds))
        try:
            code = await run_screen(manager, painted.set, screen=Screen())
        finally:
            noise.cancel()
            ended = await asyncio.gather(noise, return_exceptions=True)
    if isinstance(ended[0], Exception):
        raise ended[0]
    return code


async def _noise(
    manager: SessionManager, begin: asyncio.Event, report: Path, rate: float, seconds: float
) -> None:
    """Fill the tails, then measure, then report."""
    await begin.wait()
    logs = _logs(manager)
    warming = _Lines(logs, WARM_UP)
    while warming.added < WARM_LINES * len(logs):
        warming.add(WARM_AT_ONCE)
        await manager._store.flush()
    await asyncio.sleep(SAMPLE_S)
    measured = Measured()
    with _profile(), _watch_collections(measured):
        report.with_name(MEASURING).touch()
        async with asyncio.TaskGroup() as tasks:
            watching = [
                tasks.create_task(_watch_loop(measured)),
                tasks.create_task(_watch_process(measured)),
            ]
            lines, count, own = _Lines(logs, NOISE), round(rate * seconds), os.getpid()
            waited = machine.waited_s(own)
            began, before = time.monotonic(), time.process_time()
            while lines.added < count:
                due = min(count, int((time.monotonic() - began) * rate))
                lines.add(due - lines.added)
                await asyncio.sleep(TURN_S)
            measured.took_s = time.monotonic() - began
            measured.cpu_s = time.process_time() - before
            measured.waited_s = machine.waited_s(own) - waited
            measured.written = lines.added
            for task in watching:
                task.cancel()
    await manager._store.flush()
    fresh = report.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(measured)), encoding="utf-8")
    fresh.rename(report)


def _logs(manager: SessionManager) -> list[InstanceLog]:
    """Where a supervisor writes what its worker says.

    Private: nobody but a supervisor writes an instance's log, and one whose instance is stopped
    has no worker that could say anything.
    """
    return [supervisor._log for supervisor in manager._instances]


class _Lines:
    """Adds lines, spread evenly over all instances in an order that changes every round."""

    def __init__(self, logs: list[InstanceLog], begins: str) -> None:
        self._logs = logs
        self._begins = begins
        self._order = random.Random(len(logs))
        self._round: list[InstanceLog] = []
        self.added = 0

    def add(self, count: int) -> None:
        for number in range(self.added, self.added + count):
            if not self._round:
                self._round = self._order.sample(self._logs, len(self._logs))
            text = _TEXTS[number % len(_TEXTS)].format(number % 977, number % 31)
            self._round.pop().add(Source.LIBRARY, f"{self._begins}{number}: {text}")
        self.added += count


async def _watch_loop(measured: Measured) -> None:
    """How late the event loop is: for each moment of a fixed grid of `TICK_S`, the time until the
    loop got to it. A block counts with every moment that falls into it, not once.

    busy: the most CPU that the loop's thread used up between two of its moments, which others on
    the machine do not lengthen. Gaps are counted in steps of `GAP_STEP_S`: a list of all of them
    would itself grow by 0.4 MB a minute.
    """
    gaps: Counter[int] = Counter()
    due, spent = time.monotonic(), time.thread_time()
    try:
        while True:
            due += TICK_S
            await asyncio.sleep(due - time.monotonic())
            now, before = time.monotonic(), spent
            spent = time.thread_time()
            measured.busy_max_s = max(measured.busy_max_s, spent - before)
            gaps[round(max(0.0, now - due) / GAP_STEP_S)] += 1
            while due + TICK_S <= now:
                due += TICK_S
                gaps[round((now - due) / GAP_STEP_S)] += 1
    finally:
        steps = list(gaps.elements())
        measured.gap_p99_s = percentile(steps, 0.99) * GAP_STEP_S
        measured.gap_max_s = max(steps) * GAP_STEP_S


async def _watch_process(measured: Measured) -> None:
    """Memory and CPU, once a second."""
    began = at = time.monotonic()
    cpu = time.process_time()
    while True:
        measured.rss.append((at - began, machine.rss_mb(os.getpid())))
        measured.blocks.append(sys.getallocatedblocks() / 1000)
        await asyncio.sleep(SAMPLE_S)
        now, spent = time.monotonic(), time.process_time()
        measured.cpu.append(100 * (spent - cpu) / (now - at))
        at, cpu = now, spent


@contextlib.contextmanager
def _watch_collections(measured: Measured) -> Iterator[None]:
    """Count the searches for garbage, which stop the loop."""
    began = 0.0

    def told(phase: str, _: dict[str, int]) -> None:
        nonlocal began
        if phase == "start":
            began = time.monotonic()
            return
        measured.collections += 1
        measured.collection_max_s = max(measured.collection_max_s, time.monotonic() - began)

    gc.callbacks.append(told)
    try:
        yield
    finally:
        gc.callbacks.remove(told)


@contextlib.contextmanager
def _profile() -> Iterator[None]:
    """Write a profile of what happens meanwhile, where the environment asks for one."""
    file = os.environ.get("BENCH_PROFILE")
    if file is None:
        yield
        return
    profile = cProfile.Profile()
    profile.enable()
    try:
        yield
    finally:
        profile.disable()
        profile.dump_stats(file)


if __name__ == "__main__":
    sys.exit(main())
