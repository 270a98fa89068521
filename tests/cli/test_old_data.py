"""A data directory that the program at commit 488b7dc made, opened by the program of today.

`tests/fixtures/488b7dc.tar.xz` is the directory and `488b7dc.json` what its own program printed of
it; `tests/fixtures/make.py` made both on the lab and tells how. It holds a linked instance that was
stopped (jakarta), one that is held after two conflicts (bandung), one that was unlinked on the
phone (solo), one that was cleaned (surabaya), one that was removed (padang), one that was never
linked (medan); their sessions, in which each key is replaced by zero bytes; four trash entries;
transitions, attempts, a send, incidents, acts and log lines.
"""

import json
import re
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.cli.conftest import Call
from tests.sessions import session_of
from waziterm.config import load_settings
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.manager import open_manager
from waziterm.store.migrations import MIGRATIONS
from waziterm.store.store import open_store

FIXTURES = Path(__file__).parents[1] / "fixtures"
README = Path(__file__).parents[2] / "README.md"
VERSION = 4
"""How many migrations that program knew."""
WAS: dict[str, Any] = json.loads((FIXTURES / "488b7dc.json").read_text())
NAMES = ["jakarta", "bandung", "surabaya", "solo", "medan"]
INSTANCE = ["name", "state", "reason", "code", "wanted", "paired", "jid", "since", "proxy", "phone"]
ENTRY = ["id", "instance", "when", "why", "restorable", "paired", "files"]
CONFLICT = ["at", "instance", "reason", "code", "state", "who"]
LINE = ["seq", "at", "source", "text"]


def kept(rows: list[dict[str, Any]], fields: list[str]) -> list[dict[str, Any]]:
    """The fields that may not change; a newer program may tell more."""
    return [{field: row[field] for field in fields} for row in rows]


@pytest.fixture
def old(monkeypatch: pytest.MonkeyPatch) -> Iterator[DataDir]:
    """The directory, unpacked. Nothing in it may get too old meanwhile."""
    monkeypatch.setenv("WAZITERM_TRASH__KEEP_DAYS", "0")
    monkeypatch.setenv("WAZITERM_LOG__HISTORY_DAYS", "36500")
    with TemporaryDirectory(prefix="wz") as name:
        root = Path(name) / "data"
        with tarfile.open(FIXTURES / "488b7dc.tar.xz") as archive:
            archive.extractall(root, filter="data")
        for folder in (root, root / "sessions", root / "trash"):
            folder.chmod(0o700)
        yield DataDir(root)


def as_of(data: DataDir, document: object) -> Any:
    return json.loads(json.dumps(document).replace("DATA", str(data.root)))


def copies(data: DataDir) -> set[str]:
    return {path.name for path in data.root.glob("waziterm.db.*")}


EXPECTED_COPIES = {f"waziterm.db.before-{VERSION}"} if len(MIGRATIONS) > VERSION else set()


def test_the_verbs_show_what_was_there(old: DataDir, call: Call) -> None:
    def document(words: str) -> Any:
        return call(*words.split(), "--data-dir", str(old.root), "--json").document

    assert kept(document("list"), INSTANCE) == kept(WAS["list"], INSTANCE)
    assert [each["name"] for each in WAS["list"]] == NAMES
    for was in WAS["list"]:
        assert kept([document(f"status {was['name']}")], INSTANCE) == kept([was], INSTANCE)
    assert kept(document("trash"), ENTRY) == kept(WAS["trash"], ENTRY)
    conflicts = document("conflicts --since 2025-01-01")
    assert kept(conflicts["conflicts"], CONFLICT) == kept(WAS["conflicts"]["conflicts"], CONFLICT)
    assert conflicts["counts"] == {"bandung": 2}
    for name in ("jakarta", "bandung", "medan"):
        lines = document(f"logs {name} --limit 1000")
        assert kept(lines, LINE) == kept(WAS[f"logs {name}"], LINE)
    found = {each["id"] for each in document("check")["findings"]}
    assert {"held:bandung", "logged_out:solo"} <= found
    assert copies(old) == EXPECTED_COPIES


