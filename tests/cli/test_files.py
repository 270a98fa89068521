"""Verbs that work on the files while no manager runs."""

import asyncio
import fcntl
import os
import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.control.test_server import FIELDS
from waziterm.control.client.call import ControlClient
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.files.lock import owned
from waziterm.store.store import open_store


async def stored(data: DataDir, *instances: Instance) -> None:
    """Leave a database as a manager does."""
    data.create()
    async with open_store(data.database) as store:
        for instance in instances:
            await store.save(instance, event=None, at=instance.since)


def test_an_empty_fleet_leaves_nothing_behind(call: Call, tmp_path: Path) -> None:
    root = tmp_path / "fresh"
    done = call("list", "--data-dir", str(root), "--json")
    assert (done.code, done.document, done.err) == (0, [], "")
    done = call("list", "--data-dir", str(root))
    assert (done.code, done.out) == (0, "")
    assert "`waziterm add NAME " in done.err
    assert call("status", "shop-a", "--data-dir", str(root)).code == 2
    assert not root.exists()


def test_add_waits_for_the_next_manager(call: Call, data: DataDir) -> None:
    argv = ("add", "shop-a", "--proxy", "http://me:secret@h:1", "--data-dir", str(data.root))
    done = call(*argv, "--json")
    assert (done.code, done.err) == (0, "")
    added = done.document
    assert tuple(added) == FIELDS
    assert (added["state"], added["wanted"], added["paired"]) == ("stopped", "running", False)
    assert added["proxy"] == "http://•••@h:1"
    where = f"--data-dir {data.root}"
    assert added["next_step"] == (
        f"start `waziterm {where}` or `waziterm headless {where}`; `waziterm start shop-a {where}`,"
        f" then `waziterm qr shop-a {where}` to see a QR code"
    )
    assert call("list", "--data-dir", str(data.root), "--json").document == [added]
    assert stat.S_IMODE(data.database.stat().st_mode) == 0o600

    again = call(*argv)
    assert (again.code, again.err) == (1, "waziterm: shop-a exists already (choose another name)\n")


def test_add_makes_the_directory_private(call: Call, tmp_path: Path) -> None:
    root = tmp_path / "deep" / "fresh"
    assert call("add", "shop-a", "--data-dir", str(root)).code == 0
    assert stat.S_IMODE(root.stat().st_mode) == 0o700


@pytest.fixture
def left_behind(data: DataDir) -> DataDir:
    """A fleet whose manager was killed while one instance was connected and one was held."""
    connected = Instance(
        "shop-a",
        created_at=1.0,
        jid="6281234567890:3@s.whatsapp.net",
        state=State.CONNECTED,
        reason=Reason.ONLINE,
        since=1_767_225_600.0,
        connected_at=1_767_225_600.0,
    )
    held = Instance(
        "shop-b",
        created_at=2.0,
        wanted=Wanted.STOPPED,
        state=State.HELD,
        reason=Reason.RIVAL,
        hold=Reason.RIVAL,
        since=1_767_225_600.0,
    )
    asyncio.run(stored(data, connected, held))
    return data


def test_what_was_connected_is_not_shown_as_connected(call: Call, left_behind: DataDir) -> None:
    first, second = call("list", "--data-dir", str(left_behind.root), "--json").document
    assert (first["state"], first["reason"]) == ("stopped", "no_manager")
    assert (first["wanted"], first["paired"]) == ("running", True)
    assert (first["connected_since"], first["uptime_s"], first["pid"]) == (None, None, None)
    assert first["detail"] == "last seen connected"
    assert "6281234567890" not in str(first)
    assert (second["state"], second["reason"], second["wanted"]) == ("held", "rival", "stopped")
    shown = call("status", "shop-a", "--data-dir", str(left_behind.root), "--json").document
    assert shown == first


def test_looking_changes_nothing(call: Call, left_behind: DataDir) -> None:
    async def read() -> tuple[Instance, ...]:
        async with open_store(left_behind.database) as store:
            return await store.instances()

    before = asyncio.run(read())
    call("list", "--data-dir", str(left_behind.root))
    call("status", "shop-a", "--data-dir", str(left_behind.root))
    assert asyncio.run(read()) == before


def test_readers_do_not_keep_each_other_out(call: Call, left_behind: DataDir) -> None:
    with left_behind.lock.open("w") as reader:
        fcntl.flock(reader, fcntl.LOCK_SH)
        done = call("list", "--data-dir", str(left_behind.root), "--json")
        assert len(done.document) == 2


@pytest.mark.parametrize("verb", [("list",), ("status", "shop-a"), ("add", "shop-c")])
def test_nothing_is_read_or_written_under_a_held_lock(
    call: Call, left_behind: DataDir, monkeypatch: pytest.MonkeyPatch, verb: tuple[str, ...]
) -> None:
    monkeypatch.setattr(ControlClient.__init__, "__kwdefaults__", {"patience_s": 0.2})
    before = left_behind.database.stat().st_mtime_ns
    with owned(left_behind.lock):
        done = call(*verb, "--data-dir", str(left_behind.root), "--json")
    assert done.code == 3
    assert f"the manager (pid {os.getpid()}) has not answered" in done.document["error"]
    assert left_behind.database.stat().st_mtime_ns == before


@pytest.mark.parametrize("verb", [("list",), ("status", "shop-a"), ("add", "shop-c")])
def test_a_database_that_is_none_is_refused_in_one_line(
    call: Call, data: DataDir, verb: tuple[str, ...]
) -> None:
    data.database.write_bytes(b"this is no database" * 100)
    done = call(*verb, "--data-dir", str(data.root))
    assert (done.code, done.out) == (1, "")
    assert str(data.database) in done.err and done.err.count("\n") == 1
    assert data.database.read_bytes() == b"this is no database" * 100
