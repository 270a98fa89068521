"""An instance gets another name: nobody else notices, nothing of it is lost, in a running manager
and without one."""

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.manager.hosting import Host
from tests.manager.rivals import a_rival
from tests.manager.test_supervising import JID, full_disk, no_more, online, worker_of
from tests.manager.world import BEGIN
from waziterm.domain.care.findings import FindingKind, Severity
from waziterm.domain.care.trash import Why
from waziterm.domain.errors import InstanceNotFoundError
from waziterm.domain.fleet.api import Changes, FleetError, InstanceView
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.stored.fleet import StoredFleet
from waziterm.store import connection as stores
from waziterm.store.sessionfile import device_key

THREE = ("a", "b", "c")


def jid(number: int) -> str:
    return f"62812345678{number}:1@s.whatsapp.net"


def three_online(host: Host) -> None:
    host.prepare(*(Instance(name, BEGIN, since=BEGIN, jid=jid(i)) for i, name in enumerate(THREE)))
    host.open()
    for i, name in enumerate(THREE):
        worker_of(host, name).say(ev.Connected(jid(i)))
        host.world.settle()


def rename(host: Host, name: str, new: str, *, take: bool = False) -> InstanceView:
    return host.world.task(host.fleet.rename(name, new, take=take)).result()


def names(host: Host) -> list[str]:
    return [view.name for view in host.fleet.snapshot().instances]


# -- what stays, what moves along ------------------------------------------------------------------


def test_it_stops_alone_and_goes_on_under_its_new_name(host: Host) -> None:
    three_online(host)
    identity, session, old = host.id("b"), host.session("b"), worker_of(host, "b")
    content = session.read_bytes()
    moved = {each: len(host.world.run(host.fleet.timeline(each))) for each in THREE}
    others = [worker_of(host, "a"), worker_of(host, "c")]
    view = rename(host, "b", "shop-b")
    assert (view.name, view.id, view.state) == ("shop-b", identity, State.CONNECTING)
    assert not old.alive and worker_of(host, "shop-b").command.session == str(session)
    worker_of(host, "shop-b").say(ev.Connected(jid(1)))
    host.world.settle()
    assert host.view("shop-b").state is State.CONNECTED
    assert names(host) == ["a", "shop-b", "c"]
    assert session.read_bytes() == content
    # Nobody else has an event, or another worker.
    assert [worker_of(host, "a"), worker_of(host, "c")] == others
    for each in ("a", "c"):
        assert len(host.world.run(host.fleet.timeline(each))) == moved[each]
    host.close()
    host.open()
    assert names(host) == ["a", "shop-b", "c"] and host.view("shop-b").id == identity
    assert not host.lies


def test_what_is_kept_of_it_is_found_under_both_names(host: Host) -> None:
    online(host, "a")
    worker_of(host, "a").say(ev.StreamReplaced())
    host.world.settle()
    run, fleet = host.world.run, host.fleet
    before = [len(run(fleet.timeline("a"))), len(run(fleet.lines("a", limit=1000)))]
    rename(host, "a", "b")
    for name in ("a", "b"):
        assert len(run(fleet.timeline(name))) >= before[0]
        assert len(run(fleet.lines(name, limit=1000))) > before[1]
        lines = run(fleet.fleet_lines(name=name, limit=1000)).lines
        assert len(lines) > before[1] and {each.instance for each in lines} == {"b"}
        assert {each.instance for each in run(fleet.recent(name=name))} == {"b"}
        assert {each.instance for each in run(fleet.attempts(0.0, name))} == {"b"}
        assert {each.instance for each in run(fleet.stats(name=name))} >= {"b"}
    assert "renamed; its name was a" in [line.text for line in run(fleet.lines("b", limit=1000))]
    assert {each.instance for each in run(fleet.conflicts())} == {"b"}
    assert {name for each in run(fleet.incidents()) for name in each.names} == {"b"}
    # What acts on it goes by the name that it has, and says which that is.
    with pytest.raises(InstanceNotFoundError) as error:
        run(fleet.stop("a"))
    assert "'a'" in str(error.value) and error.value.hint == "it was renamed to b"
    assert dict(fleet.snapshot().aliases) == {"a": "b"}
    assert rename(host, "b", "a").name == "a"
    assert dict(fleet.snapshot().aliases) == {"b": "a"}


