"""An instance leaves in a sealed file and comes in elsewhere, with the real library on the lab."""

import stat
from pathlib import Path

from tests.e2e.test_process import pair, until_state
from tests.programs import headless, verb
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.lab.events import EventKind

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
    key = ("--passphrase-file", passphrase_file(folder))
    async with headless(old, lab.file) as program:
        number = await pair(program, lab, "shop")
        paired = (await lab.counters()).get(EventKind.PAIRED, 0)
        said = await program.verb("set", "shop", "note=paid until May", "tags=vip")
        assert said.code == 0, said
        out = await program.verb("export", "shop", "--to", str(sealed), *key, "--yes", "--json")
        assert out.code == 0, out
        assert out.json["file"] == str(sealed) and out.json["bytes"] == sealed.stat().st_size
        assert stat.S_IMODE(sealed.stat().st_mode) == 0o600
        held = await until_state(program, "shop", State.HELD)
        assert held["reason"] == "exported" and not await lab.sessions()
        for refused in ("start", "reconnect"):
            assert (await program.verb(refused, "shop")).code == 1
        assert (await program.verb("incidents", "--json")).json == []
        before = len((await program.verb("history", "shop", "--json")).json)
        assert (await program.verb("clean", "shop", "--yes")).code == 0
        audit = (await program.verb("audit", "--json")).json
        assert PASSPHRASE not in str(audit) and any(each["act"] == "export" for each in audit)
        # Where it has left, it is held when it comes back, and that is said of no failed import.
        back = await program.verb("import", str(sealed), *key, "--name", "back", "--start")
        assert back.code == 1 and "back was imported; back is held (exported" in back.stderr, back
        assert "reconnect back --takeover" in back.stderr
        assert (await program.verb("status", "back", "--json")).json["state"] == "held"
        assert (await program.verb("remove", "back", "--yes")).code == 0
    check_nothing_is_left(folder)
    async with headless(new, lab.file) as program:
        come = await program.verb("import", str(sealed), *key, "--json")
        assert come.code == 0, come
        shop = (await program.verb("status", "shop", "--json")).json
        assert (shop["state"], shop["paired"], shop["note"]) == ("stopped", True, "paid until May")
        assert shop["tags"] == ["vip"]
        assert len((await program.verb("history", "shop", "--json")).json) >= before - 3 > 1
        assert (await program.verb("logs", "shop", "--json")).json
        again = await program.verb("import", str(sealed), *key, "--name", "other")
        assert again.code == 1 and "in use as shop" in again.stderr
        assert (await program.verb("start", "shop")).code == 0
        await until_state(program, "shop", State.CONNECTED)
        sent = await program.verb("test", "shop", "--send", "--json")
        assert sent.code == 0, sent
        await lab.wait_message(number, 10)
        stats = (await program.verb("stats", "--json")).json
        assert stats
    assert (await lab.counters()).get(EventKind.PAIRED, 0) == paired


async def test_files_are_exported_and_imported_without_a_manager(lab: Lab, folder: Path) -> None:
    old, new, sealed = folder / "old", folder / "new", folder / "shop.age"
    key = ("--passphrase-file", passphrase_file(folder))
    async with headless(old, lab.file) as program:
        await pair(program, lab, "shop")
    out = await verb("export", "shop", "--to", str(sealed), *key, "--yes", data_dir=old)
    assert out.code == 0, out
    (shop,) = (await verb("list", "--json", data_dir=old)).json
    assert (shop["state"], shop["reason"]) == ("held", "exported")
    found = (await verb("check", "--json", data_dir=old)).json["findings"]
    assert [each["severity"] for each in found if each["kind"] == "held"] == ["notice"]
    come = await verb("import", str(sealed), *key, "--name", "moved", data_dir=new)
    assert come.code == 0, come
    async with headless(new, lab.file) as program:
        assert (await program.verb("start", "moved")).code == 0
        await until_state(program, "moved", State.CONNECTED)
    check_nothing_is_left(folder)


async def test_an_instance_leaves_as_baileys_and_goes_on_from_there(lab: Lab, folder: Path) -> None:
    old, new, out = folder / "old", folder / "new", folder / "shop"
    async with headless(old, lab.file) as program:
        number = await pair(program, lab, "shop")
        paired = (await lab.counters()).get(EventKind.PAIRED, 0)
        words = ("export", "shop", "--format", "baileys", "--to", str(out), "--yes", "--json")
        left = await program.verb(*words)
        assert left.code == 0, left
        await until_state(program, "shop", State.HELD)
        again = await program.verb(*words)
        assert again.code == 1 and "exists already" in again.stdout
    check_modes(out)
    # The rest of the test stands for a Baileys that was stopped for good.
    async with headless(new, lab.file) as program:
        come = await program.verb("import", str(out), "--force", "--yes", "--start", "--json")
        assert come.code == 0 and come.json["sources"][0]["dropped"] == {}, come
        await until_state(program, "shop", State.CONNECTED)
        assert (await program.verb("test", "shop", "--send", "--json")).code == 0
        await lab.wait_message(number, 10)
    assert (await lab.counters()).get(EventKind.PAIRED, 0) == paired


def check_modes(folder: Path) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = list(folder.iterdir())
    assert len(files) > 5 and {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
