"""The verbs incidents and acknowledge, with a manager and on the files that one has left."""

import asyncio
from dataclasses import replace
from pathlib import Path

from tests.cli.conftest import Call
from tests.cli.test_documents import fill
from tests.control.scripted import ScriptedFleet
from tests.scriptedtools import AT, OUTAGE, STOLEN
from waziterm.manager.files.datadir import DataDir

FIELDS = (
    *("id", "kind", "severity", "instances", "opened", "closed", "code", "reason"),
    "acknowledged",
)


def test_incidents_are_listed_the_newest_first(
    call: Call, managed: DataDir, fleet: ScriptedFleet
) -> None:
    fleet.happened = (STOLEN, replace(OUTAGE, closed_at=AT - 7000))
    done = call("incidents", "--data-dir", str(managed.root), "--json")
    assert (done.code, done.err) == (0, "")
    assert done.document == [
        {
            "id": 17,
            "kind": "conflict",
            "severity": "problem",
            "instances": ["shop-b"],
            "opened": "2025-06-15T14:56:40.000Z",
            "closed": None,
            "code": "440",
            "reason": "conflict",
            "acknowledged": None,
        },
        {
            "id": 16,
            "kind": "network",
            "severity": "warning",
            "instances": ["shop-a", "shop-b", "shop-c"],
            "opened": "2025-06-15T13:06:40.000Z",
            "closed": "2025-06-15T13:10:00.000Z",
            "code": "408",
            "reason": "dial_failed",
            "acknowledged": "2025-06-15T14:06:40.000Z",
        },
    ]
    rows = call("incidents", "--data-dir", str(managed.root)).out.splitlines()
    assert rows[0].split() == ["ID", "SEVERITY", "OPENED", "CLOSED", "SEEN", "INSTANCES", "WHAT"]
    assert rows[1].startswith("17  problem   2025-06-15 14:56:40Z  open ")
    assert "(440): python bot.py (pid 7) → cool-down, one guarded attempt" in rows[1]
    assert "2025-06-15 13:10:00Z  yes   shop-a, shop-b, shop-c" in rows[2]


def test_only_the_open_ones_and_those_from_a_moment_on(
    call: Call, managed: DataDir, fleet: ScriptedFleet
) -> None:
    fleet.happened = (replace(STOLEN, closed_at=AT), OUTAGE)
    root = str(managed.root)

    def listed(*options: str) -> list[int]:
        done = call("incidents", *options, "--data-dir", root, "--json")
        assert done.code == 0
        return [each["id"] for each in done.document]

    assert listed() == [17, 16]
    assert listed("--open") == [16]
    assert listed("--since", "2025-06-15T14:50:00Z") == [17]
    assert listed("--since", "10m") == []
    done = call("incidents", "--since", "noon", "--data-dir", root, "--json")
    assert done.code == 2 and "'noon' is no moment" in done.document["error"]
    done = call("incidents", "--since", "10m", "--data-dir", root)
    assert (done.code, done.out, done.err) == (0, "", "no incident\n")


def test_incidents_of_the_files(call: Call, data: DataDir) -> None:
    asyncio.run(fill(data))
    (told,) = call("incidents", "--open", "--data-dir", str(data.root), "--json").document
    assert tuple(told) == FIELDS
    assert (told["reason"], told["instances"], told["closed"]) == ("rival", ["shop-b"], None)


def test_an_empty_and_a_missing_directory_have_none(
    call: Call, data: DataDir, tmp_path: Path
) -> None:
    for root in (data.root, tmp_path / "typo"):
        done = call("incidents", "--data-dir", str(root), "--json")
        assert (done.code, done.document) == (0, [])
        assert call("incidents", "--open", "--data-dir", str(root)).code == 0
    assert not (tmp_path / "typo").exists() and list(data.root.iterdir()) == []
