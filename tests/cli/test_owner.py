"""F11, F13, F37: whose files they are, and who owns the directory whatever becomes of it."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.manager.test_checkup import write_store as write_session
from tests.programs import environment, headless
from waziterm.domain.errors import FleetError
from waziterm.domain.lifecycle.instance import Instance
from waziterm.lab.client import Lab
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.files.lock import lock_owner
from waziterm.store.store import open_store

NOBODY = 65534
JID = "6281234567890:3@s.whatsapp.net"

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as somebody else")


def programs() -> list[str]:
    """A command line, up to the verb, of a program that every user can read: this one, or where
    its Python lies in somebody's home, that Python mounted elsewhere for the command alone."""
    module = ["-m", "waziterm"]
    for path in (Path(sys.executable).resolve(), *Path(sys.executable).resolve().parents):
        if not path.stat().st_mode & 0o005:
            break
    else:
        return [sys.executable, *module]
    paths = f"{Path.cwd()}:{sysconfig.get_path('purelib')}"
    python = f"/mnt/bin/python3.{sys.version_info.minor}"
    script = f'mount --bind "{sys.base_prefix}" /mnt && PYTHONPATH={paths} exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, "sh", python, *module]


def waziterm(
    *words: str, root: Path, user: int | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a verb, as another user where one is named."""
    command = programs()
    if user is not None:
        end = command.index("-m") - 1
        drop = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
        command[end:end] = [*drop, "--bounding-set=-all", "--inh-caps=-all"]
    done = subprocess.run(
        [*command, *words, "--data-dir", str(root)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=environment() | ({} if user is None else {"XDG_CONFIG_HOME": "/nonexistent"}),
    )
    if done.stderr.startswith(("unshare:", "mount:", "setpriv:")):
        pytest.skip(f"no program that another user can read: {done.stderr}")
    return done


def left_by(root: Path, uid: int, *names: str) -> DataDir:
    """A directory with linked instances as a service of this user leaves it."""

    async def store() -> None:
        async with open_store(data.database) as opened:
            for name in names:
                instance = Instance(name, created_at=1.0, since=1.0, jid=JID)
                await opened.save(instance, event=None, at=1.0)
                write_session(data.session(instance.id), JID)

    data = DataDir(root)
    data.create()
    asyncio.run(store())
    for path in (root, *root.rglob("*")):
        os.chown(path, uid, uid)
    return data


def owners(root: Path) -> dict[str, int]:
    return {str(path.relative_to(root)): path.lstat().st_uid for path in root.rglob("*")}


VERBS = ("list", "fix", "clean shop --yes", "undo --yes", "add other", "remove shop --yes")


@as_root
@pytest.mark.timeout(90)
def test_f11_what_root_leaves_is_the_owners(folder: Path) -> None:
    folder.chmod(0o755)
    data = left_by(folder / "data", NOBODY, "shop")
    for words in VERBS:
        done = waziterm(*words.split(), root=data.root)
        assert done.returncode == 0 and "Traceback" not in done.stderr, (words, done)
        strangers = {name: uid for name, uid in owners(data.root).items() if uid != NOBODY}
        assert not strangers, words
    listed = waziterm("trash", "--json", root=data.root, user=NOBODY)
    assert listed.returncode == 0 and '"shop' in listed.stdout


@as_root
def test_f11_a_directory_that_is_made_in_theirs_is_theirs(folder: Path) -> None:
    folder.chmod(0o755)
    os.chown(folder, NOBODY, NOBODY)
    assert waziterm("add", "shop", root=folder / "new" / "data").returncode == 0
    assert set(owners(folder).values()) == {NOBODY}


@as_root
def test_f11_a_program_that_they_cannot_read_is_said(folder: Path) -> None:
    """Installed in root's home, for example: then nothing is done at all."""
    folder.chmod(0o755)
    data = left_by(folder / "data", NOBODY, "shop")
    hidden = folder / "hidden"
    shutil.copytree("waziterm", hidden / "waziterm", ignore=shutil.ignore_patterns("__pycache__"))
    hidden.chmod(0o700)
    before = owners(data.root)
    done = subprocess.run(
        [sys.executable, "-m", "waziterm", "fix", "--data-dir", str(data.root)],
        env=environment() | {"PYTHONPATH": str(hidden)},
        cwd=hidden,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done
    assert "cannot read the program" in done.stderr and "sudo -u nobody waziterm" in done.stderr
    assert owners(data.root) == before


def wait_for(there: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not there():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.timeout(60)
async def test_f13_a_deleted_lock_is_taken_again_and_no_verb_works_on_the_files(
    lab: Lab, folder: Path
) -> None:
    data = DataDir(folder / "data")
    async with headless(data.root, lab.file) as manager:
        data.lock.unlink()
        assert data.owner_pid() == manager.pid
        cleaned = await manager.verb("list", "--json")
        assert cleaned.code == 0 and cleaned.json == []
        second = await manager.verb("headless")
        assert second.code == 3 and f"pid {manager.pid}" in second.stderr
        await asyncio.to_thread(wait_for, lambda: lock_owner(data.lock) == manager.pid)
        added = await manager.verb("add", "shop", "--json")
        assert added.json["pid"] is not None or added.json["state"] != "stopped"


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["folder", "loop", "pipe", "device"])
async def test_f13_whatever_lies_at_the_lock_the_manager_is_found(
    lab: Lab, folder: Path, kind: str
) -> None:
    data = DataDir(folder / "data")
    async with headless(data.root, lab.file) as manager:
        data.lock.unlink()
        match kind:
            case "folder":
                data.lock.mkdir()
            case "loop":
                data.lock.symlink_to(data.lock.name)
            case "pipe":
                os.mkfifo(data.lock)
            case _:
                data.lock.symlink_to("/dev/full")
        for words in (("list", "--json"), ("add", "shop", "--json"), ("trash", "--json")):
            done = await manager.verb(*words)
            assert done.code == 0, done
        checked = await manager.verb("check", "--json")
        assert "no_manager" not in [each["kind"] for each in checked.json["findings"]]


@pytest.mark.timeout(60)
async def test_f13_a_silent_manager_without_its_lock_keeps_its_files(
    lab: Lab, folder: Path
) -> None:
    """It may be swapped out, or stopped: that it listens is enough."""

    data = DataDir(folder / "data")
    async with headless(data.root, lab.file) as manager:
        os.kill(manager.pid, signal.SIGSTOP)
        try:
            data.lock.unlink()
            done = await manager.verb("add", "shop")
            assert done.code == 3 and f"pid {manager.pid}" in done.stderr
        finally:
            os.kill(manager.pid, signal.SIGCONT)


@as_root
@pytest.mark.parametrize("inside", ["", "data"])
def test_f11_the_doctor_tells_another_user_that_the_directory_is_not_his(
    folder: Path, inside: str
) -> None:
    data = DataDir(folder / "theirs" / inside)
    data.create()
    data.root.parent.chmod(0o755)
    data.root.chmod(0o700)
    done = waziterm("doctor", root=data.root, user=NOBODY)
    assert done.returncode == 1 and "unexpected" not in done.stderr, done
    (told,) = [line for line in done.stdout.splitlines() if "data directory" in line]
    assert told.startswith("FAIL") and str(data.root) in told
    if inside:
        data.root.parent.chmod(0o700)
        done = waziterm("doctor", root=data.root, user=NOBODY)
        assert done.returncode == 1 and "unexpected" not in done.stderr, done


EVERY_VERB = (
    "list", "status shop", "qr shop", "logs shop", "logs shop --follow", "history shop", "stats",
    "conflicts", "incidents", "acknowledge 1", "audit", "alerts", "note hello",
    "silence shop --for 1h", "check", "fix", "full", "trash", "restore x", "undo",
    "test shop", "add other", "start shop",
    "stop shop", "reconnect shop", "clean shop --yes", "remove shop --yes", "clean-all --yes",
    "restart --yes", "pair-code shop --phone +6281234567890", "reload",
)  # fmt: skip


@pytest.mark.timeout(120)
async def test_f37_a_moved_directory_is_told_in_one_sentence_by_every_verb(
    lab: Lab, folder: Path, call: Call
) -> None:
    """Where it was and where it is now, also when something is made in its old place."""
    data, elsewhere = DataDir(folder / "data"), DataDir(folder / "moved")
    async with headless(data.root, lab.file) as manager:
        assert (await manager.verb("add", "shop")).code == 0
        data.root.rename(elsewhere.root)
        await asyncio.to_thread(wait_for, lambda: missed(data))
        became = "is gone"
        for made_anew in (False, True):
            if made_anew:
                data.create()
                became = "is another directory now"
            said = f"{data.root} {became}: it was renamed, replaced or unmounted under its manager"
            for words in EVERY_VERB if not made_anew else (*EVERY_VERB[:2], "add other", "check"):
                for place in (data, elsewhere):
                    argv = (*words.split(), "--data-dir", str(place.root))
                    done = await asyncio.to_thread(call, *argv)
                    assert (done.code, done.out) == (1, ""), (argv, done)
                    assert f"{said} (pid {manager.pid})" in done.err, (argv, done)
                    assert "put it back" in done.err
        for place in (data, elsewhere):
            manager.data_dir = place.root
            second = await manager.verb("headless")
            assert f"pid {manager.pid}" in second.stderr and second.code in (1, 3), second
        assert not data.database.exists() and not data.socket.exists()
        shutil.rmtree(data.root)
        elsewhere.root.rename(data.root)
        manager.data_dir = data.root
        await asyncio.to_thread(wait_for, lambda: not missed(data))
        assert (await manager.verb("remove", "shop", "--yes")).code == 0


def missed(data: DataDir) -> bool:
    """Whether a manager tells that this directory was moved away from it."""
    try:
        data.owner_pid()
    except FleetError:
        return True
    return False
