"""What an import makes of its sources, on the files of a data directory that no manager owns."""

import asyncio
import json
import os
import shutil
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.moving.foreign import aged, evolution_row, state_of
from tests.moving.sample import JID, unpack
from tests.programs import verb
from tests.sessions import session_of, strangers
from waziterm.config import load_settings
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.moving.plan import Carried, SourceKind, Verdict
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.inputs import InputError
from waziterm.manager.stored.fleet import StoredFleet
from waziterm.moving.files import names_in
from waziterm.moving.sources import Reading
from waziterm.store.sessionfile import devices_in
from waziterm.store.store import open_store


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a real Baileys, with a few of its prekeys."""
    auth, _ = unpack(tmp_path_factory.mktemp("sample"))
    for path in auth.glob("pre-key-*.json"):
        if 20 < int(path.stem.rpartition("-")[2]) < 800:
            path.unlink()
    return auth


@pytest.fixture
def auth(sample: Path, folder: Path) -> Path:
    shutil.copytree(sample, folder / "auth")
    aged(folder / "auth")
    return folder / "auth"


@pytest.fixture
def data(folder: Path) -> Path:
    return folder / "data"


@pytest.fixture
def fleet(data: Path) -> StoredFleet:
    settings = load_settings(data_dir=data, environ={})
    return StoredFleet(DataDir(data), lambda: settings)


def changed(auth: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Write creds.json with a change."""
    creds = json.loads((auth / "creds.json").read_text())
    change(creds)
    (auth / "creds.json").write_text(json.dumps(creds))


async def test_it_says_first_what_it_would_do(auth: Path, data: Path, fleet: StoredFleet) -> None:
    report = await fleet.import_sessions(str(auth), dry_run=True)
    (found,) = report.sources
    assert (found.kind, found.name, found.verdict) == (SourceKind.BAILEYS, "auth", Verdict.OK)
    assert (found.jid, found.device) == ("+49151••••0007:1@s.whatsapp.net", 1)
    assert found.kept[Carried.SESSIONS] == 4
    assert report.imported == ()
    assert not list(data.parent.glob(data.name))
    await fleet.add("shop")
    report = await fleet.import_sessions(str(auth), dry_run=True)
    assert not list((data / "sessions").iterdir())
    assert [each.name for each in (await fleet.snapshot()).instances] == ["shop"]


async def test_the_new_instance_waits_and_remembers_where_it_came_from(
    auth: Path, data: Path, fleet: StoredFleet
) -> None:
    before = state_of(auth)
    report = await fleet.import_sessions(str(auth), name="x")
    assert report.imported == ("x",)
    assert state_of(auth) == before
    assert strangers(data) == []
    (view,) = (await fleet.snapshot()).instances
    assert (view.reason, view.wanted.value, view.detail) == (
        Reason.IMPORTED,
        "stopped",
        str(auth),
    )
    file = session_of(data, "x")
    assert devices_in(file) == ((JID, "791105894330621:1@lid"),)
    assert file.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(file)) as db:
        counts = {
            table: db.execute(f"SELECT count(*) FROM whatsmeow_{table}").fetchone()[0]
            for table in ("pre_keys", "sessions", "identity_keys", "lid_map")
        }
        assert counts == {"pre_keys": 32, "sessions": 4, "identity_keys": 4, "lid_map": 4}
    async with open_store(data / "waziterm.db") as store:
        (instance,) = await store.instances()
    assert (instance.imported_from, instance.untried) == (str(auth), True)


@pytest.mark.parametrize("keys", ["in the row", "in a folder", "in a file", "nowhere"])
async def test_a_row_of_evolution_is_a_session(
    auth: Path, folder: Path, fleet: StoredFleet, keys: str
) -> None:
    row, entries = evolution_row(auth, "0f9e-11", "Shop Jakarta")
    there = folder / "evolution"
    there.mkdir()
    match keys:
        case "in the row":
            row["keys"] = entries
        case "in a folder":
            shutil.copytree(auth, there / "instances" / "0f9e-11")
        case "in a file":
            (there / "0f9e-11.json").write_text(json.dumps(entries))
        case _:
            pass
    (there / "rows.json").write_text(json.dumps([row]))
    aged(there)
    report = await fleet.import_sessions(str(there / "rows.json"))
    (found,) = report.sources
    assert (found.name, found.kind) == ("shop-jakarta", SourceKind.EVOLUTION), found.why
    assert found.kept[Carried.SESSIONS] == (0 if keys == "nowhere" else 4)
    assert not found.dropped


