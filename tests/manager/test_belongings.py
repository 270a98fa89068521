"""All that belongs to an instance on disk is in one list, and each verb does what that says."""

import io
import json
import sqlite3
import tarfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyrage
import pytest

from tests.manager.hosting import Host
from tests.manager.test_supervising import JID, worker_of
from tests.manager.world import BEGIN
from tests.sessions import strangers
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.manager.files.belongings import MESSAGES, ROWS, SESSION, Belonging, Fate
from waziterm.moving.process import Order, do
from waziterm.moving.sealing import Key
from waziterm.store.messages_schema import MESSAGES as OF_MESSAGES
from waziterm.store.migrations import FLEET, migrate
from waziterm.store.opening import open_database
from waziterm.store.schema import Schema

ID = "<the id>"
MESSAGE_ROWS: dict[str, tuple[object, ...]] = {
    "messages": (
        *(1, "msg_1", ID, "1@lid", "text", "sent", BEGIN, BEGIN, BEGIN + 60, "hold", "", "", 0),
        *("A1", 0, 1, BEGIN, None, None, BEGIN, 0, 0, "1@lid", 0, 1, BEGIN, "00"),
    ),
    "once": ("crm", ID, "key", "00", "msg_1", BEGIN),
    "opt_outs": ("opt_1", ID, "2@lid", "2@lid", BEGIN),
    "chats": (ID, "1@lid", BEGIN),
    "senders": (ID, "shop", BEGIN, 0.0, 0.0),
    "events": (1, "evt_1", ID, "shop", 1, "message.received", BEGIN, BEGIN, "{}", 1),
    "deliveries": (1, 1, "crm", ID, 2, "failed", BEGIN, 0.0, 0.0, 1, "", BEGIN),
    "seqs": (ID, "shop", 1, ""),
}
NAMED = {"audit.instances"}
"""What holds names as they were typed, and goes with its age."""
ENDS = [each.where.partition(".db")[2] for each in SESSION]


@pytest.mark.parametrize(
    ("schema", "listed"),
    [(FLEET, [*ROWS]), (OF_MESSAGES, [*MESSAGES])],
    ids=["waziterm.db", "messages.db"],
)
def test_every_column_of_a_database_that_holds_an_instance_is_listed(
    schema: Schema, listed: list[Belonging]
) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        migrate(db, schema.migrations)
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        columns = {
            f"{table}.{row[1]}"
            for table in tables
            for row in db.execute(f"PRAGMA table_info({table})")
            if row[1] in ("instance", "instances")
        }
    names = {each.where.removesuffix("[]") for each in listed}
    assert columns - NAMED == names - {"instances.id", "names.id"}


def with_everything(host: Host) -> str:
    """An instance of which there is all that there can be; its id."""
    host.prepare(Instance("old", BEGIN, since=BEGIN, jid=JID))
    host.open()
    worker_of(host, "old").say(ev.Connected(JID))
    host.world.settle()
    fleet, run = host.fleet, host.world.run
    host.world.task(fleet.send_test("old")).result()
    worker_of(host, "old").say(ev.StreamReplaced())
    host.world.settle()
    host.world.task(fleet.rename("old", "shop")).result()
    host.world.task(fleet.stop("shop")).result()
    host.world.task(fleet.edit("shop", note="paid")).result()
    run(fleet.silence("shop", 600))
    run(fleet.stats())
    identity = host.id("shop")
    host.close()
    with closing(sqlite3.connect(host.root / "waziterm.db")) as db, db:
        db.execute("INSERT INTO patterns VALUES (?, 472222, 'seen', 3)", (identity,))
        db.execute(
            "INSERT INTO links (instance, digest, at, expires_at, who) VALUES (?, ?, ?, ?, '')",
            (identity, "0" * 64, BEGIN, BEGIN + 600),
        )
        numbers = ", 0" * 13
        db.execute(f"INSERT INTO spans VALUES (0, 86400, ?{numbers}, '', '', '', '')", (identity,))
        facade = ("ABCDEF0123456", identity, "web", BEGIN)
        db.execute("INSERT INTO facade_ids VALUES (?, ?, ?, ?)", facade)
        url = (identity, "https://a.example", "web", BEGIN)
        db.execute("INSERT INTO facade_webhooks VALUES (?, ?, ?, ?)", url)
        acted = "INSERT INTO acts (at, kind, subject, why, instance) VALUES (?, 'x', 'shop', '', ?)"
        db.execute(acted, (BEGIN, identity))
    opened = open_database(host.root / "messages.db", OF_MESSAGES)
    with closing(opened) as db:
        for table, values in MESSAGE_ROWS.items():
            places = ", ".join("?" * len(values))
            given = [identity if value == ID else value for value in values]
            db.execute(f"INSERT INTO {table} VALUES ({places})", given)
    (host.root / "media").mkdir()
    (host.root / "media" / "file").write_bytes(b"a picture")
    for end in ENDS[1:]:
        (host.root / "sessions" / f"{identity}.db{end}").write_bytes(b"")
    host.open()
    return identity


def counting(each: Belonging, identity: str) -> tuple[str, tuple[str]]:
    table, _, column = each.where.partition(".")
    held = f"{column} = ?"
    if column.endswith("[]"):
        column = column.removesuffix("[]")
        held = f"? IN (SELECT value FROM json_each({table}.{column}))"
    return f"SELECT count(*) AS count FROM {table} WHERE {held}", (identity,)


