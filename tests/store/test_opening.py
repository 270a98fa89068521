"""Which files are opened, and which are refused and left as they are."""

import asyncio
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.programs import printed_by
from tests.store.files import as_after_a_crash, contents, query
from waziterm.domain.fleet.history import IncidentView
from waziterm.domain.lifecycle.instance import Instance, first_id
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.store.errors import StoreError
from waziterm.store.migrations import MIGRATIONS, migrate, version_of
from waziterm.store.store import open_store

NEWEST = len(MIGRATIONS)


async def make(path: Path) -> Path:
    async with open_store(path) as store:
        for number in range(50):
            await store.save(
                Instance(f"shop-{number}", 1.0, id=f"shop-{number}", detail="x" * 500),
                event="e",
                at=1.0,
            )
    return path


async def refusal(path: Path) -> StoreError:
    """The error with which the file is refused; its directory must not change by a byte."""
    before = contents(path.parent)
    with pytest.raises(StoreError) as caught:
        async with open_store(path):
            pass
    assert contents(path.parent) == before
    assert caught.value.code == 1
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    return caught.value


def permissions(directory: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in directory.iterdir()}


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
async def test_the_files_are_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "waziterm.db"
    async with open_store(path) as store:
        await store.set_meta("a", "b")
        modes = permissions(tmp_path)
    assert modes == dict.fromkeys(("waziterm.db", "waziterm.db-wal", "waziterm.db-shm"), 0o600)
    path.chmod(0o644)
    async with open_store(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_new_file_gets_every_migration_and_an_old_one_the_missing_ones(
    tmp_path: Path,
) -> None:
    path = tmp_path / "waziterm.db"
    path.touch()
    await make(path)
    assert query(path, "PRAGMA user_version") == [(NEWEST,)]
    assert query(path, "PRAGMA journal_mode") == [("wal",)]


async def test_a_file_of_the_first_version_keeps_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "waziterm.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        migrate(db, MIGRATIONS[:1])
        assert version_of(db) == 1
        db.execute(
            "INSERT INTO instances (name, created_at, wanted, state, reason, detail, since,"
            " attempt, conflicts, crashes, short_lived, probe_misses)"
            " VALUES ('shop', 1.0, 'running', 'stopped', 'new', '', 0.0, 4, '[]', '[]', 0, 0)"
        )
    async with open_store(path) as store:
        assert await store.instances() == (Instance("shop", 1.0, id=first_id("shop"), attempt=4),)


async def test_a_file_of_the_third_version_keeps_its_incidents(tmp_path: Path) -> None:
    path = tmp_path / "waziterm.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        migrate(db, MIGRATIONS[:3])
        db.execute(
            "INSERT INTO incidents (reason, began_at, last_at, names, fleet, detail, is_serious)"
            " VALUES ('conflict', 1.0, 2.0, '[\"shop\"]', 3, 'bot', 1)"
        )
    async with open_store(path) as store:
        kept = IncidentView(
            Reason.CONFLICT, 1.0, 2.0, ("shop",), 3, "bot", id=1, met=(first_id("shop"),)
        )
        assert await store.incidents() == (kept,)


async def test_a_migration_that_fails_leaves_the_version_before_it(tmp_path: Path) -> None:
    path = await make(tmp_path / "waziterm.db")
    step = ("CREATE TABLE half (a)", "CREATE TABLE half (a)")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        with pytest.raises(sqlite3.OperationalError):
            migrate(db, (*MIGRATIONS, step))
        assert not db.in_transaction
        assert version_of(db) == NEWEST
        assert not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'half'").fetchall()


async def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    path = await make(tmp_path / "waziterm.db")
    query(path, f"PRAGMA user_version = {NEWEST + 1}")
    error = await refusal(path)
    assert f"newer waziterm (schema {NEWEST + 1}, this one knows {NEWEST})" in str(error)
    assert "upgrade" in error.hint


async def test_a_newer_version_that_only_the_write_ahead_log_tells_is_refused(
    tmp_path: Path,
) -> None:
    path = await make(tmp_path / "waziterm.db")
    crashed = as_after_a_crash(path, f"PRAGMA user_version = {NEWEST + 1}", tmp_path / "crashed")
    assert "newer waziterm" in str(await refusal(crashed))


async def test_what_only_the_write_ahead_log_holds_is_not_lost(tmp_path: Path) -> None:
    path = await make(tmp_path / "waziterm.db")
    crashed = as_after_a_crash(
        path, "INSERT INTO meta (key, value) VALUES ('k', 'v')", tmp_path / "crashed"
    )
    async with open_store(crashed) as store:
        assert await store.get_meta("k") == "v"


@pytest.mark.parametrize("data", [b"\x01", b"not a database\n" * 300, b"\0" * 8192])
async def test_a_file_that_is_no_database_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "waziterm.db"
    path.write_bytes(data)
    assert "is not a waziterm database" in str(await refusal(path))


async def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = await make(tmp_path / "waziterm.db")
    data = bytearray(path.read_bytes())
    data[-8 * 4096 : -6 * 4096] = b"\xff" * (2 * 4096)
    path.write_bytes(data)
    assert "is damaged" in str(await refusal(path))


async def with_a_past(path: Path) -> Path:
    """A file whose last pages hold the hours of its instances and nothing else."""
    await make(path)
    hours = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)"
    query(
        path,
        f"{hours} INSERT INTO hours SELECT 'shop-1', 3600 * i, 3600000, 3600000, 0, NULL, 0, 0, 0,"
        " NULL, NULL, 0, 0, 0, 0 FROM n",
    )
    return path


