"""The verb add: of a table all or none, and what is no table is one clear line."""

from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.control.scripted import ScriptedFleet
from waziterm.cli.verbs.schema import schemas
from waziterm.domain.fleet.protocol import TABLE_BYTES
from waziterm.manager.files.datadir import DataDir

TABLE = "name\nshop-d\nshop-e\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    (tmp_path / "shops.csv").write_text(TABLE)
    return tmp_path / "shops.csv"


def test_a_table_is_added(call: Call, managed: DataDir, fleet: ScriptedFleet, table: Path) -> None:
    told = call("add", "--from", str(table), "--data-dir", str(managed.root))
    assert told.code == 0 and told.out.startswith("2 instances added\n")
    assert fleet.calls == [("add_all", TABLE, False)]
    told = call("add", "--from", str(table), "--dry-run", "--data-dir", str(managed.root))
    assert (told.code, told.out) == (0, "2 instances would be added\n")
    told = call("add", "--from", str(table), "--data-dir", str(managed.root), "--json")
    assert told.document == {"dry_run": False, "added": ["shop-d", "shop-e"], "problems": []}
    assert {"added", "problems"} <= set(str(schemas()["add"]).replace("'", " ").split())


def test_all_that_is_wrong_is_printed(call: Call, managed: DataDir, table: Path) -> None:
    table.write_text("name,phone\nshop-d,wrong\n")
    told = call("add", "--from", str(table), "--data-dir", str(managed.root))
    assert (told.code, told.out) == (2, "")
    assert told.err.splitlines() == [
        "line 2: phone: 'wrong' is no number", "1 error; nothing was added"
    ]  # fmt: skip
    told = call("add", "--from", str(table), "--data-dir", str(managed.root), "--json")
    assert told.code == 2 and told.document["problems"] == [
        {"line": 2, "column": "phone", "error": "'wrong' is no number"}
    ]


def test_a_large_one_arrives(call: Call, managed: DataDir, table: Path) -> None:
    table.write_text("name\n" + "".join(f"shop-{i}\n" for i in range(10_000)))
    told = call("add", "--from", str(table), "--data-dir", str(managed.root))
    assert (told.code, told.out.splitlines()[0]) == (0, "10000 instances added")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"name\nsh\xe9p\n", "is not UTF-8 (line 2)"),
        ("name\nshop\n".encode("utf-16"), "is not UTF-8 (line 1)"),
        (b"n" * (TABLE_BYTES + 1), "is larger than 2 MB"),
    ],
    ids=["missing", "Latin 1", "UTF-16", "large"],
)
def test_what_cannot_be_read_is_told(
    call: Call, data: DataDir, table: Path, content: bytes | None, said: str
) -> None:
    table.unlink()
    if content is not None:
        table.write_bytes(content)
    told = call("add", "--from", str(table), "--data-dir", str(data.root))
    assert told.code == 2 and said in told.err and not data.database.exists()


@pytest.mark.parametrize(
    "words", [["shop-d"], ["--phone", "+6281234567890"], ["--session", "shop.db"]], ids="".join
)
def test_a_table_says_all_by_itself(
    call: Call, data: DataDir, table: Path, words: list[str]
) -> None:
    told = call("add", *words, "--from", str(table), "--data-dir", str(data.root))
    assert told.code == 2 and "from the file alone" in told.err
    told = call("add", "--data-dir", str(data.root))
    assert told.code == 2 and "add needs a name, or --from FILE.csv" in told.err
    told = call("add", "shop-d", "--dry-run", "--data-dir", str(data.root))
    assert told.code == 2 and "--dry-run is for --from" in told.err
    assert not data.database.exists()


def test_without_a_manager_secrets_stay_out_of_the_audit(
    call: Call, data: DataDir, table: Path
) -> None:
    table.write_text("name,phone,proxy\nshop-d,+6281234567890,http://me:secret@h:1\n")
    assert call("add", "--from", str(table), "--data-dir", str(data.root)).code == 0
    told = call("audit", "--data-dir", str(data.root), "--json")
    (entry,) = told.document
    assert (entry["act"], entry["instances"]) == ("add-all", ["shop-d"])
    assert entry["args"] == {"table": "2 lines"} and "secret" not in told.out
