"""What has happened since the manager began, what its workers use, how its webhooks stand: for the
metrics."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import field, replace

from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.reasons import Reason

CONNECT_BOUNDS_S = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0)
"""The upper ends of the buckets of the times to connect; what took longer is in one more."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What has happened to an instance, and to those that had its name before.

    attempts: connect attempts that have ended. attempts_ok: of these, those that ended well. drops:
    by reason, connections that ended and nobody meant to. sends_ok, sends_failed: send-tests that
    WhatsApp accepted, and others. lost: events that the library told and that could not be taken
    in. connects: by bucket of `CONNECT_BOUNDS_S`, how many attempts connected. connects_s: how long
    these took in all, seconds.
    """

    attempts: int = 0
    attempts_ok: int = 0
    drops: Mapping[Reason, int] = field(default_factory=dict)
    conflicts: int = 0
    sends_ok: int = 0
    sends_failed: int = 0
    lost: int = 0
    connects: tuple[int, ...] = (0,) * (len(CONNECT_BOUNDS_S) + 1)
    connects_s: float = 0.0

    def dropped(self, reason: Reason) -> "Counts":
        """With one more drop."""
        return replace(self, drops={**self.drops, reason: self.drops.get(reason, 0) + 1})

    def connected(self, took_s: float) -> "Counts":
        """With one more time to connect, in seconds."""
        bucket = bisect_left(CONNECT_BOUNDS_S, took_s)
        counted = (n + (at == bucket) for at, n in enumerate(self.connects))
        return replace(self, connects=tuple(counted), connects_s=self.connects_s + took_s)


@dataclass(frozen=True, slots=True)
class WorkerUse:
    """What a worker used at a look.

    slot: the least number that no other worker had when it was seen first, from 1 on; it stays.
    instances: the names of those in it. cpu_s: seconds of CPU since it began. memory_bytes: its
    share of what it has in memory (PSS), or all of that where the kernel does not tell its share.
    """

    pid: int
    slot: int
    instances: tuple[str, ...]
    cpu_s: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class WebhookCounts:
    """The events of a webhook. sent: since the manager began. failed: those that were given up.
    pending: those that wait; both as of the last quarter of a minute."""

    name: str
    sent: int = 0
    failed: int = 0
    pending: int = 0
