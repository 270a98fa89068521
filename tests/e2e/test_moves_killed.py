"""Import, export and backup, ended by SIGKILL at each step, or by a disk that takes nothing more:
all is as it was before, or as it is after."""

import asyncio
import os
import resource
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyrage
import pytest

from tests.fleets import until
from tests.moving.foreign import aged
from tests.moving.sample import JID, unpack
from tests.programs import PROGRAM, Ended, environment, headless
from tests.sessions import session_of, strangers
from waziterm.config import load_settings
from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import run_lab
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.stored.fleet import StoredFleet
from waziterm.moving.sealing import is_sealed
from waziterm.store.sessionfile import devices_in

PASSPHRASE = "correct horse battery"
KILLS = 16
"""Of each move, spread over all of its steps."""


@dataclass
class Box:
    """Where moves are tried. old: a data directory with the linked instance `shop`. auth: the
    folder of Baileys that it was. sealed: an export of it. backup: of all of `old`. out: where
    something new is to be made."""

    folder: Path
    old: Path
    auth: Path
    sealed: Path
    backup: Path
    passphrase: Path
    identity: Path
    public: str
    key: pyrage.x25519.Identity

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def anew(self, *, with_shop: bool) -> None:
        """Let everything be as it is before a move."""
        for each in (self.out, self.data):
            if each.exists():
                shutil.rmtree(each)
        self.out.mkdir()
        if with_shop:
            shutil.copytree(self.old, self.data)


async def verb(
    *words: str, data_dir: Path, program: Sequence[str] = PROGRAM, most: int | None = None
) -> Ended:
    """A verb that has the time which a passphrase takes where others work too. most: bytes of a
    file that it can write, and whoever it starts."""

    def begin() -> None:
        if most is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", *program, *words, "--data-dir", str(data_dir)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(),
        preexec_fn=begin,
    )
    async with asyncio.timeout(180):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


def stored(root: Path) -> StoredFleet:
    return StoredFleet(DataDir(root), lambda: load_settings(data_dir=root, environ={}))


@pytest.fixture
async def box(folder: Path) -> AsyncIterator[Box]:
    auth, _ = unpack(folder)
    aged(auth)
    key = pyrage.x25519.Identity.generate()
    passphrase, identity = folder / "passphrase", folder / "key"
    passphrase.write_text(f"{PASSPHRASE}\n")
    identity.write_text(f"{key}\n")
    for each in (passphrase, identity):
        each.chmod(0o600)
    old, sealed, backup = folder / "old", folder / "shop.age", folder / "fleet.age"
    assert (await stored(old).import_sessions(str(auth), name="shop")).imported == ("shop",)
    await stored(old).backup(str(backup), recipient=str(key.to_public()))
    shutil.copytree(old, folder / "leaves")
    await stored(folder / "leaves").export("shop", str(sealed), PASSPHRASE)
    yield Box(folder, old, auth, sealed, backup, passphrase, identity, str(key.to_public()), key)


async def instances(root: Path) -> list[InstanceView]:
    """Who is there, once whoever has the directory next has put it in order."""
    if not DataDir(root).holds_fleet:
        return []
    await stored(root).check()
    return list((await stored(root).snapshot()).instances)


async def without_parts(folder: Path) -> list[str]:
    """What lies in a folder, once nobody writes a part there any more."""

    def found() -> list[str]:
        return sorted(each.name for each in folder.iterdir())

    await until(lambda: not any(each.endswith(".part") for each in found()))
    return found()


def sound(root: Path) -> None:
    """The session of `shop` is whole, and there is nothing that belongs to nobody."""
    assert devices_in(session_of(root, "shop"))[0][0] == JID
    assert strangers(root) == []


# -- the moves: their words, and what has to be true whatever ended them --------------------------


def imports(box: Box) -> tuple[str, ...]:
    return ("import", str(box.auth), "--name", "shop", "--yes")


def comes_in(box: Box) -> tuple[str, ...]:
    return ("import", str(box.sealed), "--passphrase-file", str(box.passphrase), "--yes")


def leaves(box: Box) -> tuple[str, ...]:
    to = str(box.out / "shop.age")
    return ("export", "shop", "--to", to, "--passphrase-file", str(box.passphrase), "--yes")


def leaves_as_baileys(box: Box) -> tuple[str, ...]:
    return ("export", "shop", "--to", str(box.out / "shop"), "--format", "baileys", "--yes")


def backs_up(box: Box) -> tuple[str, ...]:
    return ("backup", str(box.out / "fleet.age"), "--recipient", box.public)


def restores(box: Box) -> tuple[str, ...]:
    return ("restore-backup", str(box.backup), "--identity", str(box.identity), "--yes")


async def all_or_nothing_came_in(box: Box, words: tuple[str, ...]) -> None:
    """Then the same once more brings it in, or says that it is there."""
    before = await instances(box.data)
    assert [each.name for each in before] in ([], ["shop"])
    again = await verb(*words, data_dir=box.data)
    there = "in use as shop" in again.stdout + again.stderr or "exists already" in again.stderr
    assert again.code == 0 or (again.code == 1 and before and (there or "a fleet" in again.stderr))
    (shop,) = await instances(box.data)
    assert (shop.name, shop.state, shop.paired) == ("shop", State.STOPPED, True)
    sound(box.data)


async def it_has_left_or_stays(box: Box, words: tuple[str, ...]) -> None:
    (shop,) = await instances(box.data)
    found = await without_parts(box.out)
    if shop.state is State.HELD:
        assert shop.reason is Reason.EXPORTED
        (name,) = found
        made = box.out / name
        assert is_sealed(made) if made.is_file() else len(list(made.iterdir())) > 800
    else:
        assert (shop.state, found) == (State.STOPPED, [])
    sound(box.data)


