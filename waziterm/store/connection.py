"""The one connection: whole transactions, one at a time, on a thread of their own."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import aiosqlite

from waziterm.store.errors import StoreError, from_sqlite
from waziterm.store.opening import open_database
from waziterm.store.private import end_with_program, on_its_thread, opened

_WAIT_MS = 2_000
_WAIT_AGAIN_MS = 10

T = TypeVar("T")
Opens = Callable[[Path], sqlite3.Connection]
Job = Callable[[sqlite3.Connection], T]


class Connection(aiosqlite.Connection):
    """An aiosqlite connection that is handed whole jobs instead of single statements.

    A job runs from its first statement to its last without a break, so jobs of different
    tasks never mix inside a transaction, and one that was started is finished even when the
    task that waits for it is cancelled. It also costs one trip to the thread, not five.
    """

    def __init__(self, path: Path, opens: Opens = open_database) -> None:
        super().__init__(partial(opens, path), iter_chunk_size=64)
        self._path = path
        self._lock_wait = _LockWait()
        end_with_program(self)
        self._stopping: asyncio.Future[object] | None = None

    def stop(self) -> asyncio.Future[object] | None:
        """Let the thread end; see `stopped`."""
        self._stopping = super().stop()
        return self._stopping

    async def stopped(self) -> None:
        """Wait for the end of the thread after `stop`.

        aiosqlite stops the thread when opening failed, but does not wait for it; it would then
        report to an event loop that may be closed already.
        """
        if self._stopping is not None:
            await asyncio.wait([self._stopping])

    async def read(self, job: Job[T]) -> T:
        """The result of a job that only reads. Raises StoreError."""
        return await self._run(job)

    async def write(self, job: Job[T]) -> T:
        """The result of a job, after all that it wrote was committed.

        Raises StoreError, and then nothing of it was written.
        """
        return await self._run(partial(_in_transaction, job, self._lock_wait))

    async def read_beside(self, job: Job[T]) -> T:
        """The result of a job that only reads and takes long: others do not wait for it, for it has
        a connection and a thread of its own. Raises StoreError."""
        uri = f"{self._path.absolute().as_uri()}?mode=ro"
        db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        work = asyncio.ensure_future(asyncio.to_thread(job, db))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            db.interrupt()
            with suppress(sqlite3.Error):
                await finished(work)
            raise
        except sqlite3.Error as error:
            raise from_sqlite(error, self._path) from error
        finally:
            db.close()

    async def _run(self, job: Job[T]) -> T:
        if (db := opened(self)) is None:
            raise StoreError(f"{self._path} is closed already")
        try:
            return await on_its_thread(self, job, db)
        except sqlite3.Error as error:
            raise from_sqlite(error, self._path) from error


@asynccontextmanager
async def connected(path: Path, opens: Opens = open_database) -> AsyncIterator[Connection]:
    """Open the database for the time of a `with` block. opens: `open_database` or `open_copy`.

    The thread has ended with the block, also when the task is cancelled meanwhile.
    """
    connection = Connection(path, opens)
    try:
        await connection
    except BaseException:
        await finished(connection.stopped())
        raise
    try:
        yield connection
    finally:
        await finished(connection.close())


async def finished(work: Awaitable[T]) -> T:
    """Wait for the end of `work` even when this task is cancelled; the cancelling comes after."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return task.result()


class _LockWait:
    """How long a write waits for another program's lock: the first to meet it for a while, those
    after it hardly, so that a fleet does not wait for one instance after the other. For the
    connection's thread alone."""

    def __init__(self) -> None:
        self._is_locked = False
        self._set_ms = 0

    def begin(self, db: sqlite3.Connection) -> None:
        """Begin a transaction that writes. Raises OperationalError."""
        wait_ms = _WAIT_AGAIN_MS if self._is_locked else _WAIT_MS
        if wait_ms != self._set_ms:
            db.execute(f"PRAGMA busy_timeout = {wait_ms}")
            self._set_ms = wait_ms
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            self._is_locked = error.sqlite_errorname.startswith("SQLITE_BUSY")
            raise
        self._is_locked = False


def _in_transaction(job: Job[T], lock_wait: _LockWait, db: sqlite3.Connection) -> T:
    lock_wait.begin(db)
    try:
        result = job(db)
        db.execute("COMMIT")
    except BaseException:
        # SQLite ends the transaction by itself after some errors, a full disk for one.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return result
