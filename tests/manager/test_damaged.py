"""F35, F38: what cannot be read of the database or the trash is named, the rest is shown."""

import asyncio
import json
import sqlite3
import time
from contextlib import closing

import pytest

from tests.manager.hosting import Host
from tests.manager.test_lost import called, data
from tests.manager.test_supervising import JID, worker_of
from waziterm.cli.main import run
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.stats.hours import hour_of
from waziterm.manager.files.datadir import DataDir
from waziterm.store.store import open_store

__all__ = ["data"]

ENTRY = "shop-20260101T000013Z-5157"
MOMENTS = ("since", "created_at", "due", "connected_at", "cooldown_until", "banned_until",
           "guarded_at")  # fmt: skip
OTHERS = ("phone", "jid", "wanted", "state", "reason", "hold", "detail", "attempt", "conflicts",
          "crashes", "short_lived", "redialling", "name")  # fmt: skip


def stored(data: DataDir, *instances: Instance) -> None:
    async def store() -> None:
        async with open_store(data.database) as opened:
            for each in instances:
                await opened.save(each, event=None, at=1.0)

    asyncio.run(store())


def spoilt(data: DataDir, column: str, value: str) -> None:
    """Let the row of `bad` hold something else in a column, which the schema would refuse."""
    with closing(sqlite3.connect(data.database, isolation_level=None)) as db:
        version = db.execute("PRAGMA schema_version").fetchone()[0]
        db.execute("PRAGMA writable_schema = ON")
        db.execute(
            "UPDATE sqlite_schema SET sql = replace(replace(sql, ' NOT NULL', ''), 'STRICT', '')"
            " WHERE name = 'instances'"
        )
        db.execute(f"PRAGMA schema_version = {version + 1}")
    with closing(sqlite3.connect(data.database, isolation_level=None)) as db:
        db.execute(f"UPDATE instances SET {column} = {value} WHERE name = 'bad'")


@pytest.mark.parametrize(
    ("column", "value"),
    [(column, value) for column in MOMENTS
     for value in ("9e99", "'soon'", "NULL")]
    + [(column, value) for column in OTHERS for value in ("x'00ff'",)]
    + [("attempt", "'many'"), ("attempt", "-1"), ("conflicts", "'[null]'"),
       ("conflicts", "'no JSON'"), ("name", "'NOT A NAME'"),
       ("since", "1e999"), ("since", "-1e300"), ("since", "x'00'")],
)  # fmt: skip
def test_f38_one_row_that_cannot_be_read_is_named_and_the_others_are_shown(
    data: DataDir, capsys: pytest.CaptureFixture[str], column: str, value: str
) -> None:
    good = [Instance(name, 1.0, since=1.0, jid=f"62812345678{at}:1@s.whatsapp.net")
            for at, name in enumerate(("a", "z"))]  # fmt: skip
    bad = Instance("bad", 1.0, since=1.0, jid=JID, wanted=Wanted.STOPPED)
    stored(data, good[0], bad, good[1])
    nullable = value == "NULL" and column in ("phone", "jid", "hold", *MOMENTS[2:])
    spoilt(data, column, value)
    code, listed = called(capsys, data, "list")
    shown = bad.id if column == "name" else "bad"
    assert (code, [each["name"] for each in listed]) == (0, ["a", shown, "z"])
    code, found = called(capsys, data, "check")
    named = [each for each in found["findings"] if each["kind"] == "row_damaged"]
    if nullable:
        assert named == []
        return
    assert code == 1 and [each["instance"] for each in named] == [shown]
    assert column in named[0]["evidence"] and "damaged" in listed[1]["detail"]
    assert called(capsys, data, "status", shown)[0] == 0
    assert called(capsys, data, "logs", "a")[0] == 0


def test_f38_who_may_have_a_barrier_that_is_lost_waits_for_a_person(host: Host) -> None:
    host.prepare(
        Instance("bad", 1.0, since=1.0, jid=JID), Instance("a", 2.0, jid="1:1@s.whatsapp.net")
    )
    spoilt(DataDir(host.root), "cooldown_until", "9e99")
    host.open()
    view = host.view("bad")
    assert (view.state, view.wanted, view.paired) == (State.STOPPED, Wanted.STOPPED, True)
    assert "cooldown_until" in view.detail
    host.world.task(host.fleet.start("bad")).result()
    assert worker_of(host, "bad").jid == JID
    found = host.world.task(host.fleet.check()).result()
    assert "row_damaged" not in {each.kind.value for each in found}


