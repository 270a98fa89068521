"""Clean, remove and restore in a running manager: nothing is lost, no wait gets shorter."""

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path

import pytest

from tests.manager.hosting import Host
from tests.manager.rivals import a_rival
from tests.manager.test_supervising import JID, online, worker_of
from tests.manager.world import BEGIN
from tests.store.files import leave_unfinished
from waziterm.domain.care.findings import FindingKind
from waziterm.domain.care.trash import Why
from waziterm.domain.fleet.api import FleetError
from waziterm.domain.fleet.tools import Progress, RestartReport
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.manager.files import trash as trashes
from waziterm.manager.files.trash import MANIFEST
from waziterm.store.sessionfile import device_key


def files(host: Host) -> list[tuple[str, str]]:
    """The session files of a data directory, wherever they are and whatever they are named by:
    their ends and their hashes."""
    found = [path for path in host.root.rglob("*.db*") if path.parent != host.root]
    return sorted((path.suffix, hashlib.sha256(path.read_bytes()).hexdigest()) for path in found)


def test_what_was_cleaned_comes_back_byte_for_byte_and_connects(host: Host) -> None:
    online(host, "a")
    before = files(host)
    host.world.task(host.fleet.clean("a")).result()
    assert host.view("a").state is State.STOPPED and not host.session("a").exists()
    (entry,) = host.world.task(host.fleet.trash()).result()
    assert (entry.instance, entry.why, entry.restorable, entry.paired) == (
        "a", Why.CLEANED, True, True
    )  # fmt: skip
    assert entry.expires_at == pytest.approx(entry.at + 30 * 86400)
    assert files(host) == before
    assert host.world.task(host.fleet.restore(entry.id)).result() == "a"
    assert files(host) == before and host.session("a").exists()
    assert worker_of(host, "a").jid == JID
    assert host.world.task(host.fleet.trash()).result() == ()


@pytest.mark.parametrize("known", [True, False])
def test_what_a_killed_worker_left_goes_and_comes_back_with_the_rest(
    host: Host, known: bool
) -> None:
    """To read the file takes it back, which is for whoever uses the file next."""
    online(host, "a")
    host.world.task(host.fleet.stop("a")).result()
    leave_unfinished(host.session("a"))
    before = files(host)
    host.world.task(host.fleet.clean("a")).result()
    (entry,) = host.world.task(host.fleet.trash()).result()
    if not known:
        manifest = host.root / "trash" / entry.id / MANIFEST
        told = json.loads(manifest.read_text())
        manifest.write_text(json.dumps(told | {"was": None}))
    assert host.world.task(host.fleet.restore(entry.id)).result() == "a"
    assert [path.name for path in (host.root / "sessions").iterdir() if path.is_dir()] == []
    if known:
        assert files(host) == before
        host.world.task(host.fleet.start("a")).result()
    assert worker_of(host, "a").jid == JID


def test_what_is_live_in_another_manager_stays_in_the_trash(host: Host) -> None:
    online(host, "a")
    host.world.task(host.fleet.clean("a")).result()
    (entry,) = host.world.task(host.fleet.trash()).result()
    key = device_key(next(host.root.glob("trash/*/a.db")), JID)
    assert key is not None
    with a_rival() as rival:
        rival.do("register", "/srv/theirs")
        assert rival.do("claim", key.hex(), False) is None
        named = rf"live in another waziterm \(pid {rival.pid}, /srv/theirs\)"
        with pytest.raises(FleetError, match=named):
            host.world.task(host.fleet.restore(entry.id)).result()
    assert host.world.task(host.fleet.restore(entry.id)).result() == "a"


def test_a_stopped_one_comes_back_stopped(host: Host) -> None:
    online(host, "a")
    host.world.task(host.fleet.stop("a")).result()
    host.world.task(host.fleet.clean("a")).result()
    (entry,) = host.world.task(host.fleet.trash()).result()
    host.world.task(host.fleet.restore(entry.id)).result()
    view = host.view("a")
    assert (view.state, view.reason, view.wanted) == (
        State.STOPPED, Reason.RESTORED, Wanted.STOPPED
    )  # fmt: skip
    assert view.paired and not host.world.live()