def database_of(each: Belonging) -> str:
    return "messages.db" if each in MESSAGES else "waziterm.db"


def rows_of(host: Host, each: Belonging, identity: str) -> int:
    sql, given = counting(each, identity)
    with closing(sqlite3.connect(host.root / database_of(each), isolation_level=None)) as db:
        return int(db.execute(sql, given).fetchone()[0])


def trashed(host: Host) -> Iterable[str]:
    return [path.name.partition(".db")[2] for path in host.root.glob("trash/*/*.db*")]


def check_fates(
    host: Host, identity: str, fate_of: Callable[[Belonging], Fate], act: Callable[[], object]
) -> None:
    before = {each: rows_of(host, each, identity) for each in (*ROWS, *MESSAGES)}
    act()
    host.world.settle()
    for each in SESSION:
        end = each.where.partition(".db")[2]
        there = (host.root / "sessions" / f"{identity}.db{end}").exists()
        match fate_of(each):
            case Fate.TRASHED:
                assert not there and end in trashed(host), each
            case Fate.BACK | Fate.STAYS:
                assert there and end not in trashed(host), each
            case other:
                raise AssertionError(other)
    for each in (*ROWS, *MESSAGES):
        now = rows_of(host, each, identity)
        match fate_of(each):
            case Fate.STAYS | Fate.KEPT:
                assert now >= before[each] > 0, each
            case Fate.GOES:
                assert before[each] and not now, each
            case Fate.MADE:
                assert now > before[each], each
            case other:
                raise AssertionError(other)
    assert strangers(host.root) == []


def test_each_verb_does_with_each_of_them_what_the_list_says(host: Host) -> None:
    identity = with_everything(host)

    def task(verb: str, *given: str) -> Callable[[], object]:
        return lambda: host.world.task(getattr(host.fleet, verb)(*given)).result()

    check_fates(host, identity, lambda each: each.rename, task("rename", "shop", "new"))
    check_fates(host, identity, lambda each: each.clean, task("clean", "new"))
    (entry,) = host.world.run(host.fleet.trash())
    check_fates(host, identity, replace_made_by_stays, task("restore", entry.id))
    check_fates(host, identity, lambda each: each.remove, task("remove", "new"))
    (entry,) = host.world.run(host.fleet.trash())
    check_fates(host, identity, lambda each: each.restore, task("restore", entry.id))
    assert host.view("new").id == identity


def opened_by(key: pyrage.x25519.Identity, file: Path) -> dict[str, bytes]:
    """What a sealed file holds."""
    with tarfile.open(fileobj=io.BytesIO(pyrage.decrypt(file.read_bytes(), [key]))) as tar:
        streams = {each.name: tar.extractfile(each) for each in tar}
        return {name: stream.read() for name, stream in streams.items() if stream is not None}


def test_an_export_and_a_backup_have_of_each_of_them_what_the_list_says(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = with_everything(host)
    key = pyrage.x25519.Identity.generate()

    @asynccontextmanager
    async def done_here(order: Order) -> AsyncIterator[tuple[Any, Callable[[], None]]]:
        # A world has no processes. A passphrase takes seconds, which another test spends.
        yield do(replace(order, key=Key(recipient=str(key.to_public())))), lambda: None

    for module in ("carrying", "backups"):
        monkeypatch.setattr(f"waziterm.manager.care.{module}.carried_out", done_here)
    fleet, task = host.fleet, host.world.task
    task(fleet.backup(str(tmp_path / "backup"), recipient=str(key.to_public()))).result()
    held = opened_by(key, tmp_path / "backup")
    for each in SESSION:
        there = each.where.format(id=identity) in held
        assert there is (each.backup is Fate.COPIED), each
    for each in (*ROWS, *MESSAGES):
        (tmp_path / "copy.db").write_bytes(held[database_of(each)])
        with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
            (now,) = copy.execute(*counting(each, identity)).fetchone()
        assert (now == rows_of(host, each, identity) > 0) is (each.backup is Fate.COPIED)
    assert held["media/file"] == b"a picture"
    task(fleet.export("shop", str(tmp_path / "export"), "a passphrase")).result()
    held = opened_by(key, tmp_path / "export")
    assert set(held) == {"manifest.json", "session.db", "history.jsonl"}
    rows = Counter(json.loads(line)["table"] for line in held["history.jsonl"].splitlines())
    told = json.loads(held["manifest.json"])["instance"]
    rows |= {"instances": int(told["id"] == identity), "names": int(told["name"] == "shop")}
    for each in ROWS:
        assert (rows[each.where.partition(".")[0]] > 0) is (each.export is Fate.COPIED), each
    assert all(each.export is Fate.LEFT for each in MESSAGES)
    assert [each.export for each in SESSION] == [Fate.COPIED, *([Fate.LEFT] * 3)]
    assert strangers(host.root) == []


def replace_made_by_stays(each: Belonging) -> Fate:
    """Of a restore into an instance that is there."""
    return Fate.STAYS if each.restore is Fate.MADE else each.restore


@pytest.mark.parametrize("name", ["sessions/x.db.bak", "trash/stray", "qr.png", "sessions/a/b.db"])
def test_a_file_of_nobody_is_noticed(host: Host, name: str) -> None:
    host.prepare(Instance("a", BEGIN, jid=JID))
    assert strangers(host.root) == []
    path = host.root / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert strangers(host.root) == [name]