@pytest.mark.parametrize("words", ["check", "trash", "fix --dry-run"])
def test_each_session_is_named_by_its_id_and_is_the_same(
    old: DataDir, call: Call, words: str
) -> None:
    was = {path.stem: path.read_bytes() for path in old.sessions.iterdir()}
    assert was and set(was) <= set(NAMES)
    assert call("list", "--data-dir", str(old.root)).code == 0
    assert {path.stem: path.read_bytes() for path in old.sessions.iterdir()} == was, "only looked"
    found = call(*words.split(), "--data-dir", str(old.root))
    assert "session file of no instance" not in found.out + found.err
    now = {path.name: path.read_bytes() for path in old.sessions.iterdir()}
    assert now == {session_of(old.root, name).name: content for name, content in was.items()}
    assert not {path.removesuffix(".db") for path in now} & set(NAMES)


def test_the_status_names_the_session_file(old: DataDir, call: Call) -> None:
    assert call("check", "--data-dir", str(old.root), "--json").code in (0, 1)
    for name, has_one in (("jakarta", True), ("medan", session_of(old.root, "medan").exists())):
        said = call("status", name, "--data-dir", str(old.root)).out
        assert (str(session_of(old.root, name)) in said.replace("\n", "")) is has_one


def test_the_readme_s_way_back_names_the_sessions_as_they_were(old: DataDir, call: Call) -> None:
    was = {path.name: path.read_bytes() for path in old.sessions.iterdir()}
    assert call("check", "--data-dir", str(old.root), "--json").code in (0, 1)
    assert not {path.name for path in old.sessions.iterdir()} & set(was)
    (told,) = re.findall(r"python3 - <<'END'\n(import glob.*?)END\n", README.read_text(), re.DOTALL)
    subprocess.run([sys.executable, "-c", told], cwd=old.root, check=True, timeout=30)
    assert {path.name: path.read_bytes() for path in old.sessions.iterdir()} == was


def test_what_was_removed_has_its_history_again_once_it_is_restored(
    old: DataDir, call: Call
) -> None:
    """Its manifest and its rows knew it by its name alone."""
    entry = next(each["id"] for each in WAS["trash"] if each["instance"] == "padang")
    assert call("restore", entry, "--data-dir", str(old.root)).code == 0
    told = call("logs", "padang", "--limit", "1000", "--data-dir", str(old.root), "--json").document
    assert len(told) > 1


def test_what_is_added_anew_has_none_of_it(old: DataDir, call: Call) -> None:
    assert call("add", "padang", "--data-dir", str(old.root)).code == 0
    told = call("logs", "padang", "--limit", "1000", "--data-dir", str(old.root), "--json").document
    assert told == []


def test_a_database_that_is_migrated_twice_leads_to_the_same_sessions(
    old: DataDir, call: Call
) -> None:
    """As after the copy was put back, and the program upgraded once more."""
    assert call("check", "--data-dir", str(old.root), "--json").code in (0, 1)
    sessions = {path.name: path.read_bytes() for path in old.sessions.iterdir()}
    for end in ("", "-wal", "-shm"):
        old.database.with_name(old.database.name + end).unlink(missing_ok=True)
    (copy,) = old.root.glob("waziterm.db.before-*")
    copy.rename(old.database)
    found = call("check", "--data-dir", str(old.root), "--json").document["findings"]
    assert {path.name: path.read_bytes() for path in old.sessions.iterdir()} == sessions
    assert not {each["id"].partition(":")[0] for each in found} & {
        "orphan_session", "session_missing"
    }  # fmt: skip


def test_what_was_cleaned_and_removed_comes_back(old: DataDir, call: Call) -> None:
    for was in filter(lambda each: each["restorable"], WAS["trash"]):
        name, (file,) = was["instance"], was["files"]
        trashed = (old.trash / was["id"] / file["name"]).read_bytes()
        done = call("restore", was["id"], "--data-dir", str(old.root), "--json")
        assert done.code == 0 and done.document == {"instance": name}
        assert session_of(old.root, name).read_bytes() == trashed
        shown = call("status", name, "--data-dir", str(old.root), "--json").document
        assert shown["paired"] is was["paired"]
    added = call("add", "surakarta", "--data-dir", str(old.root), "--json")
    assert added.code == 0
    names = [each["name"] for each in call("list", "--data-dir", str(old.root), "--json").document]
    assert set(names) == {*NAMES, "padang", "surakarta"}


