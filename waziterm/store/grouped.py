"""Many small writes in one transaction: what comes while one is written is committed together."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from waziterm.domain.errors import FleetError
from waziterm.store.connection import Connection, Job, T

MOST = 200
"""So many jobs are one transaction at most."""


class GroupedWrites:
    """Writes jobs of many tasks. Each is a transaction of its own to whoever asks for it: it
    happened wholly or not at all, and is on the disk when `write` returns; the disk is waited for
    once for all of them."""

    def __init__(self, connection: Connection, look: Callable[[], None], name: str) -> None:
        """look: raises StoreError when nothing may be written now; called on the connection's
        thread. name: of the task that writes."""
        self._name = name
        self._connection = connection
        self._look = look
        self._waiting: list[tuple[Job[Any], asyncio.Future[Any]]] = []
        self._task: asyncio.Task[None] | None = None

    async def write(self, job: Job[T]) -> T:
        """The result of a job after it was committed, after those that were asked for before.
        Raises StoreError, or what the job raises, and then nothing of it was written. Whoever is
        cancelled meanwhile does not know whether it was."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        # Of one who went away nobody asks for the error.
        done.add_done_callback(lambda each: each.cancelled() or each.exception())
        self._waiting.append((job, done))
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=self._name)
        return await asyncio.shield(done)

    async def finish(self) -> None:
        """Wait until all is written."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            while self._waiting:
                now, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                await self._write(now)
        finally:
            self._task = None
            for _, done in self._waiting:
                done.cancel()

    async def _write(self, jobs: list[tuple[Job[Any], asyncio.Future[Any]]]) -> None:
        try:
            outcomes = await self._connection.write(
                partial(_each, self._look, [job for job, _ in jobs])
            )
        except asyncio.CancelledError:
            for _, done in jobs:
                done.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - it goes to whoever asked for what raised it
            if len(jobs) > 1:
                # The fault may be of one of them alone.
                for each in jobs:
                    await self._write([each])
                return
            outcomes = [error]
        for (_, done), outcome in zip(jobs, outcomes, strict=True):
            if isinstance(outcome, Exception):
                done.set_exception(outcome)
            else:
                done.set_result(outcome)


def _each(look: Callable[[], None], jobs: Sequence[Job[Any]], db: sqlite3.Connection) -> list[Any]:
    """What came of each job: its result, or the FleetError that it raised."""
    look()
    outcomes: list[Any] = []
    for job in jobs:
        db.execute("SAVEPOINT job")
        try:
            outcomes.append(job(db))
        except FleetError as error:
            db.execute("ROLLBACK TO job")
            outcomes.append(error)
        except BaseException:
            with suppress(sqlite3.Error):
                # After some errors SQLite has ended the transaction already.
                db.execute("ROLLBACK TO job")
            raise
        db.execute("RELEASE job")
    return outcomes