@pytest.mark.parametrize("trouble", ["cool-down", "held", "banned", "stopped", "logged out"])
def test_what_it_has_to_wait_for_stays(host: Host, trouble: str) -> None:
    fresh = Instance("a", BEGIN, since=BEGIN, jid=JID)
    ends = BEGIN + 500.0
    stands = {
        "cool-down": replace(
            fresh, state=State.COOLDOWN, reason=Reason.CONFLICT, detail="bot.py (pid 7)",
            cooldown_until=ends, due=ends, conflicts=(BEGIN - 5.0,),
        ),
        "held": replace(fresh, state=State.HELD, reason=Reason.RIVAL, hold=Reason.RIVAL),
        "banned": replace(
            fresh, state=State.BANNED, reason=Reason.TEMPORARY_BAN, banned_until=ends, due=ends
        ),
        "stopped": replace(
            fresh, state=State.STOPPED, reason=Reason.BY_OPERATOR, wanted=Wanted.STOPPED,
            cooldown_until=ends, banned_until=ends,
        ),
        "logged out": replace(fresh, state=State.LOGGED_OUT, reason=Reason.UNLINKED, jid=None),
    }  # fmt: skip
    host.prepare(stands[trouble])
    host.open()

    def barriers() -> list[object]:
        columns = "state, reason, cooldown_until, banned_until, hold, conflicts, wanted, due, jid"
        (row,) = host.query(f"SELECT {columns} FROM instances")
        return list(row.values())

    before, view = barriers(), host.view("a")
    rename(host, "a", "b")
    host.world.settle()
    assert barriers() == before and not host.world.live()
    after = host.view("b")
    assert (after.state, after.reason, after.next_attempt) == (
        view.state, view.reason, view.next_attempt
    )  # fmt: skip
    host.close()
    host.open()
    assert barriers() == before and not host.world.live()


def test_one_that_waits_for_a_scan_shows_a_code_again(host: Host) -> None:
    host.open()
    host.world.task(host.fleet.add("a", "+6281234567890")).result()
    host.world.settle()
    worker_of(host, "a").say(ev.QrShown("secret", 1, 6, 20.0))
    host.world.settle()
    rename(host, "a", "b")
    host.world.pass_time(10.0)
    worker_of(host, "b").say(ev.QrShown("secret", 1, 6, 20.0))
    host.world.settle()
    view = host.view("b")
    assert view.state is State.PAIRING and view.qr is not None and len(host.world.live()) == 1
    assert (view.phone or "").endswith("7890")


def test_a_screen_s_copy_keeps_its_place(host: Host) -> None:
    three_online(host)

    async def heard() -> Changes:
        async with host.fleet.subscribe() as subscription:
            await subscription.next()
            await host.fleet.rename("a", "d")
            changes = await subscription.next()
            while changes.snapshot is None:
                changes = await subscription.next()
            return changes

    changes = host.world.task(heard()).result()
    assert changes.snapshot is not None and not changes.removed
    assert [view.name for view in changes.snapshot.instances] == ["d", "b", "c"]
    assert changes.snapshot.aliases == {"a": "d"}


def test_its_claim_is_given_up_and_taken_again(host: Host) -> None:
    online(host, "a")
    key = device_key(host.session("a"), JID)
    assert key is not None
    with a_rival() as rival:
        rival.do("register", "/srv/theirs")
        rename(host, "a", "b")
        worker_of(host, "b").say(ev.Connected(JID))
        host.world.settle()
        assert host.view("b").state is State.CONNECTED
        assert rival.do("claim", key.hex(), False) is not None
        host.world.task(host.fleet.stop("b")).result()
        assert rival.do("claim", key.hex(), False) is None


