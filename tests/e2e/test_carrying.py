"""An instance leaves in a sealed file and comes in elsewhere, with the real library on the lab."""

import stat
from pathlib import Path

import pytest

from tests.e2e.test_process import pair
from tests.fleets import in_state
from tests.fleets import pair as pair_in
from tests.programs import headless, verb
from waziterm.config import load_settings
from waziterm.domain.errors import FleetError
from waziterm.domain.fleet.tools import ExportFormat
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.moving.plan import Carried, SourceKind
from waziterm.lab.client import Lab
from waziterm.lab.events import EventKind
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.manager import open_manager
from waziterm.manager.stored.fleet import StoredFleet

PASSPHRASE = "correct horse battery"


def passphrase_file(folder: Path, text: str = PASSPHRASE) -> str:
    file = folder / "passphrase"
    file.write_text(text + "\n")
    file.chmod(0o600)
    return str(file)


def check_nothing_is_left(folder: Path) -> None:
    """Of what was put together, and of the passphrase."""
    found = [each for each in folder.rglob("*") if each.is_file() and each.name != "passphrase"]
    assert not [each for each in found if ".part" in each.name or "moving-" in str(each)]
    assert not [each for each in found if PASSPHRASE.encode() in each.read_bytes()]


async def test_an_exported_instance_connects_elsewhere_without_a_qr(lab: Lab, folder: Path) -> None:
    old, new, sealed = folder / "old", folder / "new", folder / "shop.age"
    file = LabFile.parse(lab.file.read_text())
    async with open_manager(old, load_settings(data_dir=old, environ={}), file) as fleet:
        phone = await pair_in(fleet, lab, "shop")
        paired = (await lab.counters()).get(EventKind.PAIRED, 0)
        await fleet.edit("shop", note="paid until May", tags="vip")
        left = await fleet.export("shop", str(sealed), PASSPHRASE)
        assert (left.file, left.bytes) == (str(sealed), sealed.stat().st_size)
        assert stat.S_IMODE(sealed.stat().st_mode) == 0o600
        held = await in_state(fleet, "shop", State.HELD)
        assert held.reason is Reason.EXPORTED and not await lab.sessions()
        for refused in (fleet.start("shop"), fleet.reconnect("shop")):
            with pytest.raises(FleetError, match="exported"):
                await refused
        assert await fleet.incidents() == ()
        before = len(await fleet.timeline("shop"))
        await fleet.clean("shop")
        # Where it has left, it is held when it comes back.
        with pytest.raises(FleetError, match="back was imported; back is held"):
            await fleet.take_in(str(sealed), PASSPHRASE, "back", start=True)
        assert fleet.view("back").state is State.HELD
        await fleet.remove("back")
    check_nothing_is_left(folder)
    async with open_manager(new, load_settings(data_dir=new, environ={}), file) as fleet:
        (told,) = (await fleet.take_in(str(sealed), PASSPHRASE, dry_run=True)).sources
        assert (told.kind, told.name, told.source) == (SourceKind.SEALED, "shop", str(sealed))
        assert told.kept[Carried.SESSIONS] and fleet.snapshot().instances == ()
        assert (await fleet.take_in(str(sealed), PASSPHRASE)).imported == ("shop",)
        shop = fleet.view("shop")
        assert (shop.state, shop.paired, shop.note) == (State.STOPPED, True, "paid until May")
        assert shop.tags == ("vip",)
        assert len(await fleet.timeline("shop")) >= before - 3 > 1
        assert await fleet.lines("shop") and await fleet.stats()
        with pytest.raises(FleetError, match="in use as shop"):
            await fleet.take_in(str(sealed), PASSPHRASE, "other")
        await fleet.start("shop")
        await in_state(fleet, "shop", State.CONNECTED)
        assert (await fleet.send_test("shop")).ok
        await lab.wait_message(phone.number, 10)
        await fleet.export("shop", str(folder / "back.age"), PASSPHRASE)
    async with open_manager(old, load_settings(data_dir=old, environ={}), file) as fleet:
        # What became of it elsewhere is newer than what left here, and is not held for that.
        await fleet.take_in(str(folder / "back.age"), PASSPHRASE, "home", start=True)
        await in_state(fleet, "home", State.CONNECTED)
    assert (await lab.counters()).get(EventKind.PAIRED, 0) == paired
    check_nothing_is_left(folder)


async def test_files_are_exported_and_imported_without_a_manager(lab: Lab, folder: Path) -> None:
    old, new, sealed = folder / "old", folder / "new", folder / "shop.age"
    async with headless(old, lab.file) as program:
        await pair(program, lab, "shop")
    here = StoredFleet(DataDir(old), lambda: load_settings(data_dir=old, environ={}))
    await here.export("shop", str(sealed), PASSPHRASE)
    found = (await verb("check", "--json", data_dir=old)).json["findings"]
    assert [each["severity"] for each in found if each["kind"] == "held"] == ["notice"]
    there = StoredFleet(DataDir(new), lambda: load_settings(data_dir=new, environ={}))
    await there.take_in(str(sealed), PASSPHRASE, "moved")
    (moved,) = (await verb("list", "--json", data_dir=new)).json
    assert (moved["name"], moved["state"], moved["paired"]) == ("moved", "stopped", True)
    check_nothing_is_left(folder)


async def test_an_instance_leaves_as_baileys_and_goes_on_from_there(lab: Lab, folder: Path) -> None:
    old, new, out = folder / "old", folder / "new", folder / "shop"
    file = LabFile.parse(lab.file.read_text())
    async with open_manager(old, load_settings(data_dir=old, environ={}), file) as fleet:
        phone = await pair_in(fleet, lab, "shop")
        paired = (await lab.counters()).get(EventKind.PAIRED, 0)
        await fleet.export("shop", str(out), format=ExportFormat.BAILEYS)
        await in_state(fleet, "shop", State.HELD)
        with pytest.raises(FleetError, match="exists already"):
            await fleet.export("shop", str(out), format=ExportFormat.BAILEYS)
    check_modes(out)
    # The rest of the test stands for a Baileys that was stopped for good.
    async with open_manager(new, load_settings(data_dir=new, environ={}), file) as fleet:
        report = await fleet.import_sessions(str(out), force=True, start=True)
        assert report.imported == ("shop",) and not report.sources[0].dropped
        await in_state(fleet, "shop", State.CONNECTED)
        assert (await fleet.send_test("shop")).ok
        await lab.wait_message(phone.number, 10)
    assert (await lab.counters()).get(EventKind.PAIRED, 0) == paired


def check_modes(folder: Path) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = list(folder.iterdir())
    assert len(files) > 5 and {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
