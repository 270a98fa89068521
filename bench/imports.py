"""Fifty sessions of another program moved in: how long until they are all online.

The sessions of paired instances are exported as the folders of Baileys. A manager with an empty
data directory runs on the same lab; `waziterm import FOLDER --start` brings all of them in.
"""

import asyncio
import os
import time
from pathlib import Path

from bench.figures import Figure
from bench.programs import Headless, command, environment, headless
from bench.rig import BOOT_TIMEOUT_S, Rig, Stage
from waziterm.domain.fleet.tools import ExportFormat
from waziterm.domain.lifecycle.states import State
from waziterm.manager.files.datadir import DataDir

TITLE = "sessions of Baileys moved in"
COUNT = 50
QUICK_COUNT = 10
LIMIT_S = 5.0
POLL_S = 0.02
UNTOUCHED_S = 60.0
"""The folders look as if nobody had written them for so long."""


async def run(rig: Rig) -> list[Figure]:
    """Export, import into an empty directory, wait for all."""
    count = QUICK_COUNT if rig.quick else COUNT
    async with rig.stage(count) as stage:
        source = stage.folder / "baileys"
        source.mkdir()
        async with stage.manager() as (fleet, _):
            for name in stage.jids:
                await fleet.export(name, str(source / name), "", format=ExportFormat.BAILEYS)
        files = await asyncio.to_thread(_put_back, source)
        data = DataDir(stage.folder / "new")
        data.create()
        async with headless(data, stage.lab.file) as manager:
            began = time.monotonic()
            await _import(source, data)
            imported = time.monotonic() - began
            await _all_online(manager, stage)
            online = time.monotonic() - began
    return [
        Figure("imported", imported, "s", note=f"{count} folders, {files} files"),
        Figure("imported and online", online, "s", None if rig.quick else LIMIT_S),
    ]


def _put_back(source: Path) -> int:
    """Make all of it older; how many files there are."""
    then = time.time() - UNTOUCHED_S
    found = [source, *source.rglob("*")]
    for each in found:
        os.utime(each, (then, then))
    return sum(each.is_file() for each in found)


async def _import(source: Path, data: DataDir) -> None:
    argv = command("import", source, "--data-dir", data.root, "--yes", "--start")
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment(),
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"`waziterm import` did not succeed: {said.decode()}")


async def _all_online(manager: Headless, stage: Stage) -> None:
    """Wait until all of them are connected. Raises TimeoutError."""
    async with asyncio.timeout(BOOT_TIMEOUT_S):
        while True:
            views = await manager.instances()
            online = [view for view in views if view["state"] == State.CONNECTED.value]
            if len(online) == len(stage.jids):
                return
            await asyncio.sleep(POLL_S)
