"""The copy that is made before a file of an older version is migrated, and when it is refused."""

import asyncio
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import textwrap
from collections import namedtuple
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.store.files import as_after_a_crash, contents, query
from waziterm.store.errors import StoreError
from waziterm.store.migrations import FLEET, MIGRATIONS, migrate
from waziterm.store.opening import open_database
from waziterm.store.schema import Migration
from waziterm.store.store import open_store

OLD = len(MIGRATIONS) - 1
COPY = f"waziterm.db.before-{OLD}"
INSERT = "INSERT INTO meta (key, value) VALUES ('k', 'v')"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file of the version before this one, as a program that ended well leaves it."""
    path = tmp_path / "data" / "waziterm.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        migrate(db, MIGRATIONS[:OLD])
        db.execute("INSERT INTO meta (key, value) VALUES ('kept', 'yes')")
        db.execute("INSERT INTO meta (key, value) VALUES ('long', ?)", ("x" * 100_000,))
    path.chmod(0o600)
    return path


async def opened(path: Path) -> None:
    async with open_store(path) as store:
        assert await store.get_meta("kept") == "yes"


def opened_by(path: Path, steps: Sequence[Migration]) -> None:
    """Open it as a program with these migrations does."""
    with closing(open_database(path, replace(FLEET, migrations=steps))) as db:
        kept = db.execute("SELECT value FROM meta WHERE key = 'kept'").fetchone()
        assert kept == ("yes",)


async def refused(path: Path) -> StoreError:
    """The refusal; the directory must not change by a byte."""
    before = contents(path.parent)
    with pytest.raises(StoreError) as caught:
        await opened(path)
    assert contents(path.parent) == before
    assert caught.value.code == 1 and caught.value.hint
    assert "was not upgraded" in str(caught.value) and COPY in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


async def test_an_older_file_is_copied_before_it_is_migrated(old: Path) -> None:
    before = os.umask(0)
    try:
        await opened(old)
    finally:
        os.umask(before)
    copy = old.with_name(COPY)
    assert {file.name for file in old.parent.iterdir()} == {old.name, COPY}
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert query(copy, "PRAGMA user_version") == [(OLD,)]
    assert query(copy, "PRAGMA integrity_check") == [("ok",)]
    assert query(copy, "SELECT value FROM meta WHERE key = 'kept'") == [("yes",)]
    assert query(old, "PRAGMA user_version") == [(OLD + 1,)]


async def test_a_file_of_this_version_and_a_new_one_are_not_copied(old: Path) -> None:
    await opened(old)
    old.with_name(COPY).unlink()
    await opened(old)
    async with open_store(old.with_name("new.db")):
        pass
    assert {file.name for file in old.parent.iterdir()} == {"waziterm.db", "new.db"}


async def test_the_copy_holds_what_only_the_write_ahead_log_told(old: Path, tmp_path: Path) -> None:
    crashed = as_after_a_crash(old, INSERT, tmp_path / "crashed")
    await opened(crashed)
    copy = crashed.with_name(COPY)
    assert query(copy, "SELECT value FROM meta WHERE key = 'k'") == [("v",)]
    assert {file.name for file in crashed.parent.iterdir()} == {old.name, COPY}


async def test_the_copy_is_one_that_the_older_program_opens(old: Path) -> None:
    await opened(old)
    shutil.copyfile(old.with_name(COPY), old)
    opened_by(old, MIGRATIONS[:OLD])
    assert query(old, "PRAGMA user_version") == [(OLD,)]


async def test_a_copy_is_never_overwritten(old: Path) -> None:
    for name in (COPY, f"{COPY}.2"):
        old.with_name(name).write_bytes(name.encode())
    await opened(old)
    kept = contents(old.parent)
    assert kept[COPY] == COPY.encode() and kept[f"{COPY}.2"] == f"{COPY}.2".encode()
    assert query(old.with_name(f"{COPY}.3"), "PRAGMA user_version") == [(OLD,)]


@pytest.mark.parametrize("has_wal", [False, True])
async def test_without_room_for_the_copy_nothing_is_upgraded(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_wal: bool
) -> None:
    path = as_after_a_crash(old, INSERT, tmp_path / "crashed") if has_wal else old
    usage = namedtuple("usage", "total used free")
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 1000))
        assert "0 MB are free" in str(await refused(path))
    await opened(path)


async def test_a_name_that_is_in_the_way_is_told(old: Path) -> None:
    in_the_way = old.with_name(f"{COPY}.part")
    in_the_way.mkdir()
    (in_the_way / "file").touch()
    before = sorted(old.parent.rglob("*"))
    with pytest.raises(StoreError, match="was not upgraded"):
        await opened(old)
    assert sorted(old.parent.rglob("*")) == before
    assert query(old, "PRAGMA user_version") == [(OLD,)]


async def test_what_a_killed_program_left_of_a_copy_is_made_anew(old: Path) -> None:
    old.with_name(f"{COPY}.part").write_bytes(b"half")
    await opened(old)
    assert {file.name for file in old.parent.iterdir()} == {old.name, COPY}


_FULL = textwrap.dedent("""
    import asyncio, json, resource, sys
    from pathlib import Path
    from waziterm.store import copying
    from waziterm.store.errors import StoreError
    from waziterm.store.store import open_store

    copy = copying._copy

    def on_a_full_disk(path, part):
        # The largest size of a file stands for the disk.
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
        copy(path, part)

    copying._copy = on_a_full_disk

    async def main(path):
        try:
            async with open_store(path):
                return None
        except StoreError as error:
            return [str(error), error.hint, error.code]

    print(json.dumps(asyncio.run(main(Path(sys.argv[1])))))
""")


@pytest.mark.parametrize("has_wal", [False, True])
async def test_a_disk_that_is_full_in_the_middle_of_the_copy(
    old: Path, tmp_path: Path, has_wal: bool
) -> None:
    path = as_after_a_crash(old, INSERT, tmp_path / "crashed") if has_wal else old
    before = contents(path.parent)
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", _FULL, str(path)],
        capture_output=True,
        timeout=60,
        check=True,
    )
    said, hint, code = json.loads(ended.stdout)
    assert "was not upgraded" in said and "free some space" in hint and code == 1
    assert contents(path.parent) == before
    await opened(path)


async def test_a_migration_that_fails_changes_nothing_and_leaves_no_copy(old: Path) -> None:
    step = ("CREATE TABLE half (a)", "CREATE TABLE half (a)")
    for _ in range(3):
        with pytest.raises(StoreError):
            opened_by(old, (*MIGRATIONS[:OLD], step))
        assert {file.name for file in old.parent.iterdir()} == {old.name}
    await opened(old)


async def test_one_that_fails_half_way_leaves_the_copy(old: Path) -> None:
    step = ("CREATE TABLE half (a)", "CREATE TABLE half (a)")
    for _ in range(3):
        with pytest.raises(StoreError):
            opened_by(old, (*MIGRATIONS, step))
    assert {file.name for file in old.parent.iterdir()} == {old.name, COPY}
    await opened(old)
    assert query(old.with_name(COPY), "PRAGMA user_version") == [(OLD,)]
