"""Sessions of other programs, brought in by the real program and used by the real neonize."""

import os
import time
from pathlib import Path

from tests.moving.sample import JID, PEERS, unpack
from tests.programs import headless, verb
from tests.sessions import strangers
from waziterm.lab.client import run_lab
from waziterm.lab.events import EventKind


def aged(folder: Path) -> Path:
    """The same folder, whose files were changed an hour ago."""
    then = time.time() - 3600
    for each in (folder, *folder.rglob("*")):
        os.utime(each, (then, then))
    return folder


def state_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    """The bytes and the times of all files."""
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*.*")}


async def test_a_real_baileys_folder_is_online_at_the_first_dial(folder: Path) -> None:
    auth, directory = unpack(folder)
    before = state_of(aged(auth))
    data = folder / "data"
    done = await verb("import", str(auth), "--name", "x", "--yes", data_dir=data)
    assert (done.code, done.stderr) == (0, "")
    assert "1 session imported" in done.stdout
    assert state_of(auth) == before
    assert strangers(data) == []
    async with run_lab(directory) as lab, headless(data, lab.file) as manager:
        started = await manager.verb("start", "x")
        assert started.code == 0, started
        await lab.wait_online(JID, 20)
        counted = await lab.counters()
        assert counted[EventKind.LOGIN] == 1
        assert not any(
            "QR" in line for line in (await manager.verb("logs", "x")).stdout.splitlines()
        )
        # Each peer's phone reads what is sent on the carried ratchet, without asking again.
        for peer in PEERS:
            sent = await manager.verb("test", "x", "--to", f"+{peer}")
            assert sent.code == 0, sent.stdout
            assert (await lab.wait_message(peer, 10)).text.startswith("waziterm test ")