def test_counters_do_not_fall_and_go_on_under_the_new_name(host: Host) -> None:
    online(host, "a")
    before = host.fleet.snapshot()
    rename(host, "a", "b")
    after = host.fleet.snapshot()
    assert after.attempts >= before.attempts and after.attempts_ok >= before.attempts_ok
    assert set(after.counts) == {"b"}


def test_settings_of_the_old_name_count_and_are_named(host: Host) -> None:
    (host.root.parent / "config.toml").write_text("[instances.a]\ncooldown_s = 77\n")
    online(host, "a")
    assert not host.world.run(host.fleet.reload()).errors
    rename(host, "a", "b")
    worker_of(host, "b").say(ev.Connected(JID))
    host.world.settle()
    worker_of(host, "b").say(ev.StreamReplaced())
    host.world.settle()
    due = host.view("b").next_attempt
    assert due is not None and due - host.world.clock.now() >= 77

    def found() -> list[tuple[str, Severity, str | None]]:
        every = host.world.run(host.fleet.check())
        return [
            (each.subject, each.severity, each.instance)
            for each in every
            if each.kind is FindingKind.OLD_NAME
        ]

    assert found() == [("instances.a", Severity.NOTICE, "b")]
    (host.root.parent / "config.toml").write_text("[instances.b]\ncooldown_s = 77\n")
    assert not host.world.run(host.fleet.reload()).errors
    assert found() == []


# -- the trash -------------------------------------------------------------------------------------


def test_what_it_left_in_the_trash_comes_back_to_it(host: Host) -> None:
    online(host, "a")
    content = host.session("a").read_bytes()
    host.world.task(host.fleet.clean("a")).result()
    rename(host, "a", "b")
    (entry,) = host.world.task(host.fleet.trash()).result()
    assert (entry.instance, entry.why) == ("b", Why.CLEANED)
    assert host.world.task(host.fleet.restore(entry.id)).result() == "b"
    assert host.session("b").read_bytes() == content and names(host) == ["b"]


def test_who_is_removed_under_a_new_name_comes_back_with_its_old_one(host: Host) -> None:
    online(host, "a")
    rename(host, "a", "b")
    removal = host.world.task(host.fleet.remove("b")).result()
    assert dict(host.fleet.snapshot().aliases) == {}
    assert host.world.task(host.fleet.restore(removal.entry)).result() == "b"
    assert dict(host.fleet.snapshot().aliases) == {"a": "b"}


# -- what is refused -------------------------------------------------------------------------------


def test_names_that_are_in_use_are_refused_and_nothing_stops(host: Host) -> None:
    three_online(host)
    rename(host, "b", "shop")
    worker_of(host, "shop").say(ev.Connected(jid(1)))
    host.world.settle()
    removal = host.world.task(host.fleet.remove("c")).result()
    (host.root / "sessions" / "stray.db").write_bytes(b"somebody's")
    worker = worker_of(host, "a")
    for new, why in {
        "a": "has this name already",
        "shop": "shop exists already",
        "b": "b is the name that shop had before",
        "c": rf"the trash holds a session of another c \({removal.entry}\)",
        "stray": "a session file of no instance is called stray.db",
        "No Name": "cannot be an instance name",
    }.items():
        with pytest.raises(FleetError, match=why):
            rename(host, "a", new)
    with pytest.raises(FleetError, match="b is the name that shop had before"):
        host.world.task(host.fleet.add("b")).result()
    with pytest.raises(InstanceNotFoundError):
        rename(host, "nobody", "x")
    assert worker_of(host, "a") is worker and host.view("a").state is State.CONNECTED
    assert names(host) == ["a", "shop"]


