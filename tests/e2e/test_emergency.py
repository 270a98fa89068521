"""The emergency tools as verbs, with the monitor running and not, with the real library."""

import asyncio
import hashlib
import json
import signal
from pathlib import Path

from tests.e2e.test_process import pair, until_state
from tests.programs import headless, verb
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.lab.events import EventKind


def session_bytes(data: Path) -> set[str]:
    """The hashes of all session files, in use and in the trash."""
    found = [*(data / "sessions").glob("*.db*"), *(data / "trash").glob("*/*.db*")]
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


async def test_a_cleaned_session_comes_back_and_connects_without_a_qr(
    lab: Lab, folder: Path
) -> None:
    data = folder / "data"
    async with headless(data, lab.file) as program:
        await pair(program, lab, "shop")
        paired = (await lab.counters()).get(EventKind.PAIRED, 0)
        cleaned = await program.verb("clean", "shop", "--yes", "--json")
        assert cleaned.code == 0 and cleaned.json["state"] == "stopped"
        assert not await lab.sessions()
        before = session_bytes(data)
        (entry,) = (await program.verb("trash", "--json")).json
        assert entry["instance"] == "shop" and entry["restorable"] and entry["why"] == "cleaned"
        restored = await program.verb("restore", entry["id"], "--json")
        assert restored.code == 0 and restored.json == {"instance": "shop"}
        await until_state(program, "shop", State.CONNECTED)
        assert (await program.verb("trash", "--json")).json == []
        assert (await lab.counters()).get(EventKind.PAIRED, 0) == paired
        removed = await program.verb("remove", "shop", "--yes", "--json")
        assert removed.code == 0
        assert (await program.verb("list", "--json")).json == []
        again = await program.verb("restore", removed.json["entry"])
        assert again.code == 0
        await until_state(program, "shop", State.CONNECTED)
    assert before


async def test_the_tools_work_on_the_files_when_no_manager_runs(lab: Lab, folder: Path) -> None:
    data = folder / "data"
    async with headless(data, lab.file) as program:
        await pair(program, lab, "shop")
        assert await program.end(signal.SIGTERM) == 0
    before = session_bytes(data)
    cleaned = await verb("clean", "shop", "--yes", "--json", data_dir=data)
    assert cleaned.code == 0 and cleaned.json["paired"] is False, cleaned
    (entry,) = (await verb("trash", "--json", data_dir=data)).json
    refused = await verb("clean", "shop", "--yes", "--logout", data_dir=data)
    assert refused.code == 3 and "not connected" in refused.stderr
    assert (await verb("restore", entry["id"], data_dir=data)).code == 0
    removed = await verb("remove", "shop", "--yes", "--json", data_dir=data)
    assert (await verb("list", "--json", data_dir=data)).json == []
    assert (await verb("restore", removed.json["entry"], data_dir=data)).code == 0
    assert session_bytes(data) == before
    checked = await verb("check", "--json", data_dir=data)
    # How old the installed neonize is depends on the day of the test.
    serious = [each for each in checked.json["findings"] if each["severity"] != "notice"]
    assert [each for each in serious if each["kind"] != "version_old"] == [], checked
    async with headless(data, lab.file) as program:
        await until_state(program, "shop", State.CONNECTED)


async def test_a_logout_unlinks_the_device_and_cannot_be_undone(lab: Lab, folder: Path) -> None:
    async with headless(folder / "data", lab.file) as program:
        await pair(program, lab, "shop")
        cleaned = await program.verb("clean", "shop", "--yes", "--logout", "--json")
        assert cleaned.code == 0, cleaned
        said = [line["text"] for line in (await program.verb("logs", "shop", "--json")).json]
        assert "unlinked" in said, "\n".join(said)
        for entry in (await program.verb("trash", "--json")).json:
            refused = await program.verb("restore", entry["id"])
            assert refused.code == 1 and "no longer linked" in refused.stderr


