"""What ends an export, an import, a backup or a restore half way leaves all as it was."""

import asyncio
import hashlib
import shutil
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from random import Random

import pyrage
import pytest

from tests.e2e.test_carrying import passphrase_file
from tests.moving.sample import unpack
from tests.programs import Ended, environment, verb
from tests.sessions import session_of
from waziterm.manager.files.datadir import RESTORED
from waziterm.moving.process import Order, Work, carry_out
from waziterm.moving.sealing import Key

KILLS = 12
CHUNKS = 40
"""Of 512 bytes, as `ulimit -f` counts: more than nothing, and less than a session."""


async def fleet_of_one(folder: Path) -> Path:
    """A data directory with one linked instance, stopped."""
    auth, _ = await asyncio.to_thread(unpack, folder)
    data = folder / "data"
    made = await verb("import", str(auth), "--name", "shop", "--force", "--yes", data_dir=data)
    assert made.code == 0, made
    return data


async def sealed_instance(data: Path, file: Path, key: tuple[str, str]) -> None:
    """Its export, of a copy."""
    copy = data.with_name("copied")
    await asyncio.to_thread(shutil.copytree, data, copy)
    made = await run("export", "shop", "--to", str(file), *key, "--yes", data=copy)
    assert made.code == 0, made


def digest(data: Path) -> str:
    """Of all that the session of the one instance holds."""
    uri = f"{session_of(data, 'shop').as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as db:
        return hashlib.sha256("\n".join(db.iterdump()).encode()).hexdigest()


async def run(*words: str, data: Path, before: str = "") -> Ended:
    """A verb, behind what a shell does first."""
    line = f'{before}exec "$@"'
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", line, "sh", sys.executable, "-m", "waziterm", *words, "--data-dir", str(data),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(),
        start_new_session=True,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


async def killed(after_s: float, *words: str, data: Path) -> bool:
    """Run a verb, and kill it after so long. Whether it had not ended before."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "waziterm", *words, "--data-dir", str(data),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment(),
    )  # fmt: skip
    try:
        async with asyncio.timeout(after_s):
            await process.wait()
    except TimeoutError:
        process.send_signal(signal.SIGKILL)
        await process.wait()
        return True
    return False


def litter(folder: Path) -> list[str]:
    """What was being put together outside of a data directory."""
    return [each.name for each in folder.iterdir() if each.name.endswith(".part")]


async def until_clean(folder: Path) -> None:
    """The process that seals ends with the one that has started it, and takes its file along."""
    async with asyncio.timeout(20):
        # Nobody tells of a file that goes.
        while await asyncio.to_thread(litter, folder):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_full_disk_leaves_all_as_it_was(folder: Path) -> None:
    data = await fleet_of_one(folder)
    key, file = ("--passphrase-file", passphrase_file(folder)), folder / "shop.age"
    full, before = f"ulimit -f {CHUNKS}; ", digest(data)
    listed = (await verb("list", "--json", data_dir=data)).json
    public = str(pyrage.x25519.Identity.generate().to_public())
    for words in (
        ("export", "shop", "--to", str(file), *key, "--yes"),
        ("export", "shop", "--format", "baileys", "--to", str(file), "--yes"),
        ("backup", str(file), "--recipient", public),
    ):
        ended = await run(*words, data=data, before=full)
        assert ended.code == 1 and "Traceback" not in ended.stderr, ended
        assert len(ended.stderr.splitlines()) == 1, ended
        assert not file.exists() and not litter(folder), ended
        assert digest(data) == before
        assert (await verb("list", "--json", data_dir=data)).json == listed
    missing = await verb("export", "shop", "--to", "/nowhere/x", *key, "--yes", data_dir=data)
    assert missing.code == 2 and "is no directory" in missing.stderr


async def test_a_restore_that_was_killed_when_all_was_there_is_finished(folder: Path) -> None:
    data = await fleet_of_one(folder)
    key, file = pyrage.x25519.Identity.generate(), folder / "fleet.age"
    await carry_out(Order(Work.BACKUP, data, file, Key(recipient=str(key.to_public()))))
    before, new = digest(data), folder / "new"
    (new / RESTORED).mkdir(parents=True, mode=0o700)
    await carry_out(Order(Work.OPEN, file, new / RESTORED, Key(identity=str(key)), kind="backup"))
    checked = await verb("check", "--json", data_dir=new)
    assert "findings" in checked.json, checked
    assert not (new / RESTORED).exists() and digest(new) == before
    (shop,) = (await verb("list", "--json", data_dir=new)).json
    assert (shop["name"], shop["paired"]) == ("shop", True)


@pytest.mark.soak
async def test_an_export_may_be_killed_at_any_moment(folder: Path) -> None:
    data, random = await fleet_of_one(folder), Random(16)
    key, before = ("--passphrase-file", passphrase_file(folder)), digest(data)
    for number in range(KILLS):
        file = folder / f"shop-{number}.age"
        words = ("export", "shop", "--to", str(file), *key, "--yes")
        copy = folder / f"copy-{number}"
        await asyncio.to_thread(shutil.copytree, data, copy)
        await killed(random.uniform(0.3, 8.0), *words, data=copy)
        await until_clean(folder)
        assert digest(copy) == before
        (shop,) = (await verb("list", "--json", data_dir=copy)).json
        assert shop["state"] in ("stopped", "held"), shop
        if file.exists():
            # Nobody may connect where the file is.
            assert shop["reason"] == "exported"
            into = folder / f"into-{number}"
            into.mkdir()
            opened = Key(passphrase="correct horse battery")
            await carry_out(Order(Work.OPEN, file, into, opened, kind="instance"))
        else:
            again = await run(*words, data=copy)
            assert again.code == 0, again


@pytest.mark.soak
async def test_an_import_may_be_killed_at_any_moment(folder: Path) -> None:
    data, random = await fleet_of_one(folder), Random(17)
    key, file = ("--passphrase-file", passphrase_file(folder)), folder / "shop.age"
    await sealed_instance(data, file, key)
    for number in range(KILLS):
        new = folder / f"new-{number}"
        await killed(random.uniform(0.3, 6.0), "import", str(file), *key, "--yes", data=new)
        checked = await verb("check", "--json", data_dir=new)
        kinds = [each["kind"] for each in checked.json.get("findings", ())]
        assert not {"session_missing", "orphan_session", "session_damaged"} & set(kinds), checked
        listed = (await verb("list", "--json", data_dir=new)).json
        if not listed:
            again = await run("import", str(file), *key, "--yes", data=new)
            assert again.code == 0, again
            listed = (await verb("list", "--json", data_dir=new)).json
        assert [(each["name"], each["paired"]) for each in listed] == [("shop", True)]
        assert digest(new)


@pytest.mark.soak
async def test_a_restore_may_be_killed_at_any_moment(folder: Path) -> None:
    data, random = await fleet_of_one(folder), Random(18)
    secret, file = pyrage.x25519.Identity.generate(), folder / "fleet.age"
    await carry_out(Order(Work.BACKUP, data, file, Key(recipient=str(secret.to_public()))))
    key, before = folder / "key.txt", digest(data)
    key.write_text(f"{secret}\n")
    words = ("restore-backup", str(file), "--identity", str(key), "--yes")
    for number in range(KILLS):
        new = folder / f"new-{number}"
        await killed(random.uniform(0.2, 3.0), *words, data=new)
        again = await run(*words, data=new)
        assert again.code == 0 or "there is a fleet" in again.stderr, again
        assert digest(new) == before
        (shop,) = (await verb("list", "--json", data_dir=new)).json
        assert (shop["state"], shop["paired"]) == ("stopped", True)
