"""A cold start of the monitor: first paint, and everybody online again.

The real program `waziterm --data-dir D --lab F` starts in a pty of 160×50 with N paired
instances whose sessions must be resumed (the files are in the page cache: "cold" means that no
process of ours runs). The pty's output is recorded with its times and replayed afterwards, so
that no terminal emulator competes with the program.
First paint: from exec until the screen first shows the wall with an instance's name.
Online: from exec until the lab has counted a login of each of the N devices.
The same with all instances stopped by the operator tells what the workers' start costs the
first paint.
"""

import asyncio
import statistics
import time
from dataclasses import replace

from bench.figures import Figure, spread
from bench.programs import monitor
from bench.rig import Rig, Stage
from waziterm.domain.states import Wanted
from waziterm.lab.events import EventKind
from waziterm.store.store import open_store

TITLE = "cold start of the monitor with N paired instances"
FIRST_PAINT_S = 0.7
ONLINE_TIMEOUT_S = 240.0


async def run(rig: Rig) -> list[Figure]:
    """Start the monitor a few times with each size of fleet."""
    figures = []
    for count in (10,) if rig.quick else (10, 50):
        runs = 2 if rig.quick else 3 if count == 50 else 5
        paints, onlines = [], []
        for _ in range(runs):
            async with rig.stage(count) as stage:
                paint, online = await _start(stage)
            paints.append(paint)
            onlines.append(online)
        figures.append(
            Figure(
                f"first paint, {count} stored instances",
                statistics.median(paints),
                "s",
                FIRST_PAINT_S if count == 50 or rig.quick else None,
                note=spread(paints, "s"),
            )
        )
        async with rig.stage(count) as stage:
            await _stop_all(stage)
            paints = [await _paint(stage) for _ in range(runs)]
        figures += [
            Figure(
                f"first paint, {count} stored instances, all stopped",
                statistics.median(paints),
                "s",
                note=spread(paints, "s"),
            ),
            Figure(
                f"all {count} online again",
                statistics.median(onlines),
                "s",
                note=spread(onlines, "s"),
            ),
        ]
    return figures


async def _start(stage: Stage) -> tuple[float, float]:
    """Seconds to the first paint and until all devices are logged in."""
    position, missing = stage.lab.position, set(stage.jids.values())
    online_at = 0.0
    with monitor(stage) as terminal:
        try:
            async with asyncio.timeout(ONLINE_TIMEOUT_S):
                async for event in stage.lab.events(position):
                    if event.kind is EventKind.LOGIN:
                        missing.discard(event.jid or "")
                    if not missing:
                        online_at = event.at
                        break
        except TimeoutError:
            online_at = float("nan")
        first = next(iter(stage.jids))
        paint = terminal.first_shown(lambda screen: first in screen)
        return paint or float("nan"), online_at - terminal.started_at


async def _paint(stage: Stage) -> float:
    """Seconds to the first paint."""
    first = next(iter(stage.jids))
    with monitor(stage) as terminal:
        await asyncio.to_thread(terminal.wait_bytes, first.encode(), 30.0)
        paint = terminal.first_shown(lambda screen: first in screen)
    return paint or float("nan")


async def _stop_all(stage: Stage) -> None:
    """As `waziterm stop` leaves them: linked, and not to be connected at the next start."""
    async with open_store(stage.data.database) as store:
        for one in await store.instances():
            stopped = replace(one, wanted=Wanted.STOPPED)
            await store.save(stopped, event=None, at=time.time())
