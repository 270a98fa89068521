"""Check and fix on real files: each finding is made, found, and mended without losing a byte."""

import asyncio
import hashlib
import os
import shutil
import socket
import sqlite3
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.manager.hosting import Host
from tests.manager.rivals import Rival, a_rival
from tests.manager.test_supervising import online, worker_of
from tests.worker.hand import connecting, pair
from waziterm.domain.care.evidence import Condition
from waziterm.domain.care.findings import Finding, FindingKind, FixReport, Remedy, Severity
from waziterm.domain.care.trash import Why
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.upkeep.ages import Ages, Sight
from waziterm.lab.client import Lab
from waziterm.manager.care import evidence as inspection
from waziterm.manager.care import mending
from waziterm.manager.care.ages import write_ages
from waziterm.manager.care.checkup import CheckSources, Checkup
from waziterm.manager.clock import SystemClock
from waziterm.manager.files.data_files import DataFiles
from waziterm.manager.files.datadir import DataDir
from waziterm.store import connection
from waziterm.store.sessionfile import look_at, rebuild
from waziterm.store.store import Store, open_store

JID = "628123456789:1@s.whatsapp.net"
OTHER = "628987654321:2@s.whatsapp.net"
KEEP_S = 30 * 86_400.0


def write_store(path: Path, *jids: str) -> None:
    """A session file with devices, keys and free pages, as a worker leaves it."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE whatsmeow_device (jid TEXT PRIMARY KEY, lid TEXT)")
        db.execute("CREATE TABLE whatsmeow_pre_keys (id INTEGER PRIMARY KEY, key BLOB)")
        db.executemany("INSERT INTO whatsmeow_device VALUES (?, '1@lid')", [(j,) for j in jids])
        keys = [(number, bytes([number]) * 300) for number in range(200)]
        db.executemany("INSERT INTO whatsmeow_pre_keys VALUES (?, ?)", keys)
        db.commit()
        db.execute("DELETE FROM whatsmeow_pre_keys WHERE id >= 100")
        db.commit()
    path.chmod(0o600)


def keys_in(path: Path) -> list[tuple[int, bytes]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT id, key FROM whatsmeow_pre_keys ORDER BY id").fetchall()


def spoil_free_list(path: Path) -> None:
    """Damage that leaves all content readable: a wrong count of the free pages."""
    data = bytearray(path.read_bytes())
    data[36:40] = (9999).to_bytes(4, "big")
    path.write_bytes(data)


def spoil_pages(path: Path) -> None:
    """Damage that takes content with it."""
    data = bytearray(path.read_bytes())
    for page in range(1, len(data) // 4096):
        data[page * 4096 : page * 4096 + 8] = b"\xff" * 8
    path.write_bytes(data)


def spoil_header(path: Path) -> None:
    path.write_bytes(os.urandom(16) + path.read_bytes()[16:])


class Place:
    """A data directory that no manager owns, with instances and its checkup.

    halted: whose worker had to be stopped, in order.
    """

    def __init__(self, folder: Path, store: Store) -> None:
        self.data = DataDir(folder / "data")
        self.store = store
        self.fleet: list[Instance] = []
        self.halted: list[str] = []
        self.secret_files: list[Path] = []
        files = DataFiles.of(self.data)
        self.trash, self.sessions = files.trash, files.sessions
        self.places = CheckSources(
            files=files,
            store=store,
            clock=SystemClock(),
            instances=lambda: tuple(self.fleet),
            own_pids=frozenset,
            keep_trash_s=lambda: KEEP_S,
            version=lambda: None,
            has_manager=False,
            halted=self._halt,
            stuck=dict,
            secret_files=lambda: tuple(self.secret_files),
        )
        self.checkup = Checkup(self.places)

    @asynccontextmanager
    async def _halt(self, name: str) -> AsyncIterator[None]:
        self.halted.append(name)
        yield

    def add(self, name: str, jid: str | None = JID, *devices: str) -> Path:
        """An instance with a session file. devices: those in the file, else the instance's own."""
        # Nobody misses them while no manager runs.
        self.fleet.append(Instance(name, created_at=0.0, id=name, jid=jid, wanted=Wanted.STOPPED))
        path = self.data.session(name)
        write_store(path, *(devices or ((jid,) if jid else ())))
        return path

    async def only(self) -> Finding:
        (finding,) = await self.checkup.check()
        return finding

    def files(self) -> dict[Path, str]:
        """All session files, in use and in the trash, with their hashes."""
        found = [path for path in self.data.root.rglob("*.db*") if path.is_file()]
        return {
            path: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in found
            if path.parent != self.data.root
        }

    async def fix(self) -> FixReport:
        """Fix, and see that it does what its dry run says and that no byte is lost."""
        before = self.files()
        planned = await self.checkup.fix(dry_run=True)
        assert self.files() == before, "a dry run changes nothing"
        assert planned.dry_run
        done = await self.checkup.fix(dry_run=False)
        assert not done.dry_run
        assert [replace(step, backup=None) for step in done.steps] == list(planned.steps)
        assert done.remaining == planned.remaining == await self.checkup.check()
        after = set(self.files().values())
        assert set(before.values()) <= after, "something was lost"
        acts = [(act.kind, act.subject) for act in await self.store.acts()]
        assert acts == [(step.remedy.value, step.subject) for step in done.steps]
        return done


