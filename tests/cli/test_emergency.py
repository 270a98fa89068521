"""The verbs of the emergency tools: what they print, what they ask, how they end."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.control.scripted import ScriptedFleet
from tests.scriptedtools import ENTRY, HELD, OPEN
from waziterm.domain.care.findings import FindingKind, Severity
from waziterm.domain.care.trash import TrashView, Why
from waziterm.domain.fleet.api import FleetError
from waziterm.manager.files.datadir import DataDir

FINDING = ("id", "kind", "severity", "subject", "instance", "evidence", "act", "remedy")


def test_check_prints_findings_and_ends_with_1(call: Call, managed: DataDir) -> None:
    done = call("check", "--data-dir", str(managed.root), "--json")
    assert done.code == 1
    assert [tuple(each) for each in done.document["findings"]] == [FINDING, FINDING]
    assert done.document["findings"][1] == {
        "id": "open_to_others:shop-a",
        "kind": "open_to_others",
        "severity": "warning",
        "subject": "sessions/shop-a.db",
        "instance": "shop-a",
        "evidence": "others can read its keys (mode 644)",
        "act": "set its mode to 600",
        "remedy": "close_to_others",
    }
    done = call("check", "--data-dir", str(managed.root))
    assert done.code == 1 and "problem: shop-b: held since 12:00" in done.out
    assert "waziterm reconnect shop-b --takeover" in done.out


def test_a_notice_is_no_problem(call: Call, managed: DataDir, fleet: ScriptedFleet) -> None:
    fleet.found = ()
    done = call("check", "--data-dir", str(managed.root))
    assert (done.code, done.out) == (0, "nothing is wrong\n")
    notice = replace(OPEN, severity=Severity.NOTICE, kind=FindingKind.TRASH_EXPIRES, remedy=None)
    fleet.found = (notice,)
    assert call("check", "--data-dir", str(managed.root)).code == 0


def test_fix_says_what_it_would_do_and_does_it(
    call: Call, managed: DataDir, fleet: ScriptedFleet
) -> None:
    done = call("fix", "--dry-run", "--data-dir", str(managed.root), "--json")
    assert done.code == 1 and done.document["dry_run"] is True
    assert tuple(done.document["steps"][0]) == (
        "remedy", "subject", "instance", "act", "error", "backup"
    )  # fmt: skip
    done = call("fix", "--data-dir", str(managed.root))
    assert "set its mode to 600: done" in done.out and HELD.evidence in done.out
    assert done.code == 1, "what a person has to decide is left"
    assert fleet.calls == [("fix", True), ("fix", False)]


@pytest.mark.parametrize("verb", [("clean", "shop-a"), ("remove", "shop-a"), ("clean-all",)])
def test_what_destroys_asks_and_without_a_terminal_wants_yes(
    call: Call, managed: DataDir, fleet: ScriptedFleet, verb: tuple[str, ...]
) -> None:
    done = call(*verb, "--data-dir", str(managed.root), "--json")
    assert done.code == 2 and done.document["hint"] == "add --yes"
    assert fleet.calls == []
    assert call(*verb, "--yes", "--data-dir", str(managed.root)).code == 0
    assert len(fleet.calls) == 1


@pytest.mark.parametrize(("typed", "code"), [("1", 1), ("", 1), ("y", 1), ("2", 0)])
def test_clean_all_wants_the_number_of_sessions(
    call: Call,
    managed: DataDir,
    fleet: ScriptedFleet,
    types: Callable[[str], object],
    typed: str,
    code: int,
) -> None:
    types(typed)
    done = call("clean-all", "--data-dir", str(managed.root))
    assert done.code == code, done
    assert fleet.calls == ([("clean_all", 2, False)] if code == 0 else [])


def test_a_logout_is_said_to_be_final(
    call: Call, managed: DataDir, fleet: ScriptedFleet, types: Callable[[str], object]
) -> None:
    types("n")
    done = call("clean", "shop-a", "--logout", "--data-dir", str(managed.root))
    assert done.code == 1 and "cannot be undone" in done.err and fleet.calls == []


def test_trash_and_restore(call: Call, managed: DataDir, fleet: ScriptedFleet) -> None:
    done = call("trash", "--data-dir", str(managed.root), "--json")
    assert done.code == 0
    assert done.document == [
        {
            "id": ENTRY.id,
            "instance": "shop-z",
            "when": "2025-06-15T15:06:40.000Z",
            "why": Why.REMOVED.value,
            "restorable": True,
            "paired": True,
            "expires": "2025-07-15T15:06:40.000Z",
            "files": [{"name": "shop-z.db", "size": 4096, "sha256": "ab" * 32}],
            "act_id": "",
        }
    ]
    done = call("trash", "--data-dir", str(managed.root))
    assert "removed, kept until 2025-07-15" in done.out
    done = call("restore", ENTRY.id, "--data-dir", str(managed.root), "--json")
    assert (done.code, done.document) == (0, {"instance": "shop-z"})
    fleet.refuse = FleetError("its device is in use as shop-b", "remove that first")
    done = call("restore", ENTRY.id, "--data-dir", str(managed.root))
    assert done.code == 1 and "in use as shop-b (remove that first)" in done.err


@pytest.mark.parametrize("entry", ["../../etc/passwd", "%2e%2e", "a/b", "x" * 500, "\x1b[2J", "?"])
def test_strange_ids_reach_the_manager_as_they_are(
    call: Call, managed: DataDir, fleet: ScriptedFleet, entry: str
) -> None:
    call("restore", entry, "--data-dir", str(managed.root))
    assert fleet.calls in ([("restore", entry)], [])


def test_restart_prints_what_is_back(call: Call, managed: DataDir, fleet: ScriptedFleet) -> None:
    done = call("restart", "--data-dir", str(managed.root), "--json")
    assert done.code == 0
    assert tuple(done.document) == ("ok", "took_s", "cleaned", "comebacks", "fixed")
    assert done.document["comebacks"][0] == {
        "instance": "shop-a", "state": "connected", "reason": "online", "expected": True,
        "took_s": 1.25,
    }  # fmt: skip
    done = call("restart", "--data-dir", str(managed.root))
    assert "shop-a: back after 1.2 s" in done.out and "1 of 1 are back" in done.out
    done = call("restart", "--clean-sessions", "--yes", "--data-dir", str(managed.root))
    assert done.code == 0 and fleet.calls[-1] == ("restart", 2)
    fleet.refuse = FleetError("a fix is running", "wait until it has ended")
    done = call("restart", "--data-dir", str(managed.root), "--json")
    assert done.code == 1 and done.document["error"] == "a fix is running"


def test_a_restart_that_would_clean_nothing_says_so(
    call: Call, managed: DataDir, fleet: ScriptedFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet, "with_session", lambda: ())
    done = call("restart", "--clean-sessions", "--data-dir", str(managed.root))
    assert (done.code, done.out) == (1, "")
    assert "there is no session to clean: nothing was changed" in done.err
    assert f"`waziterm restart --data-dir {managed.root}` restarts without" in done.err
    assert not any(call[0] == "restart" for call in fleet.calls)


def test_restart_needs_a_manager(call: Call, data: DataDir) -> None:
    assert call("restart", "--data-dir", str(data.root)).code == 3


def test_without_a_directory_nothing_is_made(call: Call, tmp_path: Path) -> None:
    nowhere = tmp_path / "typo"
    for verb in (("fix",), ("clean", "a", "--yes"), ("restore", "x")):
        done = call(*verb, "--data-dir", str(nowhere), "--json")
        assert done.code == 2 and "there is no fleet" in done.document["error"], done
    nothing: dict[str, object] = {"check": {"findings": []}, "list": [], "trash": [],
                                  "incidents": []}  # fmt: skip
    for look, empty in nothing.items():
        done = call(look, "--data-dir", str(nowhere), "--json")
        assert (done.code, done.document, done.err) == (0, empty, "")
        done = call(look, "--data-dir", str(nowhere))
        assert (done.code, done.out) == (0, "") and done.err.count("\n") == 1
    assert "there is no fleet in" in call("check", "--data-dir", str(nowhere)).err
    assert not nowhere.exists()


def test_in_an_empty_fleet_the_tools_find_nothing(call: Call, data: DataDir) -> None:
    assert call("add", "shop-a", "--data-dir", str(data.root)).code == 0
    assert call("remove", "shop-a", "--yes", "--data-dir", str(data.root)).code == 0
    data.root.chmod(0o700)
    done = call("check", "--data-dir", str(data.root), "--json")
    assert (done.code, done.document) == (0, {"findings": []})
    (entry,) = call("trash", "--data-dir", str(data.root), "--json").document
    assert (entry["instance"], entry["why"]) == ("shop-a", "removed")
    done = call("clean", "nobody", "--yes", "--data-dir", str(data.root), "--json")
    assert done.code == 2 and "no instance is called" in done.document["error"]
    assert call("clean-all", "--yes", "--data-dir", str(data.root)).code == 1
    assert json.loads(call("fix", "--data-dir", str(data.root), "--json").out)["steps"] == []


@pytest.mark.parametrize("name", ["../x", "a/b", "", "-x", "x" * 100, "a\n"])
def test_names_that_are_none_are_refused(call: Call, data: DataDir, name: str) -> None:
    for verb in ("clean", "remove"):
        done = call(verb, "--yes", "--data-dir", str(data.root), "--", name)
        assert done.code == 2, done


def test_one_undo_brings_back_what_one_act_took(call: Call, data: DataDir) -> None:
    where = ("--data-dir", str(data.root))
    for name in ("shop-a", "shop-b", "shop-c", "alone"):
        assert call("add", name, *where).code == 0
    assert call("remove", "alone", "--yes", *where).code == 0
    assert call("remove", "shop-*", "--yes", *where).code == 0
    taken = {each["instance"]: each["act_id"] for each in call("trash", *where, "--json").document}
    assert taken["alone"] == "" and len({taken[f"shop-{x}"] for x in "abc"} - {""}) == 1
    told = [each["args"].get("act_id") for each in call("audit", *where, "--json").document]
    assert told.count(taken["shop-a"]) == 3, "the audit tells the same id"
    done = call("undo", "--yes", *where)
    assert done.code == 0
    assert done.out.splitlines()[-1] == "3 of 3 that this act took are restored"
    assert "1 more can be undone" in done.err and "undoes the next: alone" in done.err
    names = {each["instance"] for each in call("trash", *where, "--json").document}
    assert names == {"alone"}
    assert len(call("list", *where, "--json").document) == 3


def test_an_undo_of_several_is_honest_about_who_does_not_come_back(
    call: Call,
    managed: DataDir,
    fleet: ScriptedFleet,
    monkeypatch: pytest.MonkeyPatch,
    types: Callable[[str], object],
) -> None:
    def taken(name: str, **more: object) -> TrashView:
        view = replace(ENTRY, id=f"{name}-20260101T000000Z-ab12", instance=name, act_id="ab12")
        return replace(view, **more)  # type: ignore[arg-type]

    gone = taken("shop-gone", why=Why.LOGGED_OUT, restorable=False)
    fleet.entries = (taken("shop-b"), gone, taken("shop-a"), ENTRY)
    restore = fleet.restore

    async def refuse_one(entry: str) -> str:
        if entry.startswith("shop-b"):
            raise FleetError("its device is in use as x", "`waziterm remove x` first")
        return await restore(entry)

    monkeypatch.setattr(fleet, "restore", refuse_one)
    types("n")
    done = call("undo", "--data-dir", str(managed.root))
    assert "2 instances were removed by one act" in done.err
    assert "Not shop-gone: the device is unlinked." in done.err
    done = call("undo", "--yes", "--data-dir", str(managed.root))
    assert done.code == 1
    assert "shop-b: not restored: its device is in use as x (`waziterm remove x " in done.out
    assert "shop-gone: not restored: its device was unlinked" in done.out
    assert "1 of 3 that this act took are restored" in done.out
    found = call("undo", "--yes", "--data-dir", str(managed.root), "--json").document
    assert [each["instance"] for each in found["refused"]] == ["shop-b", "shop-gone"]


def test_undo_says_what_comes_back_and_asks(
    call: Call, managed: DataDir, fleet: ScriptedFleet, types: Callable[[str], object]
) -> None:
    copy = replace(ENTRY, id="shop-a-20260101T000000Z-ab12", instance="shop-a", why=Why.COPY)
    fleet.entries = (copy, replace(copy, why=Why.CLEANED, restorable=False), ENTRY)
    types("n")
    done = call("undo", "--data-dir", str(managed.root))
    assert (done.code, done.out) == (1, "") and "nothing was changed" in done.err
    assert "shop-z was removed on 2025-06-15 15:06:40Z." in done.err
    assert fleet.calls == [("trash",)]
    types("y")
    done = call("undo", "--data-dir", str(managed.root), "--json")
    one = {"instance": "shop-z", "entry": ENTRY.id}
    assert done.document == {**one, "restored": [one], "refused": [], "edit": None}
    assert fleet.calls[-1] == ("restore", ENTRY.id)
    done = call("undo", "--yes", "--data-dir", str(managed.root))
    shown = f"`waziterm status shop-z --data-dir {managed.root}`"
    assert (done.code, done.out) == (0, f"shop-z: restored; {shown}\n")


def test_undo_tells_how_many_more_there_are(
    call: Call, managed: DataDir, fleet: ScriptedFleet
) -> None:
    fleet.entries = tuple(replace(ENTRY, id=f"{n}", instance=f"shop-{n}") for n in "cba")
    done = call("undo", "--yes", "--data-dir", str(managed.root))
    assert done.code == 0 and fleet.calls[-1] == ("restore", "c")
    undo = f"`waziterm undo --data-dir {managed.root}`"
    assert done.err == f"2 more can be undone; {undo} undoes the next: shop-b\n"


def test_undo_without_anything_to_undo(call: Call, managed: DataDir, fleet: ScriptedFleet) -> None:
    fleet.entries = (replace(ENTRY, why=Why.COPY),)
    done = call("undo", "--yes", "--data-dir", str(managed.root))
    assert (done.code, done.out) == (1, "") and done.err.count("\n") == 1
    assert "the trash holds nothing that could be restored" in done.err
    fleet.entries = (ENTRY,)
    done = call("undo", "--data-dir", str(managed.root), "--json")
    assert done.code == 2 and done.document["hint"] == "add --yes"
    assert ("restore", ENTRY.id) not in fleet.calls


def test_undo_on_the_files(call: Call, data: DataDir) -> None:
    root = str(data.root)
    assert call("undo", "--yes", "--data-dir", root).code == 1, "nothing to undo"
    assert call("add", "shop-a", "--data-dir", root).code == 0
    assert call("undo", "--yes", "--data-dir", root).code == 1
    assert call("remove", "shop-a", "--yes", "--data-dir", root).code == 0
    done = call("undo", "--yes", "--data-dir", root, "--json")
    assert done.code == 0 and done.document["instance"] == "shop-a"
    assert [each["name"] for each in call("list", "--data-dir", root, "--json").document] == [
        "shop-a"
    ]