async def test_one_bad_source_stops_no_other(auth: Path, folder: Path, fleet: StoredFleet) -> None:
    there = folder / "sessions"
    for name in ("a", "not-linked", "broken"):
        shutil.copytree(auth, there / name)
    changed(there / "not-linked", lambda creds: creds.pop("me"))
    (there / "broken" / "creds.json").write_text("{")
    aged(there)
    report = await fleet.import_sessions(str(there), prefix="wa-")
    told = {Path(each.source).name: each for each in report.sources}
    assert (told["a"].verdict, told["a"].name) == (Verdict.OK, "wa-a")
    assert told["not-linked"].why == "it is not linked: creds.json names no account"
    assert told["broken"].why == "creds.json holds no JSON"
    assert report.imported == ("wa-a",)


async def test_keys_that_lie_in_a_second_store_are_asked_for(
    auth: Path, folder: Path, data: Path, fleet: StoredFleet
) -> None:
    await fleet.import_sessions(str(auth), name="x")
    there = folder / "gowa"
    there.mkdir()
    shutil.move(session_of(data, "x"), keys := there / "keys.db")
    await fleet.remove("x")
    shutil.copy(keys, devices := there / "whatsapp.db")
    for path, emptied in (
        (devices, ("pre_keys", "sessions", "identity_keys")),
        (keys, ("lid_map",)),
    ):
        with closing(sqlite3.connect(path)) as db, db:
            for table in emptied:
                db.execute(f"DELETE FROM whatsmeow_{table}")
    aged(there)
    before = state_of(there)
    (said,) = await why(fleet, devices)
    assert "name that with --keys-db" in said
    report = await fleet.import_sessions(str(devices), name="y", keys_db=str(keys))
    (found,) = report.sources
    assert found.verdict is Verdict.OK, found.why
    assert (found.kept[Carried.SESSIONS], found.kept[Carried.LIDS]) == (4, 4)
    assert state_of(there) == before


async def test_a_session_from_elsewhere_comes_back_from_the_trash_as_one(
    auth: Path, data: Path, fleet: StoredFleet
) -> None:
    await fleet.import_sessions(str(auth), name="x")
    removal = await fleet.remove("x")
    assert await fleet.restore(removal.entry) == "x"
    async with open_store(data / "waziterm.db") as store:
        (instance,) = await store.instances()
    assert (instance.jid, instance.imported_from, instance.untried) == (JID, str(auth), True)


# -- whether the source is in use -----------------------------------------------------------------