@pytest.fixture
async def place(folder: Path) -> AsyncIterator[Place]:
    data = DataDir(folder / "data")
    data.create()
    async with open_store(data.database) as store:
        yield Place(folder, store)


@pytest.fixture
def rival() -> Iterator[Rival]:
    with a_rival() as running:
        yield running


async def test_a_healthy_fleet_has_no_finding(place: Place) -> None:
    place.add("a")
    place.add("b", OTHER)
    place.fleet.append(Instance("new", created_at=0.0, id="new"))
    assert await place.checkup.check() == ()
    assert (await place.fix()).steps == ()


async def test_f41_who_was_online_when_the_last_manager_ended_has_no_file_open(
    place: Place,
) -> None:
    place.add("a")
    place.fleet[:] = [replace(place.fleet[0], state=State.CONNECTED, wanted=Wanted.RUNNING)]
    assert (await place.only()).kind is FindingKind.NO_MANAGER


async def test_a_look_leaves_nothing_beside_the_files(place: Place) -> None:
    for name in ("a", "b"):
        place.add(name, None, JID)
    spoil_free_list(place.data.session("b"))
    with closing(sqlite3.connect(place.data.session("a"))) as db:
        db.execute("PRAGMA journal_mode = WAL")
    before = {path: path.stat().st_mtime_ns for path in place.data.sessions.iterdir()}
    await place.checkup.check()
    assert {path: path.stat().st_mtime_ns for path in place.data.sessions.iterdir()} == before


# -- session files ---------------------------------------------------------------------------


async def test_a_missing_file(place: Place) -> None:
    place.add("a").unlink()
    found = await place.only()
    assert (found.kind, found.instance) == (FindingKind.SESSION_MISSING, "a")
    assert JID not in found.evidence and "+6281••••6789:1@" in found.evidence
    assert (await place.fix()).remaining == (found,)


async def test_the_trash_shows_the_way_back(place: Place) -> None:
    place.add("a")
    (was,) = place.fleet
    entry = await place.sessions.to_trash(
        was, at=place.places.clock.now(), why=Why.CLEANED, restorable=True
    )
    assert entry is not None
    assert f"`waziterm restore {entry.id}`" in (await place.only()).act


@pytest.mark.parametrize("spoil", [spoil_pages, spoil_header])
async def test_a_file_that_cannot_be_read_any_more_is_left_to_a_person(
    place: Place, spoil: object
) -> None:
    assert callable(spoil)
    spoil(place.add("a"))
    found = await place.only()
    assert (found.kind, found.severity) == (FindingKind.SESSION_DAMAGED, Severity.PROBLEM)
    assert found.remedy is None and "`waziterm clean a`" in found.act
    assert (await place.fix()).remaining == (found,)


