"""Sessions of other programs, brought in by the real program and used by the real neonize."""

import base64
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from tests.fleets import in_state, pair, until
from tests.moving import groups
from tests.moving.foreign import aged, merged, state_of
from tests.moving.ratchets import chat_at_random, write_down
from tests.moving.sample import JID, PEERS, read, unpack
from tests.programs import headless, verb
from tests.sessions import session_of, strangers
from waziterm.config import load_settings
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.states import State
from waziterm.domain.moving.plan import Carried
from waziterm.lab.client import Lab, run_lab
from waziterm.lab.events import EventKind
from waziterm.lab.keys import KeyPair
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


@pytest.mark.parametrize("seed", [16])
async def test_chats_go_on_at_whatever_point_they_were(folder: Path, seed: int) -> None:
    """The field map against the real library and the phones of the lab, each with a past of its
    own: turns of the ratchet, messages that never came, no answer yet."""
    auth, directory = unpack(folder)
    creds, _ = read(auth)
    identity = KeyPair.of(base64.b64decode(creds["signedIdentityKey"]["private"]["data"]))
    random = Random(seed)
    chats = [
        chat_at_random(identity, creds["registrationId"], f"49152000020{number:02}", random)
        for number in range(16)
    ]
    write_down(chats, creds["me"]["lid"], auth, directory / "phones")
    aged(auth)
    data = folder / "data"
    settings = load_settings(data_dir=data, environ={})
    async with (
        run_lab(directory) as lab,
        open_manager(data, settings, LabFile.parse(lab.file.read_text())) as fleet,
    ):
        report = await fleet.import_sessions(str(auth), name="x", start=True)
        assert not report.sources[0].dropped
        assert report.sources[0].kept[Carried.SESSIONS] == 4 + len(chats)
        await in_state(fleet, "x", State.CONNECTED)
        for number, chat in enumerate(chats):
            if number % 2 and chat.ours.hello is None:
                await lab.send_text(JID, "the phone writes first", chat.phone.number)
            assert (await fleet.send_test("x", f"+{chat.phone.number}")).ok
            await lab.wait_message(chat.phone.number, 20)
        assert (await fleet.send_test("x")).ok
        said = "\n".join(line.text for line in fleet.tail("x"))
        assert "decrypt" not in said.lower(), said
        (view,) = fleet.snapshot().instances
        assert view.attempts == 1
    assert ASKED_AGAIN not in (directory / "lab.log").read_text()


async def test_what_a_group_writes_is_read_on_carried_keys(folder: Path) -> None:
    """The lab has no groups: it brings what a member has written, and the real library reads it."""
    auth, directory = unpack(folder)
    member = groups.Member("79110589433062")
    begun = member.chain_key
    late = member.write("it comes late")
    member.chain_key, member.iteration = begun, 0
    groups.write_down(member, member.record(lost=2), auth)
    aged(auth)
    data = folder / "data"
    settings = load_settings(data_dir=data, environ={})
    async with (
        run_lab(directory) as lab,
        open_manager(data, settings, LabFile.parse(lab.file.read_text())) as fleet,
    ):
        report = await fleet.import_sessions(str(auth), name="x", start=True)
        assert report.sources[0].kept[Carried.SENDER_KEYS] == 1
        await in_state(fleet, "x", State.CONNECTED)
        session = session_of(data, "x")
        assert groups.kept_of(session, member) == (2, [0, 1])
        await groups.deliver(lab, JID, member, member.write("in its turn"))
        await groups.deliver(lab, JID, member, late)
        await until(lambda: groups.kept_of(session, member) == (3, [1]))
        assert "decrypt" not in "\n".join(line.text for line in fleet.tail("x")).lower()
        shutil.copy(session, folder / "once more.db")
        again = await fleet.import_sessions(str(folder / "once more.db"), dry_run=True)
        assert again.sources[0].kept[Carried.SENDER_KEYS] == 1 and not again.sources[0].dropped
        stranger = groups.Member(member.lid, key_id=member.key_id, iteration=3)
        await groups.deliver(lab, JID, stranger, stranger.write("of another chain"))
        await until(lambda: any("decrypt" in line.text.lower() for line in fleet.tail("x")))


async def test_no_worker_dies_of_a_malformed_row(folder: Path) -> None:
    """Of each such row the library would end the worker at the next send, or send what nobody can
    read; they are dropped, and the chats begin anew."""
    auth, directory = unpack(folder)
    aged(auth)
    first, data = folder / "first", folder / "data"
    assert (await verb("import", str(auth), "--name", "x", "--yes", data_dir=first)).code == 0
    source = folder / "session.db"
    shutil.copy(session_of(first, "x"), source)
    shapes = (b"{}", b'{"SessionState":{"SessionVersion":3},"PreviousStates":null}', b"\x08\x03")
    with closing(sqlite3.connect(source)) as db, db:
        rows = db.execute(
            "SELECT their_id FROM whatsmeow_sessions WHERE their_id NOT LIKE '7911%'"
        ).fetchall()
        for (their_id,), shape in zip(rows, shapes, strict=True):
            db.execute(
                "UPDATE whatsmeow_sessions SET session = ? WHERE their_id = ?", (shape, their_id)
            )
    aged(source)
    settings = load_settings(data_dir=data, environ={})
    async with (
        run_lab(directory) as lab,
        open_manager(data, settings, LabFile.parse(lab.file.read_text())) as fleet,
    ):
        report = await fleet.import_sessions(str(source), name="x", start=True)
        assert report.sources[0].dropped == {Carried.SESSIONS: 3}
        await in_state(fleet, "x", State.CONNECTED)
        for peer in PEERS:
            assert (await fleet.send_test("x", f"+{peer}")).ok
            await lab.wait_message(peer, 20)
        assert fleet.view("x").state is State.CONNECTED
        assert not any("worker" in line.text and "ended" in line.text for line in fleet.tail("x"))