@asynccontextmanager
async def running(
    program: str, *words: str, cwd: Path, is_script: bool = False
) -> AsyncIterator[int]:
    """A Python program that says a line and waits; its pid. is_script: it is a file's name."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *(() if is_script else ("-c",)),
        *(program, *words),
        cwd=cwd,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        await asyncio.wait_for(process.stdout.readline(), 30)
        yield process.pid
    finally:
        process.stdin.close()
        await process.wait()


HOLD = "import sys; f = open(sys.argv[1], 'r+b'); print('x', flush=True); sys.stdin.read()"
TALK = (
    "import socket, sys; s = socket.create_server(('127.0.0.1', 0));"
    " c = socket.create_connection(s.getsockname()); print('x', flush=True); sys.stdin.read()"
)


async def why(fleet: StoredFleet, *paths: Path, force: bool = False) -> list[str]:
    report = await fleet.import_sessions("\n".join(map(str, paths)), force=force, dry_run=True)
    return [each.why for each in report.sources]


async def test_a_source_that_was_just_changed_is_refused(auth: Path, fleet: StoredFleet) -> None:
    os.utime(auth / "creds.json")
    (said,) = await why(fleet, auth)
    assert "its program may still run" in said
    assert await why(fleet, auth, force=True) == [""]


async def test_a_source_that_is_open_is_refused_with_the_process(auth: Path, data: Path) -> None:
    async with running(HOLD, str(auth / "creds.json"), cwd=Path("/")) as pid:
        # Asked by a process of its own: to this one that program is one of its own.
        done = await verb("import", str(auth), "--yes", data_dir=data)
    assert done.code == 1
    assert f": refused: pid {pid}: " in done.stdout and "has it open" in done.stdout


async def test_a_program_that_works_there_and_is_connected_is_found(auth: Path, data: Path) -> None:
    """A Baileys that is connected opens its files for moments alone."""
    async with running(TALK, cwd=auth.parent) as pid:
        done = await verb("import", str(auth), "--yes", "--json", data_dir=data)
    (found,) = done.json["sources"]
    assert (done.code, found["verdict"]) == (1, "refused")
    assert found["why"].startswith(f"pid {pid}: "), found["why"]
    assert "works there and is connected" in found["why"]


@pytest.mark.parametrize(
    ("is_script", "is_project", "refused"),
    [(True, False, True), (False, False, False), (True, True, False)],
)
async def test_two_folders_above_only_a_program_that_lies_there_is_the_sources_own(
    auth: Path, folder: Path, data: Path, is_script: bool, is_project: bool, refused: bool
) -> None:
    source = folder / "app" / "sessions"
    shutil.copytree(auth, source)
    aged(source)
    (folder / "talk.py").write_text(TALK)
    if is_project:
        (folder / "app" / "package.json").write_text("{}")
    async with running("talk.py" if is_script else TALK, cwd=folder, is_script=is_script) as pid:
        done = await verb("import", str(source), "--dry-run", data_dir=data)
    assert (done.code, f"pid {pid}: " in done.stdout) == ((1, True) if refused else (0, False))


async def test_the_same_device_twice_is_refused_but_by_choice(
    auth: Path, folder: Path, fleet: StoredFleet
) -> None:
    copy = folder / "copy"
    shutil.copytree(auth, copy)
    aged(copy)
    said = await why(fleet, auth, copy, force=True)
    assert [each.startswith("several sources hold the same device") for each in said] == [True] * 2
    assert (await fleet.import_sessions(str(copy))).imported == ("copy",)
    assert await why(fleet, auth, force=True) == ["its device is in use as copy"]


async def test_a_name_that_somebody_has_is_refused(auth: Path, fleet: StoredFleet) -> None:
    await fleet.add("auth")
    assert await why(fleet, auth) == ["auth exists already: choose another with --name or --prefix"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"sources": ""}, "1 to 1000 sources"),
        ({"sources": "relative/path"}, "not an absolute path"),
        ({"sources": "/x", "name": "a", "prefix": "b"}, "exclude each other"),
        ({"sources": "/x", "prefix": "../"}, "a prefix is"),
        ({"sources": "/x", "device": "nobody"}, "--device is no JID"),
        ({"sources": "/x", "device": "6281234567890:7@s.whatsapp.net"}, "no source holds"),
    ],
)
async def test_what_cannot_be_meant_is_wrong_usage(
    fleet: StoredFleet, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said) as refused:
        await fleet.import_sessions(**arguments)
    assert refused.value.code == 2


# -- sources that are hostile ---------------------------------------------------------------------


def store(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path)) as db:
        for each in statements:
            db.execute(each)
        db.commit()
    return path


DEVICE = "CREATE TABLE whatsmeow_device (jid TEXT, lid TEXT, noise_key, registration_id)"
NUMBER = "4915100000007:1@s.whatsapp.net"
WITH_CREDS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a path for a JID": lambda c: c["me"].update(id="../../../x:1@s.whatsapp.net"),
    "a line in a JID": lambda c: c["me"].update(id="4915100000007\n:1@s.whatsapp.net"),
    "SQL in a JID": lambda c: c["me"].update(id="1' OR 1:1@s.whatsapp.net"),
    "a device that cannot be": lambda c: c["me"].update(id="4915100000007:99999999@c.us"),
    "the phone itself": lambda c: c["me"].update(id="4915100000007:0@s.whatsapp.net"),
    "a number for a JID": lambda c: c["me"].update(id=4915100000007),
    "no account": lambda c: c.pop("account"),
    "a list for me": lambda c: c.update(me=[]),
    "keys of zeros": lambda c: c["noiseKey"].update(private=[0] * 32),
    "keys that are swapped": lambda c: (
        c.update(noiseKey=c["signedIdentityKey"])
        or c["noiseKey"].update(public=c["signedPreKey"]["keyPair"]["public"])
    ),
    "a key of another length": lambda c: c["signedIdentityKey"].update(private=[7] * 31),
    "a key of 4 GB": lambda c: c["noiseKey"].update(private={"0": 1, "4294967296": 2}),
    "a key of texts": lambda c: c["noiseKey"].update(private=["a"] * 32),
    "a key of booleans": lambda c: c["noiseKey"].update(private=[True] * 32),
    "another signature": lambda c: c["account"].update(accountSignature="A" * 86 + "=="),
    "details of nobody": lambda c: c["account"].update(details=""),
    "a number beyond its end": lambda c: c.update(registrationId=1 << 40),
    "a number that is none": lambda c: c.update(registrationId="NaN"),
    "a negative prekey": lambda c: c["signedPreKey"].update(keyId=-5),
}
AS_CREDS: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{",
    "no UTF-8": b"\xff\xfe{}",
    "a list": b"[]",
    "a text": b'"creds"',
    "null": b"null",
    "very deep": b"[" * 200_000,
    "a number of many digits": b'{"me": ' + b"9" * 10_000 + b"}",
    "larger than it may be": b'{"x": "' + b"y" * 4_100_000 + b'"}',
}
AS_STORE: dict[str, tuple[str, ...]] = {
    "no tables": ("CREATE TABLE x (y)",),
    "a view for the devices": ("CREATE VIEW whatsmeow_device AS SELECT 'a' AS jid",),
    "no device": (DEVICE,),
    "a device of nulls": (DEVICE, "INSERT INTO whatsmeow_device VALUES (NULL, NULL, NULL, NULL)"),
    "a device of texts": (DEVICE, f"INSERT INTO whatsmeow_device VALUES ('{NUMBER}', 1, 'k', 'x')"),
    "a path for a device": (DEVICE, "INSERT INTO whatsmeow_device VALUES ('../x', 1, 'k', 'x')"),
    "columns of another kind": ("CREATE TABLE whatsmeow_device (jid INTEGER, x)",),
    "a newer version": (
        DEVICE,
        "CREATE TABLE whatsmeow_version (version)",
        "INSERT INTO whatsmeow_version VALUES (999)",
    ),
    "a version of text": (
        DEVICE,
        "CREATE TABLE whatsmeow_version (version)",
        "INSERT INTO whatsmeow_version VALUES ('x')",
    ),
}
AS_ROWS: dict[str, Any] = {
    "an object": {},
    "a list of nothing": [],
    "a list of lists": [[]],
    "creds of null": {"creds": None},
    "creds that are no JSON": {"creds": "{"},
    "creds in creds in creds": {"creds": json.dumps(json.dumps(json.dumps({})))},
    "a path for an id": {"creds": "{}", "sessionId": "../../../etc"},
    "too many": [{"creds": "{}"}] * 1001,
    "keys of another kind": {"creds": "{}", "keys": [1]},
}


@contextmanager
def hostile(auth: Path, there: Path) -> Iterator[dict[str, Path]]:
    """By what is wrong, a source in which nothing can be used."""
    there.mkdir()
    made: dict[str, Path] = {}
    for number, (wrong, change) in enumerate(WITH_CREDS.items()):
        path = made[wrong] = there / f"creds-{number}"
        path.mkdir()
        shutil.copy(auth / "creds.json", path)
        changed(path, change)
    for number, (wrong, text) in enumerate(AS_CREDS.items()):
        path = made[f"creds of {wrong}"] = there / f"text-{number}"
        path.mkdir()
        (path / "creds.json").write_bytes(text)
    for number, (wrong, statements) in enumerate(AS_STORE.items()):
        made[f"a store with {wrong}"] = store(there / f"store-{number}.db", *statements)
    for number, (wrong, rows) in enumerate(AS_ROWS.items()):
        path = made[f"rows: {wrong}"] = there / f"rows-{number}.json"
        path.write_text(json.dumps(rows))
    header = made["a store of a header"] = there / "header.db"
    header.write_bytes(b"SQLite format 3\0" + b"\xff" * 4000)
    beside: dict[str, Callable[[Path], object]] = {
        "linked": lambda path: (path / "creds.json").symlink_to(auth / "creds.json"),
        "piped": lambda path: os.mkfifo(path / "creds.json"),
        "foldered": lambda path: (path / "creds.json").mkdir(),
        "empty": lambda path: path,
    }
    for name, make in beside.items():
        (there / name).mkdir()
        make(there / name)
        made[f"{name} creds"] = there / name
    made["a link to a folder"] = there / "link"
    (there / "link").symlink_to(auth)
    made["a link to a file"] = there / "link.json"
    (there / "link.json").symlink_to(auth / "creds.json")
    made["a pipe"] = there / "pipe"
    os.mkfifo(there / "pipe")
    made["nothing"] = there / "nothing"
    made["a device"] = Path("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(there / "s"))
        made["a socket"] = there / "s"
        yield made


async def test_a_hostile_source_is_refused_in_one_line_and_stays_as_it_is(
    auth: Path, folder: Path, data: Path, fleet: StoredFleet
) -> None:
    with hostile(auth, folder / "hostile") as sources:
        assert len(sources) >= 50
        aged(folder / "hostile")
        before = state_of(folder / "hostile"), state_of(auth)
        report = await fleet.import_sessions("\n".join(map(str, sources.values())))
        assert (state_of(folder / "hostile"), state_of(auth)) == before
    wrongs = {str(path): wrong for wrong, path in sources.items()}
    assert len(report.sources) == len(sources)
    for each in report.sources:
        wrong = wrongs[each.source]
        assert each.verdict is Verdict.REFUSED, wrong
        assert each.why and each.why.isprintable() and len(each.why) <= 400, wrong
        assert "Traceback" not in each.why and str(data) not in each.why, wrong
    assert report.imported == ()
    assert not list((data / "sessions").iterdir())
    assert names_in(folder) == ("auth", "data", "hostile")


async def test_hostile_entries_of_a_sound_folder_are_dropped(
    auth: Path, folder: Path, fleet: StoredFleet
) -> None:
    secret = folder / "secret.json"
    secret.write_text("[]")
    (auth / "session-4915100000001.0.json").symlink_to(secret)
    os.mkfifo(auth / "session-4915100000002.0.json")
    (auth / "session-4915100000003.0.json").write_bytes(b"\xff")
    (auth / "session-4915100000004.0.json").write_text("[" * 100_000)
    (auth / "pre-key-5.json").write_text('{"private": 1}')
    (auth / "sender-key-..--1--0.json").write_text("[]")
    (auth / "app-state-sync-key-AAAA.json").write_text('{"keyData": "AA=="}')
    aged(auth)
    report = await fleet.import_sessions(str(auth))
    (found,) = report.sources
    assert found.verdict is Verdict.OK, found.why
    assert found.dropped == {Carried.SESSIONS: 4, Carried.PRE_KEYS: 1, Carried.SYNC_KEYS: 1}


@pytest.fixture
async def session(auth: Path, folder: Path, fleet: StoredFleet) -> Path:
    """A store of whatsmeow of that device, alone in a folder."""
    made = folder / "old"
    settings = load_settings(data_dir=made, environ={})
    await StoredFleet(DataDir(made), lambda: settings).import_sessions(str(auth), name="x")
    store = folder / "there" / "session.db"
    store.parent.mkdir()
    shutil.copy(session_of(made, "x"), store)
    aged(store.parent)
    return store


async def told_of(fleet: StoredFleet, *sources: Path) -> list[tuple[Verdict, str, str]]:
    """Verdict, name and reason of each device in these sources."""
    report = await fleet.import_sessions("\n".join(map(str, sources)), dry_run=True)
    return [(each.verdict, each.name, each.why) for each in report.sources]


async def test_what_lies_beside_a_store_refuses_nothing(
    session: Path, fleet: StoredFleet, data: Path
) -> None:
    """Its folder is looked through for names alone; a database of messages lies there too."""
    (session.parent / "link.db").symlink_to("/dev/zero")
    os.mkfifo(session.parent / "pipe.db")
    huge, damaged = session.parent / "messages.db", session.parent / "damaged.db"
    huge.write_bytes(b"SQLite format 3\0")
    os.truncate(huge, 3_000_000_000)
    damaged.write_bytes(b"SQLite format 3\0" + b"\xff" * 4000)
    with closing(sqlite3.connect(session.parent / "users.db")) as db, db:
        db.execute("CREATE TABLE users (jid, name)")
        db.execute("INSERT INTO users VALUES (?, 'Shop')", (JID,))
    aged(session.parent)
    assert await told_of(fleet, session) == [(Verdict.OK, "shop", "")]


async def test_a_store_that_cannot_be_copied_is_refused_before_anything_is_written(
    session: Path, fleet: StoredFleet
) -> None:
    sources = [session.parent / f"{number}" / "a.db" for number in range(4)]
    for each in sources:
        each.parent.mkdir()
        shutil.copy(session, each)
    huge, cut, linked, piped = sources
    os.truncate(huge, 3_000_000_000)
    os.truncate(cut, 9000)
    linked.with_name("a.db-wal").symlink_to(session)
    os.mkfifo(f"{piped}-journal")
    aged(session.parent)
    assert [why for _, _, why in await told_of(fleet, *sources)] == [
        "a.db is larger than 2000 MB",
        "a.db is damaged",
        "a.db-wal cannot be read: it is a symlink",
        "a.db-journal is no file",
    ]


async def test_the_hidden_ids_of_a_store_are_read_once(session: Path, folder: Path) -> None:
    """They are nobody's: with many devices each would have all of them."""
    with closing(sqlite3.connect(session)) as db, db:
        for table, owner in (("device", "jid"), ("identity_keys", "our_jid")):
            columns = [row[1] for row in db.execute(f"PRAGMA table_info(whatsmeow_{table})")]
            named = ", ".join(each for each in columns if each != owner)
            db.execute(
                f"INSERT INTO whatsmeow_{table} ({owner}, {named})"
                f" SELECT '4915100000008:1@s.whatsapp.net', {named} FROM whatsmeow_{table}"
            )
    scratch = folder / "scratch"
    scratch.mkdir()
    with Reading(scratch, 99) as reading:
        one, two = (each.device for each in reading.read(session))
    assert one is not None and two is not None
    assert len(one.rows.lids) == 4 and one.rows.lids is two.rows.lids


