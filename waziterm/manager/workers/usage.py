"""What the workers use of the machine, looked at once a minute."""

import asyncio
import logging
import os
import resource
from collections.abc import Callable, Mapping
from pathlib import Path

from waziterm.domain.fleet.counts import WorkerUse
from waziterm.domain.frozen import dataclass
from waziterm.manager.clock import Clock
from waziterm.store.store import Store

log = logging.getLogger(__name__)

EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """What a process uses. cpu_s: seconds of CPU since it began. memory_bytes: its share of what it
    has in memory (PSS), or all of that (RSS) where the kernel does not tell its share."""

    cpu_s: float
    memory_bytes: int


class Usage:
    """Looks at the workers, and counts for each instance its share of its worker.

    held: by pid, the instances in each worker. id_of: the id of an instance that is there. read:
    what a process uses, None when there is none; it is called in a thread.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        held: Callable[[], Mapping[int, tuple[str, ...]]],
        id_of: Callable[[str], str],
        read: Callable[[int], ProcessUse | None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._held = held
        self._id_of = id_of
        self._read = read
        self.workers: tuple[WorkerUse, ...] = ()
        """As they were at the newest look."""
        self.cpu_s = 0.0
        """What all workers have used since the manager began, those that have ended too up to the
        last look at them."""

    async def run(self) -> None:
        """Look at them every minute, until cancelled."""
        while True:
            await self._clock.sleep(EVERY_S)
            try:
                await self.look()
            except Exception:
                # It is looked again in a minute; it is no reason to end the fleet.
                log.exception("not looked at what the workers use")

    async def look(self) -> None:
        """Look at them now, and count what they have used since. Raises StoreError."""
        held = self._held()
        ids = {name: self._id_of(name) for names in held.values() for name in names}
        used = await asyncio.to_thread(self._read_all, tuple(held))
        before = {each.pid: each for each in self.workers}
        slots = {pid: before[pid].slot for pid in used if pid in before}
        shares: dict[str, tuple[float, int]] = {}
        for pid, use in used.items():
            if pid not in slots:
                slots[pid] = min(set(range(1, len(used) + 1)).difference(slots.values()))
            old_s = before[pid].cpu_s if pid in before else 0.0
            # Less than before is another process with the same pid.
            more_s = use.cpu_s - old_s if use.cpu_s >= old_s else use.cpu_s
            self.cpu_s += more_s
            share = (more_s / max(1, len(held[pid])), use.memory_bytes // max(1, len(held[pid])))
            for name in held[pid]:
                shares[ids[name]] = share
        self.workers = tuple(
            WorkerUse(pid, slots[pid], held[pid], use.cpu_s, use.memory_bytes)
            for pid, use in used.items()
        )
        if shares:
            await self._store.add_usage(self._clock.now(), shares)

    def _read_all(self, pids: tuple[int, ...]) -> dict[int, ProcessUse]:
        found = {pid: self._read(pid) for pid in pids}
        return {pid: use for pid, use in found.items() if use is not None}


def process_use(pid: int) -> ProcessUse | None:
    """What a process uses; None when it is gone or not ours to look at. It takes a millisecond."""
    process = Path("/proc") / str(pid)
    try:
        # The second field, the program's name in brackets, may hold anything.
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        cpu_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return ProcessUse(cpu_s, _memory_bytes(process))
    except (OSError, ValueError, IndexError):
        return None


def _memory_bytes(process: Path) -> int:
    try:
        for line in (process / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # A kernel without it: then all that is in memory.
    return int((process / "statm").read_text().split()[1]) * resource.getpagesize()
