"""What a connected fleet costs: memory of the app and of a worker, CPU when nothing happens.

The real program runs in a pty of 160×50 with N paired instances; measured once all are logged
in and `SETTLE_S` seconds have passed. PSS is Linux's proportional set size, in 10^6 bytes.
Idle CPU is the growth of the processes' own CPU clocks over `IDLE_S` seconds, in which each
worker sends six heartbeats, answers one probe of ours and one ping of whatsmeow's, and the
screen ticks once a second. The lab and the bench do not count.
"""

import asyncio
import statistics
import time

from bench import machine
from bench.figures import Figure
from bench.programs import monitor
from bench.rig import BOOT_TIMEOUT_S, Rig, Stage

TITLE = "memory and idle CPU of the monitor with N connected instances"
APP_MB = 90.0
IDLE_PERCENT = 5.0
SETTLE_S = 15.0
IDLE_S = 30.0


async def run(rig: Rig) -> list[Figure]:
    """Measure the monitor at each size of fleet."""
    figures = []
    for count in (10,) if rig.quick else (10, 50):
        async with rig.stage(count) as stage:
            figures += await _measure(stage, strict=count == 50 or rig.quick)
    return figures


async def _measure(stage: Stage, *, strict: bool) -> list[Figure]:
    count = len(stage.jids)
    with monitor(stage) as terminal:
        async with asyncio.timeout(BOOT_TIMEOUT_S):
            for jid in stage.jids.values():
                await stage.lab.wait_online(jid, BOOT_TIMEOUT_S)
        await asyncio.sleep(SETTLE_S)
        workers = machine.workers(terminal.pid)
        dead = machine.zombies(terminal.pid)
        app, each = machine.pss_mb(terminal.pid), [machine.pss_mb(pid) for pid in workers]
        before, began = _cpu(terminal.pid, workers), time.monotonic()
        await asyncio.sleep(IDLE_S)
        after, took = _cpu(terminal.pid, workers), time.monotonic() - began
        alone = 100 * (after[terminal.pid] - before[terminal.pid]) / took
        everything = 100 * (sum(after.values()) - sum(before.values())) / took
    return [
        Figure(f"PSS of the app, {count} instances", app, "MB", APP_MB if strict else None),
        Figure(
            f"PSS per worker, {count} instances",
            statistics.median(each),
            "MB",
            note=f"{len(each)} workers, {sum(each):.0f} MB in all; {dead} zombies below them",
        ),
        Figure(
            f"idle CPU of everything, {count} instances",
            everything,
            "% of a core",
            IDLE_PERCENT if strict else None,
            note=f"over {took:.0f} s",
        ),
        Figure(f"idle CPU of the app alone, {count} instances", alone, "% of a core"),
    ]


def _cpu(app: int, workers: tuple[int, ...]) -> dict[int, float]:
    return {pid: machine.cpu_s(pid) for pid in (app, *workers)}