async def test_what_is_neither_a_file_nor_a_folder_is_said_to_be(fleet: StoredFleet) -> None:
    told = await told_of(fleet, Path("/dev/zero"), Path("/nowhere/x"))
    assert [why for _, _, why in told] == [
        "it is neither a file nor a folder",
        "there is no such file or folder",
    ]


async def test_a_sealed_file_among_others_is_said_to_come_alone(
    folder: Path, fleet: StoredFleet
) -> None:
    sealed = folder / "shop.age"
    sealed.write_bytes(b"age-encryption.org/v1\n-> scrypt")
    (told,) = await told_of(fleet, sealed)
    assert told == (Verdict.REFUSED, "", "it is sealed: `waziterm import FILE` takes it, alone")


async def test_a_folder_of_keys_that_cannot_be_read_refuses_its_row_alone(
    auth: Path, folder: Path, fleet: StoredFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waziterm.moving.files.MOST_FILES", 100)
    row, keys = evolution_row(auth, "0f9e-11", "Shop")
    changed(auth, lambda creds: creds["me"].update(id="4915100000008:1@s.whatsapp.net"))
    other, _ = evolution_row(auth, "0f9e-12", "Other")
    there = folder / "evolution"
    (there / "0f9e-11").mkdir(parents=True)
    for number in range(101):
        (there / "0f9e-11" / f"pre-key-{number}.json").write_text("{}")
    (there / "rows.json").write_text(json.dumps([row, {**other, "keys": keys}]))
    aged(folder)
    assert await told_of(fleet, there / "rows.json", auth) == [
        (Verdict.REFUSED, "", "0f9e-11 holds more than 100 files"),
        (
            Verdict.REFUSED,
            "other",
            "several sources hold the same device: name the one that was used last alone",
        ),
        (
            Verdict.REFUSED,
            "auth",
            "several sources hold the same device: name the one that was used last alone",
        ),
    ]


# -- what was interrupted -------------------------------------------------------------------------


async def test_a_killed_import_leaves_nothing_half_done(
    auth: Path, data: Path, fleet: StoredFleet
) -> None:
    """The store was made, and its instance stored or not; only then it gets its name."""
    await fleet.import_sessions(str(auth), name="x")
    file = session_of(data, "x")
    part = file.with_name(f"{file.name}.part")
    file.rename(part)
    stray = data / "sessions" / "0123456789abcdef.db.part"
    stray.write_bytes(b"half of it")
    await fleet.check()
    assert file.exists() and not part.exists() and not stray.exists()


async def test_a_disk_that_refuses_leaves_no_instance(
    auth: Path, data: Path, fleet: StoredFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("waziterm.manager.care.importing.write_session", full)
    report = await fleet.import_sessions(str(auth), name="x")
    assert [each.why for each in report.sources] == [
        "it could not be written: No space left on device"
    ]
    assert (await fleet.snapshot()).instances == ()
    assert not list((data / "sessions").iterdir())
