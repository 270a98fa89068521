"""What a manager meets outside of itself."""

import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

from waziterm.domain.labfile import LabFile
from waziterm.manager.clock import Clock, SystemClock
from waziterm.manager.pack import Worker
from waziterm.manager.process import WorkerProcess
from waziterm.manager.zygote import Zygote

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class World:
    """Time, chance and worker processes.

    spawn: starts a worker; raises OSError. warm: workers will soon be wanted.
    """

    clock: Clock
    random: Random
    spawn: Callable[[], Awaitable[Worker]]
    warm: Callable[[], None] = lambda: None


@asynccontextmanager
async def real_world(lab: LabFile | None) -> AsyncIterator[World]:
    """The system's clock, true chance and real worker processes, forked from one zygote."""
    ca_file = lab.ca_file if lab else None
    zygote = Zygote(ca_file)

    async def spawn() -> Worker:
        if hasattr(os, "pidfd_open"):
            try:
                return await WorkerProcess.fork(zygote)
            except OSError as error:
                log.warning("a worker is started without the zygote: %s", error)
        return await WorkerProcess.spawn(ca_file=ca_file)

    try:
        yield World(SystemClock(), Random(), spawn, zygote.warm)
    finally:
        await zygote.close()
