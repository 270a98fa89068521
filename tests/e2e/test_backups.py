"""The whole data directory goes into a backup while it is in use, and comes back on another box."""

import stat
from pathlib import Path

from pyrage import x25519

from tests.e2e.test_process import pair, until_state
from tests.programs import headless, verb
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.lab.events import EventKind


def keys(folder: Path) -> tuple[str, str]:
    """A public key, and the file with the secret one."""
    secret = x25519.Identity.generate()
    file = folder / "key.txt"
    file.write_text(f"# created: 2026-03-01\n# public key: {secret.to_public()}\n{secret}\n")
    file.chmod(0o600)
    return str(secret.to_public()), str(file)


async def test_a_fleet_comes_back_from_its_backup_and_starts_nothing(
    lab: Lab, folder: Path
) -> None:
    old, new, sealed = folder / "old", folder / "new", folder / "fleet.age"
    public, secret = keys(folder)
    async with headless(old, lab.file) as program:
        await pair(program, lab, "shop")
        await pair(program, lab, "other")
        paired = (await lab.counters()).get(EventKind.PAIRED, 0)
        assert (await program.verb("set", "shop", "note=paid")).code == 0
        assert (await program.verb("clean", "other", "--yes")).code == 0
        (entry,) = (await program.verb("trash", "--json")).json
        made = await program.verb("backup", str(sealed), "--recipient", public, "--json")
        assert made.code == 0, made
        assert made.json["unread"] == [] and made.json["bytes"] == sealed.stat().st_size
        assert stat.S_IMODE(sealed.stat().st_mode) == 0o600
        await until_state(program, "shop", State.CONNECTED)
        refused = await program.verb("backup", str(sealed), "--recipient", public)
        assert refused.code == 1 and "exists already" in refused.stderr
        over = await program.verb("restore-backup", str(sealed), "--identity", secret, "--yes")
        assert over.code == 3, over
    over = await verb("restore-backup", str(sealed), "--identity", secret, "--yes", data_dir=old)
    assert over.code == 1 and "there is a fleet" in over.stderr
    asks = await verb("restore-backup", str(sealed), "--identity", secret, data_dir=new)
    assert asks.code == 2 and "--yes" in asks.stderr
    come = await verb(
        "restore-backup", str(sealed), "--identity", secret, "--yes", "--json", data_dir=new
    )
    assert come.code == 0, come
    assert come.json["instances"] == ["shop", "other"] and come.json["root"] == str(old)
    assert not [path for path in new.rglob("*") if path.is_file() and path.stat().st_mode & 0o077]
    async with headless(new, lab.file) as program:
        shop = (await program.verb("status", "shop", "--json")).json
        assert (shop["state"], shop["paired"], shop["note"]) == ("stopped", True, "paid")
        assert not await lab.sessions()
        assert (await program.verb("start", "shop")).code == 0
        await until_state(program, "shop", State.CONNECTED)
        assert (await program.verb("restore", entry["id"])).code == 0
        assert (await program.verb("start", "other")).code == 0
        await until_state(program, "other", State.CONNECTED)
    assert (await lab.counters()).get(EventKind.PAIRED, 0) == paired