async def test_a_manager_takes_it_up(old: DataDir, lab: Lab) -> None:
    settings, file = load_settings(data_dir=old.root), LabFile.parse(lab.file.read_text())
    position = lab.position
    async with open_manager(old.root, settings, file) as fleet:
        views = {view.name: view for view in fleet.snapshot().instances}
        assert list(views) == NAMES
        bandung = views["bandung"]
        assert (bandung.state, bandung.reason, bandung.paired) == (State.HELD, Reason.RIVAL, True)
        assert views["jakarta"].state is State.STOPPED and views["jakarta"].paired
        assert views["solo"].state is State.LOGGED_OUT
        incidents = await fleet.incidents()
        told = {(each.reason, each.names) for each in incidents}
        assert told == {
            (Reason.CONFLICT, ("bandung",)),
            (Reason.RIVAL, ("bandung",)),
            (Reason.UNLINKED, ("solo",)),
        }
        assert sum(each.acknowledged_at is not None for each in incidents) == 1
        timeline = await fleet.timeline("bandung")
        assert {each.state for each in timeline} >= {State.COOLDOWN, State.HELD, State.CONNECTED}
        assert len(await fleet.attempts(0.0)) == 7
        assert len(await fleet.conflicts()) == 2
        assert len(await fleet.trash()) == len(WAS["trash"])
        texts = [line.text for line in await fleet.lines("jakarta", limit=1000)]
        assert [each["text"] for each in WAS["logs jakarta"]] == texts[: len(WAS["logs jakarta"])]
        entry = next(each.id for each in await fleet.trash() if each.instance == "surabaya")
        await fleet.stop("bandung")
        assert await fleet.restore(entry) == "surabaya"
    async with open_store(old.database) as store:
        assert (await store.send_counts(0.0)).total == 1
        assert len(await store.acts()) == 2
    assert copies(old) == EXPECTED_COPIES
    assert lab.position >= position


def test_its_settings_are_understood(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_bytes((FIXTURES / "488b7dc.toml").read_bytes())
    settings = load_settings(environ={}, file=config)
    assert settings.data_dir == Path("/srv/waziterm")
    assert settings.configured_for("jakarta").isolate and settings.health.address == (
        "127.0.0.1",
        9464,
    )
    defaults = load_settings(environ={}, data_dir=Path("/srv/waziterm"), file=None)
    # Its file names what was the default then: what stands there goes on to hold.
    was = replace(defaults.limits, connect_timeout_s=60.0)
    packed = replace(defaults.fleet, instances_per_worker=10, paced_per_s=5.0)
    assert settings.limits == was and settings.fleet == packed


OLDER = (
    "list", "status jakarta", "add new", "check", "fix", "trash", "logs jakarta", "conflicts",
    "restore padang-20260101T000013Z-5157", "clean jakarta --yes", "clean-all --yes",
    "remove jakarta --yes", "headless",
)  # fmt: skip
CASES = [(words, False) for words in OLDER] + [(words, True) for words in ("list", "headless")]


@pytest.mark.parametrize(("words", "was_killed"), CASES)
def test_an_older_program_changes_nothing_in_a_newer_directory(
    old: DataDir, call: Call, words: str, was_killed: bool
) -> None:
    newer = len(MIGRATIONS) + 1
    with closing(sqlite3.connect(old.database, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA user_version = {newer}")
        # Of a program that was killed, the version stands in the write-ahead log alone.
        left = {path: path.read_bytes() for path in old.root.glob("waziterm.db*")}
    for path, content in left.items() if was_killed else ():
        path.write_bytes(content)
    before = everything(old)
    assert ("waziterm.db-wal" in before) is ("waziterm.db-shm" in before) is was_killed
    done = call(*words.split(), "--data-dir", str(old.root))
    assert done.code == 1
    assert f"newer waziterm (schema {newer}, this one knows {newer - 1})" in done.err
    assert "upgrade waziterm" in done.err and "Traceback" not in done.err
    assert everything(old) == before


def everything(data: DataDir) -> dict[str, tuple[int, bytes]]:
    """Every file with its mode and its bytes, but for the lock and the program's own log."""
    return {
        str(path.relative_to(data.root)): (path.stat().st_mode, path.read_bytes())
        for path in data.root.rglob("*")
        if path.is_file() and path not in (data.lock, data.log)
    }
