"""A day of trouble in fast motion: thousands of reconnects over fifty packed instances.

The real program `waziterm headless` keeps the instances on the lab. In each round every instance
is reconnected once: most connections are cut by the lab and redialled by the library, some are
reconnected by the verb, which parts them from their worker, and one worker is killed. After each
round, when all are online again, file descriptors, threads and memory of the manager and of all
workers are read from /proc. The slope is that of the straight line that fits the samples best, per
1,000 reconnects; the first fifth is left out. The logs are full before it begins, as after some
days: the manager keeps the end of each. Short-lived connections count as none here, and no
wait grows, for they are what is measured.
"""

import asyncio
import contextlib
import os
import signal
import statistics
import time
from dataclasses import dataclass
from random import Random

import psutil

from bench import machine
from bench.figures import Figure, slope
from bench.past import remember_lines
from bench.programs import Headless, headless
from bench.rig import Rig, Stage
from waziterm.lab.trouble import TroubleKind
from waziterm.manager.instance.log import TAIL

TITLE = "a day of trouble in fast motion"
COUNT = 50
ROUNDS = 100
QUICK_ROUNDS = 6
ASKED = 5
LIMITS = {
    "WAZITERM_LIMITS__SHORT_LIVED_S": "0",
    "WAZITERM_LIMITS__BACKOFF_FIRST_S": "1",
    "WAZITERM_LIMITS__BACKOFF_CAP_S": "1",
    "WAZITERM_LIMITS__CRASH_BUDGET": "100",
    "WAZITERM_LIMITS__CRASH_WINDOW_S": "1",
    "WAZITERM_FLEET__PACED_PER_S": "1000",
}
LINE = "error: Error reading from websocket: failed to get reader: connection reset by peer"
FDS, THREADS, WORKERS_MB = 5.0, 5.0, 50.0
LAST_FIFTH = 1.02


@dataclass(frozen=True, slots=True)
class Sample:
    """After so many reconnects. mb: of the manager; workers_mb: PSS of all; in 10^6 bytes."""

    reconnects: int
    fds: int
    threads: int
    mb: float
    workers: int
    workers_mb: float
    workers_fds: int
    workers_threads: int


async def run(rig: Rig) -> list[Figure]:
    """Make trouble, wait, sample; then fit."""
    rounds, random, samples = QUICK_ROUNDS if rig.quick else ROUNDS, Random(0), []
    began = time.monotonic()
    async with rig.stage(COUNT, fresh=True) as stage:
        await asyncio.to_thread(remember_lines, stage.data.database, time.time(), TAIL, LINE)
        async with headless(stage.data, stage.lab.file, "", **LIMITS) as manager:
            await stage.logins(stage.jids.values(), 0)
            samples.append(_sample(manager, 0))
            for number in range(1, rounds + 1):
                position = stage.lab.position
                await _trouble(stage, manager, random)
                await stage.logins(stage.jids.values(), position)
                samples.append(_sample(manager, number * COUNT))
    took = time.monotonic() - began
    steady = [sample for sample in samples if sample.reconnects >= rounds * COUNT / 5]

    def per_1000(what: str) -> float:
        return 1000 * slope([(sample.reconnects, getattr(sample, what)) for sample in steady])

    def course(what: str) -> str:
        shown = samples[:: max(1, rounds // 5)]
        return "at each fifth: " + ", ".join(f"{getattr(sample, what):.0f}" for sample in shown)

    last = samples[-1]
    return [
        Figure("reconnects", last.reconnects, "", rounds * COUNT, True, note=f"in {took:.0f} s"),
        Figure("fds of the manager, per 1,000", per_1000("fds"), "", FDS, note=course("fds")),
        Figure(
            "threads of the manager, per 1,000", per_1000("threads"), "", THREADS,
            note=course("threads"),
        ),
        Figure(
            "memory of the manager, its last fifth by the fourth", _fifths(samples), "", LAST_FIFTH,
            note=f"means; MB {course('mb')}",
        ),
        Figure(
            "RSS of the manager, per 1,000", 1000 * per_1000("mb"), "kB",
            note=f"MB {course('mb')}",
        ),
        Figure(
            "PSS of all workers, per 1,000", per_1000("workers_mb"), "MB", WORKERS_MB,
            note=f"MB {course('workers_mb')}; workers {course('workers')}",
        ),
        Figure(
            "fds of all workers, per 1,000", per_1000("workers_fds"), note=course("workers_fds")
        ),
        Figure(
            "threads of all workers, per 1,000", per_1000("workers_threads"),
            note=course("workers_threads"),
        ),
    ]  # fmt: skip


def _fifths(samples: list[Sample]) -> float:
    """The mean memory of the last fifth of all samples by that of the one before."""
    size = max(1, len(samples) // 5)
    fourth, last = samples[-2 * size : -size], samples[-size:]
    return statistics.fmean(each.mb for each in last) / statistics.fmean(each.mb for each in fourth)


async def _trouble(stage: Stage, manager: Headless, random: Random) -> None:
    """Reconnect everybody once, one way or the other."""
    names = list(stage.jids)
    random.shuffle(names)
    for name in names[:ASKED]:
        await manager.reconnect(name)
    views = await manager.instances()
    rest = {view["name"]: view["pid"] for view in views if view["name"] not in names[:ASKED]}
    killed = random.choice(sorted({pid for pid in rest.values() if pid is not None}))
    os.kill(killed, signal.SIGKILL)
    kinds = (TroubleKind.TCP_RESET, TroubleKind.WS_CLOSE)
    for name, pid in rest.items():
        if pid != killed:
            await stage.lab.trouble(random.choice(kinds), stage.jids[name])


def _sample(manager: Headless, reconnects: int) -> Sample:
    pid = manager.pid
    workers = []
    for each in machine.workers(pid):
        # One that was left by its last instance may end while it is read.
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError, FileNotFoundError):
            workers.append((machine.pss_mb(each), machine.open_fds(each), machine.threads(each)))
    return Sample(
        reconnects,
        machine.open_fds(pid),
        machine.threads(pid),
        machine.rss_mb(pid),
        len(workers),
        sum(mb for mb, _, _ in workers),
        sum(fds for _, fds, _ in workers),
        sum(threads for _, _, threads in workers),
    )
