"""Messages in, from a worker's journal to the events of `messages.db`, whatever becomes of the
instance, its worker or the manager."""

import io
import os
import sqlite3
import tarfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyrage
import pytest

from tests.manager.hosting import Host
from tests.manager.test_supervising import JID, online, worker_of
from tests.manager.world import BEGIN
from tests.sessions import strangers
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.messages.inbound import InboundKind, Received
from waziterm.domain.messages.journal import ROLLED
from waziterm.domain.webhooks.event import EventType
from waziterm.manager.files.belongings import INBOX, Fate
from waziterm.moving.process import Order, do
from waziterm.moving.sealing import Key
from waziterm.worker.instance.journal import Journal

PRIVATE = "how much is it"


def message(number: int) -> Received:
    return Received(f"3EB0{number}", "1@lid", "1@lid", BEGIN, InboundKind.TEXT, PRIVATE)


def told(host: Host, identity: str) -> list[str]:
    """The ids of the messages in that there are events of, in their order."""
    events = host.world.run(host.fleet.events.after(identity, 0, 1000))
    assert [each.seq for each in events] == list(range(1, len(events) + 1))
    return [each.data["id"] for each in events if each.type is EventType.MESSAGE_RECEIVED]


def settle(host: Host, holds: Callable[[], bool]) -> None:
    """Let happen what can happen now, until something is so: a database that is opened is no job of
    this world's."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        host.world.settle()


def takes(host: Host, identity: str, *numbers: int) -> None:
    """Wait until these messages were taken, and no others."""
    wanted = [f"3EB0{number}" for number in numbers]
    settle(host, lambda: len(told(host, identity)) >= len(wanted))
    assert told(host, identity) == wanted


def journals(host: Host) -> list[str]:
    return sorted(path.name for path in host.root.glob("inbox/*.journal*"))


def paired(name: str) -> Instance:
    return Instance(name, BEGIN, since=BEGIN, jid=JID)


def test_a_message_in_is_taken_and_its_journal_goes(host: Host) -> None:
    worker = online(host, "shop")
    identity = host.id("shop")
    worker.take_in(message(1))
    takes(host, identity, 1)
    host.world.pass_time(3)
    assert journals(host) == [] and strangers(host.root) == []
    worker.take_in(message(2))
    takes(host, identity, 1, 2)
    # At most once a minute.
    host.world.pass_time(30)
    assert journals(host) == [f"{identity}.journal"]
    host.world.pass_time(31)
    assert journals(host) == []
    host.close()
    for path in host.root.rglob("*"):
        if path.is_file() and path.name != "messages.db":
            assert PRIVATE.encode() not in path.read_bytes(), path


def test_without_messages_nothing_is_made(host: Host) -> None:
    online(host, "shop")
    host.world.pass_time(300)
    host.close()
    assert not (host.root / "inbox").exists() and not (host.root / "messages.db").exists()


def test_a_manager_that_ends_leaves_nothing(host: Host) -> None:
    worker = online(host, "shop")
    identity = host.id("shop")
    worker.take_in(message(1), is_told=False)
    worker.take_in(message(2))
    host.close()
    assert journals(host) == []
    host.open()
    takes(host, identity, 1, 2)


def test_what_a_killed_manager_left_is_taken_by_the_next(host: Host) -> None:
    host.prepare(paired("shop"))
    identity = host.id("shop")
    journal = Journal(host.root / "inbox" / f"{identity}.journal")
    journal.write(message(1))
    journal.roll()
    journal.write(message(2))
    journal.close()
    host.open()
    worker_of(host, "shop").take_in(message(3))
    takes(host, identity, 1, 2, 3)
    host.world.pass_time(120)
    assert journals(host) == []


def test_a_worker_that_dies_with_its_nudge(host: Host) -> None:
    worker = online(host, "shop")
    identity = host.id("shop")
    worker.take_in(message(1), is_told=False)
    worker.die(-9)
    takes(host, identity, 1)
    host.world.pass_time(300)
    assert journals(host) == []


def test_off_means_that_no_worker_is_told_where(host: Host) -> None:
    online(host, "shop").take_in(message(1))
    identity = host.id("shop")
    host.close()
    off = replace(host.settings.messages, inbox=False)
    host.settings = replace(host.settings, messages=off)
    host.open()
    assert worker_of(host, "shop").command.inbox == ""
    host.fleet.apply(replace(host.settings, messages=replace(off, inbox=True)))
    worker_of(host, "shop").say(ev.Connected(JID))
    host.world.settle()
    host.world.task(host.fleet.reconnect("shop")).result()
    host.world.pass_time(60)
    worker_of(host, "shop").take_in(message(2))
    takes(host, identity, 1, 2)


@pytest.mark.parametrize("verb", ["clean", "remove", "rename", "stop"])
def test_each_verb_does_with_it_what_the_list_says(host: Host, verb: str) -> None:
    worker = online(host, "shop")
    identity = host.id("shop")
    worker.take_in(message(1), is_told=False)
    given = {"rename": ("shop", "new")}.get(verb, ("shop",))
    host.world.run(getattr(host.fleet, verb)(*given))
    # It was told before the instance was gone, or is now; and nothing of it stays.
    takes(host, identity, 1)
    host.world.pass_time(120)
    assert journals(host) == [] and strangers(host.root) == []
    fates = {"clean": Fate.STAYS, "rename": Fate.STAYS, "remove": Fate.GOES, "stop": Fate.STAYS}
    assert all(getattr(each, verb, Fate.STAYS) is fates[verb] for each in INBOX)


def test_of_an_instance_that_was_removed(host: Host) -> None:
    online(host, "shop", "cafe")
    identity = host.id("shop")
    host.world.task(host.fleet.remove("shop")).result()
    host.close()
    journal = Journal(host.root / "inbox" / f"{identity}.journal")
    journal.write(message(1))
    journal.close()
    host.open()
    takes(host, identity, 1)
    host.world.pass_time(120)
    assert journals(host) == []


def test_neither_a_backup_nor_an_export_has_it(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.prepare(paired("shop"))
    identity = host.id("shop")
    (host.root / "inbox").mkdir()
    rolled = host.root / "inbox" / f"{identity}.journal{ROLLED}"
    rolled.mkdir()
    path = host.root / "inbox" / f"{identity}.journal"
    path.write_text(PRIVATE)
    host.open()
    worker_of(host, "shop").say(ev.Connected(JID))
    host.world.settle()
    host.world.task(host.fleet.stop("shop")).result()
    assert path.exists()
    key = pyrage.x25519.Identity.generate()

    @asynccontextmanager
    async def done_here(order: Order) -> AsyncIterator[tuple[Any, Callable[[], None]]]:
        # A world has no processes.
        yield do(replace(order, key=Key(recipient=str(key.to_public())))), lambda: None

    for module in ("carrying", "backups"):
        monkeypatch.setattr(f"waziterm.manager.care.{module}.carried_out", done_here)
    fleet, task = host.fleet, host.world.task
    task(fleet.backup(str(tmp_path / "backup"), recipient=str(key.to_public()))).result()
    task(fleet.export("shop", str(tmp_path / "export"), "a passphrase")).result()
    for file in (tmp_path / "backup", tmp_path / "export"):
        data = pyrage.decrypt(file.read_bytes(), [key])
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            assert not [each.name for each in tar if "inbox" in each.name]
        assert PRIVATE.encode() not in data
    assert all((each.export, each.backup) == (Fate.LEFT, Fate.LEFT) for each in INBOX)


def test_what_cannot_be_taken_is_a_finding_and_waits(host: Host) -> None:
    worker = online(host, "shop", "cafe")
    identity = host.id("shop")
    rolled = host.root / "inbox" / f"{identity}.journal{ROLLED}"
    rolled.mkdir(parents=True)
    worker.take_in(message(1))
    assert told(host, identity) == []
    findings = host.world.task(host.fleet.check()).result()
    (finding,) = (each for each in findings if each.kind.value == "inbox_waits")
    assert finding.instance == "shop" and "it is no file" in str(finding.evidence)
    rolled.rmdir()
    host.world.pass_time(120)
    takes(host, identity, 1)
    findings = host.world.task(host.fleet.check()).result()
    assert "inbox_waits" not in [each.kind.value for each in findings]


def test_a_database_that_takes_nothing(host: Host) -> None:
    worker = online(host, "shop")
    identity = host.id("shop")
    (host.root / "messages.db").write_bytes(b"no database" * 500)
    os.chmod(host.root / "messages.db", 0o600)  # noqa: PTH101 - of a test
    for number in range(3):
        worker.take_in(message(number))
        host.world.pass_time(20)
    (host.root / "messages.db").unlink()
    host.world.pass_time(120)
    takes(host, identity, 0, 1, 2)
    with closing(sqlite3.connect(host.root / "messages.db")) as db:
        (kept,) = db.execute("SELECT count(*) FROM journals").fetchone()
    assert kept <= 1