def test_f38_who_only_lost_a_moment_to_show_goes_on(host: Host) -> None:
    host.prepare(
        Instance("bad", 1.0, since=1.0, jid=JID, state=State.CONNECTED, reason=Reason.ONLINE)
    )
    spoilt(DataDir(host.root), "since", "9e99")
    host.open()
    assert worker_of(host, "bad").jid == JID


TEXTS = frozenset({"detail", "event", "error", "text", "subject", "why", "acts kind"})
"""The columns in which any text may stand, and into which SQLite puts a number as one."""
HISTORY = {
    "transitions": ("at", "from_state", "to_state", "reason", "detail", "event"),
    "attempts": ("kind", "at", "ended_at", "ok"),
    "sends": ("at", "ok", "took_s", "error"),
    "lines": ("at", "source", "text"),
    "incidents": (
        "reason",
        "began_at",
        "last_at",
        "instances",
        "fleet",
        "acknowledged_at",
        "ended_at",
    ),
    "acts": ("at", "kind", "subject", "why"),
    "audit": ("via", "args", "result"),
    "notes": ("at",),
    "hours": ("drops", "memory_bytes", "by_reason", "connects"),
    "patterns": ("hour", "count"),
}


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [(table, column, value) for table, columns in HISTORY.items() for column in columns
     for value in ("x'00ff'", "9e99", "'entangled'")
     if value == "x'00ff'" or TEXTS.isdisjoint((column, f"{table} {column}"))],
)  # fmt: skip
def test_f38_one_row_of_the_history_that_cannot_be_read_is_left_out_and_counted(
    data: DataDir, capsys: pytest.CaptureFixture[str], table: str, column: str, value: str
) -> None:
    shop = Instance("shop", 1.0, since=1.0, jid=JID, wanted=Wanted.STOPPED)
    stored(data, shop)
    fill(data, shop)
    spoil_history(data, table, column, value)
    # A column is looked at through all verbs once, with a value that none can hold.
    seen_by_all = value == "x'00ff'"
    for words in ("list", "stats shop", "status shop", "trash") if seen_by_all else ():
        code, shown = called(capsys, data, *words.split())
        assert code == 0 and "error" not in shown, (words, shown)
    for words, of, key in (("logs shop", "lines", None), ("conflicts", "transitions", "conflicts"),
                           ("incidents", "incidents", None), ("audit", "audit", None),
                           ("note", "notes", None)):  # fmt: skip
        if seen_by_all or of == table:
            code, shown = called(capsys, data, *words.split())
            assert code == 0 and "error" not in shown, (words, shown)
            assert len(shown if key is None else shown[key]) == (1 if of == table else 2), words
    _, shown = called(capsys, data, "stats", "shop", "--by", "hour")
    assert sum(each["drops"] for each in shown) == (1 if table == "hours" else 2)
    lines = sum(each["patterns"].get("busy", 0) for each in shown)
    assert lines == (1 if table == "patterns" else 2)
    _, found = called(capsys, data, "check")
    (named,) = [each for each in found["findings"] if each["kind"] == "row_damaged"]
    assert named["id"] == f"row_damaged:{table}" and named["evidence"].endswith("read: 1")


def fill(data: DataDir, shop: Instance) -> None:
    """Two rows in each table of the history, of today."""
    at = time.time() - 100.0
    met = json.dumps([shop.id])
    with closing(sqlite3.connect(data.database, isolation_level=None)) as db:
        db.execute("DELETE FROM transitions")
        for number in (1, 2):
            move = (shop.id, at, "connected", "cooldown", "conflict", "440", "", "StreamReplaced")
            rows: dict[str, tuple[object, ...]] = {
                "transitions": (number, *move),
                "attempts": (number, shop.id, "resume", at, at + 1.0, 1, "online"),
                "sends": (number, shop.id, at, 1, 0.2, ""),
                "lines": (shop.id, number, at, "manager", "hello"),
                "incidents": (number, "conflict", at, at, met, 1, "", 0, None, "", "", None),
                "acts": (number, at, "trash", "shop", "", shop.id),
                "audit": (
                    number,
                    at,
                    "sari",
                    1,
                    None,
                    None,
                    None,
                    7,
                    "verb",
                    "stop",
                    '["shop"]',
                    '{"takeover": true}',
                    "done",
                    "",
                ),
                "notes": (number, at, "sari", "hello", None),
                "hours": (
                    *(shop.id, hour_of(at) - 3600 * number, 1000, 2000, 1, '{"conflict": 1}'),
                    *(0, 1, 1, '{"7": 1}', None, 0, 0, 0, 0),
                ),
                "patterns": (shop.id, hour_of(at) - 3600 * number, "busy", 1),
            }
            for table, row in rows.items():
                db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)


