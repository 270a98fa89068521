"""`MessageStore`: all that the rest of the program may ask of `messages.db`."""

from __future__ import annotations

import hmac
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from uuid import uuid4

from waziterm.domain.messages.codes import OnUnknown
from waziterm.domain.messages.message import Content, Message, MessageState, NewMessage, OptedOut
from waziterm.domain.messages.message_states import Happening
from waziterm.domain.messages.pacing import Stops
from waziterm.domain.messages.queue import Once
from waziterm.domain.messages.sending import OptOut, Receipt
from waziterm.domain.webhooks.telling import NOBODY, Telling
from waziterm.store import events_rows
from waziterm.store import messages_rows as rows
from waziterm.store.connection import Connection, Job, T, connected, finished
from waziterm.store.errors import StoreError, from_sqlite
from waziterm.store.events import EventStore
from waziterm.store.grouped import GroupedWrites
from waziterm.store.messages_rows import Added, Handed, Sender, Tidied, Waiting
from waziterm.store.messages_schema import MESSAGES
from waziterm.store.opening import open_copy, open_database

_AT_ONCE = 500


def _nobody() -> Telling:
    return NOBODY


def _nothing() -> None:
    pass


class MessageStore:
    """The open `messages.db`. Any number of tasks may call it at once.

    Each method is one transaction: it happened wholly or not at all. What a method wrote survives
    a crash of the machine when it returns. All of them raise StoreError; the store stays usable
    after it. An instance is asked for, and told, by its id. telling: who is told by webhook of
    what happens to a message; it is written together with that. told: is called when it was.
    """

    def __init__(
        self,
        connection: Connection,
        path: Path,
        telling: Callable[[], Telling] = _nobody,
        told: Callable[[], None] = _nothing,
    ) -> None:
        self._connection = connection
        self._in_place = _InPlace(path)
        self._grouped = GroupedWrites(connection, self._in_place, "messages.db")
        self._telling = telling
        self._told = told
        self.events = EventStore(connection, self._grouped)

    async def finish(self) -> None:
        """Wait until all that is under way is written."""
        await self._grouped.finish()

    async def look(self) -> None:
        """Raises StoreError when nothing is written now, for the file was moved or replaced."""
        await self._connection.read(lambda _: self._in_place())

    # -- messages ---------------------------------------------------------------------------

    async def add(
        self,
        instance: str,
        name: str,
        new: NewMessage,
        on_unknown: OnUnknown,
        now: float,
        *,
        once: Once | None,
        most: int,
    ) -> Added:
        """Take a message for an instance, which is called so, unless `most` wait already, or the
        same key took one before. Raises MessageRefusedError."""
        message = rows.new_message(f"msg_{uuid4().hex}", instance, new, on_unknown, now)
        return await self._grouped.write(
            lambda db: rows.add(db, message, new.content, name, once, most)
        )

    async def taken_before(self, instance: str, once: Once, now: float) -> Message | None:
        """The message that was taken with a key. Raises MessageRefusedError for another one."""
        return await self._grouped.write(lambda db: rows.taken_before(db, instance, once, now))

    async def give(
        self, message_id: str, secret: str, now: float, *, is_new: bool
    ) -> Handed | None:
        """Note that a worker gets a message, with a secret; None when it does not wait any more.
        is_new: it begins a chat."""
        return await self._telling_of(
            lambda db, telling: rows.give(db, message_id, secret, now, telling, is_new=is_new)
        )

    async def happen(self, message_id: str, event: Happening, now: float) -> Message | None:
        """Let something happen to a message, see `domain.messages.message_states.step`; the message
        after it, None when it cannot happen to it."""
        return await self._telling_of(
            lambda db, telling: rows.happen(db, message_id, event, now, telling)
        )

    async def outcome(
        self, message_id: str, event: Happening, now: float, stops: Stops | None
    ) -> Message | None:
        """The same of what became of one that a worker had. stops: what its instance may not do any
        more, where that changed."""

        def job(db: sqlite3.Connection, telling: Telling) -> Message | None:
            after = rows.happen(db, message_id, event, now, telling)
            if after is not None and stops is not None:
                rows.stop(db, after.instance, stops)
            return after

        return await self._telling_of(job)

    async def _telling_of(self, job: Callable[[sqlite3.Connection, Telling], T]) -> T:
        """The result of a job that may write what webhooks are to be told."""
        telling = self._telling()
        done = await self._grouped.write(lambda db: job(db, telling))
        if telling.targets:
            self._told()
        return done

    async def message(self, message_id: str) -> Message | None:
        return await self._connection.read(lambda db: rows.find(db, message_id))

    async def place_of(self, message_id: str) -> Waiting | None:
        """A message with its place among those that wait."""
        return await self._connection.read(lambda db: rows.place_of(db, message_id))

    async def content(self, message_id: str) -> Content | None:
        """What a message says; None when that is kept no more."""
        return await self._connection.read(lambda db: rows.content_of(db, message_id))

    async def messages(
        self,
        instance: str | None,
        state: MessageState | None,
        ref: str | None,
        limit: int,
        before: str | None,
    ) -> tuple[Message, ...]:
        """The newest first; see `domain.messages.queue.MessageQueue.messages`."""
        return await self._connection.read(
            lambda db: rows.read(db, instance, state, ref, limit, before)
        )

    async def waiting(self) -> tuple[Waiting, ...]:
        """All that wait, in the order in which they came."""
        return await self._connection.read(rows.waiting)

    async def troubled(self, now: float, unknown_s: float) -> dict[str, tuple[int, int]]:
        """Which instances have messages that somebody should look at; see `messages_rows`."""
        return await self._connection.read(lambda db: rows.troubled(db, now, unknown_s))

    async def open_counts(self) -> dict[tuple[str, MessageState], int]:
        """How many messages of an instance nobody has decided about, by their state."""
        return await self._connection.read(rows.open_counts)

    async def sent_since(self, since: float) -> list[tuple[str, float]]:
        """What was sent from a moment on: the instance, and when."""
        return await self._connection.read(lambda db: rows.sent_since(db, since))

    async def receive(
        self, instance: str, receipts: Sequence[Receipt], now: float
    ) -> tuple[list[tuple[MessageState, Message]], list[Receipt]]:
        """Store what receipts tell, see `store.messages_rows.receive`."""
        return await self._telling_of(
            lambda db, telling: rows.receive(db, instance, receipts, now, telling)
        )

    async def hold(self, instance: str | None, code: str, now: float) -> tuple[Message, ...]:
        """Let what waits wait for a person, of an instance or of all (None); the messages."""
        return await self._telling_of(
            lambda db, telling: rows.hold(db, instance, code, now, telling)
        )

    # -- what limits ------------------------------------------------------------------------

    async def sender(self, instance: str, now: float, most: int) -> Sender:
        """What limits an instance's sending. most: how many of its last messages count."""
        return await self._connection.read(lambda db: rows.sender(db, instance, now, most))

    async def names(self) -> dict[str, str]:
        """What each instance was called when it was asked to send last."""
        return await self._connection.read(rows.names)

    async def opt_out(self, instance: str, what: OptOut) -> tuple[Message, ...]:
        """Write no more to somebody; what waited for them, which is taken back."""
        one = f"opt_{uuid4().hex[:16]}"
        ids = [f"{one}-{place}" for place in range(1, len(what.chats) + 1)]
        return await self._telling_of(
            lambda db, telling: rows.opt_out(db, instance, ids, what.chats, what.at, telling)
        )

    async def opt_outs(self, instance: str | None) -> tuple[OptedOut, ...]:
        """Who asked to be sent no more, the newest first; with the instances' ids."""
        return await self._connection.read(lambda db: rows.opt_outs(db, instance))

    async def take_back_opt_out(self, opt_out_id: str) -> OptedOut | None:
        """Let somebody be written to again; None when there is no such opt-out."""
        return await self._grouped.write(lambda db: rows.take_back_opt_out(db, opt_out_id))

    async def digest(self, body: bytes) -> str:
        """An HMAC by this file's own key: 64 hex digits."""
        key = await self._connection.read(rows.key)
        return hmac.new(key, body, "sha256").hexdigest()

    # -- time -------------------------------------------------------------------------------

    async def shift(self, by: float) -> None:
        """Move all moments with a clock that was set by so many seconds."""
        await self._grouped.write(lambda db: rows.shift(db, by))

    async def tidy(
        self, now: float, keep_sent_s: float, keep_open_s: float, keep_s: float | None
    ) -> Tidied:
        """Delete what is kept no longer, in small steps, and let no file hold what was deleted.
        keep_s: how long a message is listed; None deletes none, and closes none."""
        texts = await self._in_steps(lambda db: rows.drop_texts(db, now - keep_sent_s, _AT_ONCE))
        closed: list[Message] = []
        messages = 0
        if keep_s is not None:

            def close(db: sqlite3.Connection, telling: Telling) -> tuple[Message, ...]:
                return rows.close_old(db, now - keep_open_s, now, _AT_ONCE, telling)

            while few := await self._telling_of(close):
                closed += few
            prune = partial(rows.prune, before=now - keep_s, now=now, limit=_AT_ONCE)
            messages = await self._in_steps(prune)
        # A reader that is just looking keeps it from being whole: then the next round does it.
        await self._connection.read(
            lambda db: db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        )
        return Tidied(texts, messages, tuple(closed))

    async def _in_steps(self, job: Job[int]) -> int:
        total = 0
        while count := await self._grouped.write(job):
            total += count
        return total

    async def media_in_use(self) -> frozenset[str]:
        """The files that messages still need, by their paths in the data directory."""
        return await self._connection.read(rows.media_in_use)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