def test_a_rename_is_undone_and_does_not_come_back(host: Host) -> None:
    online(host, "a")
    rename(host, "a", "b")
    host.world.settle()
    rename(host, "b", "c")
    newest, older = host.world.run(host.fleet.edits())
    assert [(each.instance, each.former, each.keys) for each in (newest, older)] == [
        ("c", "b", ()),
        ("c", "a", ()),
    ]
    with pytest.raises(FleetError, match="set again"):
        host.world.run(host.fleet.undo_edit("c", older.id))
    for edit, name in ((newest, "b"), (older, "a")):
        now = host.view("c" if name == "b" else "b").name
        view = host.world.task(host.fleet.undo_edit(now, edit.id)).result()
        assert view.name == name and names(host) == [name]
    assert host.world.run(host.fleet.edits()) == ()


def test_a_rename_whose_name_is_taken_by_now_is_not_undone(host: Host) -> None:
    three_online(host)
    rename(host, "a", "d")
    rename(host, "b", "a", take=True)
    edit = next(each for each in host.world.run(host.fleet.edits()) if each.instance == "d")
    with pytest.raises(FleetError, match="a exists already"):
        host.world.task(host.fleet.undo_edit("d", edit.id)).result()
    assert names(host) == ["d", "a", "c"] and edit in host.world.run(host.fleet.edits())


def test_two_swap_their_names(host: Host) -> None:
    three_online(host)
    first, second = host.view("a").id, host.view("b").id
    rename(host, "a", "x")
    rename(host, "b", "a", take=True)
    rename(host, "x", "b", take=True)
    assert [(view.name, view.id) for view in host.fleet.snapshot().instances] == [
        ("b", first), ("a", second), ("c", host.view("c").id)
    ]  # fmt: skip
    assert dict(host.fleet.snapshot().aliases) == {"x": "b"}


def test_it_keeps_its_name_where_that_cannot_be_stored(host: Host) -> None:
    three_online(host)
    with no_more(host, "INSERT ON aliases"), pytest.raises(FleetError):
        rename(host, "a", "d")
    host.world.settle()
    worker_of(host, "a").say(ev.Connected(jid(0)))
    host.world.settle()
    assert sorted(names(host)) == ["a", "b", "c"] and host.view("a").state is State.CONNECTED
    with full_disk(host), pytest.raises(FleetError):
        rename(host, "a", "d")
    assert host.view("a").state is State.CONNECTED
    assert rename(host, "a", "d").name == "d"


def test_an_order_meanwhile_is_refused_with_what_to_do(host: Host) -> None:
    online(host, "a")
    refused: list[FleetError] = []

    async def both() -> None:
        renaming = asyncio.ensure_future(host.fleet.rename("a", "b"))
        while not renaming.done():
            try:
                await host.fleet.reconnect("a")
            except FleetError as error:
                refused.append(error)
            await asyncio.sleep(0)
        await renaming

    host.world.task(both()).result()
    assert names(host) == ["b"]
    # A manager that is ending would be exit code 3, and is none.
    assert refused and {error.code for error in refused} <= {1, 2}


def test_whoever_asked_may_go_away_meanwhile(host: Host) -> None:
    three_online(host)

    async def given_up(after: int) -> None:
        asked = asyncio.ensure_future(host.fleet.rename("a", "d"))
        for _ in range(after):
            await asyncio.sleep(0)
        asked.cancel()
        await asyncio.wait([asked])
        if "d" in names(host):
            await host.fleet.rename("d", "a", take=True)

    for after in range(0, 120, 10):
        host.world.task(given_up(after)).result()
        host.world.settle()
        host.world.pass_time(1.0)
        worker_of(host, "a").say(ev.Connected(jid(0)))
        host.world.settle()
        assert host.view("a").state is State.CONNECTED and names(host) == ["a", "b", "c"]


# -- the end of the program ------------------------------------------------------------------------