def spoil_history(data: DataDir, table: str, column: str, value: str) -> None:
    with closing(sqlite3.connect(data.database, isolation_level=None)) as db:
        version = db.execute("PRAGMA schema_version").fetchone()[0]
        db.execute("PRAGMA writable_schema = ON")
        db.execute(
            "UPDATE sqlite_schema SET sql = replace(replace(sql, 'STRICT, ', ''), 'STRICT', '')"
            " WHERE name = ?",
            (table,),
        )
        db.execute(f"PRAGMA schema_version = {version + 1}")
    first_hour = f"hour = (SELECT min(hour) FROM {table})"
    second = {"lines": "seq = 2", "hours": first_hour, "patterns": first_hour}
    with closing(sqlite3.connect(data.database, isolation_level=None)) as db:
        db.execute("PRAGMA ignore_check_constraints = ON")
        db.execute(f"UPDATE {table} SET {column} = {value} WHERE {second.get(table, 'id = 2')}")


MANIFESTS = (b"", b"{", b"[]", b"\xff\xfe", b'{"id": 1}', b"9" * 5000, None)


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_f35_a_trash_entry_without_a_sound_manifest_is_named(
    data: DataDir, capsys: pytest.CaptureFixture[str], manifest: bytes | None
) -> None:
    stored(data, Instance("a", 1.0, since=1.0))
    entry = data.trash / ENTRY
    entry.mkdir()
    (entry / "shop.db").write_bytes(b"its keys")
    if manifest is not None:
        (entry / "manifest.json").write_bytes(manifest)
    code, listed = called(capsys, data, "trash")
    (shown,) = listed
    assert code == 0 and (shown["id"], shown["instance"]) == (ENTRY, "shop")
    assert (shown["why"], shown["restorable"], shown["expires"]) == ("damaged", False, None)
    assert [(each["name"], each["size"]) for each in shown["files"]] == [("shop.db", 8)]
    code, found = called(capsys, data, "check")
    (finding,) = found["findings"]
    assert code == 1 and finding["id"] == f"trash_damaged:{ENTRY}"
    code, told = called(capsys, data, "restore", ENTRY)
    assert code == 1 and "manifest cannot be read" in told["error"]
    assert (entry / "shop.db").read_bytes() == b"its keys"
    lines(capsys, data)


def lines(capsys: pytest.CaptureFixture[str], data: DataDir) -> None:
    """What a person reads of it."""
    assert run(["trash", "--data-dir", str(data.root)]) == 0
    assert "its manifest is damaged, cannot be restored" in capsys.readouterr().out


def test_damage_of_the_past_is_told_after_the_start_and_ends_nothing(host: Host) -> None:
    """A start does not wait for a year of hours to be looked through."""
    host.prepare(Instance("a", 1.0, wanted=Wanted.STOPPED))
    database = host.root / "waziterm.db"
    with closing(sqlite3.connect(database)) as db, db:
        db.execute(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)"
            " INSERT INTO hours SELECT 'a', 3600 * i, 3600000, 3600000, 0, NULL, 0, 0, 0, NULL,"
            " NULL, 0, 0, 0, 0 FROM n"
        )
    data = bytearray(database.read_bytes())
    data[-20 * 4096 : -18 * 4096] = b"\xff" * (2 * 4096)
    database.write_bytes(data)
    host.open()
    host.world.pass_time(31.0)

    async def heard() -> list[str]:
        async with host.fleet.subscribe() as changes:
            return [str(each.text) for each in (await changes.next()).notices if each.trouble]

    said = host.world.run(heard())
    assert len(said) == 1 and said[0].startswith("waziterm.db is damaged (")
    assert host.fleet.view("a").state is State.STOPPED
    host.close()