async def test_a_damaged_file_whose_content_can_be_read_is_rebuilt(place: Place) -> None:
    path = place.add("a")
    keys = keys_in(path)
    spoil_free_list(path)
    damaged = path.read_bytes()
    found = await place.only()
    assert (found.kind, found.remedy) == (FindingKind.SESSION_DAMAGED, Remedy.REBUILD_SESSION)
    done = await place.fix()
    assert place.halted == ["a"] and done.remaining == ()
    assert keys_in(path) == keys and stat.S_IMODE(path.stat().st_mode) == 0o600
    (entry,) = await place.trash.entries()
    assert (entry.id, entry.why, entry.was) == (done.steps[0].backup, Why.COPY, place.fleet[0])
    assert place.trash.files(entry)[0].read_bytes() == damaged
    assert sorted(each.name for each in place.data.sessions.iterdir()) == ["a.db"]


INDEXED = (
    "CREATE TABLE whatsmeow_sessions (jid TEXT, id TEXT, session BLOB, PRIMARY KEY (jid, id))",
    "CREATE TABLE whatsmeow_secrets (jid TEXT, id INTEGER, key BLOB, PRIMARY KEY (jid, id))"
    " WITHOUT ROWID",
    "CREATE TABLE whatsmeow_marks (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER)",
    "CREATE INDEX whatsmeow_at ON whatsmeow_marks (at DESC)",
)


def write_indexed(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """A store with what whatsmeow's has of indexes; its rows."""
    with closing(sqlite3.connect(path)) as db:
        for sql in INDEXED:
            db.execute(sql)
        rows = [(f"{number}@s.whatsapp.net", str(number), b"k" * 90) for number in range(400)]
        db.executemany("INSERT INTO whatsmeow_sessions VALUES (?, ?, ?)", rows)
        db.executemany("INSERT INTO whatsmeow_secrets VALUES (?, ?, ?)", rows)
        db.executemany("INSERT INTO whatsmeow_marks (at) VALUES (?)", [(n,) for n in range(2000)])
        db.execute("DELETE FROM whatsmeow_marks WHERE id > 1990")
        db.execute("INSERT INTO whatsmeow_sessions VALUES (CAST(x'ff' AS TEXT), 'odd', NULL)")
        db.execute("PRAGMA user_version = 11")
        db.commit()
    return content_of(path)


def content_of(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as db:
        db.text_factory = bytes
        names = ("device", "sessions", "secrets", "marks", "pre_keys")
        held = {
            name: sorted(db.execute(f"SELECT * FROM whatsmeow_{name} NOT INDEXED"), key=repr)
            for name in names
        }
        held["user_version"] = db.execute("PRAGMA user_version").fetchall()
        held["counters"] = db.execute("SELECT * FROM sqlite_sequence").fetchall()
    return held


def pages_of(path: Path, name: str) -> list[int]:
    """The pages of a table or an index, its root first, as their offsets in the file."""
    with closing(sqlite3.connect(path)) as db:
        root = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)).fetchone()[
            0
        ]
    data = path.read_bytes()
    at = (root - 1) * 4096
    if data[at] not in (2, 5):
        return [at]
    count = int.from_bytes(data[at + 3 : at + 5], "big")
    cells = [int.from_bytes(data[at + 12 + 2 * n : at + 14 + 2 * n], "big") for n in range(count)]
    children = [int.from_bytes(data[at + cell : at + cell + 4], "big") for cell in cells]
    return [at, *((page - 1) * 4096 for page in children)]


@pytest.mark.parametrize(
    "index",
    [
        "sqlite_autoindex_whatsmeow_sessions_1",
        "whatsmeow_at",
        "sqlite_autoindex_whatsmeow_device_1",
    ],
)
@pytest.mark.parametrize("how", ["a key", "a page", "the root", "a row is missing"])
async def test_f15_a_damaged_index_is_made_anew_from_its_table(
    place: Place, index: str, how: str
) -> None:
    path = place.add("a")
    before = write_indexed(path)
    data, pages = bytearray(path.read_bytes()), pages_of(path, index)
    match how:
        case "a key":
            data[pages[-1] + 4090 : pages[-1] + 4094] = b"zzzz"
        case "a page":
            data[pages[-1] : pages[-1] + 4096] = b"\xee" * 4096
        case "the root":
            data[pages[0] : pages[0] + 8] = b"\xff" * 8
        case _:
            count = int.from_bytes(data[pages[-1] + 3 : pages[-1] + 5], "big")
            data[pages[-1] + 3 : pages[-1] + 5] = (count - 1).to_bytes(2, "big")
    path.write_bytes(data)
    found = await place.only()
    assert (found.kind, found.remedy) == (FindingKind.SESSION_DAMAGED, Remedy.REBUILD_SESSION)
    done = await place.fix()
    assert done.remaining == () and done.steps[0].error == ""
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert content_of(path) == before


