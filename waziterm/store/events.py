"""`EventStore`: what the rest of the program may ask of the events in `messages.db`."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from waziterm.domain.alerts.delivery import Settled
from waziterm.domain.messages.inbound import JournalPart
from waziterm.domain.webhooks.event import Json, WebhookEvent
from waziterm.domain.webhooks.telling import Telling
from waziterm.store import events_rows as rows
from waziterm.store.connection import Connection, Job
from waziterm.store.events_rows import Due, FailedRow, TargetRecord
from waziterm.store.grouped import GroupedWrites

BOUND_EVERY = 500
"""After so many new events it is looked whether too many wait."""
_AT_ONCE = 500


class EventStore:
    """The events in the open `messages.db`; as `store.messages.MessageStore`, to which it belongs.
    An instance is asked for, and told, by its id."""

    def __init__(self, connection: Connection, grouped: GroupedWrites) -> None:
        self._connection = connection
        self._grouped = grouped
        self._new = 0

    # -- writing ----------------------------------------------------------------------------

    async def read_to(self, journal: str) -> int:
        """See `domain.messages.inbound.TakesInbound`; `take` and `forget` too."""
        return await self._connection.read(lambda db: rows.read_to(db, journal))

    async def take(
        self, instance: str, name: str, part: JournalPart, at: float, telling: Telling
    ) -> int:
        """How many events came of it. name: of the instance, "" for that which it had last."""
        return await self._counted(lambda db: rows.take(db, instance, name, part, at, telling), at)

    async def forget(self, journal: str) -> None:
        await self._grouped.write(lambda db: rows.forget(db, journal))

    async def tell_state(
        self, instance: str, name: str, data: Json, at: float, telling: Telling
    ) -> bool:
        """Write that an instance is in another state, unless that was told last; whether it was
        not."""
        return bool(
            await self._counted(
                lambda db: int(rows.tell_state(db, instance, name, data, at, telling)), at
            )
        )

    async def _counted(self, job: Job[int], at: float) -> int:
        """Write events, and now and then look whether too many wait."""

        def write(db: sqlite3.Connection) -> int:
            count = job(db)
            self._new += count
            if self._new >= BOUND_EVERY:
                self._new = 0
                rows.bound(db, at)
            return count

        return await self._grouped.write(write)

    async def settle(self, number: int, told: Settled, target: str, at: float) -> None:
        """Store how it stands with a delivery after a try."""
        await self._grouped.write(lambda db: rows.settle(db, number, told, target, at))

    async def retry(
        self, event_id: str | None, targets: Sequence[str], at: float
    ) -> tuple[FailedRow, ...]:
        """Let what was given up be tried anew, see `events_rows.retry`."""
        return await self._grouped.write(lambda db: rows.retry(db, event_id, targets, at))

    async def give_up_strays(self, targets: Sequence[str], at: float) -> int:
        """Give up what waits for targets that there are no more; how many those were."""
        return await self._grouped.write(lambda db: rows.give_up_strays(db, targets, at))

    async def tidy(self, now: float, kept_s: float, untold_s: float, keep_s: float | None) -> int:
        """Delete what is kept no longer, in small steps; how many bodies went. keep_s: how long a
        delivery that was given up is listed; None deletes none for its age."""
        before = None if keep_s is None else now - keep_s
        await self._grouped.write(lambda db: rows.bound(db, now))
        total = await self._in_steps(
            lambda db: rows.drop_old_bodies(db, now - kept_s, now - untold_s, now, _AT_ONCE)
        )
        await self._in_steps(lambda db: rows.prune_failed(db, before, _AT_ONCE))
        return total

    async def _in_steps(self, job: Job[int]) -> int:
        total = 0
        while count := await self._grouped.write(job):
            total += count
        return total

    # -- looking ----------------------------------------------------------------------------

    async def waiting_since(self, target: str, after: int) -> dict[str, int]:
        """By the ids of the instances of which deliveries wait with a greater number than `after`,
        of a target, the greatest."""
        return await self._connection.read(lambda db: rows.waiting_since(db, target, after))

    async def next_of(self, target: str, instance: str, limit: int) -> tuple[Due, ...]:
        """The first deliveries that wait of one instance, of a target, in order."""
        return await self._connection.read(lambda db: rows.next_of(db, target, instance, limit))

    async def events_after(self, instance: str, seq: int, limit: int) -> tuple[WebhookEvent, ...]:
        """The events of an instance that rest, with a greater number than `seq`, in order."""
        return await self._connection.read(lambda db: rows.events_after(db, instance, seq, limit))

    async def failed(self, limit: int) -> tuple[FailedRow, ...]:
        """The newest `limit` deliveries that were given up, the oldest first."""
        return await self._connection.read(lambda db: rows.read_failed(db, limit))

    async def records(self) -> dict[str, TargetRecord]:
        """What is remembered of each target, by its name."""
        return await self._connection.read(rows.records)
