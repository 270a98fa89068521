"""The file of the messages: how it is made, opened and refused, and written by many at once."""

import asyncio
import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.store.files import contents, query
from tests.store.waiting import heads
from waziterm.domain.errors import FleetError
from waziterm.domain.messages.codes import OnUnknown as Unknown
from waziterm.domain.messages.inbound import JournalPart
from waziterm.domain.messages.message import Content, MessageKind, MessageState, NewMessage
from waziterm.domain.messages.message_states import Cancelled, Closed
from waziterm.domain.messages.sending import Receipt, ReceiptKind
from waziterm.domain.secret import Secret
from waziterm.domain.webhooks.event import EventType
from waziterm.domain.webhooks.target import Target
from waziterm.domain.webhooks.telling import Telling
from waziterm.store.connection import connected
from waziterm.store.errors import StoreError
from waziterm.store.grouped import GroupedWrites
from waziterm.store.messages import (
    MessageStore,
    hold_all,
    hold_copy,
    open_messages,
    open_messages_to_look,
)
from waziterm.store.messages_schema import MESSAGES
from waziterm.store.opening import open_database

NOW = 1_700_000_000.0
NEW = NewMessage("4915112345678@s.whatsapp.net", Content(MessageKind.TEXT, "hello"))


def modes_in(folder: Path) -> dict[str, int]:
    return {each.name: stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}


def told(pragma: str, db: sqlite3.Connection) -> object:
    return db.execute(f"PRAGMA {pragma}").fetchone()[0]


async def add(store: MessageStore, instance: str = "i1") -> str:
    added = await store.add(instance, "shop", NEW, Unknown.HOLD, NOW, once=None, most=1000)
    return added.message.id


async def test_the_files_are_for_the_owner_alone_and_keep_what_was_committed(
    tmp_path: Path,
) -> None:
    async with open_messages(tmp_path / "messages.db") as store:
        await add(store)
        assert modes_in(tmp_path) == dict.fromkeys(
            ("messages.db", "messages.db-wal", "messages.db-shm"), 0o600
        )
        for pragma, value in (("journal_mode", "wal"), ("synchronous", 2), ("secure_delete", 1)):
            found = await store._connection.read(partial(told, pragma))
            assert found == value


async def test_an_older_file_is_copied_and_a_newer_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "messages.db"
    async with open_messages(path) as store:
        await add(store)
    newer = replace(MESSAGES, migrations=(*MESSAGES.migrations, ("CREATE TABLE more (a)",)))
    open_database(path, newer).close()
    copy = tmp_path / f"messages.db.before-{len(MESSAGES.migrations)}"
    assert query(copy, "SELECT count(*) FROM messages") == [(1,)]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    before = contents(tmp_path)
    with pytest.raises(StoreError, match="was written by a newer waziterm"):
        async with open_messages(path):
            pass
    assert contents(tmp_path) == before


async def test_the_messages_of_a_file_from_before_the_events_stay(tmp_path: Path) -> None:
    path = tmp_path / "messages.db"
    open_database(path, replace(MESSAGES, migrations=MESSAGES.migrations[:1])).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("INSERT INTO senders VALUES ('i1', 'shop', NULL, 0, 0)")
    async with open_messages(path) as store:
        assert await store.names() == {"i1": "shop"}
        assert await store.events.records() == {}
        await add(store)


async def test_a_database_of_the_fleet_is_not_taken_for_one(tmp_path: Path) -> None:
    path = tmp_path / "messages.db"
    open_database(path).close()
    with pytest.raises(StoreError, match=r"another program's|newer waziterm"):
        async with open_messages(path):
            pass


async def test_a_look_makes_no_file_and_changes_none(tmp_path: Path) -> None:
    path = tmp_path / "messages.db"
    async with open_messages_to_look(path) as store:
        assert await store.messages(None, None, None, 10, None) == ()
    assert contents(tmp_path) == {}
    async with open_messages(path) as store:
        await add(store)
    before = contents(tmp_path)
    async with open_messages_to_look(path) as store:
        assert len(await store.messages("i1", None, None, 10, None)) == 1
    assert contents(tmp_path) == before


