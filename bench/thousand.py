"""A thousand instances on one box, and fifty, at the product's defaults.

N paired instances start with no setting changed: the real `waziterm headless` with a thousand, the
monitor in a pty with fifty. Online: from exec until the lab has counted a login of each device.
All memory: PSS of manager or monitor, zygote and workers, in 10^6 bytes, `SETTLE_S` seconds after
that. Idle CPU: as of `packed`. A crash: a SIGKILL of the fullest worker. The verbs ask the running
manager, from exec to their end. An outage: the lab refuses its port for `OUTAGE_S` seconds, and
each device is back when it has logged in again; the dials of ours are those that the database
holds. The lab and the bench do not count.

To pair the thousand takes ten minutes, once with `--fixture`.
"""

import asyncio
import statistics
import time

from bench import machine
from bench.attempts import overlapping, stored_attempts
from bench.figures import Figure
from bench.outage import OUTAGE_S, away
from bench.packed import SETTLE_S, idle_cpu, killed
from bench.programs import command, environment, headless, monitor
from bench.rig import Rig, Stage

TITLE = "a thousand instances, and fifty, at the defaults"
COUNT, QUICK_COUNT, FEW = 1000, 50, 50
RUNS = 3
ONLINE_S, ALL_MB, IDLE_PERCENT = 11.0, 950.0, 7.0
FEW_ONLINE_S, FEW_MB = 0.9, 150.0
BACK_S = 90.0
VERBS = {"list": 0.4, "stats": 0.5, "check": 3.0}


async def run(rig: Rig) -> list[Figure]:
    """The monitor with few, then the manager with a thousand."""
    return [*await _few(rig), *await _many(rig, QUICK_COUNT if rig.quick else COUNT)]


async def _few(rig: Rig) -> list[Figure]:
    took, memory = [], float("nan")
    for nth in range(RUNS):
        async with rig.stage(FEW, fresh=True) as stage:
            position = stage.lab.position
            with monitor(stage) as terminal:
                online_at = await stage.logins(stage.jids.values(), position)
                took.append(online_at - terminal.started_at)
                if nth == RUNS - 1:
                    await asyncio.sleep(SETTLE_S)
                    memory = _all_mb(terminal.pid)
    return [
        _median(f"all online, {FEW} instances in the monitor", took, FEW_ONLINE_S),
        Figure(f"all memory, {FEW} instances in the monitor", memory, "MB", FEW_MB),
    ]


async def _many(rig: Rig, count: int) -> list[Figure]:
    whole = count == COUNT
    async with rig.stage(count, fresh=True) as stage:
        position, began = stage.lab.position, time.time()
        async with headless(stage.data, stage.lab.file) as manager:
            took = await stage.logins(stage.jids.values(), position) - began
            await asyncio.sleep(SETTLE_S)
            workers = machine.workers(manager.pid)
            figures = [
                Figure(f"all online, {count} instances", took, "s", ONLINE_S if whole else None),
                Figure(
                    f"all memory, {count} instances",
                    _all_mb(manager.pid),
                    "MB",
                    ALL_MB if whole else None,
                    note=f"{len(workers)} workers; the manager {machine.pss_mb(manager.pid):.0f}"
                    f" and the zygote {machine.pss_mb(machine.zygote(manager.pid)):.0f} MB of it",
                ),
                await idle_cpu(manager.pid, f"{count} instances", IDLE_PERCENT if whole else None),
            ]
            for verb, limit in VERBS.items():
                figures.append(await _verb(stage, verb, count, limit))
            figures += await killed(manager, stage, count)
            return [*figures, *await _outage(stage, count)]


async def _outage(stage: Stage, count: int) -> list[Figure]:
    """Nobody reaches WhatsApp for a while; how soon all are back, and at what rush of ours."""
    at_once = stage.settings().fleet.connects_at_once
    position, began = stage.lab.position, time.time()
    await away(stage)
    returned = time.time()
    took = await stage.logins(stage.jids.values(), position) - returned
    ours = [one for one in stored_attempts(stage.data.database) if one.began >= began]
    what = f"an outage of {OUTAGE_S:.0f} s, {count} instances"
    note = f"{len(ours)} attempts of ours"
    return [
        Figure(f"{what}: all back after", took, "s", BACK_S),
        Figure(f"{what}: our dials in flight", overlapping(ours), "", at_once, note=note),
    ]


def _all_mb(pid: int) -> float:
    pids = (pid, machine.zygote(pid), *machine.workers(pid))
    return sum(machine.pss_mb(each) for each in pids)


async def _verb(stage: Stage, verb: str, count: int, limit: float) -> Figure:
    took = []
    for _ in range(RUNS):
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *command(verb, "--data-dir", stage.data.root),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment(),
        )
        await process.wait()
        took.append(time.monotonic() - began)
    return _median(f"`waziterm {verb}`, {count} instances", took, limit)


def _median(what: str, took: list[float], limit: float | None) -> Figure:
    note = f"runs: {', '.join(f'{each:.2f}' for each in took)} s"
    return Figure(what, statistics.median(took), "s", limit, note=note)
