"""The queue inside a manager: what it does with messages when it boots, moves sessions, ends."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyrage
import pytest

from tests.manager.hosting import Host, settings
from tests.manager.test_supervising import JID, worker_of
from tests.manager.world import BEGIN
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.messages.message import Content, MessageKind, MessageState, NewMessage
from waziterm.domain.messages.message import MessageView as View
from waziterm.domain.messages.queue import Resolution
from waziterm.domain.messages.sending import Receipt, ReceiptKind
from waziterm.manager.care.janitor import CALM_S
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.stored.fleet import StoredFleet
from waziterm.manager.stored.restoring import restore_backup
from waziterm.moving.process import Order, do
from waziterm.moving.sealing import Key

TO = "+4915112345678"


@pytest.fixture
def fleet(host: Host) -> Host:
    """A manager with a connected instance, which does not pace."""
    host.settings = settings(host.root.parent, pacing__enabled="false")  # type: ignore[arg-type]
    host.prepare(Instance("shop", BEGIN, since=BEGIN, jid=JID))
    start(host)
    return host


def start(host: Host) -> None:
    host.open()
    worker_of(host, "shop").say(ev.Connected(JID))
    host.world.settle()


def accept(host: Host, text: str = "hello") -> View:
    new = NewMessage(TO, Content(MessageKind.TEXT, text))
    view = host.world.run(host.fleet.queue.accept("shop", new))
    host.world.settle()
    return view


def seen(host: Host, view: View) -> View:
    return host.world.run(host.fleet.queue.message(view.id))


def rows(host: Host, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(host.root / "messages.db")) as db:
        return db.execute(sql).fetchall()


def stored(host: Host) -> StoredFleet:
    return StoredFleet(DataDir(host.root), lambda: host.settings)


def test_a_fleet_that_sends_nothing_has_no_file(fleet: Host) -> None:
    fleet.world.pass_time(700)
    fleet.world.clock.set_by(60)
    fleet.world.settle()
    fleet.world.task(fleet.fleet.clean("shop")).result()
    fleet.close()
    assert not (fleet.root / "messages.db").exists()


def test_a_message_goes_by_the_instances_worker(fleet: Host) -> None:
    view = accept(fleet)
    assert seen(fleet, view).state is MessageState.SENT
    at = fleet.world.clock.now()
    fleet.fleet.hears.heard(
        fleet.id("shop"), Receipt("3EB0", TO[1:] + "@lid", ReceiptKind.READ, at)
    )
    fleet.world.settle()
    assert seen(fleet, view).state is MessageState.SENT, "it is of somebody else"
    jid = f"{TO[1:]}@s.whatsapp.net"
    fleet.fleet.hears.heard(fleet.id("shop"), Receipt("3EB0", jid, ReceiptKind.READ, at))
    fleet.world.settle()
    assert seen(fleet, view).state is MessageState.READ


def test_it_waits_while_its_instance_is_stopped_and_through_a_restart(fleet: Host) -> None:
    fleet.world.task(fleet.fleet.stop("shop")).result()
    view = accept(fleet)
    assert seen(fleet, view).code == "stopped"
    fleet.close()
    fleet.open()
    assert seen(fleet, view).state is MessageState.QUEUED
    fleet.world.task(fleet.fleet.start("shop")).result()
    worker_of(fleet, "shop").say(ev.Connected(JID))
    fleet.world.settle()
    assert seen(fleet, view).state is MessageState.SENT


def test_a_reload_paces_otherwise(fleet: Host) -> None:
    host = fleet
    changed = replace(host.settings, pacing=replace(host.settings.pacing, enabled=True, gap_s=60))
    host.fleet.apply(changed)
    accept(host)
    view = accept(host)
    assert seen(host, view).code == "gap"
    host.fleet.apply(host.settings)
    host.world.settle()
    assert seen(host, view).state is MessageState.SENT


def test_a_clock_that_is_set_moves_what_waits(fleet: Host) -> None:
    fleet.world.task(fleet.fleet.stop("shop")).result()
    view = accept(fleet)
    fleet.world.clock.set_by(7200)
    fleet.world.settle()
    assert seen(fleet, view).expires_at == pytest.approx(view.expires_at + 7200)


@pytest.mark.parametrize("by", ["clean", "remove"])
@pytest.mark.parametrize("runs", [True, False])
def test_what_waits_for_a_session_that_is_moved_away_is_held(
    fleet: Host, by: str, runs: bool
) -> None:
    host = fleet
    host.world.task(host.fleet.stop("shop")).result()
    view = accept(host)
    if runs:
        host.world.task(getattr(host.fleet, by)("shop")).result()
        (entry,) = host.world.task(host.fleet.trash()).result()
        host.world.task(host.fleet.restore(entry.id)).result()
    else:
        host.close()
        host.world.run(getattr(stored(host), by)("shop"))
        (entry,) = host.world.run(stored(host).trash())
        host.world.run(stored(host).restore(entry.id))
        host.open()
    host.world.task(host.fleet.start("shop")).result()
    worker_of(host, "shop").say(ev.Connected(JID))
    host.world.settle()
    held = seen(host, view)
    assert (held.state, held.due) == (MessageState.QUEUED, None) and held.reason
    new = accept(host, "new")
    assert seen(host, new).state is MessageState.SENT
    host.world.run(host.fleet.queue.resolve(view.id, Resolution.RESEND))
    host.world.settle()
    assert seen(host, view).state is MessageState.SENT


def test_a_rename_keeps_what_waits(fleet: Host) -> None:
    fleet.world.task(fleet.fleet.stop("shop")).result()
    view = accept(fleet)
    fleet.world.task(fleet.fleet.rename("shop", "store")).result()
    found = seen(fleet, view)
    assert (found.instance, found.code) == ("store", "stopped")
    fleet.world.task(fleet.fleet.start("store")).result()
    worker_of(fleet, "store").say(ev.Connected(JID))
    fleet.world.settle()
    assert seen(fleet, view).state is MessageState.SENT


def test_the_janitor_takes_texts_and_lists_away(fleet: Host) -> None:
    view = accept(fleet, "the third stone")
    fleet.world.pass_time(1300)
    assert rows(fleet, "SELECT count(*) FROM bodies") == [(0,)]
    files = fleet.root.glob("messages.db*")
    assert not any(b"third stone" in each.read_bytes() for each in files)
    assert seen(fleet, view).state is MessageState.SENT
    fleet.world.pass_time(max(0.0, CALM_S - 1300))
    fleet.world.run(fleet.fleet.tidy_up())
    assert seen(fleet, view)


def test_a_damaged_file_is_told_and_the_fleet_goes_on(
    fleet: Host, caplog: pytest.LogCaptureFixture
) -> None:
    accept(fleet)
    fleet.close()
    (fleet.root / "messages.db").write_bytes(b"not a database\n" * 1000)
    start(fleet)
    assert fleet.view("shop").state == "connected"
    with pytest.raises(Exception, match=r"messages\.db is not a waziterm database"):
        accept(fleet)
    assert "messages are neither taken nor sent" in caplog.text
    fleet.world.pass_time(700)
    assert fleet.view("shop").state == "connected"


def test_all_of_a_restored_backup_is_held(
    fleet: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def done_here(order: Order) -> AsyncIterator[tuple[Any, Callable[[], None]]]:
        # A world has no processes.
        yield do(order), lambda: None

    monkeypatch.setattr("waziterm.manager.care.backups.carried_out", done_here)
    fleet.world.task(fleet.fleet.stop("shop")).result()
    view = accept(fleet)
    given = accept(fleet)
    with closing(sqlite3.connect(fleet.root / "messages.db")) as db, db:
        db.execute("UPDATE messages SET state = 'sending' WHERE id = ?", (given.id,))
    key = pyrage.x25519.Identity.generate()
    sealed = tmp_path / "backup"
    backup = fleet.fleet.backup(str(sealed), recipient=str(key.to_public()))
    fleet.world.task(backup).result()
    fleet.close()
    root = tmp_path / "data"
    asyncio.run(restore_backup(DataDir(root), sealed, Key(identity=str(key))))
    with closing(sqlite3.connect(root / "messages.db")) as db:
        found = dict(db.execute("SELECT id, state || held || code FROM messages").fetchall())
    assert found == {view.id: "queued1restored", given.id: "unknown0restored"}
