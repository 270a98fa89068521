"""Log lines: taken in at once, written in batches, bounded in memory and on the disk."""

import asyncio
import contextlib
import logging
import sqlite3
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from heapq import merge
from itertools import chain, islice

from waziterm.domain.fleet.api import LogLine, Source
from waziterm.domain.text import storable
from waziterm.store.connection import Connection
from waziterm.store.errors import StoreError
from waziterm.store.sound import SOUND

_log = logging.getLogger(__name__)

FLUSH_S = 0.25
RETRY_S = 5.0
BATCH = 500
BUFFERED = 20_000

RECENT = 5_000
"""So many of the newest lines of all instances stay in memory, for whoever follows them."""

_Owned = tuple[str, LogLine]
"""The id of the instance that it belongs to, and the line."""


@dataclass(slots=True)
class _Lost:
    """Lines of one instance that were dropped unwritten: how many, and the newest of them."""

    count: int
    newest: LogLine

    def note(self) -> LogLine:
        text = f"lines lost here: {self.count}, the disk did not take them in time"
        return LogLine(self.newest.seq, self.newest.at, Source.MANAGER, text)


class LineWriter:
    """The buffer between whoever logs and the disk, and the task that empties it.

    kept: how many of an instance's newest lines stay on the disk; up to a quarter more lie
    there until the next pruning. While the disk takes nothing the lines wait, the oldest are
    dropped beyond `BUFFERED`, and a line in their place says how many.
    """

    def __init__(self, connection: Connection, kept: int) -> None:
        self._connection = connection
        self._kept = kept
        self._buffer: deque[_Owned] = deque()
        self._writing: Sequence[_Owned] = ()
        self._lost: dict[str, _Lost] = {}
        self._unpruned: dict[str, int] = {}
        self._one_flush = asyncio.Lock()
        self._any = asyncio.Event()
        self._enough = asyncio.Event()
        self._closing = asyncio.Event()
        self._failing = False
        self._recent: deque[_Owned] = deque(maxlen=RECENT)
        self._count = 0

    @property
    def count(self) -> int:
        """How many lines were taken in."""
        return self._count

    def after(self, count: int) -> list[_Owned]:
        """The lines that came after so many, with the ids of their instances; at most `RECENT`. All
        that are here for a count that was never reached: it is another program's."""
        missed = self._count - count if count <= self._count else RECENT
        return list(self._recent)[-missed:] if missed else []

    def add(self, identity: str, line: LogLine) -> None:
        """Take a line in; it is on the disk within about `FLUSH_S`."""
        self._recent.append((identity, line))
        self._count += 1
        self._buffer.append((identity, line))
        if len(self._buffer) > BUFFERED:
            self._drop_oldest()
        self._any.set()
        if len(self._buffer) >= BATCH:
            self._enough.set()

    def pending(self, identity: str) -> list[LogLine]:
        """The lines of an instance that are not known to be on the disk yet, oldest first."""
        return [line for owner, line in self.pending_of_all() if owner == identity]

    def pending_of_all(self) -> Iterator[_Owned]:
        """The same of all instances, with their ids."""
        return chain(self._writing, self._buffer)

    async def run(self) -> None:
        """Write until `close` was called. A failing disk is logged once, and tried again."""
        while not self._closing.is_set():
            await self._any.wait()
            # While the disk fails, a full buffer is no reason to try sooner.
            event, wait_s = (self._closing, RETRY_S) if self._failing else (self._enough, FLUSH_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await event.wait()
            if not self._closing.is_set():
                await self._try_to_flush()

    def close(self) -> None:
        """Let `run` return. What is buffered stays for a last `flush`."""
        for event in (self._closing, self._any, self._enough):
            event.set()

    async def flush(self) -> None:
        """Write all that is buffered, `BATCH` lines to a transaction; after `close`, until nothing
        is. What comes meanwhile waits for others, or the disk would be written line by line.

        Raises StoreError; what could not be written stays buffered.
        """
        async with self._one_flush:
            last = self._count
            while self._lost or (self._buffer and (self._first < last or self._closing.is_set())):
                await self._write_batch()
            if not self._closing.is_set():
                if not self._buffer:
                    self._any.clear()
                if len(self._buffer) < BATCH:
                    self._enough.clear()

    @property
    def _first(self) -> int:
        """How many lines were taken in before the oldest of the buffered ones."""
        return self._count - len(self._buffer)

    async def _try_to_flush(self) -> None:
        try:
            await self.flush()
        except StoreError as error:
            if not self._failing:
                _log.warning("log lines wait in memory: %s", error)
            self._failing = True
        else:
            if self._failing:
                _log.info("log lines are written again")
            self._failing = False

    async def _write_batch(self) -> None:
        size = min(BATCH, len(self._buffer))
        self._writing = [self._buffer.popleft() for _ in range(size)]
        notes = {identity: (lost, lost.count) for identity, lost in self._lost.items()}
        rows = [(identity, lost.note()) for identity, (lost, _) in notes.items()]
        rows.extend(self._writing)
        added: dict[str, int] = {}
        for identity, _ in rows:
            added[identity] = added.get(identity, 0) + 1
        # An instance not seen since the start may have up to a quarter too many: prune at once.
        due = [
            identity
            for identity, count in added.items()
            if self._unpruned.get(identity, self._kept) + count > self._kept // 4
        ]
        try:
            await self._connection.write(partial(_write, rows, due, self._kept))
        except BaseException:
            self._buffer.extendleft(reversed(self._writing))
            while len(self._buffer) > BUFFERED:
                self._drop_oldest()
            raise
        finally:
            self._writing = ()
        for identity, count in added.items():
            self._unpruned[identity] = (
                0 if identity in due else self._unpruned.get(identity, 0) + count
            )
        for identity, (lost, count) in notes.items():
            lost.count -= count
            if not lost.count:
                del self._lost[identity]

    def _drop_oldest(self) -> None:
        identity, line = self._buffer.popleft()
        lost = self._lost.setdefault(identity, _Lost(0, line))
        lost.count += 1
        lost.newest = line


def _write(rows: Sequence[_Owned], due: Sequence[str], kept: int, db: sqlite3.Connection) -> None:
    # A number that was used before belongs to a line whose fate was not known: the newest wins.
    db.executemany(
        "INSERT INTO lines (instance, seq, at, source, text) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET at = excluded.at, source = excluded.source,"
        " text = excluded.text",
        ((identity, ln.seq, ln.at, ln.source.value, storable(ln.text)) for identity, ln in rows),
    )
    db.executemany(
        "DELETE FROM lines WHERE instance = ?1 AND seq <= (SELECT seq FROM lines"
        " WHERE instance = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)",
        ((identity, kept) for identity in due),
    )


def read_lines(
    db: sqlite3.Connection, identity: str, since: float, after_seq: int, limit: int
) -> list[LogLine]:
    """The newest `limit` lines of an instance, oldest first."""
    rows = db.execute(
        "SELECT seq, at, source, text FROM lines WHERE instance = ? AND seq > ? AND at >= ?"
        f" AND {SOUND['lines']} ORDER BY seq DESC LIMIT ?",
        (identity, after_seq, since, limit),
    ).fetchall()
    return [LogLine(seq, at, Source(source), text) for seq, at, source, text in rows[::-1]]


def read_tails(
    db: sqlite3.Connection, identities: Sequence[str], limit: int
) -> dict[str, tuple[LogLine, ...]]:
    """The newest `limit` lines of each of these instances, oldest first."""
    return {each: tuple(read_lines(db, each, float("-inf"), -1, limit)) for each in identities}


def read_lines_of(
    db: sqlite3.Connection, identities: Sequence[str], since: float, limit: int
) -> list[_Owned]:
    """The newest `limit` lines of instances together, newest first."""
    # Each is read line by line, as far as it is needed.
    newest = merge(
        *(_newest_first(db, identity, since) for identity in identities),
        # Of one moment in the order in which they are told.
        key=lambda row: (row[2], row[0], row[1]),
        reverse=True,
    )
    return [
        (identity, LogLine(seq, at, Source(source), text))
        for identity, seq, at, source, text in islice(newest, limit)
    ]


def _newest_first(db: sqlite3.Connection, identity: str, since: float) -> sqlite3.Cursor:
    return db.execute(
        "SELECT instance, seq, at, source, text FROM lines WHERE instance = ? AND at >= ?"
        f" AND {SOUND['lines']} ORDER BY seq DESC",
        (identity, since),
    )


def last_seq(db: sqlite3.Connection, identity: str) -> int:
    """The number of an instance's newest line, 0 when there is none."""
    sql = "SELECT coalesce(max(seq), 0) FROM lines WHERE instance = ?"
    return int(db.execute(sql, (identity,)).fetchone()[0])


def prune_lines(db: sqlite3.Connection, before: float, limit: int) -> int:
    """Delete at most `limit` old lines of instances that exist no longer; returns how many.

    The ids are found by one short search each, not by reading all lines.
    """
    return db.execute(
        """
        DELETE FROM lines WHERE (instance, seq) IN (
            WITH RECURSIVE logged (id) AS (
                SELECT min(instance) FROM lines
                UNION ALL
                SELECT (SELECT min(instance) FROM lines WHERE instance > id)
                FROM logged WHERE id IS NOT NULL
            )
            SELECT instance, seq FROM lines
            WHERE at < ? AND instance IN (
                SELECT id FROM logged
                WHERE id IS NOT NULL AND id NOT IN (SELECT id FROM instances)
            )
            LIMIT ?
        )
        """,
        (before, limit),
    ).rowcount