async def a_backup_is_whole_or_none(box: Box, words: tuple[str, ...]) -> None:
    assert [each.state for each in await instances(box.data)] == [State.STOPPED]
    for name in await without_parts(box.out):
        assert b"waziterm.db" in pyrage.decrypt((box.out / name).read_bytes(), [box.key])
    sound(box.data)


Words = Callable[[Box], tuple[str, ...]]
MOVES = {
    "import": (imports, False, all_or_nothing_came_in),
    "import of a sealed file": (comes_in, False, all_or_nothing_came_in),
    "export": (leaves, True, it_has_left_or_stays),
    "export as Baileys": (leaves_as_baileys, True, it_has_left_or_stays),
    "backup": (backs_up, True, a_backup_is_whole_or_none),
    "restore-backup": (restores, False, all_or_nothing_came_in),
}


@pytest.mark.soak
@pytest.mark.parametrize("move", MOVES)
async def test_a_kill_at_any_step_leaves_all_or_nothing(box: Box, move: str) -> None:
    words, with_shop, whatever = MOVES[move]
    box.anew(with_shop=with_shop)
    done = await verb(*words(box), data_dir=box.data, program=("tests.killed", "0"))
    assert done.code == 0, done
    steps = int(done.stderr.splitlines()[-1])
    tried = sorted({1 + number * (steps - 1) // (KILLS - 1) for number in range(KILLS)})
    print(f"{move}: {len(tried)} kills at {steps} steps")
    for step in tried:
        box.anew(with_shop=with_shop)
        ended = await verb(*words(box), data_dir=box.data, program=("tests.killed", str(step)))
        assert ended.code in (-signal.SIGKILL, 0), (step, ended)
        try:
            await whatever(box, words(box))
        except BaseException as error:
            error.add_note(f"killed at step {step} of {steps}")
            raise


@pytest.mark.soak
@pytest.mark.parametrize("step", range(1, 31, 3))
async def test_a_manager_that_is_killed_in_an_export_goes_on_or_has_let_it_go(
    folder: Path, step: int
) -> None:
    auth, directory = unpack(folder)
    aged(auth)
    data, to, passphrase = folder / "data", folder / "out" / "shop.age", folder / "passphrase"
    passphrase.write_text(f"{PASSPHRASE}\n")
    to.parent.mkdir()
    await stored(data).import_sessions(str(auth), name="shop", start=True)
    program = ("tests.killed", str(step))
    async with run_lab(directory) as lab:
        async with headless(data, lab.file, program) as manager:
            await lab.wait_online(JID, 30)
            os.kill(manager.pid, signal.SIGUSR1)
            asked = ("export", "shop", "--to", str(to), "--passphrase-file", str(passphrase))
            told = await manager.verb(*asked, "--yes")
            assert await manager.end(signal.SIGKILL) == -signal.SIGKILL
            print(step, told.code)
        async with headless(data, lab.file) as manager:
            shown = (await manager.verb("status", "shop", "--json")).json
            if shown["state"] == "held":
                assert await without_parts(to.parent) == ["shop.age"]
            else:
                await lab.wait_online(JID, 30)
                assert await without_parts(to.parent) == []


# -- a disk that takes nothing more, and files that are not what they were ------------------------


def is_one_line(ended: Ended) -> bool:
    """Whether it says what happened, and no traceback."""
    said = ended.stderr or ended.stdout
    return 0 < len(said.splitlines()) <= 3 and "Traceback" not in said


@pytest.mark.soak
@pytest.mark.parametrize("move", MOVES)
async def test_a_full_disk_is_one_line_and_changes_nothing(box: Box, move: str) -> None:
    words, with_shop, whatever = MOVES[move]
    for kilobytes in (8, 64, 200, 300):
        box.anew(with_shop=with_shop)
        ended = await verb(*words(box), data_dir=box.data, most=kilobytes * 1024)
        if ended.code:
            assert ended.code == 1 and is_one_line(ended), (kilobytes, ended)
        await whatever(box, words(box))


@pytest.mark.soak
@pytest.mark.parametrize("move", ["export", "export as Baileys", "backup"])
async def test_a_place_that_cannot_be_written_is_one_line(box: Box, move: str) -> None:
    words, _, _ = MOVES[move]
    box.anew(with_shop=True)
    box.out.rmdir()
    # Nobody makes a file there, root neither.
    box.out.symlink_to("/sys")
    ended = await verb(*words(box), data_dir=box.data)
    box.out.unlink()
    assert ended.code == 1 and is_one_line(ended), ended
    assert [each.state for each in await instances(box.data)] == [State.STOPPED]


@pytest.mark.soak
@pytest.mark.parametrize("move", ["import of a sealed file", "restore-backup"])
async def test_a_file_that_is_not_whole_is_one_line_and_changes_nothing(
    box: Box, move: str
) -> None:
    words, _, _ = MOVES[move]
    file = box.sealed if move == "import of a sealed file" else box.backup
    whole = file.read_bytes()
    for size in (0, 10, 100, len(whole) // 2, len(whole) - 1):
        box.anew(with_shop=False)
        file.write_bytes(whole[:size])
        ended = await verb(*words(box), data_dir=box.data)
        assert ended.code in (1, 2) and is_one_line(ended), (size, ended)
        assert await instances(box.data) == []
    file.write_bytes(whole)
    for each in (box.passphrase, box.identity):
        each.write_text("not this one\n")
    ended = await verb(*words(box), data_dir=box.data)
    assert ended.code in (1, 2) and is_one_line(ended), ended
    assert await instances(box.data) == []