def spoil(path: Path, *, last: int) -> None:
    """Write over two pages, the first of which is the last but so many."""
    data = bytearray(path.read_bytes())
    data[-last * 4096 : (2 - last) * 4096] = b"\xff" * (2 * 4096)
    path.write_bytes(data)


async def test_a_start_does_not_wait_for_the_past_to_be_looked_through(tmp_path: Path) -> None:
    path = await with_a_past(tmp_path / "waziterm.db")
    async with open_store(path) as store:
        assert await store.damage() == ""
    spoil(path, last=20)
    async with open_store(path) as store:
        assert len(await store.instances()) == 50
        assert "btreeInitPage" in await store.damage()
        await store.set_meta("it", "goes on")


async def test_a_damaged_past_is_refused_before_it_is_migrated(tmp_path: Path) -> None:
    path = await with_a_past(tmp_path / "waziterm.db")
    query(path, f"PRAGMA user_version = {NEWEST - 1}")
    spoil(path, last=20)
    assert "is damaged" in str(await refusal(path))


async def test_nobody_waits_for_the_look_through_the_past(tmp_path: Path) -> None:
    path = await with_a_past(tmp_path / "waziterm.db")
    async with open_store(path) as store:
        looking = asyncio.create_task(store.damage())
        await store.set_meta("meanwhile", "1")
        looking.cancel()
        with suppress(asyncio.CancelledError):
            assert await looking == "", "on a fast machine it has ended by now"
        assert await store.get_meta("meanwhile") == "1"


async def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = await make(tmp_path / "waziterm.db")
    path.write_bytes(path.read_bytes()[: 5 * 4096])
    assert "is damaged" in str(await refusal(path))


async def test_a_damaged_file_with_a_write_ahead_log_is_refused(tmp_path: Path) -> None:
    path = await make(tmp_path / "waziterm.db")
    crashed = as_after_a_crash(
        path, "INSERT INTO meta (key, value) VALUES ('k', 'v')", tmp_path / "crashed"
    )
    data = bytearray(crashed.read_bytes())
    data[-8 * 4096 : -6 * 4096] = b"\xff" * (2 * 4096)
    crashed.write_bytes(data)
    assert "is damaged" in str(await refusal(crashed))


async def test_another_program_s_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "waziterm.db"
    query(path, "CREATE TABLE whatsmeow_device (jid TEXT)")
    assert "is another program's database" in str(await refusal(path))


async def test_a_path_that_cannot_be_a_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "waziterm.db").mkdir()
    for path in (tmp_path / "waziterm.db", tmp_path / "missing" / "waziterm.db"):
        with pytest.raises(StoreError, match="cannot be opened") as caught:
            async with open_store(path):
                pass
        assert str(path) in str(caught.value)
    assert not (tmp_path / "missing").exists()


async def test_a_path_with_url_characters_is_opened_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "50% #1?.db"
    await make(path)
    await make(path)
    assert list(contents(tmp_path)) == [path.name]


LOOK = """
import os, pathlib
from waziterm.store.opening import open_copy
def most_kb():
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])
before = most_kb()
db = open_copy(pathlib.Path({path!r}))
(size,) = db.execute("SELECT sum(length(value)) FROM meta WHERE key LIKE 'large-%'").fetchone()
db.execute("DELETE FROM meta WHERE key = 'large-2'")
print(size, (most_kb() - before) // 1000, len(os.listdir(os.environ["TMPDIR"])))
"""


@pytest.mark.parametrize("is_finished", [True, False])
async def test_a_look_at_a_large_database_does_not_take_its_size_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_finished: bool
) -> None:
    path, temporary = await make(tmp_path / "waziterm.db"), tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        for number in range(36):
            db.execute("INSERT INTO meta VALUES (?, ?)", (f"large-{number}", "x" * 1_000_000))
        if is_finished:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            db.execute("PRAGMA wal_checkpoint(PASSIVE)")
            db.execute("UPDATE meta SET value = value || 'x' WHERE key = 'large-1'")
        before = path.read_bytes()
        told = await asyncio.to_thread(printed_by, LOOK.format(path=str(path)))
        assert path.read_bytes() == before
    size, grown_mb, left = map(int, told.split())
    assert (size, left) == (36_000_000 + (not is_finished), 0)
    # Some pages of it, and one value at a time.
    assert grown_mb < 18, f"{grown_mb} MB for a database of 36 MB"
