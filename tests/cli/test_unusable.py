"""F31, F32, F36: what cannot be read or written is said in one line, and looks work there."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.cli.test_owner import left_by
from tests.programs import environment
from waziterm.manager.files.datadir import DataDir

DEADLINE_S = 30
LOOKS = ("list --json", "status shop", "logs shop", "check", "trash", "fix --dry-run", "conflicts")


def on_disk(script: str, root: Path, *verbs: str) -> dict[str, tuple[int, str]]:
    """What verbs answer in a mount namespace of their own, that `script` has prepared."""
    lines = [script]
    for words in verbs:
        program = f'"{sys.executable}" -m waziterm {words} --data-dir "{root}"'
        lines.append(f'{program} 2>&1 </dev/null; echo "ended $?"')
    done = subprocess.run(
        ["unshare", "--mount", "bash", "-c", "\n".join(lines)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S * 2,
        check=False,
        env=environment(),
    )
    if "ended" not in done.stdout:
        pytest.skip(f"no disk of its own can be mounted here: {done.stderr}")
    told = done.stdout.split("ended ")
    codes = [int(each.split("\n", 1)[0]) for each in told[1:]]
    said = [told[0], *(each.split("\n", 1)[1] for each in told[1:])]
    return {words: (codes[at], said[at]) for at, words in enumerate(verbs)}


@pytest.fixture
def fleet(folder: Path) -> DataDir:
    return left_by(folder / "data", os.geteuid(), "shop")


@pytest.mark.timeout(90)
@pytest.mark.parametrize("was_killed", [True, pytest.param(False, marks=pytest.mark.soak)])
def test_f31_a_read_only_copy_can_be_looked_at(fleet: DataDir, was_killed: bool) -> None:
    if was_killed:
        # Its write-ahead log holds what was stored last, and an index cannot be made beside it.
        leave_log(fleet)
    mount = f'mount --bind "{fleet.root}" "{fleet.root}" && mount -o remount,bind,ro "{fleet.root}"'
    found = on_disk(mount, fleet.root, *LOOKS[:1], "check", "trash", "add new", "headless")
    assert found["list --json"][0] == 0 and '"name": "shop"' in found["list --json"][1]
    assert found["check"][0] in (0, 1)
    assert found["trash"] == (0, "the trash is empty\n")
    for words in ("add new", "headless"):
        code, said = found[words]
        assert code == 1 and said.count("\n") == 1 and "Read-only file system" in said, said


def leave_log(data: DataDir) -> None:
    """As after a kill: the newest is in the write-ahead log alone."""
    script = (
        "import os, sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "db.execute('PRAGMA journal_mode = WAL')\n"
        "db.execute('INSERT INTO meta VALUES (?, ?)', ('a', 'b'))\n"
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(data.database)], check=True)
    data.database.with_name("waziterm.db-shm").unlink()
    assert data.database.with_name("waziterm.db-wal").stat().st_size


@pytest.mark.timeout(90)
def test_f32_a_full_disk_is_said_and_can_be_looked_at(fleet: DataDir) -> None:
    fill = (
        f'mkdir "{fleet.root}/../disk" && mount -t tmpfs -o size=2m none "{fleet.root}/../disk"'
        f' && cp -a "{fleet.root}/." "{fleet.root}/../disk/"'
        f' && mount --bind "{fleet.root}/../disk" "{fleet.root}"'
        f' && (cat /dev/zero > "{fleet.root}/fill"; true) 2>/dev/null'
    )
    found = on_disk(
        fill, fleet.root, "list --json", "check", "add new", "clean shop --yes", "headless"
    )
    assert found["list --json"][0] == 0 and '"name": "shop"' in found["list --json"][1]
    assert found["check"][0] == 1 and "0 MB free" in found["check"][1]
    for words in ("add new", "clean shop --yes", "headless"):
        code, said = found[words]
        assert code == 1 and said.count("\n") == 1 and "the disk is full" in said, said


def test_f36_a_log_that_is_larger_than_any_disk_is_copied_nowhere(
    fleet: DataDir, call: Call
) -> None:
    """It was copied into the memory of the machine, until there was none."""
    huge = fleet.root / "waziterm.db-wal"
    with huge.open("wb") as stream:
        stream.truncate(4 << 40)
    for words in ("list", "check", "add new", "headless"):
        done = call(*words.split(), "--data-dir", str(fleet.root))
        assert done.code == 1 and done.err.count("\n") == 1, done
        assert str(huge) in done.err and "too large" in done.err, done


# -- something else in its place -----------------------------------------------------------------

PLACES = ("manager.lock", "waziterm.db", "waziterm.db-journal", "waziterm.db-wal", "session",
          "session-journal", "manifest", "log", "control.sock")  # fmt: skip


def path_of(data: DataDir, place: str) -> Path:
    (session,) = data.sessions.glob("*.db")
    entry = data.trash / "shop-20260101T000013Z-5157"
    named = {
        "session": session,
        "session-journal": session.with_name(f"{session.name}-journal"),
        "manifest": entry / "manifest.json",
        "log": data.log,
    }
    return named.get(place, data.root / place)


@pytest.mark.timeout(90)
@pytest.mark.parametrize("place", PLACES)
def test_f36_a_pipe_in_place_of_a_file_hangs_nobody(fleet: DataDir, call: Call, place: str) -> None:
    path = path_of(fleet, place)
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path, 0o600)
    with ended_in_time():
        for words in (*LOOKS, "add new", "clean shop --yes", "fix"):
            done = call(*words.split(), "--data-dir", str(fleet.root))
            assert "unexpected error" not in done.err, (words, done)
        if place in ("manager.lock", "waziterm.db", "log", "waziterm.db-journal"):
            done = call("headless", "--data-dir", str(fleet.root))
            assert done.code == 1 and done.err.count("\n") == 1, done
            assert "unexpected error" not in done.err and str(path) in done.err
    assert path.is_fifo()


@pytest.mark.timeout(90)
@pytest.mark.parametrize("place", ["waziterm.db", "waziterm.db-wal", "session", "session-journal"])
def test_f36_a_link_to_a_device_in_place_of_a_file_is_read_by_nobody(
    fleet: DataDir, call: Call, place: str
) -> None:
    path = path_of(fleet, place)
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")
    with ended_in_time():
        for words in ("list", "check", "clean shop --yes", "fix"):
            done = call(*words.split(), "--data-dir", str(fleet.root))
            assert "unexpected error" not in done.err, (words, done)


def test_f36_a_session_file_of_terabytes_is_neither_hashed_nor_copied(
    fleet: DataDir, call: Call
) -> None:
    path = path_of(fleet, "session")
    with path.open("r+b") as stream:
        stream.truncate(2 << 40)
    with ended_in_time():
        for words in ("check", "fix", "clean shop --yes"):
            done = call(*words.split(), "--data-dir", str(fleet.root))
            assert "unexpected error" not in done.err, (words, done)
    assert not path.exists() and "cleaned" in call("trash", "--data-dir", str(fleet.root)).out


@contextmanager
def ended_in_time() -> Iterator[None]:
    """The test's own limit would end the whole run."""

    def late(number: int, frame: object) -> None:
        raise TimeoutError("a verb hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(DEADLINE_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["folder", "loop", "device", "file above"])
def test_f31_whatever_lies_at_the_lock_is_one_clear_line(
    fleet: DataDir, call: Call, kind: str
) -> None:
    fleet.lock.unlink(missing_ok=True)
    match kind:
        case "folder":
            fleet.lock.mkdir()
        case "loop":
            fleet.lock.symlink_to(fleet.lock.name)
        case "device":
            fleet.lock.symlink_to("/dev/zero")
        case _:
            fleet = DataDir(fleet.database / "below")
    for words in ("list", "check", "add new", "headless"):
        done = call(*words.split(), "--data-dir", str(fleet.root))
        assert done.code == 1 and done.err.count("\n") == 1, done
        assert "unexpected" not in done.err and str(fleet.lock) in done.err, done


def test_a_fleet_as_the_others_meet_it(fleet: DataDir, call: Call) -> None:
    """The instance of these tests is linked, and nothing is wrong with it."""
    found = call("check", "--data-dir", str(fleet.root), "--json")
    assert [each["kind"] for each in found.document["findings"]] == ["no_manager"]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("place", ["sessions", "trash", "waziterm.db"])
def test_f31_a_link_to_itself_is_one_clear_line(fleet: DataDir, call: Call, place: str) -> None:
    path = fleet.root / place
    path.rename(fleet.root / "elsewhere")
    path.symlink_to(place)
    words = ("check", "trash", "clean shop --yes", "fix", "headless")
    for each in (*words, *(("list",) if place == "waziterm.db" else ())):
        done = call(*each.split(), "--data-dir", str(fleet.root))
        assert done.code == 1 and done.err.count("\n") == 1, (each, done)
        assert str(path) in done.err and "unexpected" not in done.err, (each, done)