async def test_restart_brings_everything_back_and_says_in_which_time(
    lab: Lab, folder: Path
) -> None:
    async with headless(folder / "data", lab.file) as program:
        for name in ("one", "two", "three"):
            await pair(program, lab, name)
        assert (await program.verb("stop", "three")).code == 0
        pids = {row["name"]: row["pid"] for row in (await program.verb("list", "--json")).json}
        restarted = await program.verb("restart", "--json")
        assert restarted.code == 0, restarted
        report = restarted.json
        assert report["ok"] is True and report["cleaned"] == 0
        back = {each["instance"]: each for each in report["comebacks"]}
        assert {name for name, each in back.items() if each["expected"]} == {"one", "two"}
        assert all(0 < back[name]["took_s"] < 30 for name in ("one", "two"))
        assert back["three"]["state"] == "stopped"
        now = {row["name"]: row for row in (await program.verb("list", "--json")).json}
        assert all(now[name]["pid"] != pids[name] for name in ("one", "two"))
        assert now["three"]["reason"] == "by_operator"
        assert (folder / "data" / "logs" / "waziterm.log.1").exists()
        said = await program.verb("restart")
        assert said.code == 0 and "2 of 2 are back" in said.stdout


async def test_two_are_stopped_started_cleaned_and_brought_back(lab: Lab, folder: Path) -> None:
    async with headless(folder / "data", lab.file) as program:
        for name in ("shop-a", "shop-b"):
            await pair(program, lab, name)
        asked = await program.verb("stop", "shop-*")
        assert asked.code == 2 and "there is no terminal to ask on" in asked.stderr
        assert len(await lab.sessions()) == 2
        stopped = await program.verb("stop", "shop-*", "--yes", "--json")
        assert stopped.code == 0, stopped
        assert [each["name"] for each in stopped.json] == ["shop-a", "shop-b"]
        assert not await lab.sessions()
        started = await program.verb("start", "shop-b", "--json")
        assert started.code == 0, started
        await until_state(program, "shop-b", State.CONNECTED)
        tested = await program.verb("test", "shop-a", "shop-b", "--yes", "--json")
        assert tested.code == 1 and [each["ok"] for each in tested.json] == [False, True], tested
        cleaned = await program.verb("clean", "shop-*", "--yes")
        assert cleaned.code == 0 and cleaned.stdout.endswith("2 cleaned\n"), cleaned
        undone = (await program.verb("undo", "--yes", "--json")).json
        back = [each["instance"] for each in undone["restored"]]
        assert sorted(back) == ["shop-a", "shop-b"] and not undone["refused"], "one act, one undo"
        await until_state(program, "shop-b", State.CONNECTED)
        nothing = await program.verb("undo", "--yes")
        assert nothing.code == 1 and "nothing that could be restored" in nothing.stderr


async def test_twenty_verbs_at_once(lab: Lab, folder: Path) -> None:
    async with headless(folder / "data", lab.file) as program:
        for name in ("one", "two"):
            await pair(program, lab, name)
        words = [
            ("list", "--json"), ("status", "one", "--json"), ("check", "--json"),
            ("reconnect", "one", "--json"), ("stop", "two", "--json"), ("start", "two", "--json"),
            ("trash", "--json"), ("fix", "--dry-run", "--json"), ("janitor", "--json"),
            ("clean", "one", "--yes", "--json"),
        ]  # fmt: skip
        ended = await asyncio.gather(*(program.verb(*each) for each in words * 2))
        assert all(each.code in (0, 1) for each in ended), ended
        for each in ended:
            json.loads(each.stdout)
            assert "Traceback" not in each.stdout + each.stderr
        listed = (await program.verb("list", "--json")).json
        assert {row["name"] for row in listed} == {"one", "two"}
        assert await program.end(signal.SIGTERM) == 0
    assert not [
        line
        for line in (folder / "data" / "logs" / "waziterm.log").read_text().splitlines()
        if "Traceback" in line
    ]
