"""Sessions of other programs, brought in by the real program and used by the real neonize."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.fleets import in_state, pair
from tests.moving.foreign import aged, merged, state_of
from tests.moving.sample import JID, PEERS, unpack
from tests.programs import headless, verb
from tests.sessions import session_of, strangers
from waziterm.config import load_settings
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab, run_lab
from waziterm.lab.events import EventKind
from waziterm.lab.trouble import TroubleKind
from waziterm.manager.manager import open_manager

ASKED_AGAIN = "asks for message"
"""What the lab's log says of a phone that could not read a message."""


async def test_a_real_baileys_folder_is_online_at_the_first_dial(folder: Path) -> None:
    auth, directory = unpack(folder)
    aged(auth)
    before = state_of(auth)
    data = folder / "data"
    done = await verb("import", str(auth), "--name", "x", "--yes", data_dir=data)
    assert (done.code, done.stderr) == (0, "")
    assert "1 session imported" in done.stdout
    assert state_of(auth) == before
    assert strangers(data) == []
    assert session_of(data, "x").stat().st_mode & 0o777 == 0o600
    async with run_lab(directory) as lab, headless(data, lab.file) as manager:
        shown = (await manager.verb("status", "x", "--json")).json
        assert (shown["state"], shown["reason"], shown["wanted"]) == (
            "stopped",
            "imported",
            "stopped",
        )
        assert (await manager.verb("start", "x")).code == 0
        await lab.wait_online(JID, 20)
        assert (await lab.counters())[EventKind.LOGIN] == 1
        # Each peer's phone reads what is sent on the carried ratchet, without asking again.
        for peer in PEERS:
            sent = await manager.verb("test", "x", "--to", f"+{peer}")
            assert sent.code == 0, sent.stdout
            assert (await lab.wait_message(peer, 10)).text.startswith("waziterm test ")
        said = (await manager.verb("logs", "x")).stdout
        assert "QR" not in said
    assert ASKED_AGAIN not in (directory / "lab.log").read_text()


async def test_peers_may_write_first_and_it_survives_a_restart(folder: Path) -> None:
    auth, directory = unpack(folder)
    aged(auth)
    data = folder / "data"
    settings = load_settings(data_dir=data, environ={})
    async with run_lab(directory) as lab:
        file = LabFile.parse(lab.file.read_text())
        async with open_manager(data, settings, file) as fleet:
            done = await fleet.import_sessions(str(auth), name="x", start=True)
            assert done.imported == ("x",)
            await in_state(fleet, "x", State.CONNECTED)
            for peer in PEERS:
                await lab.send_text(JID, f"hello from {peer}", peer)
            assert (await fleet.send_test("x", f"+{PEERS[0]}")).ok
            said = "\n".join(line.text for line in fleet.tail("x"))
            assert "decrypt" not in said.lower(), said
        async with open_manager(data, settings, file) as fleet:
            view = await in_state(fleet, "x", State.CONNECTED)
            assert view.qr is None
            assert (await fleet.send_test("x", f"+{PEERS[1]}")).ok
            await lab.wait_message(PEERS[1], 10)
    assert ASKED_AGAIN not in (directory / "lab.log").read_text()


async def test_a_store_with_many_devices_becomes_one_file_for_each(lab: Lab, folder: Path) -> None:
    old, settings = folder / "old", load_settings(data_dir=folder / "old", environ={})
    file = LabFile.parse(lab.file.read_text())
    names = ("one", "two", "three")
    async with open_manager(old, settings, file) as fleet:
        phones = [await pair(fleet, lab, name) for name in names]
        assert (await fleet.send_test("one", "+4915200000042")).ok
    there = folder / "wuzapi"
    there.mkdir()
    source = there / "main.db"
    merged(source, [session_of(old, name) for name in names], wal=True)
    with closing(sqlite3.connect(there / "users.db")) as db, db:
        db.execute("CREATE TABLE users (id INTEGER, name TEXT, jid TEXT)")
        db.execute("INSERT INTO users VALUES (1, 'Shop Jakarta', ?)", (phones[0].jid,))
    aged(there)
    before = state_of(there)
    new = folder / "new"
    found = (await verb("import", str(source), "--dry-run", "--json", data_dir=new)).json
    assert [each["name"] for each in found["sources"]] == ["shop-jakarta", "main-2", "main-3"]
    assert [each["verdict"] for each in found["sources"]] == ["ok"] * 3
    assert found["sources"][0]["kept"]["sessions"] >= 1
    many = await verb("import", str(source), "--name", "x", "--yes", data_dir=new)
    assert (many.code, "--name is for one device" in many.stderr) == (2, True)
    settings = load_settings(data_dir=new, environ={})
    async with open_manager(new, settings, file) as fleet:
        done = await fleet.import_sessions(str(source), start=True)
        assert done.imported == ("shop-jakarta", "main-2", "main-3")
        for name in done.imported:
            await in_state(fleet, name, State.CONNECTED)
        assert {each.jid for each in await lab.sessions()} == {each.jid for each in phones}
        assert (await fleet.send_test("shop-jakarta", "+4915200000042")).ok
        await lab.wait_message("4915200000042", 10, nth=2)
        again = await fleet.import_sessions(str(source))
        assert [each.why for each in again.sources] == [
            f"its device is in use as {name}" for name in done.imported
        ]
    assert state_of(there) == before
    assert ASKED_AGAIN not in (lab.file.parent / "lab.log").read_text()


async def test_a_later_conflict_names_where_it_came_from(folder: Path) -> None:
    auth, directory = unpack(folder)
    aged(auth)
    data = folder / "data"
    settings = load_settings(data_dir=data, environ={})
    async with (
        run_lab(directory) as lab,
        open_manager(data, settings, LabFile.parse(lab.file.read_text())) as fleet,
    ):
        await fleet.import_sessions(str(auth), name="x", start=True)
        await in_state(fleet, "x", State.CONNECTED)
        await lab.trouble(TroubleKind.CONFLICT, JID)
        view = await in_state(fleet, "x", State.COOLDOWN)
        assert "that program may still run: " in view.detail and str(auth) in view.detail


async def test_a_barrier_of_the_device_in_the_trash_comes_with_it(folder: Path) -> None:
    auth, directory = unpack(folder)
    aged(auth)
    data = folder / "data"
    settings = load_settings(data_dir=data, environ={})
    async with (
        run_lab(directory) as lab,
        open_manager(data, settings, LabFile.parse(lab.file.read_text())) as fleet,
    ):
        await fleet.import_sessions(str(auth), name="x", start=True)
        await in_state(fleet, "x", State.CONNECTED)
        await lab.trouble(TroubleKind.CONFLICT, JID)
        await in_state(fleet, "x", State.COOLDOWN)
        await fleet.remove("x")
        await fleet.import_sessions(str(auth), name="y", start=True, force=True)
        assert (await in_state(fleet, "y", State.COOLDOWN)).next_attempt is not None