@pytest.mark.parametrize("by", ["clean", "remove"])
def test_no_cool_down_gets_shorter_by_clean_and_restore(host: Host, by: str) -> None:
    online(host, "a").say(ev.StreamReplaced())
    host.world.settle()
    until = host.view("a").next_attempt
    assert until is not None
    host.world.task(getattr(host.fleet, by)("a")).result()
    (entry,) = host.world.task(host.fleet.trash()).result()
    host.world.task(host.fleet.restore(entry.id)).result()
    assert host.view("a").state is State.COOLDOWN and host.view("a").next_attempt == until
    host.world.pass_time(until - host.world.clock.now() - 0.1)
    assert not host.world.live()
    host.world.pass_time(0.2)
    assert host.view("a").reason is Reason.GUARDED


@pytest.mark.parametrize("by", ["clean", "remove"])
def test_no_hold_ends_by_clean_and_restore(host: Host, by: str) -> None:
    host.prepare(Instance("a", BEGIN, since=BEGIN, jid=JID, hold=Reason.RIVAL))
    host.open()
    host.world.task(getattr(host.fleet, by)("a")).result()
    (entry,) = host.world.task(host.fleet.trash()).result()
    host.world.task(host.fleet.restore(entry.id)).result()
    assert (host.view("a").state, host.view("a").reason) == (State.HELD, Reason.RIVAL)
    host.world.pass_time(1000.0)
    assert not host.world.live()


def test_what_was_removed_is_gone_and_comes_back_with_all_that_it_was(host: Host) -> None:
    online(host, "a")
    said = len(host.fleet.tail("a"))
    entry = host.world.task(host.fleet.remove("a")).result().entry
    assert host.fleet.snapshot().instances == ()
    assert host.query("SELECT name FROM instances") == []
    assert isinstance(host.world.task(host.fleet.start("a")).exception(), FleetError)
    host.close()
    host.open()
    assert host.world.task(host.fleet.restore(entry)).result() == "a"
    assert worker_of(host, "a").jid == JID
    lines = host.fleet.tail("a")
    assert len(lines) > said, "the log goes on"
    assert len({line.seq for line in lines}) == len(lines)


def test_an_instance_without_a_session_can_be_removed_and_restored(host: Host) -> None:
    host.prepare(Instance("a", BEGIN, since=BEGIN, phone="+628123456789", wanted=Wanted.STOPPED))
    host.open()
    entry = host.world.task(host.fleet.remove("a")).result().entry
    assert host.fleet.snapshot().instances == ()
    host.world.task(host.fleet.restore(entry)).result()
    assert host.query("SELECT name, phone FROM instances") == [
        {"name": "a", "phone": "+628123456789"}
    ]


def test_a_restore_is_refused_over_a_session_and_for_a_device_that_is_in_use(host: Host) -> None:
    online(host, "a", "b")
    host.world.task(host.fleet.clean("a")).result()
    (entry,) = host.world.task(host.fleet.trash()).result()
    before = files(host)
    refused = host.world.task(host.fleet.restore(entry.id)).exception()
    assert isinstance(refused, FleetError) and "in use as b" in str(refused)
    host.world.task(host.fleet.remove("b")).result()
    host.session("a").write_bytes(b"another session")
    refused = host.world.task(host.fleet.restore(entry.id)).exception()
    assert isinstance(refused, FleetError) and "has a session already" in str(refused)
    assert host.session("a").read_bytes() == b"another session"
    host.session("a").unlink()
    assert files(host) == before
    unknown = host.world.task(host.fleet.restore("../../etc")).exception()
    assert isinstance(unknown, FleetError) and unknown.code == 2


