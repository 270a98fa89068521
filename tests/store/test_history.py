"""Moves, incidents, attempts, send-tests, remembered values, and the end of old rows."""

from dataclasses import replace
from pathlib import Path

from tests.store.files import begin_attempt, contents, end_attempt, query
from waziterm.domain.fleet.api import LogLine, Source
from waziterm.domain.fleet.history import Attempt, AttemptKind, Moved
from waziterm.domain.incidents.incident import Incident
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.store.records import Change
from waziterm.store.remembered import AttemptCounts, Pruned, SendCounts
from waziterm.store.store import Store, open_store

FRESH = Instance("shop", 1.0, id="shop")
ONLINE = replace(FRESH, state=State.CONNECTED, reason=Reason.ONLINE)
COOLING = replace(FRESH, state=State.COOLDOWN, reason=Reason.CONFLICT)
SOUGHT = replace(COOLING, detail="python bot.py (pid 7)")
HELD = replace(SOUGHT, state=State.HELD, reason=Reason.LOCAL_HOLDER)
STOLEN = Incident(Reason.CONFLICT, 10.0, 10.0, ("shop",), 3, met=("shop",))


async def lived(store: Store) -> None:
    """An instance goes through some states, and what it is in is told more than once."""
    steps = (FRESH, ONLINE, ONLINE, COOLING, SOUGHT, HELD, ONLINE, ONLINE)
    for at, instance in enumerate(steps):
        await store.save(instance, event="Something", at=float(at))
        await store.save(
            replace(instance, name="other", id="other"), event="Something", at=float(at)
        )


async def test_a_timeline_tells_moves_alone_oldest_first(tmp_path: Path) -> None:
    async with open_store(tmp_path / "waziterm.db") as store:
        await lived(store)
        moves = (
            Moved(0.0, State.STOPPED, Reason.NEW),
            Moved(1.0, State.CONNECTED, Reason.ONLINE),
            # Who took the session was found while it was in it.
            Moved(3.0, State.COOLDOWN, Reason.CONFLICT, "python bot.py (pid 7)"),
            Moved(5.0, State.HELD, Reason.LOCAL_HOLDER, "python bot.py (pid 7)"),
            Moved(6.0, State.CONNECTED, Reason.ONLINE),
        )
        assert await store.timeline("shop", 0.0, 99) == moves
        assert await store.timeline("shop", 0.0, 2) == moves[-2:]
        assert await store.timeline("nobody", 0.0, 99) == ()


async def test_a_timeline_begins_with_how_the_instance_stood(tmp_path: Path) -> None:
    """Whoever has been connected for days has moved in none of the last hours."""
    async with open_store(tmp_path / "waziterm.db") as store:
        await lived(store)
        at = [moved.at for moved in await store.timeline("shop", 4.0, 99)]
        assert at == [3.0, 5.0, 6.0], "the cool-down began before, whatever was told in it"
        assert [moved.at for moved in await store.timeline("shop", 3.0, 99)] == [1.0, 3.0, 5.0, 6.0]
        assert [moved.at for moved in await store.timeline("shop", 100.0, 99)] == [6.0]


async def test_an_incident_is_acknowledged_once(tmp_path: Path) -> None:
    path = tmp_path / "waziterm.db"
    async with open_store(path) as store:
        await store.record(Change(COOLING, "StreamReplaced", 10.0, incident=STOLEN))
        assert (await store.incidents())[0].acknowledged_at is None
        assert await store.acknowledge(1, 20.0, "sari", "")
        assert await store.acknowledge(1, 30.0, "budi", "")
        assert not await store.acknowledge(2, 30.0, "budi", "")
    async with open_store(path) as store:
        (seen,) = await store.incidents()
        assert (seen.acknowledged_at, seen.acknowledged_by, seen.note) == (20.0, "sari", "")
        assert await store.acknowledge(1, 40.0, "budi", "proxy paid")
        assert await store.acknowledge(1, 50.0, "sari", "")
        (seen,) = await store.incidents()
        assert (seen.acknowledged_at, seen.acknowledged_by, seen.note) == (
            40.0, "budi", "proxy paid"
        )  # fmt: skip


async def test_incidents_are_told_in_the_order_in_which_they_began(tmp_path: Path) -> None:
    """An outage is told late, as of its beginning: one of 07:04 stood above one of 07:09."""
    async with open_store(tmp_path / "waziterm.db") as store:
        for began in (20.0, 10.0, 30.0):
            of = replace(STOLEN, began_at=began, last_at=30.0)
            await store.record(Change(COOLING, "StreamReplaced", 30.0, incident=of))
        assert [each.began_at for each in await store.incidents()] == [10.0, 20.0, 30.0]


async def test_an_acknowledged_incident_that_meets_another_one_is_open_again(
    tmp_path: Path,
) -> None:
    async with open_store(tmp_path / "waziterm.db") as store:
        await store.record(Change(COOLING, "StreamReplaced", 10.0, incident=STOLEN))
        await store.acknowledge(1, 20.0, "sari", "")
        same = replace(STOLEN, id=1, last_at=30.0, detail="python bot.py (pid 7)")
        await store.record(Change(SOUGHT, "SuspectsFound", 30.0, incident=same))
        (seen,) = await store.incidents()
        assert (seen.acknowledged_at, seen.last_at, seen.detail) == (20.0, 30.0, same.detail)
        grown = replace(same, names=("shop", "other"), met=("shop", "other"))
        await store.record(Change(COOLING, "StreamReplaced", 40.0, incident=grown))
        (seen,) = await store.incidents()
        assert (seen.acknowledged_at, seen.names) == (None, ("shop", "other"))


