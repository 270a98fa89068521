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
    *("acknowledged", "by", "note", "told"),
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
            "by": "",
            "note": "",
            "told": [
                {"sink": "ops", "at": "2025-06-15T14:56:41.000Z", "ok": True},
                {"sink": "mail", "at": "2025-06-15T14:56:40.000Z", "ok": None},
            ],
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
            "by": "",
            "note": "",
            "told": [],
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
    assert [(each["sink"], each["ok"]) for each in told["told"]] == [("gone", False)]


def test_an_empty_and_a_missing_directory_have_none(
    call: Call, data: DataDir, tmp_path: Path
) -> None:
    for root in (data.root, tmp_path / "typo"):
        done = call("incidents", "--data-dir", str(root), "--json")
        assert (done.code, done.document) == (0, [])
        assert call("incidents", "--open", "--data-dir", str(root)).code == 0
    assert not (tmp_path / "typo").exists() and list(data.root.iterdir()) == []


def test_some_are_acknowledged_and_told_as_they_are_then(
    call: Call, managed: DataDir, fleet: ScriptedFleet
) -> None:
    fleet.happened = (STOLEN, replace(OUTAGE, acknowledged_at=None))
    root = str(managed.root)
    done = call("acknowledge", "17", "17", "--data-dir", root, "--json")
    assert done.code == 0 and [each["id"] for each in done.document] == [17]
    assert done.document[0]["acknowledged"] == "2025-06-15T15:06:40.000Z"
    done = call("acknowledge", "17", "16", "--data-dir", root)
    assert done.out.splitlines() == [
        "17: shop-b: another client took over this session: acknowledged already,"
        " 2025-06-15 15:06:40Z",
        "16: shop-a, shop-b, shop-c: WhatsApp could not be reached: acknowledged",
    ]
    assert fleet.calls == [("acknowledge", 17), ("acknowledge", 16)]


def test_all_are_those_that_nobody_has_acknowledged(
    call: Call, managed: DataDir, fleet: ScriptedFleet
) -> None:
    root = str(managed.root)
    assert [
        each["id"] for each in call("acknowledge", "--all", "--data-dir", root, "--json").document
    ] == [17]
    done = call("acknowledge", "--all", "--data-dir", root)
    assert (done.code, done.err) == (0, "every incident is acknowledged\n")
    assert fleet.calls == [("acknowledge", 17)]


def test_a_number_that_no_incident_has_is_told_before_anything_is_done(
    call: Call, managed: DataDir, fleet: ScriptedFleet, data: DataDir
) -> None:
    done = call("acknowledge", "17", "99", "--data-dir", str(managed.root))
    assert (done.code, done.out) == (2, "")
    where = f"`waziterm incidents --data-dir {managed.root}`"
    assert done.err == f"waziterm: there is no incident 99 (see {where})\n"
    assert fleet.calls == []
    for words in ((), ("17", "--all"), ("seventeen",)):
        done = call("acknowledge", *words, "--data-dir", str(managed.root), "--json")
        assert done.code == 2, done
    assert fleet.calls == []


def test_an_incident_is_acknowledged_in_the_files(call: Call, data: DataDir) -> None:
    root = str(data.root)
    assert call("acknowledge", "1", "--data-dir", root).code == 2
    assert call("acknowledge", "--all", "--data-dir", root, "--json").document == []
    assert list(data.root.iterdir()) == []
    asyncio.run(fill(data))
    (told,) = call("acknowledge", "--all", "--data-dir", root, "--json").document
    assert told["id"] == 1 and told["acknowledged"] is not None
    assert call("incidents", "--data-dir", root, "--json").document == [told]
    assert call("acknowledge", "1", "--data-dir", root, "--json").document == [told]
    assert call("acknowledge", "2", "--data-dir", root).code == 2
