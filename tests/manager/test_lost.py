"""F16, F47: sessions without their database are told of and taken up, never paired beside."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.manager.hosting import Host
from tests.manager.test_checkup import OTHER, write_store
from tests.manager.test_supervising import JID, worker_of
from tests.manager.world import write_session
from waziterm.cli.main import run
from waziterm.domain.care.findings import FindingKind
from waziterm.domain.fleet.api import FleetError
from waziterm.domain.lifecycle.instance import Instance
from waziterm.manager.files.datadir import DataDir

ID = "0123456789abcdef"


@pytest.fixture
def data(folder: Path, monkeypatch: pytest.MonkeyPatch) -> DataDir:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    made = DataDir(folder / "data")
    made.create()
    return made


def called(capsys: pytest.CaptureFixture[str], data: DataDir, *words: str) -> tuple[int, Any]:
    capsys.readouterr()
    code = run([*words, "--data-dir", str(data.root), "--json"])
    return code, json.loads(capsys.readouterr().out)


# -- no manager runs -------------------------------------------------------------------------------


def test_what_lies_there_is_said_and_stays(
    data: DataDir, capsys: pytest.CaptureFixture[str]
) -> None:
    stem = ID
    write_store(data.session(stem), JID)
    code, told = called(capsys, data, "list")
    assert code == 1 and f"{stem}.db" in told["error"] and "--session" in told["hint"]
    code, found = called(capsys, data, "check")
    (orphan,) = [each for each in found["findings"] if each["kind"] == "orphan_session"]
    assert code == 1 and orphan["remedy"] is None
    assert f"waziterm add NAME --session {stem}" in orphan["act"]
    called(capsys, data, "fix")
    assert data.session(stem).exists()


def test_nobody_is_paired_beside_a_session_of_nobody(
    data: DataDir, capsys: pytest.CaptureFixture[str]
) -> None:
    write_store(data.session(ID), JID)
    code, told = called(capsys, data, "add", "shop")
    assert code == 1 and f"{ID}.db" in told["error"]
    assert f"waziterm add shop --session {ID}" in told["hint"]
    code, told = called(capsys, data, "add", "shop", "--session", "elsewhere")
    assert code == 2 and f"{ID}.db" in told["hint"]
    code, added = called(capsys, data, "add", "shop", "--session", f"sessions/{ID}.db")
    assert code == 0 and added["paired"] and added["wanted"] == "running"
    assert not data.session(ID).exists()
    code, found = called(capsys, data, "check")
    assert (code, [each["kind"] for each in found["findings"]]) == (0, ["no_manager"])
    # The others are not kept from being added once all have their place.
    assert called(capsys, data, "add", "new")[0] == 0


@pytest.mark.parametrize("devices", [(), (JID, OTHER)])
def test_what_cannot_be_taken_up_is_said(
    data: DataDir, capsys: pytest.CaptureFixture[str], devices: tuple[str, ...]
) -> None:
    write_store(data.session("shop"), *devices)
    before = data.session("shop").read_bytes()
    code, told = called(capsys, data, "add", "shop")
    assert code == 1 and "nothing was added" in told["error"] and "device" in told["error"]
    assert data.session("shop").read_bytes() == before
    assert called(capsys, data, "add", "shop")[0] == 1, "it was kept all the same"


# -- a manager runs --------------------------------------------------------------------------------


@pytest.mark.parametrize(("stem", "session"), [("a", None), (ID, ID)])
def test_a_running_manager_takes_it_up_and_connects(
    host: Host, stem: str, session: str | None
) -> None:
    host.open()
    stray = host.root / "sessions" / f"{stem}.db"
    write_session(stray, JID)
    before = stray.read_bytes()
    host.world.task(host.fleet.add("a", session=session)).result()
    assert worker_of(host, "a").jid == JID
    assert host.session("a").read_bytes() == before and not stray.exists()
    host.close()
    host.open()
    assert host.view("a").paired


def test_a_running_manager_pairs_nobody_beside_a_session_of_nobody(host: Host) -> None:
    host.open()
    write_store(host.root / "sessions" / f"{ID}.db", JID)
    with pytest.raises(FleetError, match=f"{ID}.db") as refused:
        host.world.task(host.fleet.add("a")).result()
    assert f"waziterm add a --session {ID}" in refused.value.hint
    assert host.fleet.snapshot().instances == ()
    (orphan,) = host.world.task(host.fleet.check()).result()
    assert orphan.kind is FindingKind.ORPHAN_SESSION and orphan.remedy is None


def test_a_device_that_is_in_use_is_not_taken_up_twice(host: Host) -> None:
    host.prepare(Instance("b", 1.0, jid=JID))
    host.open()
    write_store(host.root / "sessions" / "a.db", JID)
    with pytest.raises(FleetError, match="in use as b"):
        host.world.task(host.fleet.add("a")).result()
    assert [each.name for each in host.fleet.snapshot().instances] == ["b"]
