"""A cold start of the monitor: first paint, and everybody online again.

The real program `waziterm --data-dir D --lab F` starts in a pty of 160×50 with N paired
instances whose sessions must be resumed (the files are in the page cache: "cold" means that no
process of ours runs). The pty's output is recorded with its times and replayed afterwards, so
that no terminal emulator competes with the program.
First paint: from exec until the screen first shows the wall with an instance's name.
Online: from exec until the lab has counted a login of each of the N devices.
The same with all instances stopped by the operator tells what the workers' start costs the
first paint; and with a year of history and full logs, what the past and the fleet's size cost it.
The limit of a large fleet was set on a machine on which ten instances are painted in 0.32 s.
"""

import asyncio
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from bench import machine
from bench.figures import Figure
from bench.past import QUICK_DAYS, YEAR_DAYS, stopped_fleet
from bench.programs import command, environment, monitor
from bench.rig import Rig, Stage
from bench.terminal import RecordedTerminal
from waziterm.domain.lifecycle.states import Wanted
from waziterm.manager.files.datadir import DataDir
from waziterm.store.store import open_store

TITLE = "cold start of the monitor with N paired instances"
FIRST_PAINT_S, LARGE_PAINT_S = 0.7, 0.4
LOG_LINES = 500
PAINT_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Start:
    """One start, in seconds. cpu: of the app alone, until the first paint."""

    paint: float
    cpu: float
    online: float


async def run(rig: Rig) -> list[Figure]:
    """Start the monitor a few times with each size of fleet."""
    figures = []
    for count in (10,) if rig.quick else (10, 50):
        runs = 2 if rig.quick else 3 if count == 50 else 5
        limit = FIRST_PAINT_S if count == 50 or rig.quick else None
        starts = []
        for _ in range(runs):
            async with rig.stage(count) as stage:
                starts.append(await _start(stage, set(stage.jids.values())))
        async with rig.stage(count) as stage:
            await _stop_all(stage)
            stopped = [await _start(stage, set()) for _ in range(runs)]
        figures += [
            _median(f"first paint, {count} stored instances", [one.paint for one in starts], limit),
            _median(
                f"first paint, {count} stored instances, all stopped",
                [one.paint for one in stopped],
                None,
            ),
            _median(f"CPU of the app until then, {count} instances", [one.cpu for one in starts]),
            _median(f"all {count} online again", [one.online for one in starts]),
        ]
    days = QUICK_DAYS if rig.quick else YEAR_DAYS
    counts = (10, 200) if rig.quick else (10, 200, 1_000)
    for count in counts:
        limit = LARGE_PAINT_S if count == counts[-1] else FIRST_PAINT_S
        figures += await _with_a_past(count, days, 2 if rig.quick else 5, limit)
    return figures


async def _with_a_past(count: int, days: int, runs: int, limit: float) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="wtb-") as name:
        data = DataDir(Path(name) / "data")
        await stopped_fleet(data, count, days, LOG_LINES)
        starts = []
        for _ in range(runs):
            argv = command("--data-dir", data.root)
            with RecordedTerminal(argv, environment() | {"XDG_STATE_HOME": name}) as terminal:
                await asyncio.to_thread(terminal.wait_bytes, b"shop-001", PAINT_TIMEOUT_S)
                cpu = machine.cpu_s(terminal.pid)
                paint = terminal.first_shown(lambda screen: "shop-001" in screen)
                starts.append(Start(paint or float("nan"), cpu, float("nan")))
    past = f"{count} stopped instances, {days} days of history, {LOG_LINES} log lines each"
    return [
        _median(f"first paint, {past}", [one.paint for one in starts], limit),
        _median(f"CPU of the app until then, {past}", [one.cpu for one in starts]),
    ]


def _median(what: str, values: list[float], limit: float | None = None) -> Figure:
    note = f"runs: {', '.join(f'{value:.2f}' for value in values)} s"
    return Figure(what, statistics.median(values), "s", limit, note=note)


async def _start(stage: Stage, missing: set[str]) -> Start:
    """Start the monitor and wait for its first paint and for the logins of the missing devices."""
    position, first = stage.lab.position, next(iter(stage.jids))
    with monitor(stage) as terminal:
        await asyncio.to_thread(terminal.wait_bytes, first.encode(), PAINT_TIMEOUT_S)
        cpu = machine.cpu_s(terminal.pid)
        online_at = await stage.logins(missing, position) if missing else float("nan")
        paint = terminal.first_shown(lambda screen: first in screen)
        return Start(paint or float("nan"), cpu, online_at - terminal.started_at)


async def _stop_all(stage: Stage) -> None:
    """As `waziterm stop` leaves them: linked, and not to be connected at the next start."""
    async with open_store(stage.data.database) as store:
        for one in await store.instances():
            stopped = replace(one, wanted=Wanted.STOPPED)
            await store.save(stopped, event=None, at=time.time())
