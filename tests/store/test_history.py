"""Attempts, send-tests, remembered values, and the end of old rows."""

from pathlib import Path

from tests.store.files import begin_attempt, contents, end_attempt, query
from waziterm.domain.fleet import LogLine, Source
from waziterm.store import AttemptCounts, AttemptKind, Pruned, SendCounts, open_store


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
        assert await store.prune(50.0) == Pruned(transitions=4, attempts=4, sends=4, lines=2)
        assert await store.prune(50.0) == Pruned(0, 0, 0, 0)
        assert [line.seq for line in await store.lines("kept", limit=9)] == [1, 2, 100]
        assert [line.seq for line in await store.lines("removed", limit=9)] == [100]
        assert [each.at for each in await store.transitions()] == [100.0, 100.0]
