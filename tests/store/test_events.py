"""Events in `messages.db`: taken once, numbered without a gap, written with what they tell."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.store.files import query
from tests.store.waiting import heads
from waziterm.domain.messages.codes import OnUnknown
from waziterm.domain.messages.inbound import (
    InboundKind,
    InboundMedia,
    JournalPart,
    LostWhy,
    MessageLost,
    Received,
)
from waziterm.domain.messages.message import Content, MessageKind, NewMessage
from waziterm.domain.messages.message_states import Cancelled
from waziterm.domain.messages.sending import Acknowledged, Receipt, ReceiptKind
from waziterm.domain.secret import Secret
from waziterm.domain.webhooks.event import MOST_BODY, EventType
from waziterm.domain.webhooks.target import Target
from waziterm.domain.webhooks.telling import NOBODY, Telling
from waziterm.store import events_rows
from waziterm.store.errors import StoreError
from waziterm.store.messages import MessageStore, open_messages

NOW = 1_700_000_000.0
HOUR = 3600.0
JOURNAL = "0123456789abcdef"
NEW = NewMessage("4915112345678@s.whatsapp.net", Content(MessageKind.TEXT, "a secret text"))


def target(name: str, *events: EventType, instances: tuple[str, ...] = ()) -> Target:
    return Target(name, Secret("https://h.example"), (), frozenset(events), instances)


def telling(*targets: Target) -> Telling:
    return Telling(targets, {"i1": "shop", "i2": "bar"})


def received(number: int, text: str = "hello") -> Received:
    return Received(f"ID{number}", "1@lid", "1@lid", NOW, InboundKind.TEXT, text)


def part(start: int, end: int, *messages: Received | MessageLost) -> JournalPart:
    return JournalPart(JOURNAL, start, end, messages)


async def test_a_part_of_a_journal_is_taken_once_and_numbered_without_a_gap(tmp_path: Path) -> None:
    path, told = tmp_path / "messages.db", telling(target("crm"), target("log"))
    lost = MessageLost("IDX", "2@lid", NOW, LostWhy.OLD_COUNTER)
    first, second = part(0, 100, received(1), lost), part(100, 180, received(2))
    async with open_messages(path) as store:
        assert await store.events.read_to(JOURNAL) == 0
        assert await store.events.take("i1", "shop", first, NOW, told) == 2
    async with open_messages(path) as store:
        assert await store.events.read_to(JOURNAL) == 100
        assert await store.events.take("i1", "shop", first, NOW, told) == 0
        assert await store.events.take("i1", "shop", second, NOW, told) == 1
        other = JournalPart("f" * 16, 0, 9, (received(3),))
        assert await store.events.take("i2", "bar", other, NOW, told) == 1
        with pytest.raises(StoreError, match="was taken to byte 180, and 190 was to be next"):
            await store.events.take("i1", "shop", part(190, 200, received(9)), NOW, told)
        found = await store.events.events_after("i1", 0, 10)
        assert [(each.seq, each.type, each.data["id"]) for each in found] == [
            (1, EventType.MESSAGE_RECEIVED, "ID1"),
            (2, EventType.MESSAGE_LOST, "IDX"),
            (3, EventType.MESSAGE_RECEIVED, "ID2"),
        ]
        assert len(await store.events.next_of("crm", "i1", 10)) == 3
        assert {each.event.instance for each in await heads(store, "log")} == {"i1", "i2"}
        await store.events.forget(JOURNAL)
        assert await store.events.read_to(JOURNAL) == 0


async def test_only_those_who_want_it_are_told(tmp_path: Path) -> None:
    told = telling(
        target("states", EventType.INSTANCE_STATE),
        target("bars", instances=("b*",)),
        target("in", EventType.MESSAGE_RECEIVED),
    )
    async with open_messages(tmp_path / "messages.db") as store:
        await store.events.take("i1", "shop", part(0, 10, received(1)), NOW, told)
        state = {"state": "connected", "reason": "", "code": "", "since": None}
        assert await store.events.tell_state("i2", "bar", state, NOW, told)
        assert not await store.events.tell_state("i2", "bar", state, NOW, told)
        waits = {
            name: [each.event.type.value for each in await heads(store, name)]
            for name in ("states", "bars", "in")
        }
    assert waits == {
        "states": ["instance.state"],
        "bars": ["instance.state"],
        "in": ["message.received"],
    }


async def sent_message(store: MessageStore) -> str:
    added = await store.add("i1", "shop", NEW, OnUnknown.HOLD, NOW, once=None, most=10)
    message = added.message.id
    await store.give(message, "s" * 64, NOW, is_new=True)
    await store.happen(message, Acknowledged("3EB0", "1@lid"), NOW)
    return message


async def test_what_becomes_of_a_message_is_told_without_its_text(tmp_path: Path) -> None:
    path, told = tmp_path / "messages.db", telling(target("crm"))
    async with open_messages(path, lambda: told) as store:
        await sent_message(store)
        for kind in (ReceiptKind.DELIVERED, ReceiptKind.READ, ReceiptKind.READ):
            await store.receive("i1", [Receipt("3EB0", "1@lid", kind, NOW + 5)], NOW)
        added = await store.add("i1", "shop", NEW, OnUnknown.HOLD, NOW, once=None, most=10)
        await store.happen(added.message.id, Cancelled(), NOW)
        waits = await store.events.next_of("crm", "i1", 10)
    assert [(each.event.type.value, each.event.data["state"]) for each in waits] == [
        ("message.sent", "sent"),
        ("message.delivered", "delivered"),
        ("message.read", "read"),
        ("message.failed", "cancelled"),
    ]
    assert waits[0].event.data["whatsapp_id"] == "3EB0"
    assert "secret text" not in str(query(path, "SELECT body FROM events"))


async def test_a_fleet_without_webhooks_writes_nothing_of_its_messages(tmp_path: Path) -> None:
    async with open_messages(tmp_path / "messages.db") as store:
        await sent_message(store)
        await store.events.take("i1", "shop", part(0, 10, received(1)), NOW, NOBODY)
    assert query(tmp_path / "messages.db", "SELECT type FROM events") == [("message.received",)]


async def test_a_body_is_no_larger_than_it_may_be_and_says_so(tmp_path: Path) -> None:
    texts = ["x" * 65_536, "\x00" * 30_000, "😀" * 16_000, '"\\' * 9_000, "\ud800" * 20_000]
    media = InboundMedia("image/png", 1 << 60, "n" * 9_000, "a" * 64, "REFERENCE")
    messages = [
        Received("I" * 9_000, "1@lid", "1@lid", NOW, InboundKind.IMAGE, text, media=media)
        for text in texts
    ]
    async with open_messages(tmp_path / "messages.db") as store:
        await store.events.take("i1", "shop", part(0, 10, *messages), NOW, NOBODY)
        found = await store.events.events_after("i1", 0, 10)
    for each in found:
        assert each.data["is_cut"] and each.data["text"]
        assert 15_000 < len(json.dumps(each.data, ensure_ascii=False).encode()) <= MOST_BODY
    assert "REFERENCE" not in str(found)


async def test_what_waits_is_bounded_and_the_oldest_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_rows, "MOST_PENDING", 10)
    monkeypatch.setattr(events_rows, "MOST_UNWANTED", 3)
    monkeypatch.setattr(events_rows, "MOST_FAILED", 20)
    path, told = tmp_path / "messages.db", telling(target("dead"), target("also"))
    async with open_messages(path) as store:
        for number in range(0, 1200, 10):
            batch = [received(number + each) for each in range(10)]
            await store.events.take("i1", "shop", part(number, number + 10, *batch), NOW, told)
        assert 10 <= len(await store.events.next_of("dead", "i1", 10_000)) < 10 + 1000
        other = JournalPart("f" * 16, 0, 9, tuple(received(each) for each in range(9)))
        await store.events.take("i2", "bar", other, NOW, NOBODY)
        await store.events.tidy(NOW, 72 * HOUR, 24 * HOUR, None)
        waits = await store.events.next_of("dead", "i1", 10_000)
        assert [each.event.data["id"] for each in waits] == [
            f"ID{number}" for number in range(1190, 1200)
        ]
        failed = await store.events.failed(100)
        assert len(failed) == 40 and {each.error for each in failed} == {events_rows.TOO_MANY}
        assert not any(each.rests for each in failed)
        assert len(await store.events.events_after("i2", 0, 100)) == 3
    # 10 that wait, 20 without a body that are listed, 3 that nobody wants.
    assert query(path, "SELECT count(*) FROM events") == [(33,)]


async def test_bodies_go_with_time_and_the_list_stays(tmp_path: Path) -> None:
    told = telling(target("dead"))
    async with open_messages(tmp_path / "messages.db") as store:
        await store.events.take("i1", "shop", part(0, 10, received(1)), NOW, told)
        await store.events.take("i1", "shop", part(10, 20, received(2)), NOW, NOBODY)
        await store.events.tidy(NOW + 25 * HOUR, 72 * HOUR, 24 * HOUR, None)
        assert [each.seq for each in await store.events.events_after("i1", 0, 9)] == [1]
        await store.events.tidy(NOW + 73 * HOUR, 72 * HOUR, 24 * HOUR, None)
        assert await store.events.events_after("i1", 0, 9) == ()
        (failed,) = await store.events.failed(9)
        assert (failed.error, failed.rests) == (events_rows.TOO_OLD, False)
        assert await store.events.retry(None, ["dead"], NOW) == ()
        await store.events.tidy(NOW + 100 * HOUR, 72 * HOUR, 24 * HOUR, 30 * HOUR)
        assert len(await store.events.failed(9)) == 1
        await store.events.tidy(NOW + 110 * HOUR, 72 * HOUR, 24 * HOUR, 30 * HOUR)
        assert await store.events.failed(9) == ()
    assert query(tmp_path / "messages.db", "SELECT count(*) FROM events") == [(0,)]


KILLED = """
import asyncio, sys
from pathlib import Path
from tests.store.test_events import NOW, part, received, sent_message, target, telling
from waziterm.store.messages import open_messages