def test_a_program_that_is_killed_leaves_it_as_before_or_as_after(
    host: Host, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is on the disk between two steps is what a SIGKILL leaves there."""
    three_online(host)
    identity, content = host.id("b"), host.session("b").read_bytes()
    kept, step = host.world.run(host.fleet.timeline("b")), vars(stores)["on_its_thread"]
    left: list[Path] = []

    async def copied(*job: Any) -> Any:
        left.append(folder / f"killed-{len(left)}")
        shutil.copytree(host.root, left[-1])
        return await step(*job)

    with monkeypatch.context() as patch:
        patch.setattr(stores, "on_its_thread", copied)
        rename(host, "b", "d")
    host.close()
    ended = set()
    for each in left:
        killed = Host(host.world, each, host.settings)
        killed.open()
        (name,) = set(names(killed)) & {"b", "d"}
        ended.add(name)
        view = killed.view(name)
        assert names(killed) == ["a", name, "c"] and (view.id, view.wanted) == (
            identity,
            Wanted.RUNNING,
        )
        worker_of(killed, name).say(ev.Connected(jid(1)))
        host.world.settle()
        assert killed.view(name).state is State.CONNECTED
        assert killed.session(name).read_bytes() == content
        assert dict(killed.fleet.snapshot().aliases) == ({} if name == "b" else {"b": "d"})
        assert host.world.run(killed.fleet.timeline("b"))[: len(kept)] == kept
        found = {each.kind for each in host.world.run(killed.fleet.check())}
        assert not found & {FindingKind.SESSION_MISSING, FindingKind.ORPHAN_SESSION}
        killed.close()
    assert ended == {"b", "d"}


# -- without a manager -----------------------------------------------------------------------------


def stored(host: Host) -> StoredFleet:
    return StoredFleet(DataDir(host.root), lambda: host.settings)


def test_it_is_renamed_without_a_manager_too(host: Host) -> None:
    online(host, "a")
    worker_of(host, "a").say(ev.StreamReplaced())
    host.world.settle()
    identity = host.id("a")
    host.close()
    fleet = stored(host)
    view = asyncio.run(fleet.rename("a", "b"))
    assert (view.name, view.id, view.state) == ("b", identity, State.COOLDOWN)
    assert asyncio.run(fleet.snapshot()).aliases == {"a": "b"}
    assert asyncio.run(fleet.timeline("a")) == asyncio.run(fleet.timeline("b"))
    assert asyncio.run(fleet.lines("a")) == asyncio.run(fleet.lines("b")) != ()
    for name in ("a", "b"):
        assert {each.instance for each in asyncio.run(fleet.fleet_lines(name=name)).lines} == {"b"}
        assert {each.instance for each in asyncio.run(fleet.recent(name=name))} == {"b"}
    with pytest.raises(InstanceNotFoundError) as error:
        asyncio.run(fleet.clean("a"))
    assert error.value.hint == "it was renamed to b"
    with pytest.raises(FleetError, match="a is the name that b had before"):
        asyncio.run(fleet.add("a"))
    with pytest.raises(FleetError, match="b exists already"):
        asyncio.run(fleet.add("b"))
    host.open()
    assert host.view("b").state is State.COOLDOWN and dict(host.fleet.snapshot().aliases) == {
        "a": "b"
    }


def test_a_rename_is_undone_without_a_manager_too(host: Host) -> None:
    online(host, "a")
    rename(host, "a", "b")
    host.close()
    fleet = stored(host)
    [edit] = asyncio.run(fleet.edits())
    assert (edit.instance, edit.former) == ("b", "a")
    assert asyncio.run(fleet.undo_edit("b", edit.id)).name == "a"
    assert asyncio.run(fleet.edits()) == ()
    asyncio.run(fleet.rename("a", "c"))
    [edit] = asyncio.run(fleet.edits())
    assert (edit.instance, edit.former) == ("c", "a")
