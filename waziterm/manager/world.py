"""What a manager meets outside of itself."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

from waziterm.domain.labfile import LabFile
from waziterm.manager.clock import Clock, SystemClock
from waziterm.manager.link import Worker
from waziterm.manager.process import WorkerProcess


@dataclass(frozen=True, slots=True)
class World:
    """Time, chance and worker processes. spawn: starts a worker; raises OSError."""

    clock: Clock
    random: Random
    spawn: Callable[[], Awaitable[Worker]]

    @classmethod
    def real(cls, lab: LabFile | None) -> "World":
        """The system's clock, true chance and real worker processes."""

        async def spawn() -> Worker:
            return await WorkerProcess.spawn(ca_file=lab.ca_file if lab else None)

        return cls(SystemClock(), Random(), spawn)