async def main():
    told = telling(target("crm"))
    async with open_messages(Path(sys.argv[1]), lambda: told) as store:
        print("begun", flush=True)
        start = await store.events.read_to("0123456789abcdef")
        for end in range(start + 1, 100_000):
            await store.events.take("i1", "shop", part(end - 1, end, received(end)), NOW, told)
            await sent_message(store)

asyncio.run(main())
"""


def test_a_kill_at_any_point_loses_and_doubles_nothing(tmp_path: Path) -> None:
    path = tmp_path / "messages.db"
    for wait_s in (0.05, 0.11, 0.17):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None and process.stdout.readline() == "begun\n"
        try:
            process.wait(wait_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    (taken,) = query(path, "SELECT taken FROM journals")[0]
    bodies = query(
        path, "SELECT body ->> 'id' FROM events WHERE type = 'message.received' ORDER BY seq"
    )
    assert [each for (each,) in bodies] == [f"ID{number}" for number in range(1, taken + 1)]
    assert taken > 0
    sent = query(path, "SELECT id FROM messages WHERE state = 'sent' ORDER BY id")
    told = query(path, "SELECT body ->> 'id' FROM events WHERE type = 'message.sent' ORDER BY 1")
    assert sent == told
    (last,), (count,) = (
        query(path, "SELECT seq FROM seqs")[0],
        query(path, "SELECT count(*) FROM events")[0],
    )
    assert last == count == query(path, "SELECT count(*) FROM deliveries")[0][0]


async def test_a_clock_that_was_set_makes_no_body_older(tmp_path: Path) -> None:
    told = telling(target("crm"))
    async with open_messages(tmp_path / "messages.db") as store:
        await store.events.take("i1", "shop", part(0, 10, received(1)), NOW, told)
        await store.shift(1000 * HOUR)
        await store.events.tidy(NOW + 1001 * HOUR, 72 * HOUR, 24 * HOUR, 1.0)
        (head,) = await heads(store, "crm")
        assert head.event.at == NOW and head.due == NOW + 1000 * HOUR


async def test_many_take_at_once(tmp_path: Path) -> None:
    told = telling(target("crm"))
    async with open_messages(tmp_path / "messages.db") as store:
        work = [
            store.events.take(
                "i1", "shop", JournalPart(f"{n:016x}", 0, 1, (received(n),)), NOW, told
            )
            for n in range(300)
        ]
        await asyncio.gather(*work)
        found = await store.events.events_after("i1", 0, 1000)
        assert [each.seq for each in found] == list(range(1, 301))