def test_a_trashed_file_that_was_changed_is_not_restored(host: Host) -> None:
    online(host, "a")
    host.world.task(host.fleet.clean("a")).result()
    (entry,) = host.world.task(host.fleet.trash()).result()
    trashed = host.root / "trash" / entry.id / "a.db"
    trashed.write_bytes(trashed.read_bytes() + b"x")
    refused = host.world.task(host.fleet.restore(entry.id)).exception()
    host.world.settle()
    assert isinstance(refused, FleetError) and "not what it was" in str(refused)
    assert trashed.exists() and not host.session("a").exists()
    assert not host.view("a").paired and not host.world.live()


def test_after_a_logout_there_is_nothing_to_restore(host: Host) -> None:
    worker = online(host, "a")
    host.world.task(host.fleet.clean("a", logout=True)).result()
    assert worker.asked_to_log_out
    (entry,) = host.world.task(host.fleet.trash()).result()
    assert not entry.restorable
    refused = host.world.task(host.fleet.restore(entry.id)).exception()
    assert isinstance(refused, FleetError) and "no longer linked" in str(refused)


@pytest.mark.parametrize("answers", ["never", "error", "not connected"])
def test_a_logout_that_fails_does_not_stop_the_clean(host: Host, answers: str) -> None:
    worker = online(host, "a")
    if answers == "not connected":
        worker.say(ev.Disconnected())
        host.world.settle()
    else:
        worker.answers = answers
    cleaning = host.world.task(host.fleet.clean("a", logout=True))
    host.world.pass_time(19.0)
    assert cleaning.result().state is State.STOPPED
    (entry,) = host.world.task(host.fleet.trash()).result()
    assert entry.restorable
    assert any("not unlinked" in line.text for line in host.fleet.tail("a"))


def test_a_logout_whose_end_whatsapp_tells_first_is_done(host: Host) -> None:
    worker = online(host, "a")
    worker.answers = "never"
    cleaning = host.world.task(host.fleet.clean("a", logout=True))
    worker.answers = "ok"
    worker.say(ev.LoggedOut(False, 401))
    host.world.settle()
    assert cleaning.result().state is State.STOPPED
    said = [line.text for line in host.fleet.tail("a")]
    assert "unlinked" in said and not any("not unlinked" in text for text in said)
    for entry in host.world.task(host.fleet.trash()).result():
        assert not entry.restorable


def test_clean_all_wants_to_be_told_how_many(host: Host) -> None:
    online(host, "a", "b")
    for count in (0, 1, 3):
        refused = host.world.task(host.fleet.clean_all(count)).exception()
        assert isinstance(refused, FleetError) and "2 sessions" in str(refused)
    assert host.world.live()
    assert host.world.task(host.fleet.clean_all(2)).result() == ("a", "b")
    assert not host.world.live()
    assert len(host.world.task(host.fleet.trash()).result()) == 2


def test_a_hostile_manifest_leads_nowhere(host: Host, folder: Path) -> None:
    online(host, "a")
    host.world.task(host.fleet.clean("a")).result()
    (entry,) = host.world.task(host.fleet.trash()).result()
    manifest = host.root / "trash" / entry.id / "manifest.json"
    text = manifest.read_text()
    for name in ("../evil", "x/../../evil", "-evil", ""):
        manifest.write_text(text.replace('"instance": "a"', f'"instance": "{name}"'))
        refused = host.world.task(host.fleet.restore(entry.id)).exception()
        assert isinstance(refused, FleetError), name
    assert not list(folder.rglob("*evil*"))


@contextmanager
def no_trash(host: Host) -> Iterator[None]:
    """Nothing can be moved to the trash."""
    trash, aside = host.root / "trash", host.root / "aside"
    trash.rename(aside)
    trash.write_text("a file stands where the trash should be")
    yield
    trash.unlink()
    aside.rename(trash)