class _InPlace:
    """Looks whether the file that is open is the one that has the name: what is written into one
    that was deleted or replaced is gone with the program, and nobody would hear of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened = _stat(path)

    def __call__(self) -> None:
        now = _stat(self._path)
        if self._opened is None or now is None or not os.path.samestat(self._opened, now):
            raise StoreError(
                f"{self._path} was moved, deleted or replaced while it was in use",
                "put it back, or restart the manager",
            )


@asynccontextmanager
async def open_messages(
    path: Path,
    telling: Callable[[], Telling] = _nobody,
    told: Callable[[], None] = _nothing,
) -> AsyncIterator[MessageStore]:
    """Open `messages.db` for the time of an `async with` block; it is made when it is missing, with
    mode 0600. Only the owner of the data directory's lock opens it. Raises StoreError for a file
    that is damaged, newer than this program or not ours, which then stays as it is."""
    async with connected(path, partial(open_database, schema=MESSAGES)) as connection:
        store = MessageStore(connection, path, telling, told)
        try:
            yield store
        finally:
            await finished(store.finish())


@asynccontextmanager
async def open_messages_to_look(path: Path) -> AsyncIterator[MessageStore]:
    """Open a copy of `messages.db`, see `store.opening.open_copy`. Raises StoreError."""
    async with connected(path, partial(open_copy, schema=MESSAGES)) as connection:
        yield MessageStore(connection, path)


def hold_all(path: Path, instance: str, code: str, now: float, telling: Telling) -> int:
    """Let what waits of an instance in a file that nobody has open wait for a person; how many.
    What a worker had is `unknown` then. Nothing where there is no file. Blocks. Raises StoreError.
    """
    return _held(path, instance, code, now, telling)


def hold_copy(path: Path, code: str, now: float) -> int:
    """The same of all that waits in a file that is brought back: it may have been sent since the
    copy was made. What webhooks were to be told is given up for that, and what they are told from
    now on has numbers that they have not seen."""
    return _held(path, None, code, now, NOBODY)


def _held(path: Path, instance: str | None, code: str, now: float, telling: Telling) -> int:
    if not path.exists():
        return 0
    try:
        with closing(open_database(path, MESSAGES)) as db:
            db.execute("BEGIN IMMEDIATE")
            held = rows.hold(db, instance, code, now, telling)
            held += rows.set_adrift(db, instance, code, now, telling)
            if instance is None:
                events_rows.give_up_copied(db, now)
            db.execute("COMMIT")
            return len(held)
    except sqlite3.Error as error:
        raise from_sqlite(error, path) from error