async def test_f15_what_cannot_be_rebuilt_is_not_promised_and_not_copied_again(
    place: Place,
) -> None:
    path = place.add("a")
    write_indexed(path)
    data, pages = bytearray(path.read_bytes()), pages_of(path, "whatsmeow_sessions")
    data[pages[-1] : pages[-1] + 4096] = b"\xee" * 4096
    path.write_bytes(data)
    found = await place.only()
    assert (found.kind, found.remedy) == (FindingKind.SESSION_DAMAGED, None)
    for _ in range(2):
        assert (await place.fix()).steps == ()
    assert await place.trash.entries() == () and path.read_bytes() == data


async def test_a_rebuild_that_fails_leaves_the_file_and_names_its_copy(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = place.add("a"), place.add("b", OTHER)
    for each in (path, other):
        spoil_free_list(each)
    damaged = path.read_bytes()

    def full(source: Path, target: Path) -> None:
        if source == path:
            raise OSError(28, "No space left on device")
        rebuild(source, target)

    monkeypatch.setattr(mending, "rebuild", full)
    report = await place.checkup.fix(dry_run=False)
    first, second = report.steps
    assert "No space left" in first.error and first.backup is not None
    assert second.error == "" and look_at(other) != look_at(path)
    assert path.read_bytes() == damaged
    assert [each.instance for each in report.remaining] == ["a"]
    assert sorted(each.name for each in place.data.sessions.iterdir()) == ["a.db", "b.db"]
    # F15: a fix that did nothing leaves no second copy.
    (again,) = (await place.checkup.fix(dry_run=False)).steps
    assert again.error and again.backup == first.backup
    assert len(await place.trash.entries()) == 2


async def test_a_file_of_another_kind_is_unreadable_and_does_not_stop_the_check(
    place: Place,
) -> None:
    place.add("a").unlink()
    place.add("b", OTHER).unlink()
    place.data.session("a").mkdir(mode=0o700)
    os.mkfifo(place.data.session("b"), 0o600)
    async with asyncio.timeout(10):
        found = await place.checkup.check()
    assert [(each.kind, each.instance) for each in found] == [
        (FindingKind.SESSION_UNREADABLE, "a"),
        (FindingKind.SESSION_UNREADABLE, "b"),
    ]
    assert (await place.fix()).steps == ()


@contextmanager
def a_stranger() -> Iterator[None]:
    """Without the rights of root, where the tests have them."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_file_that_the_system_refuses(folder: Path) -> None:
    path = folder / "a.db"
    write_store(path, JID)
    folder.chmod(0o755)
    path.chmod(0)
    with a_stranger():
        look = look_at(path)
    assert look is not None and look.condition is Condition.UNREADABLE
    assert look.detail == "Permission denied"


async def test_a_file_without_a_device(place: Place) -> None:
    path = place.add("a", None)
    found = await place.only()
    assert (found.kind, found.severity) == (FindingKind.NO_DEVICE, Severity.NOTICE)
    done = await place.fix()
    assert done.remaining == () and place.halted == ["a"] and not path.exists()
    (entry,) = await place.trash.entries()
    assert (entry.why, entry.restorable) == (Why.FIXED, False)


async def test_a_linked_instance_whose_file_has_no_device(place: Place) -> None:
    place.fleet.append(Instance("a", created_at=0.0, id="a", jid=JID, wanted=Wanted.STOPPED))
    write_store(place.data.session("a"))
    found = await place.only()
    assert (found.kind, found.severity, found.remedy) == (
        FindingKind.NO_DEVICE, Severity.PROBLEM, None
    )  # fmt: skip
    assert (await place.fix()).remaining == (found,)


async def test_an_empty_file_and_a_file_of_noise(place: Place) -> None:
    place.add("a").write_bytes(b"")
    place.add("b", OTHER).write_bytes(os.urandom(8192))
    kinds = [(each.kind, each.instance) for each in await place.checkup.check()]
    assert kinds == [(FindingKind.SESSION_DAMAGED, "b"), (FindingKind.NO_DEVICE, "a")]


async def test_several_devices_and_another_device(place: Place) -> None:
    place.add("a", JID, JID, OTHER)
    place.add("b", "62811111111:3@s.whatsapp.net", "62822222222:4@s.whatsapp.net")
    kinds = [(each.kind, each.instance) for each in await place.checkup.check()]
    assert kinds == [(FindingKind.OTHER_DEVICE, "b"), (FindingKind.SEVERAL_DEVICES, "a")]
    assert (await place.fix()).steps == ()


async def test_one_device_in_two_instances(place: Place) -> None:
    place.add("a")
    place.add("b")
    found = await place.only()
    assert (found.kind, found.severity) == (FindingKind.JID_TWICE, Severity.PROBLEM)
    assert "a, b" in found.evidence


async def test_an_orphan_goes_to_the_trash_and_with_it_its_double(place: Place) -> None:
    place.add("a")
    orphan = place.data.session("old")
    write_store(orphan, JID)
    orphan.with_name("old.db-journal").write_bytes(b"")
    kinds = [each.kind for each in await place.checkup.check()]
    assert kinds == [FindingKind.JID_TWICE, FindingKind.OPEN_TO_OTHERS, FindingKind.ORPHAN_SESSION]
    done = await place.fix()
    assert [step.remedy for step in done.steps] == [
        Remedy.CLOSE_TO_OTHERS, Remedy.TRASH_SESSION
    ]  # fmt: skip
    assert done.remaining == () and place.halted == []
    (entry,) = await place.trash.entries()
    assert (entry.instance, entry.restorable) == ("old", True)
    assert {file.name for file in entry.files} == {"old.db", "old.db-journal"}


async def test_an_orphan_with_a_hostile_name_stays_inside(place: Place) -> None:
    orphan = place.data.sessions / "\x1b[2J..\n%3F?#\udcff.db"
    write_store(orphan, JID)
    finding = await place.only()
    assert finding.kind is FindingKind.ORPHAN_SESSION
    assert (finding.subject + finding.evidence + finding.act).isprintable()
    done = await place.fix()
    assert done.remaining == () and not orphan.exists()
    assert not [path for path in place.data.root.parent.iterdir() if path.name != "data"]


async def test_a_journal_that_is_still_to_be_rolled_back_is_no_damage(place: Place) -> None:
    path = place.add("a")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA cache_size = 1")
        db.execute("BEGIN")
        db.execute("UPDATE whatsmeow_pre_keys SET key = zeroblob(300)")
        crashed = {each.name: each.read_bytes() for each in place.data.sessions.iterdir()}
        assert set(crashed) == {"a.db", "a.db-journal"}
        db.execute("ROLLBACK")
    for name, content in crashed.items():
        (place.data.sessions / name).write_bytes(content)
        (place.data.sessions / name).chmod(0o600)
    found = await place.only()
    assert (found.kind, found.severity) == (FindingKind.SESSION_BUSY, Severity.NOTICE)
    assert (await place.fix()).steps == ()
    assert {each.name: each.read_bytes() for each in place.data.sessions.iterdir()} == crashed


async def test_a_locked_file_is_busy(place: Place) -> None:
    with closing(sqlite3.connect(place.add("a"), isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        found = await place.only()
    assert (found.kind, found.severity) == (FindingKind.SESSION_BUSY, Severity.NOTICE)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    noise=st.binary(max_size=4096),
    cuts=st.lists(
        st.tuples(st.integers(0, 50_000), st.binary(min_size=1, max_size=40)), max_size=5
    ),
    length=st.integers(0, 60_000),
)
@example(noise=b"", cuts=[(3975, b"\t\x80")], length=0)
def test_whatever_a_file_holds_a_look_tells_something_and_changes_nothing(
    folder: Path, noise: bytes, cuts: list[tuple[int, bytes]], length: int
) -> None:
    sound, path = folder / "sound", folder / "a.db"
    if not sound.exists():
        write_store(sound, JID)
    broken = bytearray(sound.read_bytes())
    for at, change in cuts:
        broken[at : at + len(change)] = change
    for content in (noise, bytes(broken), bytes(broken[:length])):
        path.write_bytes(content)
        assert look_at(path) is not None
        assert path.read_bytes() == content
        assert {each.name for each in folder.iterdir()} == {"sound", "a.db"}


# -- who else, and what lies about -----------------------------------------------------------


async def test_a_foreign_process_that_has_it_open(place: Place, rival: Rival) -> None:
    path, orphan = place.add("a"), place.data.session("old")
    write_store(orphan, OTHER)
    for each in (path, orphan):
        rival.do("open", str(each))
    found = await place.checkup.check()
    assert [each.kind for each in found] == [
        FindingKind.FOREIGN_HOLDER, FindingKind.FOREIGN_HOLDER, FindingKind.ORPHAN_SESSION
    ]  # fmt: skip
    assert f"pid {rival.pid}: " in found[0].evidence
    assert (await place.fix()).steps == (), "nothing is done to a file that is in use"
    own = Checkup(replace(place.places, own_pids=lambda: frozenset({rival.pid})))
    assert [each.kind for each in await own.check()] == [FindingKind.ORPHAN_SESSION]


async def test_a_file_that_is_taken_into_use_meanwhile_is_left(place: Place, rival: Rival) -> None:
    orphan = place.data.session("old")
    write_store(orphan, OTHER)
    (step,) = (await place.checkup.fix(dry_run=True)).steps
    rival.do("open", str(orphan))
    with pytest.raises(Exception, match="has changed meanwhile"):
        await mending.mend(step, place.places)
    assert orphan.exists() and place.halted == []
    place.fleet.append(Instance("old", created_at=0.0, id="old", jid=OTHER))
    rival.kill()
    with pytest.raises(Exception, match="has changed meanwhile"):
        await mending.mend(step, place.places)


async def test_what_is_open_to_others_is_closed(place: Place) -> None:
    path = place.add("a")
    opened = [place.data.root, place.data.sessions, place.data.trash, place.data.database, path]
    for each in opened:
        each.chmod(0o755 if each.is_dir() else 0o640)
    found = await place.checkup.check()
    assert {each.subject for each in found} == {str(each.resolve()) for each in opened}
    assert {each.kind for each in found} == {FindingKind.OPEN_TO_OTHERS}
    assert (await place.fix()).remaining == ()
    modes = [stat.S_IMODE(each.stat().st_mode) for each in opened]
    assert modes == [0o700, 0o700, 0o700, 0o600, 0o600]


async def test_a_secret_of_the_settings_that_others_can_read_is_told(
    place: Place, folder: Path
) -> None:
    """It is not ours to change. Behind a link the file counts, as with mounted secrets."""
    config, key, link = folder / "config file.toml", folder / "key", folder / "link"
    for each in (config, key):
        each.touch(0o600)
    link.symlink_to(key)
    place.secret_files += [config, link, folder / "gone"]
    assert await place.checkup.check() == ()
    config.chmod(0o640)
    key.chmod(0o604)
    found = await place.checkup.check()
    assert [(each.kind, each.severity, each.subject) for each in found] == [
        (FindingKind.SECRETS_OPEN, Severity.WARNING, str(config)),
        (FindingKind.SECRETS_OPEN, Severity.WARNING, str(link)),
    ]
    assert found[0].evidence.startswith("others can read it (mode 640)")
    assert found[0].act.endswith(f"`chmod 600 '{config}'`")
    assert (await place.fix()).steps == ()


async def test_a_secret_that_is_ours_through_our_group_alone_is_well(
    place: Place, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = folder / "key"
    key.touch()
    key.chmod(0o640)
    place.secret_files.append(key)
    owner, group = key.stat().st_uid, key.stat().st_gid
    monkeypatch.setattr("os.geteuid", lambda: owner + 1)
    monkeypatch.setattr("os.getegid", lambda: group)
    assert await place.checkup.check() == ()
    key.chmod(0o644)
    assert [each.kind for each in await place.checkup.check()] == [FindingKind.SECRETS_OPEN]
    key.chmod(0o640)
    monkeypatch.setattr("os.getegid", lambda: group + 1)
    assert [each.kind for each in await place.checkup.check()] == [FindingKind.SECRETS_OPEN]


async def test_what_a_link_leads_to_is_left_alone(place: Place, folder: Path) -> None:
    outside = folder / "outside.db"
    write_store(outside, JID)
    outside.chmod(0o644)
    place.fleet.append(Instance("a", created_at=0.0, id="a", jid=JID))
    place.data.session("a").symlink_to(outside)
    assert (await place.fix()).steps == ()
    assert stat.S_IMODE(outside.stat().st_mode) == 0o644


@contextmanager
def control_socket(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        path.chmod(0o600)
        server.listen()
        yield server


async def test_a_dead_socket(place: Place) -> None:
    with control_socket(place.data.socket):
        assert await place.checkup.check() == (), "it is alive"
    found = await place.checkup.check()
    assert [(each.kind, each.subject) for each in found] == [
        (FindingKind.STALE_SOCKET, str(place.data.socket))
    ]
    running = Checkup(replace(place.places, has_manager=True))
    assert await running.check() == ()
    assert (await place.fix()).remaining == ()
    assert not place.data.socket.exists()


async def test_a_socket_that_is_answered_again_is_left(place: Place) -> None:
    with control_socket(place.data.socket):
        pass
    (step,) = (await place.checkup.fix(dry_run=True)).steps
    place.data.socket.unlink()
    with control_socket(place.data.socket):
        with pytest.raises(Exception, match="in use now"):
            await mending.mend(step, place.places)
        assert place.data.socket.exists()


# -- history and machine ---------------------------------------------------------------------


async def test_conflicts_and_flapping_are_counted_from_the_history(place: Place) -> None:
    place.add("a")
    (known,) = place.fleet
    now = place.places.clock.now()
    online = replace(known, state=State.CONNECTED, reason=Reason.ONLINE)
    cooling = replace(known, state=State.COOLDOWN, reason=Reason.CONFLICT)
    await place.store.save(online, event="Connected", at=now - 86_500)
    for at in (now - 86_450, now - 80_000, now - 70_000, now - 60_000):
        await place.store.save(cooling, event=ev.StreamReplaced.__name__, at=at)
        await place.store.save(online, event="Connected", at=at + 10)
    retrying = replace(known, state=State.RETRYING, reason=Reason.DROPPED)
    for number in range(7):
        await place.store.save(retrying, event="Disconnected", at=now - 3_700 + number * 200)
        await place.store.save(online, event="Connected", at=now - 3_690 + number * 200)
    found = {each.kind: each for each in await place.checkup.check()}
    assert set(found) == {FindingKind.RECENT_CONFLICTS, FindingKind.FLAPPING}
    assert "3 times in the last day" in found[FindingKind.RECENT_CONFLICTS].evidence
    assert "6 times in the last hour" in found[FindingKind.FLAPPING].evidence


async def test_little_space_and_few_descriptors(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.add("a")
    usage = shutil.disk_usage(place.data.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=499_999_999))
    monkeypatch.setattr(inspection, "descriptors", lambda: 64)
    kinds = [each.kind for each in await place.checkup.check()]
    assert kinds == [FindingKind.DISK_LOW, FindingKind.FEW_DESCRIPTORS]


async def test_trash_that_expires_is_announced(place: Place) -> None:
    place.add("a", None)
    # What its manifest claims does not count: only the time in which a manager has seen it.
    at = place.places.clock.now() - 400 * 86_400
    entry = await place.sessions.to_trash(place.fleet[0], at=at, why=Why.CLEANED, restorable=True)
    assert entry is not None and await place.checkup.check() == ()
    seen_s = KEEP_S - 3 * 86_400 - 60
    await write_ages(place.store, Ages(seen_s, {entry.id: Sight(0.0, seen_s - 5 * 86_400)}))
    found = await place.only()
    assert entry is not None and (found.kind, found.subject) == (
        FindingKind.TRASH_EXPIRES, entry.id
    )  # fmt: skip
    assert "in 3 days" in found.evidence


# -- all at once, and with the real library --------------------------------------------------


async def test_two_fixes_at_once_do_each_step_once(place: Place) -> None:
    place.add("a", None)
    spoil_free_list(place.add("b", OTHER))
    place.data.sessions.chmod(0o755)
    reports = await asyncio.gather(*(place.checkup.fix(dry_run=False) for _ in range(2)))
    assert sorted(len(report.steps) for report in reports) == [0, 3]
    assert all(step.error == "" for report in reports for step in report.steps)
    assert await place.checkup.check() == ()


async def test_a_fix_that_is_cancelled_ends_the_step_that_it_began(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = place.add("a")
    spoil_free_list(path)
    begun, go_on = asyncio.Event(), asyncio.Event()
    copy = place.trash.copy

    async def slow_copy(
        name: str, files: tuple[Path, ...], *, at: float, was: Instance | None
    ) -> object:
        begun.set()
        await go_on.wait()
        return await copy(name, files, at=at, was=was)

    monkeypatch.setattr(place.trash, "copy", slow_copy)
    fixing = asyncio.create_task(place.checkup.fix(dry_run=False))
    await begun.wait()
    fixing.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await fixing
    assert await place.checkup.check() == ()


def test_a_running_manager_stops_the_one_whose_file_it_rebuilds(host: Host) -> None:
    first, second = online(host, "a"), host.root / "sessions" / "b.db"
    host.world.run(asyncio.to_thread(write_store, second, OTHER))
    spoil_free_list(host.session("a"))
    host.session("a").chmod(0o600)
    (broken, orphan) = host.world.task(host.fleet.check()).result()
    assert (broken.kind, orphan.kind) == (
        FindingKind.SESSION_DAMAGED, FindingKind.ORPHAN_SESSION
    )  # fmt: skip
    report = host.world.task(host.fleet.fix()).result()
    assert [step.error for step in report.steps] == ["", ""]
    assert [each.kind for each in report.remaining] == [FindingKind.NOT_CONNECTED]
    assert not first.alive and worker_of(host, "a").jid == JID
    assert not host.lies


async def test_a_real_session_is_sound_in_use_and_connects_after_it_was_rebuilt(
    place: Place, lab: Lab
) -> None:
    path = place.data.session("a")
    async with connecting(lab, path) as hand:
        phone = await pair(lab, hand)
        look = look_at(path)
        assert look is not None and look.condition is Condition.SOUND
        assert [jid for jid, _ in look.devices] == [phone.jid]
        assert (await hand.probe()).error == ""
    place.fleet.append(Instance("a", created_at=0.0, id="a", jid=phone.jid, wanted=Wanted.STOPPED))
    with closing(sqlite3.connect(path)) as db:
        # The worker was killed, perhaps while it stored something: whoever opens the file next
        # rolls that back, and a check must not.
        db.execute("SELECT count(*) FROM whatsmeow_device").fetchone()
    assert await place.checkup.check() == ()
    with closing(sqlite3.connect(path)) as db:
        db.execute("DELETE FROM whatsmeow_pre_keys WHERE key_id > 400")
        db.commit()
    spoil_free_list(path)
    assert (await place.only()).remedy is Remedy.REBUILD_SESSION
    assert (await place.fix()).remaining == ()
    async with connecting(lab, path, phone.jid) as hand:
        assert (await hand.wait_for(ev.Connected)).jid == phone.jid
        assert (await hand.probe()).error == ""


async def test_a_database_that_another_program_has_locked_is_told(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_WAIT_MS", 50)
    database = place.data.database
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        (found,) = [each for each in await place.checkup.check() if each.instance is None]
        other.execute("ROLLBACK")
    assert (found.kind, found.severity) == (FindingKind.DATABASE_LOCKED, Severity.PROBLEM)
    assert found.subject == str(database) and f"`fuser {database}`" in found.act
    assert FindingKind.DATABASE_LOCKED not in [each.kind for each in await place.checkup.check()]