async def test_attempts_are_told_with_their_time_and_verdict(tmp_path: Path) -> None:
    path = tmp_path / "waziterm.db"
    async with open_store(path) as store:
        good = await begin_attempt(store, "shop", 1.0, AttemptKind.PAIRING)
        await end_attempt(store, "shop", good, 2.5, True)
        bad = await begin_attempt(store, "other", 3.0, AttemptKind.RETRY)
        await end_attempt(store, "other", bad, 33.0, False)
        cut = await begin_attempt(store, "shop", 4.0, AttemptKind.ASKED)
        await end_attempt(store, "shop", cut, 5.0, None)
        await begin_attempt(store, "shop", 6.0, AttemptKind.GUARDED)
    async with open_store(path) as store:
        told = (
            Attempt(1.0, "shop", AttemptKind.PAIRING, 1.5, True),
            Attempt(3.0, "other", AttemptKind.RETRY, 30.0, False),
            Attempt(4.0, "shop", AttemptKind.ASKED, 1.0, None),
            Attempt(6.0, "shop", AttemptKind.GUARDED, None, None),
        )
        assert await store.attempts(0.0, None, 99) == told
        assert await store.attempts(3.0, None, 2) == told[2:]
        assert await store.attempts(2.0, "shop", 99) == told[2:]
        assert await store.attempts(0.0, "nobody", 99) == ()


async def test_attempts_are_counted_once_they_ended(tmp_path: Path) -> None:
    async with open_store(tmp_path / "waziterm.db") as store:
        early = await begin_attempt(store, "shop", 1.0, AttemptKind.RESUME)
        await end_attempt(store, "shop", early, 2.0, True)
        good = await begin_attempt(store, "shop", 10.0, AttemptKind.RETRY)
        bad = await begin_attempt(store, "other", 11.0, AttemptKind.GUARDED)
        await begin_attempt(store, "third", 12.0, AttemptKind.PAIRING)
        await end_attempt(store, "other", bad, 13.0, False)
        await end_attempt(store, "shop", good, 14.0, True)
        assert await store.attempt_counts(0.0) == AttemptCounts(3, 2)
        assert await store.attempt_counts(10.0) == AttemptCounts(2, 1)
        assert await store.attempt_counts(99.0) == AttemptCounts(0, 0)


async def test_an_attempt_cut_off_by_the_end_of_the_program_counts_neither_way(
    tmp_path: Path,
) -> None:
    path = tmp_path / "waziterm.db"
    async with open_store(path) as store:
        ended = await begin_attempt(store, "shop", 1.0, AttemptKind.ASKED)
        await end_attempt(store, "shop", ended, 2.0, True)
        await begin_attempt(store, "shop", 3.0, AttemptKind.TAKEOVER)
    async with open_store(path) as store:
        assert await store.attempt_counts(0.0) == AttemptCounts(1, 1)
    assert query(path, "SELECT kind, ok, reason FROM attempts ORDER BY id") == [
        ("asked", 1, "online"),
        ("takeover", None, "interrupted"),
    ]


async def test_sends_are_counted_and_hold_no_number(tmp_path: Path) -> None:
    async with open_store(tmp_path / "waziterm.db") as store:
        await store.add_send("shop", 1.0, True, 0.2, "")
        await store.add_send("shop", 2.0, False, 60.0, "6281234567890 is not on WhatsApp")
        await store.add_send("other", 3.0, True, 0.1, "")
        assert await store.send_counts(0.0) == SendCounts(3, 2)
        assert await store.send_counts(2.0) == SendCounts(2, 1)
        assert await store.send_counts(0.0, "shop") == SendCounts(2, 1)
        held = b"".join(contents(tmp_path).values())
    assert b"is not on WhatsApp" in held
    assert b"6281234567890" not in held


async def test_remembered_values(tmp_path: Path) -> None:
    path = tmp_path / "waziterm.db"
    async with open_store(path) as store:
        assert await store.get_meta("neonize") is None
        await store.set_meta("neonize", "0.5.1")
        await store.set_meta("neonize", "0.5.2")
    async with open_store(path) as store:
        assert await store.get_meta("neonize") == "0.5.2"


async def test_pruning_takes_old_history_and_old_lines_of_removed_instances(
    tmp_path: Path,
) -> None:
    async with open_store(tmp_path / "waziterm.db") as store:
        for name in ("kept", "removed"):
            for at in (1.0, 2.0, 100.0):
                await begin_attempt(store, name, at, AttemptKind.ASKED)
                await store.add_send(name, at, True, 0.1, "")
                store.add_line(name, LogLine(int(at), at, Source.MANAGER, "text"))
        await store.flush()
        await store.remove("removed")
        assert await store.prune(50.0, await store.newest_rows()) == Pruned(
            transitions=4, attempts=4, sends=4, lines=2
        )
        assert await store.prune(50.0, await store.newest_rows()) == Pruned(0, 0, 0, 0)
        assert [line.seq for line in await store.lines("kept", limit=9)] == [1, 2, 100]
        assert [line.seq for line in await store.lines("removed", limit=9)] == [100]
        assert [each.at for each in await store.transitions()] == [100.0, 100.0]
