"""Instances of a table: all of them are added or none, and all that is wrong is told with its line;
by a running manager and without one."""

import asyncio
import time

import pytest

from tests.manager.hosting import Host
from tests.manager.test_supervising import online
from waziterm.domain.fleet.tools import AddedAll
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.stored.fleet import StoredFleet

GOOD = (
    "name,phone,proxy\nshop-1,+62 812 3456 7890,socks5://me:secret@proxy.example:1080\nshop-2,,\n"
)


def add(host: Host, table: str, *, dry_run: bool = False) -> AddedAll:
    return host.world.task(host.fleet.add_all(table, dry_run=dry_run)).result()


def problems(host: Host, table: str) -> list[tuple[int, str, str]]:
    """What is wrong; then nothing is added, whoever does it."""
    before = [view.name for view in host.fleet.snapshot().instances]
    told = add(host, table)
    assert told.added == () and told.problems == add(host, table, dry_run=True).problems
    assert [view.name for view in host.fleet.snapshot().instances] == before
    return [(each.line, each.column, each.error) for each in told.problems]


def names(host: Host) -> list[str]:
    return [view.name for view in host.fleet.snapshot().instances]


def test_all_are_added_and_wait(host: Host) -> None:
    online(host, "a")
    assert add(host, GOOD, dry_run=True) == AddedAll(True, ("shop-1", "shop-2"))
    assert names(host) == ["a"]
    assert add(host, GOOD) == AddedAll(False, ("shop-1", "shop-2"))
    host.world.settle()
    view = host.view("shop-1")
    assert (view.state, view.reason, view.wanted) == (State.STOPPED, Reason.NEW, Wanted.RUNNING)
    assert view.bare_proxy == "socks5://•••@proxy.example:1080" and (view.phone or "").endswith(
        "7890"
    )
    assert len(host.world.live()) == 1 and names(host) == ["a", "shop-1", "shop-2"]
    host.close()
    host.open()
    assert names(host) == ["a", "shop-1", "shop-2"] and host.view("shop-1").phone == view.phone
    started = host.world.task(host.fleet.start("shop-2")).result()
    assert started.state is State.CONNECTING


def test_tags_and_a_note_stand_in_a_table_too(host: Host) -> None:
    host.open()
    table = 'name,note,tags\nshop-1,paid until May,"vip,jakarta"\nshop-2,,\n'
    assert add(host, table) == AddedAll(False, ("shop-1", "shop-2"))
    host.close()
    host.open()
    first, second = host.view("shop-1"), host.view("shop-2")
    assert (first.note, first.tags) == ("paid until May", ("vip", "jakarta"))
    assert (second.note, second.tags) == ("", ())


@pytest.mark.parametrize(
    "table",
    [
        "\ufeffname,phone\r\nshop-1,+6281234567890\r\nshop-2,\r\n",
        "name;phone\nshop-1;+6281234567890\nshop-2;\n",
        "name\tphone\nshop-1\t+6281234567890\nshop-2\n",
        'NAME , Phone\n"shop-1","+62 812\n3456 7890"\n\n  \n"shop-2",\n,,\n',
        "phone,name\r+6281234567890,shop-1\r,shop-2",
    ],
    ids=["BOM and CRLF", "semicolons", "tabs", "quotes", "CR and order"],
)
def test_tables_of_every_program_are_read(host: Host, table: str) -> None:
    host.open()
    assert add(host, table) == AddedAll(False, ("shop-1", "shop-2"))
    assert (host.view("shop-1").phone or "").endswith("7890") and host.view("shop-2").phone is None


def test_all_that_is_wrong_is_told_with_its_line(host: Host) -> None:
    online(host, "a")
    host.world.task(host.fleet.rename("a", "b")).result()
    (host.root / "sessions" / "lost.db").write_bytes(b"somebody's")
    found = problems(
        host,
        "name,phone,proxy\n"
        "good,+6281234567890,\n"
        "Bad Name,12345,ftp://h:1\n"
        '"tw\no",,\n'
        "b,,\n"
        "a,,\n"
        "good,,,one too many\n"
        "lost,+1,\n"
        ",+6281234567890,\n"
        "\x1b[31m\u202eevil,,http://me:secret@h\n",
    )
    assert [(line, column) for line, column, _ in found] == [
        (3, "name"), (3, "phone"), (3, "proxy"), (4, "name"), (6, "name"), (7, "name"), (8, ""),
        (8, "name"), (9, "phone"), (9, "name"), (10, "name"), (11, "name"), (11, "proxy"),
    ]  # fmt: skip
    said = {(line, column): text for line, column, text in found}
    assert said[6, "name"] == "b exists already"
    assert "a is the name that b had before" in said[7, "name"]
    assert said[8, "name"] == "good stands in line 2 too" and "4 values for 3" in said[8, ""]
    assert "secret" not in str(found) and "\x1b" not in str(found) and "\u202e" not in str(found)


@pytest.mark.parametrize(
    ("table", "line", "said"),
    [
        ("", 1, "it is empty; its first row names the columns name, phone, proxy, tags, note"),
        ("\n\n", 3, "it is empty"),
        ("phone\n+6281234567890\n", 1, "the first row names no column name"),
        ("name,name\na,b\n", 1, "two columns are called name"),
        (
            "name,colour\na,b\n",
            1,
            "no column is called 'colour'; there are name, phone, proxy, tags, note",
        ),
        ("name,,phone\na,,\n", 1, "a column has no name"),
        ('name\n"a" b\n', 2, "it is no CSV"),
        ('name\n"a', 2, "it is no CSV"),
        ("name\n" + "a" * 200_000, 2, "it is no CSV: field larger than field limit"),
        ("name\n" + "".join(f"n{i}\n" for i in range(10_001)), 10_002, "at most 10000 rows"),
    ],
    ids=[
        *("empty", "blank", "nameless", "twice", "unknown", "blank column"),
        *("quotes", "open quote", "long field", "long table"),
    ],
)
def test_what_is_no_table_is_told(host: Host, table: str, line: int, said: str) -> None:
    host.open()
    found = problems(host, table)
    assert found[0][0] == line and said in found[0][2] and len(found) == 1


def test_ten_thousand_rows_are_added_in_a_while_and_hold_nobody_up(host: Host) -> None:
    host.open()
    table = "name,phone\n" + "".join(f"n{i},+628123456{i:05d}\n" for i in range(10_000))
    began = time.process_time()
    assert len(add(host, table, dry_run=True).added) == 10_000
    wrong = add(host, table.replace("+628", "628"))
    assert len(wrong.problems) == 10_000 and not names(host)
    assert time.process_time() - began < 30


def stored(host: Host) -> StoredFleet:
    return StoredFleet(DataDir(host.root), lambda: host.settings)


def test_without_a_manager_it_is_the_same(host: Host) -> None:
    fleet = stored(host)
    assert asyncio.run(fleet.add_all(GOOD, dry_run=True)).added == ("shop-1", "shop-2")
    assert not host.root.exists()
    assert asyncio.run(fleet.add_all(GOOD)) == AddedAll(False, ("shop-1", "shop-2"))
    again = asyncio.run(fleet.add_all(GOOD + "shop-3,,\n"))
    assert again.added == () and [each.line for each in again.problems] == [2, 3]
    host.open()
    assert names(host) == ["shop-1", "shop-2"] and not host.world.live()
