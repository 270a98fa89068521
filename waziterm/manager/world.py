"""What a manager meets outside of itself."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

from waziterm.domain.frozen import dataclass
from waziterm.domain.labfile import LabFile
from waziterm.manager.clock import Clock, SystemClock
from waziterm.manager.files.program import UPGRADED, Program
from waziterm.manager.version_page import read_version
from waziterm.manager.workers.launch import new_store, trial
from waziterm.manager.workers.process import WorkerProcess
from waziterm.manager.workers.usage import ProcessUse, process_use
from waziterm.manager.workers.worker import Process
from waziterm.manager.workers.zygote_line import Zygote
from waziterm.worker.library_file import installed

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class World:
    """Time, chance and worker processes.

    spawn: starts a worker that loads the library at a path, or neonize's own for None; raises
    OSError. warm: workers will soon be wanted.
    installed: where neonize's library lies; raises LibraryFileError. trial: loads a copy of it in
    a process of its own; "" or why that fails. new_store: makes an empty session with neonize's own
    library; raises FleetError. read_version: WhatsApp's current number, through
    an instance's proxy, or a lab's; raises PageError. program: the files from which all of it was
    started; None where nobody replaces them. process_use: see `manager.workers.usage`.
    """

    clock: Clock
    random: Random
    spawn: Callable[[str | None], Awaitable[Process]]
    warm: Callable[[], None] = lambda: None
    installed: Callable[[], Path] = installed
    trial: Callable[[Path], Awaitable[str]] = trial
    new_store: Callable[[Path], Awaitable[None]] = new_store
    read_version: Callable[[str | None, LabFile | None], Awaitable[int]] = read_version
    program: Program | None = None
    process_use: Callable[[int], ProcessUse | None] = process_use


@asynccontextmanager
async def real_world(lab: LabFile | None) -> AsyncIterator[World]:
    """The system's clock, true chance and real worker processes, forked from one zygote."""
    ca_file = lab.ca_file if lab else None
    program = Program()
    zygote = Zygote(ca_file)

    async def spawn(library: str | None) -> Process:
        if hasattr(os, "pidfd_open"):
            try:
                return await WorkerProcess.fork(zygote, library)
            except OSError as error:
                log.warning("a worker is started without the zygote: %s", error)
        if await asyncio.to_thread(program.is_changed):
            # What lies there now may be half a program, or speak another protocol.
            raise OSError(0, UPGRADED)
        return await WorkerProcess.spawn(ca_file=ca_file, library=library)

    async def tried(library: Path) -> str:
        why = await trial(library)
        # It is executed from the disk, too, where it may be half a program or none.
        is_changed = bool(why) and await asyncio.to_thread(program.is_changed)
        return UPGRADED if is_changed else why

    try:
        yield World(SystemClock(), Random(), spawn, zygote.warm, trial=tried, program=program)
    finally:
        await zygote.close()
