"""Measures the machine and the instances, again and again, for the rules of telling."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from waziterm.domain.alerts.alert import AlertRule
from waziterm.domain.alerts.alert_settings import Alerts
from waziterm.domain.alerts.facts import Fact, Measured
from waziterm.domain.alerts.measures import measured_of, phone_measured
from waziterm.domain.backup import OVERDUE
from waziterm.domain.fleet.counts import WorkerUse
from waziterm.domain.lifecycle.instance import Instance
from waziterm.manager.care.backups import record_in
from waziterm.manager.clock import Clock
from waziterm.manager.files.datadir import DataDir
from waziterm.store.store import Store

log = logging.getLogger(__name__)

EVERY_S = 60.0
HOURS_EVERY = 5
"""The hours of the instances are looked at each so many times."""
_HOUR_S = 3600.0
_MB = 1_000_000


class Measuring:
    """Looks once a minute. workers: what they used at the newest look at them. limits: the
    settings as they are. hear: is told what was measured. store_counts: stores what was counted of
    the log. backup_every_s: seconds between two regular backups, None where none is made."""

    def __init__(
        self,
        data: DataDir,
        store: Store,
        clock: Clock,
        instances: Callable[[], Sequence[Instance]],
        workers: Callable[[], Sequence[WorkerUse]],
        limits: Callable[[], Alerts],
        hear: Callable[[Fact], None],
        store_counts: Callable[[], Awaitable[None]],
        backup_every_s: Callable[[], float | None],
    ) -> None:
        self._data = data
        self._store = store
        self._clock = clock
        self._instances = instances
        self._workers = workers
        self._limits = limits
        self._hear = hear
        self._store_counts = store_counts
        self._backup_every_s = backup_every_s
        self._looks = 0

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            try:
                await self.look()
            except Exception:
                # It is measured again in a minute; it is no reason to end the fleet.
                log.exception("not measured")
            await self._clock.sleep(EVERY_S)

    async def look(self) -> None:
        """Measure once. Raises StoreError."""
        limits = self._limits()
        free = await asyncio.to_thread(self._data.free_bytes)
        if free is not None:
            self._hear(Measured(AlertRule.DISK, None, free / _MB, limits.disk_free_below_mb))
        self._look_at_memory(limits)
        await self._look_at_backup()
        self._looks += 1
        if self._looks % HOURS_EVERY == 0:
            await self._look_at_hours(limits)
        # The last: what cannot be written hides nothing of what can be measured.
        await self._store_counts()

    async def _look_at_backup(self) -> None:
        every_s = self._backup_every_s()
        record = None if every_s is None else await record_in(self._store)
        value, limit = 0.0, 1.0
        if record is not None and every_s is not None:
            value, limit = record.age_s(self._clock.now()) / _HOUR_S, OVERDUE * every_s / _HOUR_S
        self._hear(Measured(AlertRule.BACKUP, None, value, limit))

    def _look_at_memory(self, limits: Alerts) -> None:
        """Each instance is told its whole worker; one without a worker needs none."""
        used = {name: each.memory_bytes for each in self._workers() for name in each.instances}
        for instance in self._instances():
            value = used.get(instance.name, 0) / _MB
            self._hear(Measured(AlertRule.MEMORY, instance.id, value, limits.memory_above_mb))

    async def _look_at_hours(self, limits: Alerts) -> None:
        ids = tuple(each.id for each in self._instances())
        counted = await self._store.recent(ids, self._clock.now())
        now = self._clock.now()
        for instance in self._instances():
            for measured in phone_measured(instance, now, limits):
                self._hear(measured)
            # One that came meanwhile has no hours yet.
            if instance.id in counted:
                for measured in measured_of(instance, *counted[instance.id], limits):
                    self._hear(measured)
