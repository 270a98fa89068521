"""Many instances in few workers: how soon they are online, what they cost, what a crash takes.

The real program `waziterm headless` starts with N paired instances and K instances per worker.
Online: from its exec until the lab has counted a login of each of the N devices. PSS is Linux's
proportional set size of the workers and of the zygote that they were forked from, in 10^6 bytes,
`SETTLE_S` seconds later. Idle CPU is the growth of the CPU clocks of manager, zygote and workers
over `IDLE_S` seconds, in which each instance is probed once. The lab and the bench do not count.
A crash is a SIGKILL of a worker that ten instances share.
"""

import asyncio
import os
import signal
import statistics
import time
from dataclasses import dataclass

from bench import machine
from bench.figures import Figure
from bench.programs import Headless, headless
from bench.rig import BOOT_TIMEOUT_S, Rig, Stage
from waziterm.lab.events import EventKind

TITLE = "N paired instances, K to a worker"
SETTLE_S = 10.0
IDLE_S = 30.0
CRASH_S = 3.0


@dataclass(frozen=True, slots=True)
class Case:
    """One size of fleet. online_s, pss_mb, each_mb, idle: limits, None where there is none.
    runs: how often it is started for the time until all are online."""

    count: int
    per_worker: int
    online_s: float | None = None
    pss_mb: float | None = None
    each_mb: float | None = None
    idle: float | None = None
    runs: int = 3

    @property
    def name(self) -> str:
        return f"{self.count} instances, {self.per_worker} per worker"


CASES = (
    Case(50, 50, online_s=1.5),
    Case(50, 25, pss_mb=110.0),
    Case(50, 10),
    Case(50, 1, each_mb=25.0),
    Case(200, 25, online_s=4.0, pss_mb=420.0, idle=5.0),
    Case(200, 10),
)
QUICK_CASES = (Case(10, 5, runs=1), Case(10, 1, each_mb=25.0, runs=1))


async def run(rig: Rig) -> list[Figure]:
    """Measure each size of fleet, then the crash of one worker of ten."""
    figures = []
    for case in QUICK_CASES if rig.quick else CASES:
        figures += await _measure(rig, case)
    return [*figures, *await _crash(rig, 20 if rig.quick else 50)]


async def _measure(rig: Rig, case: Case) -> list[Figure]:
    took = []
    for nth in range(case.runs):
        async with rig.stage(case.count, fresh=True) as stage:
            position, began = stage.lab.position, time.time()
            async with headless(
                stage.data, stage.lab.file, "", **_packed(case.per_worker)
            ) as manager:
                took.append(await stage.logins(stage.jids.values(), position) - began)
                if nth == case.runs - 1:
                    costs = await _costs(manager, case)
    online = Figure(
        f"all online after the start, {case.name}",
        statistics.median(took),
        "s",
        case.online_s,
        note=f"runs: {', '.join(f'{each:.2f}' for each in took)} s",
    )
    return [online, *costs]


async def _costs(manager: Headless, case: Case) -> list[Figure]:
    await asyncio.sleep(SETTLE_S)
    workers, zygote = machine.workers(manager.pid), machine.zygote(manager.pid)
    each = [machine.pss_mb(pid) for pid in workers]
    shared = machine.pss_mb(zygote)
    figures = [
        Figure(
            f"PSS of all workers, {case.name}",
            sum(each) + shared,
            "MB",
            case.pss_mb,
            note=f"{len(each)} workers and the zygote's {shared:.0f} MB; "
            f"the manager's own {machine.pss_mb(manager.pid):.0f} MB are not counted",
        ),
        Figure(f"PSS per worker, {case.name}", statistics.median(each), "MB", case.each_mb),
    ]
    if case.idle is not None or case.per_worker == 10:
        figures.append(await idle_cpu(manager.pid, case.name, case.idle))
    return figures


async def idle_cpu(pid: int, name: str, limit: float | None) -> Figure:
    """What a manager, its zygote and its workers use while nothing happens."""
    pids = (pid, machine.zygote(pid), *machine.workers(pid))
    before, began = {each: machine.cpu_s(each) for each in pids}, time.monotonic()
    await asyncio.sleep(IDLE_S)
    took = time.monotonic() - began
    spent = {each: machine.cpu_s(each) - before[each] for each in pids}
    return Figure(
        f"idle CPU of everything, {name}",
        100 * sum(spent.values()) / took,
        "% of a core",
        limit,
        note=f"over {took:.0f} s; the manager alone {100 * spent[pid] / took:.2f} %",
    )


async def _crash(rig: Rig, count: int) -> list[Figure]:
    async with (
        rig.stage(count, fresh=True) as stage,
        headless(stage.data, stage.lab.file, "", **_packed(10)) as manager,
    ):
        for jid in stage.jids.values():
            await stage.lab.wait_online(jid, BOOT_TIMEOUT_S)
        await asyncio.sleep(SETTLE_S)
        return await killed(manager, stage, count)


async def killed(manager: Headless, stage: Stage, count: int) -> list[Figure]:
    """Kill the fullest worker of so many instances; until all of it are online again."""
    met = await fullest(manager, stage)
    position, began = stage.lab.position, time.time()
    os.kill(met.pid, signal.SIGKILL)
    took = await stage.logins(met.jids, position) - began
    others = {
        event.jid
        for event in await stage.events_since(position)
        if event.jid is not None and event.kind in (EventKind.LOGIN, EventKind.CLOSE)
    } - set(met.jids)
    what = f"a worker of {len(met.jids)} is killed, {count} instances: all online again"
    return [
        Figure(what, took, "s", CRASH_S),
        Figure("the others that had an event meanwhile", len(others), "", 0),
    ]


@dataclass(frozen=True, slots=True)
class Met:
    """A worker and the devices in it."""

    pid: int
    jids: tuple[str, ...]


async def fullest(manager: Headless, stage: Stage) -> Met:
    """The worker that most instances share, and their devices."""
    shared: dict[int, list[str]] = {}
    for view in await manager.instances():
        shared.setdefault(view["pid"], []).append(stage.jids[view["name"]])
    pid = max(shared, key=lambda pid: len(shared[pid]))
    return Met(pid, tuple(shared[pid]))


def _packed(per_worker: int) -> dict[str, str]:
    return {"WAZITERM_FLEET__INSTANCES_PER_WORKER": str(per_worker)}
