"""Many tasks at once, cancelled tasks, and the end of the connection's thread."""

import asyncio
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.store.files import contents
from waziterm.domain.fleet.api import LogLine, Source
from waziterm.domain.fleet.history import AttemptKind
from waziterm.domain.lifecycle.instance import Instance
from waziterm.store.errors import StoreError
from waziterm.store.records import AttemptEnd, Change, Recorded
from waziterm.store.remembered import AttemptCounts
from waziterm.store.store import open_store

ROOT = Path(__file__).parents[2]


async def test_fifty_tasks_write_and_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "waziterm.db"
    async with open_store(path) as store:

        async def live(number: int) -> None:
            instance = Instance(f"shop-{number}", 1.0, id=f"shop-{number}")
            for turn in range(1, 11):
                changed = replace(instance, attempt=turn)
                begins = Change(changed, f"turn {turn}", turn, begins=AttemptKind.RETRY)
                attempt = (await store.record(begins)).attempt
                assert attempt is not None
                store.add_line(instance.name, LogLine(turn, turn, Source.MANAGER, "turn"))
                ended = AttemptEnd(attempt, turn % 2 == 0)
                await store.record(Change(changed, f"end {turn}", turn, ends=ended))
                assert len(await store.lines(instance.name, limit=100)) == turn

        async with asyncio.TaskGroup() as group:
            for number in range(50):
                group.create_task(live(number))
            for _ in range(20):
                group.create_task(store.flush())
    async with open_store(path) as store:
        assert sorted((each.name, each.attempt) for each in await store.instances()) == sorted(
            (f"shop-{number}", 10) for number in range(50)
        )
        for number in range(50):
            told = await store.transitions(f"shop-{number}")
            assert [each.event for each in told] == [
                f"{what} {turn}" for turn in range(1, 11) for what in ("turn", "end")
            ]
        assert await store.attempt_counts(0.0) == AttemptCounts(500, 250)


async def test_a_step_that_cannot_be_stored_fails_alone(tmp_path: Path) -> None:
    async with open_store(tmp_path / "waziterm.db") as store:
        names = ("a", "b\ud800", "c")
        steps = [store.record(Change(Instance(name, 1.0, id=name), "e", 1.0)) for name in names]
        async with asyncio.timeout(5):
            first, failed, last = await asyncio.gather(*steps, return_exceptions=True)
        assert first == last == Recorded(None, None)
        assert isinstance(failed, UnicodeEncodeError)
        assert [each.name for each in await store.instances()] == ["a", "c"]


async def test_what_is_written_of_an_instance_stays_in_order_and_is_written_at_the_end(
    tmp_path: Path,
) -> None:
    """Whoever asked for it may be cancelled meanwhile: a removed one does not come back."""
    path, gone = tmp_path / "waziterm.db", Instance("gone", 1.0, id="gone")
    async with open_store(path) as store:
        kept = Instance("kept", 1.0, id="kept")
        begun = [asyncio.create_task(store.record(Change(each, "e", 1.0))) for each in (kept, gone)]
        await asyncio.wait(begun, timeout=0)
        again = asyncio.create_task(store.record(Change(gone, "e", 2.0)))
        removing = asyncio.create_task(store.remove("gone"))
        asked = (*begun, again, removing)
        await asyncio.wait(asked, timeout=0)
        for each in asked:
            each.cancel()
    async with open_store(path) as store:
        assert [each.name for each in await store.instances()] == ["kept"]


async def test_cancelled_saves_happen_wholly_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "waziterm.db"
    async with open_store(path) as store:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            saves = [
                asyncio.create_task(
                    store.save(
                        Instance(f"shop-{number}", 1.0, id=f"shop-{number}"), event="e", at=1.0
                    )
                )
                for number in range(40)
            ]
            await asyncio.wait(saves, timeout=0)
            for save in saves:
                save.cancel()
            await asyncio.wait(saves)
            assert all(save.cancelled() for save in saves)
            other.execute("ROLLBACK")
        await store.save(Instance("last", 1.0, id="last"), event="e", at=2.0)
        names = [each.name for each in await store.instances()]
        assert [each.instance for each in await store.transitions()] == names
        assert names[-1] == "last"


async def test_a_cancelled_owner_still_flushes_and_closes(tmp_path: Path) -> None:
    path = tmp_path / "waziterm.db"
    before = set(threading.enumerate())
    opened = asyncio.Event()

    async def own() -> None:
        async with open_store(path) as store:
            store.add_line("shop", LogLine(1, 1.0, Source.MANAGER, "the last words"))
            opened.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(own())
    await opened.wait()
    task.cancel()
    while not task.done():
        await asyncio.wait([task], timeout=0)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive()
    assert list(contents(tmp_path)) == ["waziterm.db"]
    async with open_store(path) as store:
        assert [each.text for each in await store.lines("shop", limit=9)] == ["the last words"]


async def test_a_cancelled_opening_leaves_no_thread(tmp_path: Path) -> None:
    before = set(threading.enumerate())

    async def own() -> None:
        async with open_store(tmp_path / "waziterm.db"):
            pass

    task = asyncio.create_task(own())
    while set(threading.enumerate()) == before:
        await asyncio.wait([task], timeout=0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive()


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    async with open_store(tmp_path / "waziterm.db") as store:
        pass
    with pytest.raises(StoreError, match="is closed already"):
        await store.instances()


def run(program: str, path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_refused_file_prints_nothing_by_itself(tmp_path: Path) -> None:
    # The thread must not report to the loop after it was closed: hence many short loops.
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from waziterm.store.errors import StoreError\n"
        "from waziterm.store.store import open_store\n"
        "async def main():\n"
        "    try:\n"
        "        async with open_store(Path(sys.argv[1])):\n"
        "            pass\n"
        "    except StoreError as error:\n"
        "        return error\n"
        "for _ in range(100):\n"
        "    assert asyncio.run(main())\n"
    )
    path = tmp_path / "waziterm.db"
    path.write_text("not a database")
    ended = run(program, path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_a_process_that_never_leaves_the_context_still_ends(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from waziterm.store.store import open_store\n"
        "context = open_store(Path(sys.argv[1]))\n"
        "loop = asyncio.new_event_loop()\n"
        "store = loop.run_until_complete(context.__aenter__())\n"
        "loop.run_until_complete(store.set_meta('k', 'v'))\n"
        "print('open')\n"
    )
    path = tmp_path / "waziterm.db"
    ended = run(program, path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "open\n", "")
