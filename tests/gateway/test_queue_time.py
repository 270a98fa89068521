"""How long messages live, and rest: their lives, their texts, and a clock that is set."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.gateway.phones import JID, Bench
from waziterm.domain.messages.message import Content, MessageKind, MessageState
from waziterm.domain.messages.queue import MessageRefusedError, RefusalCode, Resolution
from waziterm.domain.messages.sending import CannotSend, OptOut, Receipt, ReceiptKind, Uncertain
from waziterm.store.errors import StoreError

SECRET = "The umbrella is under the third stone. "
LOST = Uncertain("no acknowledgement came")
DAY_S = 86_400.0


def holding(root: Path, text: str = SECRET) -> list[str]:
    """The files below a directory that have a text somewhere in their bytes."""
    found = (each for each in root.rglob("*") if each.is_file())
    return sorted(each.name for each in found if text.strip().encode() in each.read_bytes())


def tidy(bench: Bench, *, is_calm: bool = True) -> None:
    bench.world.run(bench.queue.tidy(is_calm=is_calm))


# -- lives --------------------------------------------------------------------------------------


def test_one_that_is_overdue_is_never_sent(bench: Bench) -> None:
    bench.phones.set("shop", CannotSend.CONNECTING)
    short, long = bench.accept(text="short", expires_in_s=60), bench.accept(text="long")
    bench.world.pass_time(61)
    assert bench.view(short).state is MessageState.EXPIRED
    assert bench.world.run(bench.queue.text_of(short.id)) == ""
    bench.phones.set("shop", None)
    bench.world.settle()
    assert bench.sent() == ["long"] and bench.view(long).state is MessageState.SENT


@pytest.mark.parametrize("by", [-7200.0, 7200.0])
def test_a_clock_that_is_set_makes_no_life_longer_or_shorter(bench: Bench, by: float) -> None:
    bench.phones.set("shop", CannotSend.CONNECTING)
    view = bench.accept(expires_in_s=600)
    bench.world.clock.set_by(by)
    bench.world.run(bench.file.clock_set())
    assert bench.view(view).expires_at == pytest.approx(view.expires_at + by)
    bench.world.pass_time(590)
    assert bench.view(view).state is MessageState.QUEUED
    bench.world.pass_time(11)
    assert bench.view(view).state is MessageState.EXPIRED


def test_a_clock_that_nobody_has_told_of_yet_sends_nothing_late(bench: Bench) -> None:
    bench.phones.set("shop", CannotSend.CONNECTING)
    view = bench.accept(expires_in_s=600)
    bench.world.clock.set_by(-7200)
    bench.world.pass_time(601)
    bench.phones.set("shop", None)
    bench.world.settle()
    assert bench.view(view).state is MessageState.EXPIRED and not bench.sent()


def test_a_clock_that_was_set_back_while_nobody_ran(bench: Bench) -> None:
    bench.phones.set("shop", CannotSend.CONNECTING)
    view = bench.accept(expires_in_s=600)
    bench.close()
    bench.world.clock.offset -= 3600
    bench.world.jump(601)
    bench.phones.set("shop", None)
    bench.open(shift=-3600)
    assert bench.view(view).state is MessageState.EXPIRED and not bench.sent()


def test_a_suspended_machine_sends_nothing_late(bench: Bench) -> None:
    bench.phones.of("shop").ack_s = 1.0
    bench.accept()
    view = bench.accept(text="late", expires_in_s=600)
    bench.world.jump(700)
    bench.world.pass_time(5)
    assert bench.sent() == ["hello"] and bench.view(view).state is MessageState.EXPIRED


def test_what_may_have_arrived_is_unknown_at_the_end_and_not_expired(bench: Bench) -> None:
    bench.phones.of("shop").answers = [LOST]
    view = bench.accept()
    bench.phones.set("shop", CannotSend.CONNECTING)
    bench.world.run(bench.queue.resolve(view.id, Resolution.RESEND))
    bench.world.pass_time(DAY_S + 1)
    after = bench.view(view)
    assert (after.state, after.code) == (MessageState.UNKNOWN, "expired")


# -- texts --------------------------------------------------------------------------------------


def test_a_text_is_in_no_file_when_its_time_is_over(bench: Bench) -> None:
    phone, queue, run = bench.phones.of("shop"), bench.queue, bench.world.run
    sent = bench.accept(text=SECRET * 90)
    phone.answers = [LOST, LOST]
    unknown, closed = bench.accept(text=SECRET * 2), bench.accept(text=SECRET * 3)
    bench.phones.set("shop", CannotSend.CONNECTING)
    cancelled = bench.accept(text=SECRET * 4)
    expired = bench.accept(text=SECRET * 5, expires_in_s=1)
    for place in range(50):
        bench.accept(text=SECRET * place if place else "x", to=f"+49151000000{place:02}")
    assert holding(bench.root)
    run(queue.cancel(cancelled.id))
    run(queue.resolve(closed.id, Resolution.CLOSE))
    bench.world.pass_time(2)
    assert bench.view(expired).state is MessageState.EXPIRED
    bench.phones.set("shop", None)
    bench.world.pass_time(890)
    tidy(bench)
    assert run(queue.text_of(sent.id)) and run(queue.text_of(unknown.id))
    bench.world.pass_time(20)
    tidy(bench)
    assert run(queue.text_of(sent.id)) == "" and run(queue.text_of(unknown.id))
    bench.world.pass_time(3 * DAY_S)
    tidy(bench)
    assert run(queue.text_of(unknown.id)) == ""
    with pytest.raises(MessageRefusedError) as caught:
        run(queue.resolve(unknown.id, Resolution.RESEND))
    assert caught.value.refusal is RefusalCode.TOO_LATE
    assert bench.view(unknown).state is MessageState.UNKNOWN
    assert queue.counts()["shop"].unknown == 0
    assert bench.rows("SELECT count(*) FROM bodies") == [(0,)]
    assert holding(bench.root) == []


def test_no_text_is_told_but_to_who_asks_for_it(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    phone = bench.phones.of("shop")
    phone.answers = [LOST]
    bench.accept(text=SECRET)
    (view,) = bench.world.run(bench.queue.messages())
    bench.queue.heard("id-shop", OptOut((JID,), bench.world.clock.now()))
    bench.world.settle()
    with pytest.raises(MessageRefusedError) as caught:
        bench.accept(text=SECRET)
    content = Content(MessageKind.TEXT, SECRET, file_name=SECRET)
    told = (view, caught.value, content, phone.sent[0][1], bench.queue.counts(), bench.told)
    everything = "".join(map(repr, told)) + caplog.text
    assert SECRET.strip() not in everything
    assert "4915112345678" not in repr(view) + caplog.text + str(caught.value)
    assert phone.sent[0][1].secret not in everything


def test_messages_are_listed_for_thirty_days_and_a_clock_jump_deletes_none(bench: Bench) -> None:
    view = bench.accept()
    bench.world.pass_time(29 * DAY_S)
    tidy(bench)
    assert bench.view(view)
    bench.world.pass_time(2 * DAY_S)
    tidy(bench, is_calm=False)
    assert bench.view(view)
    tidy(bench)
    with pytest.raises(MessageRefusedError):
        bench.view(view)
    # What waits for somebody is not over.
    bench.phones.of("shop").answers = [LOST]
    bench.messages = replace(bench.messages, keep_open_text_s=30 * DAY_S)
    bench.queue.apply(bench.messages, bench.pacing)
    unknown = bench.accept()
    bench.world.clock.set_by(40 * DAY_S)
    tidy(bench)
    assert bench.world.run(bench.queue.text_of(unknown.id)) == "hello"


def test_files_of_media_go_with_what_needs_them(bench: Bench) -> None:
    media = bench.root / "media"
    media.mkdir()
    for name in ("used", "unused", "old", ".upload-1"):
        (media / name).write_bytes(b"x")
    long_ago = (media / "old").stat().st_mtime - 4 * DAY_S
    os.utime(media / "old", (long_ago, long_ago))
    copy = bench.root / "messages.db.before-1"
    copy.write_bytes(b"texts")
    content = Content(MessageKind.IMAGE, media="media/used")
    bench.accept(content=content)
    tidy(bench)
    assert {each.name for each in media.iterdir()} == {"used", "unused", ".upload-1"}
    assert copy.exists()
    os.utime(copy, (long_ago, long_ago))
    bench.world.pass_time(901)
    tidy(bench)
    assert {each.name for each in media.iterdir()} == {"unused", ".upload-1"}
    assert not copy.exists()
    with pytest.raises(MessageRefusedError, match="there is no file media/used"):
        bench.accept(content=content)


# -- instances that come and go -----------------------------------------------------------------


@pytest.mark.parametrize("why", [CannotSend.GONE, CannotSend.LOGGED_OUT, CannotSend.NOT_PAIRED])
def test_what_waits_for_an_instance_that_is_another_one_then_is_held(
    bench: Bench, why: CannotSend
) -> None:
    bench.phones.set("shop", CannotSend.CONNECTING)
    view = bench.accept()
    bench.phones.set("shop", why)
    bench.world.settle()
    bench.phones.set("shop", None)
    bench.world.pass_time(60)
    held = bench.view(view)
    assert (held.state, held.due, bench.sent()) == (MessageState.QUEUED, None, [])
    assert held.reason and view.id in held.next_step
    bench.accept(text="new")
    bench.world.run(bench.queue.resolve(view.id, Resolution.RESEND))
    bench.world.settle()
    assert bench.sent() == ["new", "hello"]


def test_what_a_worker_has_of_a_session_that_is_moved_away_is_unknown(bench: Bench) -> None:
    phone = bench.phones.of("shop")
    phone.ack_s, phone.answers = 5.0, [LOST]
    view = bench.accept()
    waiting = bench.accept(text="waiting")
    bench.world.run(bench.queue.hold("id-shop", "cleaned"))
    phone.known.clear()
    bench.world.pass_time(60)
    assert (bench.view(view).state, bench.view(view).code) == (MessageState.UNKNOWN, "cleaned")
    assert bench.view(waiting).code == "cleaned"
    bench.world.run(bench.queue.resolve(waiting.id, Resolution.CLOSE))
    assert bench.view(waiting).state is MessageState.CANCELLED
    assert bench.sent() == ["hello"]


def test_a_gone_instances_messages_are_still_found_by_its_name(bench: Bench) -> None:
    bench.phones.set("shop", CannotSend.CONNECTING)
    view = bench.accept()
    bench.close()
    del bench.phones.phones["id-shop"]
    bench.open()
    (found,) = bench.world.run(bench.queue.messages(instance="shop"))
    assert (found.id, found.instance, found.code) == (view.id, "shop", "removed")


# -- disks --------------------------------------------------------------------------------------


@pytest.fixture
def locked(bench: Bench) -> Iterator[sqlite3.Connection]:
    """Another program that has the file, once it begins a transaction."""
    bench.accept()
    with closing(sqlite3.connect(bench.root / "messages.db", isolation_level=None)) as other:
        yield other


def test_a_locked_file_takes_no_message_and_loses_none(
    bench: Bench, locked: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    phone = bench.phones.of("shop")
    phone.ack_s = 1.0
    view = bench.accept(text="under way")
    locked.execute("BEGIN EXCLUSIVE")
    bench.world.pass_time(20)
    with pytest.raises(Exception, match="another program keeps"):
        bench.accept(text="not taken")
    locked.execute("ROLLBACK")
    bench.world.pass_time(10)
    assert bench.view(view).state is MessageState.SENT
    assert bench.sent() == ["hello", "under way"]
    assert caplog.text.count("messages of shop wait") == 1


@pytest.mark.parametrize("what", ["damaged", "newer", "directory"])
def test_a_file_that_cannot_be_used_is_told_and_left_as_it_is(bench: Bench, what: str) -> None:
    bench.accept()
    bench.close()
    path = bench.root / "messages.db"
    if what == "newer":
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA user_version = 99")
    elif what == "damaged":
        path.write_bytes(path.read_bytes()[:9000])
    else:
        path.unlink()
        path.mkdir()
    before = None if path.is_dir() else path.read_bytes()
    bench.open()
    (said,) = bench.told
    assert said.startswith("messages are neither taken nor sent: ") and "messages.db" in said
    with pytest.raises(Exception, match=r"messages\.db"):
        bench.accept()
    assert bench.told == [said]
    assert before is None or path.read_bytes() == before
    assert {each.name for each in bench.root.iterdir()} == {"messages.db"}


def test_receipts_wait_for_a_disk(bench: Bench, locked: sqlite3.Connection) -> None:
    locked.execute("BEGIN EXCLUSIVE")
    at = bench.world.clock.now()
    bench.queue.heard("id-shop", Receipt("3EB000000000", JID, ReceiptKind.READ, at))
    bench.world.pass_time(1)
    locked.execute("ROLLBACK")
    bench.world.pass_time(10)
    (view,) = bench.world.run(bench.queue.messages())
    assert view.state is MessageState.READ


def test_a_wait_whose_end_has_passed_takes_no_time(bench: Bench) -> None:
    bench.phones.set("shop", CannotSend.COOLDOWN, bench.world.clock.now() - 5)
    view = bench.accept()
    before = bench.world.loop.scheduled
    bench.world.pass_time(30)
    assert bench.world.loop.scheduled - before < 50
    assert bench.view(view).state is MessageState.QUEUED


def test_what_is_held_while_a_worker_is_about_to_get_it_is_still_there(bench: Bench) -> None:
    bench.phones.set("shop", CannotSend.CONNECTING)
    view = bench.accept(expires_in_s=60)
    holding_it = bench.world.loop.create_task(bench.queue.hold("id-shop", "cleaned"))
    bench.phones.set("shop", None)
    bench.world.run(holding_it)
    bench.world.settle()
    assert bench.sent() == [] and bench.queue.counts()["shop"].queued == 1
    bench.world.pass_time(61)
    assert bench.view(view).state is MessageState.EXPIRED
    assert bench.queue.counts()["shop"].queued == 0


def test_what_is_known_of_new_chats_outlives_a_restart(bench: Bench) -> None:
    bench.apply(enabled=True, gap_s=0, new_chats_per_day=2)
    for _ in range(3):
        bench.accept()
    bench.close()
    bench.open()
    other = bench.accept(to="+4915100000000")
    assert bench.view(other).state is MessageState.SENT
    group = bench.accept(to="120363012345678901@g.us")
    assert bench.view(group).state is MessageState.SENT
    third = bench.accept(to="+4915100000001")
    assert bench.view(third).code == "new_chats"


def test_a_full_disk_takes_no_message_and_loses_none(bench: Bench) -> None:
    phone = bench.phones.of("shop")
    phone.ack_s = 1.0
    view = bench.accept(text="under way")
    assert bench.file.store is not None
    connection = bench.file.store._connection

    def limit(pages: int) -> None:
        sql = f"PRAGMA max_page_count = {pages}"
        bench.world.run(connection.read(lambda db: db.execute(sql).fetchone()))

    limit(1)
    with pytest.raises(StoreError, match="the disk is full, nothing was written"):
        for _ in range(50):
            bench.accept(text=SECRET * 100)
    limit(1_000_000)
    bench.until(lambda: bench.queue.counts()["shop"].queued == 0)
    assert bench.view(view).state is MessageState.SENT
    assert len(bench.sent()) == len(set(bench.rows("SELECT id FROM messages")))
