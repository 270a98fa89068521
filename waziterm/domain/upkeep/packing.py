"""Which instances to move to another worker, so that few workers hold many. Pure.

A worker starts nothing after its first call, so whoever leaves it leaves a gap. Those that have
become sparse, by half or more, are given up for a common new one; one whose memory has grown is
given up alone.
"""

from collections.abc import Sequence

from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.limits import TRUSTED_S
from waziterm.domain.lifecycle.states import State
from waziterm.domain.phrase import Phrase

GROWN_MB = 64.0
"""A worker that has grown by this much since its start is given up (10^6 bytes)."""
QUIET_S = 600.0
BY_FLEET = 0
"""The setting that lets the size of the fleet decide how many share a worker."""
_SHARES = ((20, 10), (40, 25))
_LARGEST = 50


def shares(setting: int, instances: int) -> int:
    """How many instances share a worker, at most. setting: `[fleet] instances_per_worker`.
    instances: how many the fleet has.

    A worker's crash takes those that are in it, for a second or two; a worker costs 15 MB before
    the first of them. Of few instances a crash should take few.
    """
    if setting != BY_FLEET:
        return setting
    return next((share for most, share in _SHARES if instances <= most), _LARGEST)


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker process. names: the instances in it. grown_mb: since its start, in 10^6 bytes."""

    pid: int
    names: tuple[str, ...]
    grown_mb: float = 0.0


@dataclass(frozen=True, slots=True)
class Regroup:
    """Instances that are to leave their workers together, and why."""

    names: tuple[str, ...]
    why: Phrase


def is_quiet(instance: Instance, now: float) -> bool:
    """Whether an instance can be moved without anybody missing it. now: UTC seconds."""
    steady = instance.state is State.CONNECTED and instance.due is None
    lasts = instance.connected_at is not None and now - instance.connected_at > QUIET_S
    trusted = all(now - crash > TRUSTED_S for crash in instance.crashes)
    return steady and lasts and trusted and not instance.probe_misses


def regroup(workers: Sequence[WorkerView], quiet: frozenset[str], size: int) -> Regroup | None:
    """What to do in one quiet moment; None when all is well.

    quiet: the instances that may be moved. size: the most instances that share a worker.
    """
    movable = [worker for worker in workers if worker.names and quiet.issuperset(worker.names)]
    for worker in movable:
        if worker.grown_mb > GROWN_MB:
            grown = round(worker.grown_mb)
            why = Phrase("worker {pid} has grown by {count} MB", pid=worker.pid, count=grown)
            return Regroup(worker.names, why)
    sparse = sorted(
        (worker for worker in movable if 2 * len(worker.names) <= size),
        key=lambda worker: len(worker.names),
    )
    together: list[WorkerView] = []
    for worker in sparse:
        if sum(len(each.names) for each in (*together, worker)) <= size:
            together.append(worker)
    if len(together) < 2:
        return None
    names = tuple(name for worker in together for name in worker.names)
    why = Phrase(
        "{count} workers hold {instances} instances; one can",
        count=len(together),
        instances=len(names),
    )
    return Regroup(names, why)
