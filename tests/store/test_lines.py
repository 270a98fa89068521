"""Log lines: at once to see, soon on the disk, bounded on both sides."""

import asyncio
import time
from contextlib import closing
from pathlib import Path
from sqlite3 import connect

import pytest

from tests.store.files import query
from waziterm.domain.fleet.api import LogLine, Source
from waziterm.store.errors import LockedStoreError
from waziterm.store.lines import BUFFERED
from waziterm.store.store import Store, open_store, open_store_to_look


def line(seq: int, text: str = "text") -> LogLine:
    return LogLine(seq, 1000.0 + seq, Source.WORKER, text)


async def numbers(store: Store, name: str) -> list[int]:
    return [each.seq for each in await store.lines(name, limit=1_000_000)]


async def test_lines_come_back_before_and_after_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "waziterm.db"
    sent = [LogLine(n, float(n), source, f"tëxt {n} 🙂") for n, source in enumerate(Source, 1)]
    async with open_store(path) as store:
        for each in sent[:2]:
            store.add_line("shop", each)
        store.add_line("other", line(1))
        await store.flush()
        for each in sent[2:]:
            store.add_line("shop", each)
        assert await store.lines("shop", limit=100) == tuple(sent)
        assert await store.last_seq("shop") == len(sent)
        assert await store.last_seq("nobody") == 0
    async with open_store(path) as store:
        assert await store.lines("shop", limit=100) == tuple(sent)
        assert await store.last_seq("shop") == len(sent)


async def test_lines_are_found_by_number_time_and_count(tmp_path: Path) -> None:
    async with open_store(tmp_path / "waziterm.db") as store:
        for seq in range(1, 11):
            store.add_line("shop", line(seq))
            if seq == 5:
                await store.flush()

        async def found(limit: int = 100, **where: float) -> list[int]:
            return [each.seq for each in await store.lines("shop", limit=limit, **where)]  # type: ignore[arg-type]

        assert await found(limit=3) == [8, 9, 10]
        assert await found(limit=0) == []
        assert await found(after_seq=7) == [8, 9, 10]
        assert await found(after_seq=3, limit=2) == [9, 10]
        assert await found(since=1004.0) == [4, 5, 6, 7, 8, 9, 10]
        assert await found(since=1004.0, after_seq=8) == [9, 10]


async def test_lines_reach_the_disk_without_being_asked(tmp_path: Path) -> None:
    path = tmp_path / "waziterm.db"
    async with open_store(path) as store:
        for round_ in range(2):
            store.add_line("shop", line(round_ + 1))
            async with asyncio.timeout(10):
                while query(path, "SELECT count(*) FROM lines") != [(round_ + 1,)]:
                    await store.get_meta("nothing")


async def test_lines_that_come_while_others_are_written_are_written_together(
    tmp_path: Path,
) -> None:
    """Not each in a transaction of its own, as long as they keep coming."""
    path = tmp_path / "waziterm.db"
    async with open_store(path) as store:
        store.add_line("shop", line(1))
        flushing = asyncio.create_task(store.flush())
        await asyncio.sleep(0)
        for seq in (2, 3, 4):
            store.add_line("shop", line(seq))
        await flushing
        assert query(path, "SELECT max(seq) FROM lines") == [(1,)]
        assert await numbers(store, "shop") == [1, 2, 3, 4]
        await store.flush()
        assert query(path, "SELECT max(seq) FROM lines") == [(4,)]
        store.add_line("shop", line(5))
    assert query(path, "SELECT max(seq) FROM lines") == [(5,)]


async def test_only_the_newest_lines_of_each_instance_stay(tmp_path: Path) -> None:
    path = tmp_path / "waziterm.db"
    async with open_store(path, lines_kept=100) as store:
        for seq in range(1, 1001):
            store.add_line("loud", line(seq))
            if seq % 10 == 0:
                store.add_line("quiet", line(seq))
            if seq % 7 == 0:
                await store.flush()
        await store.flush()
        loud = await numbers(store, "loud")
        assert loud == list(range(loud[0], 1001))
        assert 100 <= len(loud) <= 125
        assert await numbers(store, "quiet") == list(range(10, 1001, 10))
    async with open_store(path, lines_kept=20) as store:
        store.add_line("loud", line(1001))
        await store.flush()
        assert await numbers(store, "loud") == list(range(982, 1002))
        assert len(await numbers(store, "quiet")) == 100


async def test_a_full_buffer_drops_the_oldest_and_says_how_many(tmp_path: Path) -> None:
    async with open_store(tmp_path / "waziterm.db", lines_kept=2 * BUFFERED) as store:
        store.add_line("quiet", line(1))
        for seq in range(1, BUFFERED + 37):
            store.add_line("loud", line(seq))
        await store.flush()
        (quiet,) = await store.lines("quiet", limit=10)
        loud = await store.lines("loud", limit=2 * BUFFERED)
        assert quiet.text == "lines lost here: 1, the disk did not take them in time"
        assert (loud[0].seq, loud[0].source) == (36, Source.MANAGER)
        assert loud[0].text.startswith("lines lost here: 36,")
        assert [each.seq for each in loud[1:]] == list(range(37, BUFFERED + 37))
        store.add_line("loud", line(BUFFERED + 37))
        await store.flush()
        loud = await store.lines("loud", limit=2 * BUFFERED)
        assert [each.seq for each in loud if "lost" in each.text] == [36]


async def test_a_used_number_is_taken_by_the_newest_line(tmp_path: Path) -> None:
    async with open_store(tmp_path / "waziterm.db") as store:
        store.add_line("shop", line(1, "old"))
        await store.flush()
        store.add_line("shop", line(1, "new \udc80"))
        assert [each.text for each in await store.lines("shop", limit=9)] == ["new \udc80"]
        await store.flush()
        assert [each.text for each in await store.lines("shop", limit=9)] == ["new ?"]


async def test_the_ends_of_all_logs_are_what_each_one_s_is(tmp_path: Path) -> None:
    names = [f"shop-{number:02}" for number in range(45)]
    async with open_store(tmp_path / "waziterm.db") as store:
        for count, name in enumerate(names):
            for seq in range(1, count % 7 + 1):
                store.add_line(name, line(seq, f"{name} {seq}"))
        await store.flush()
        tails = await store.tails(names, limit=3)
        assert tails == {each: await store.lines(each, limit=3) for each in names}
        assert tails == {each: store.tail_now(each, limit=3) for each in names}


async def test_whoever_cannot_wait_does_not_when_others_hold_the_file(tmp_path: Path) -> None:
    path = tmp_path / "waziterm.db"
    async with open_store(path) as store:
        store.add_line("a", line(1))
    with closing(connect(path, isolation_level=None)) as other:
        # As on a file system that lets nobody read while somebody writes.
        other.execute("PRAGMA journal_mode = DELETE")
        async with open_store_to_look(path) as store:
            other.execute("BEGIN EXCLUSIVE")
            began = time.monotonic()
            with pytest.raises(LockedStoreError):
                store.tail_now("a", limit=1)
            assert time.monotonic() - began < 3.0