@pytest.mark.parametrize("why", ["cool-down", "hold", "stopped"])
def test_a_clean_that_fails_changes_nothing(host: Host, why: str) -> None:
    if why == "hold":
        host.prepare(Instance("a", BEGIN, since=BEGIN, jid=JID, hold=Reason.RIVAL))
        host.open()
    else:
        worker = online(host, "a")
        if why == "cool-down":
            worker.say(ev.StreamReplaced())
            host.world.settle()
        else:
            host.world.task(host.fleet.stop("a")).result()
    before = host.query("SELECT state, hold, cooldown_until, jid, wanted FROM instances")
    with no_trash(host):
        error = host.world.task(host.fleet.clean("a")).exception()
        host.world.settle()
    assert isinstance(error, FleetError) and "trash" in str(error)
    assert host.query("SELECT state, hold, cooldown_until, jid, wanted FROM instances") == before
    assert host.session("a").exists() and not host.world.live()
    host.close()
    host.open()
    assert not host.world.live()


def test_a_kill_between_the_row_and_the_move_passes_no_cool_down(host: Host) -> None:
    online(host, "a").say(ev.StreamReplaced())
    host.world.settle()
    until = host.view("a").next_attempt
    assert until is not None
    host.close()
    host.query(
        "UPDATE instances SET jid = NULL, lid = NULL, state = 'stopped', reason = 'cleaned',"
        " wanted = 'stopped', due = NULL"
    )
    host.open()
    host.world.task(host.fleet.start("a")).exception()
    host.world.pass_time(until - host.world.clock.now() - 0.1)
    assert not host.world.live()


def test_what_a_killed_program_had_half_moved_is_brought_back_together(host: Host) -> None:
    host.prepare(Instance("a", BEGIN, since=BEGIN, jid=JID, wanted=Wanted.STOPPED))
    journal = host.session("a").with_suffix(".db-journal")
    journal.write_bytes(b"")
    host.open()
    host.world.task(host.fleet.clean("a")).result()
    (entry,) = host.world.task(host.fleet.trash()).result()
    there = host.root / "trash" / entry.id
    host.close()
    (there / "a.db").rename(host.session("a"))
    host.open()
    assert host.session("a").exists() and journal.exists()
    assert host.world.task(host.fleet.trash()).result() == () and not there.exists()
    assert host.view("a").paired


def test_a_start_that_races_a_remove_does_not_bring_the_row_back(host: Host) -> None:
    online(host, "a")
    for _ in range(20):
        removing = host.world.loop.create_task(host.fleet.remove("a"))
        starting = [host.world.loop.create_task(host.fleet.start("a")) for _ in range(3)]
        host.world.settle()
        removal = removing.result()
        for task in starting:
            error = task.exception()
            assert error is None or "internal" not in str(error)
        assert host.query("SELECT name FROM instances") == []
        assert not host.world.live()
        host.world.task(host.fleet.restore(removal.entry)).result()
        worker_of(host, "a").say(ev.Connected(JID))
        host.world.settle()


def test_an_older_entry_of_the_device_passes_no_cool_down(host: Host) -> None:
    online(host, "a")
    host.world.task(host.fleet.clean("a")).result()
    (older,) = host.world.task(host.fleet.trash()).result()
    copied = host.root / "aside"
    shutil.copytree(host.root / "trash" / older.id, copied)
    host.world.task(host.fleet.restore(older.id)).result()
    worker_of(host, "a").say(ev.Connected(JID))
    worker_of(host, "a").say(ev.StreamReplaced())
    host.world.settle()
    until = host.view("a").next_attempt
    assert until is not None
    host.world.task(host.fleet.remove("a")).result()
    copied.rename(host.root / "trash" / older.id)
    host.world.task(host.fleet.restore(older.id)).result()
    assert host.view("a").state is State.COOLDOWN and host.view("a").next_attempt == until


