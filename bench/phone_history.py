"""The memory of a worker whose phone sends its history after the linking.

A paired instance is online, and its phone sends five parts of 11.6 MB each, as a phone of some
years does. The peak is Linux's VmHWM of the worker; what it keeps is its RSS once the peak has not
grown for `CALM_S` seconds.
"""

import asyncio
import time

from bench import machine
from bench.figures import Figure
from bench.rig import BOOT_TIMEOUT_S, Rig, Stage
from waziterm.manager.manager import open_manager

TITLE = "memory of a worker that takes a history in"
PARTS, PART_BYTES = 5, 11_600_000
PEAK_MB = 485.0
CALM_S = 5.0
LIMIT_S = 60.0


async def run(rig: Rig) -> list[Figure]:
    """Measure one instance."""
    async with rig.stage(1) as stage:
        return await _measure(stage)


async def _measure(stage: Stage) -> list[Figure]:
    ((name, jid),) = stage.jids.items()
    async with open_manager(stage.data.root, stage.settings(), stage.lab_file) as fleet:
        await stage.lab.wait_online(jid, BOOT_TIMEOUT_S)
        pid = next(each.pid for each in fleet.snapshot().instances if each.name == name)
        assert pid is not None
        before = machine.rss_mb(pid)
        began = calm = time.monotonic()
        await stage.lab.send_history(jid, PARTS * PART_BYTES, part=PART_BYTES)
        peak = 0.0
        while time.monotonic() - calm < CALM_S and time.monotonic() - began < LIMIT_S:
            await asyncio.sleep(0.5)
            if (now := machine.peak_mb(pid)) > peak:
                peak, calm = now, time.monotonic()
        kept = machine.rss_mb(pid)
    return [
        Figure("RSS of the worker before", before, "MB"),
        Figure(f"its peak, {PARTS} parts of {PART_BYTES / 1e6:.1f} MB", peak, "MB", PEAK_MB),
        Figure("its RSS afterwards", kept, "MB"),
    ]