async def test_a_file_from_elsewhere_is_held(tmp_path: Path) -> None:
    path = tmp_path / "messages.db"
    assert hold_copy(path, "restored", NOW) == 0 and not path.exists()
    async with open_messages(path) as store:
        given, waiting, other = await add(store), await add(store), await add(store, "i2")
        await store.give(given, "s" * 64, NOW, is_new=True)
    told = Telling((Target("crm", Secret("https://h.example")),), {"i1": "shop"})
    assert hold_all(path, "i1", "restored", NOW, told) == 2
    async with open_messages(path) as store:
        found = {each.id: each for each in await store.messages(None, None, None, 10, None)}
        assert found[given].state is MessageState.UNKNOWN
        assert found[waiting].held and not found[other].held
        (due,) = await heads(store, "crm")
        assert (due.event.name, due.event.type) == ("shop", EventType.MESSAGE_UNKNOWN)
    assert hold_copy(path, "restored", NOW) == 1
    async with open_messages(path, lambda: told) as store:
        assert await heads(store, "crm") == ()
        (failed,) = await store.events.failed(9)
        assert failed.error == "a backup was restored: it may have arrived" and failed.seq == 1
        await store.events.take("i1", "shop", JournalPart("0" * 16, 0, 1, ()), NOW, told)
        await store.give(other, "t" * 64, NOW, is_new=True)
        await store.happen(given, Closed(), NOW)
        await store.happen(waiting, Cancelled(), NOW)
        (due,) = await heads(store, "crm")
        assert due.event.seq == 1_000_002, "after those that were told since the backup"


async def test_a_file_that_was_moved_away_takes_nothing(tmp_path: Path) -> None:
    path, aside = tmp_path / "messages.db", tmp_path / "aside.db"
    async with open_messages(path) as store:
        kept = await add(store)
        path.rename(aside)
        with pytest.raises(StoreError, match="moved, deleted or replaced"):
            await add(store)
        path.write_bytes(b"another")
        with pytest.raises(StoreError, match="moved, deleted or replaced"):
            await store.give(kept, "s" * 64, NOW, is_new=True)
        aside.rename(path)
        assert await store.give(kept, "s" * 64, NOW, is_new=True) is not None


async def test_a_write_that_fails_otherwise_fails_alone(tmp_path: Path) -> None:
    async with open_messages(tmp_path / "messages.db") as store:
        half = Receipt("3EB0\ud800", "1@lid", ReceiptKind.READ, NOW)
        work = [store.receive("i1", (half,), NOW), add(store), add(store)]
        async with asyncio.timeout(5):
            failed, *others = await asyncio.gather(*work, return_exceptions=True)
        assert isinstance(failed, UnicodeEncodeError)
        assert all(isinstance(each, str) for each in others)


async def test_many_writes_are_few_commits_and_each_is_whole(tmp_path: Path) -> None:
    opens = partial(open_database, schema=MESSAGES)
    async with connected(tmp_path / "messages.db", opens) as connection:
        writes, commits = GroupedWrites(connection, lambda: None, "writes"), list[str]()
        await connection.read(lambda db: db.set_trace_callback(commits.append))

        def keep(number: int, db: sqlite3.Connection) -> int:
            db.execute("INSERT INTO meta VALUES (?, '')", (str(number),))
            if number == 50:
                raise FleetError("refused")
            return number

        work = [writes.write(partial(keep, number)) for number in range(100)]
        done = await asyncio.gather(*work, return_exceptions=True)
        assert [each for each in done if isinstance(each, int)] == [
            number for number in range(100) if number != 50
        ]
        assert isinstance(done[50], FleetError)
        assert commits.count("COMMIT") <= 2
        # A key can be there once: whose is there fails, and nobody else.
        work = [writes.write(partial(keep, number)) for number in (99, 100, 101)]
        again = await asyncio.gather(*work, return_exceptions=True)
        assert isinstance(again[0], StoreError) and again[1:] == [100, 101]
        (count,) = await connection.read(
            lambda db: db.execute("SELECT count(*) FROM meta WHERE value = ''").fetchone()
        )
        assert count == 101


async def test_who_goes_away_leaves_what_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "messages.db"
    async with open_messages(path) as store:
        task = asyncio.create_task(add(store))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM messages").fetchone() == (1,)