@pytest.mark.parametrize("where", ["put", "give back"])
def test_a_disk_that_confirms_nothing_loses_nothing(
    host: Host, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    online(host, "a")
    before = files(host)

    def refuses(folder: Path) -> None:
        if where == "give back" or list(folder.glob("*.db")):
            raise OSError(5, "Input/output error")

    if where == "put":
        monkeypatch.setattr(trashes, "sync", refuses)
    host.world.task(host.fleet.clean("a")).result()
    (entry,) = host.world.task(host.fleet.trash()).result()
    monkeypatch.setattr(trashes, "sync", refuses)
    assert host.world.task(host.fleet.restore(entry.id)).result() == "a"
    assert files(host) == before and host.session("a").exists()


def test_a_foreign_file_in_an_entry_is_kept_and_the_session_comes_back(host: Host) -> None:
    online(host, "a")
    host.world.task(host.fleet.clean("a")).result()
    (entry,) = host.world.task(host.fleet.trash()).result()
    (host.root / "trash" / entry.id / "notes.txt").write_text("mine")
    host.world.task(host.fleet.restore(entry.id)).result()
    assert host.session("a").exists()
    assert (host.root / "trash" / entry.id / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "broken",
    ["[" * 100_000, '{"id": 1}', '"at": NaN', '"at": 1e300', '"name": ".."', '"name": 7',
     '"name": "a\\u0000b"'],
)  # fmt: skip
def test_a_broken_manifest_harms_nobody(host: Host, broken: str) -> None:
    worker = online(host, "a", "b")
    host.world.task(host.fleet.remove("b")).result()
    (entry,) = host.world.task(host.fleet.trash()).result()
    manifest = host.root / "trash" / entry.id / "manifest.json"
    text = manifest.read_text()
    if broken.startswith('"'):
        field = broken.split(":", maxsplit=1)[0]
        manifest.write_text(re.sub(field + r": [^,\n]+", lambda _: broken, text))
    else:
        manifest.write_text(broken)
    host.world.pass_time(301.0)
    assert worker.alive and host.world.task(host.fleet.check()).result() is not None


def test_a_pause_ends_even_when_that_cannot_be_stored(host: Host) -> None:
    worker = online(host, "a")
    host.query("CREATE TRIGGER no BEFORE UPDATE ON instances WHEN NEW.reason = 'resumed'"
               " BEGIN SELECT RAISE(ABORT, 'not today'); END")  # fmt: skip

    async def restart() -> None:
        async with aclosing(host.fleet.restart()) as steps:
            async for _ in steps:
                pass

    task = host.world.task(restart())
    host.world.pass_time(70.0)
    assert task.done() and not worker.alive
    assert host.view("a").reason is not Reason.PAUSED and host.world.live("a")
    host.lies.clear()  # what the disk did not take cannot be stored before it is shown


def test_f17_that_a_restart_stops_them_is_no_finding_of_it(host: Host) -> None:
    online(host, "a")

    async def restart() -> list[Progress | RestartReport]:
        async with aclosing(host.fleet.restart()) as steps:
            return [each async for each in steps]

    task = host.world.task(restart())
    host.world.pass_time(70.0)
    report = task.result()[-1]
    assert isinstance(report, RestartReport)
    assert FindingKind.NOT_CONNECTED not in [each.kind for each in report.fixed.remaining]


def test_a_restart_with_a_wrong_count_stops_nobody(host: Host) -> None:
    worker = online(host, "a")

    async def restart() -> None:
        async with aclosing(host.fleet.restart(clean_sessions=7)) as steps:
            async for _ in steps:
                pass

    error = host.world.task(restart()).exception()
    assert isinstance(error, FleetError) and "not 7" in str(error)
    assert worker.alive and host.view("a").state is State.CONNECTED


def test_a_restart_that_meets_the_end_of_the_manager_says_so(host: Host) -> None:
    online(host, "a")

    async def restart() -> None:
        async with aclosing(host.fleet.restart()) as steps:
            async for _ in steps:
                pass

    task = host.world.task(restart())
    host.close()
    host.world.settle()
    error = task.exception()
    assert isinstance(error, FleetError) and error.code == 3


def test_what_one_act_took_has_its_id_in_the_trash(host: Host) -> None:
    online(host, "a")
    host.world.task(host.fleet.clean("a", act_id="ab12")).result()
    (entry,) = host.world.task(host.fleet.trash()).result()
    assert entry.act_id == "ab12"
    assert host.world.task(host.fleet.restore(entry.id)).result() == "a"
    assert host.world.task(host.fleet.clean_all(1)).result() == ("a",)
    (entry,) = host.world.task(host.fleet.trash()).result()
    assert len(entry.act_id) == 16
