"""F2: whatever breaks the screen ends the screen alone. The real program, two linked instances."""

import random
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from tests.crashing import KEYS
from tests.fleets import pair
from tests.programs import verb
from tests.terminal import Terminal
from tests.tui.flooding import survives
from tests.tui.sequences import CORPUS
from waziterm.config import load_settings
from waziterm.domain.labfile import LabFile
from waziterm.lab.client import Lab
from waziterm.manager.manager import open_manager

NAMES = ("one", "two")
OPENED = b"\x1b[?1049h"


@asynccontextmanager
async def monitor(
    lab: Lab, data: Path, *words: str, program: str = "tests.crashing"
) -> AsyncIterator[Terminal]:
    """The monitor, whose screen can be broken, with two instances that are connected."""
    settings = load_settings(data_dir=data, environ={})
    async with open_manager(data, settings, LabFile.parse(lab.file.read_text())) as fleet:
        for name in NAMES:
            await pair(fleet, lab, name)
    command = [sys.executable, "-m", program, *words, "--data-dir", str(data)]
    with Terminal([*command, "--lab", str(lab.file)], columns=120, rows=30) as terminal:
        await terminal.until(lambda text: "● 2" in text, what="the fleet")
        yield terminal


def transitions(data: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{data / 'waziterm.db'}?mode=ro", uri=True)) as db:
        return db.execute("SELECT * FROM transitions ORDER BY rowid").fetchall()


async def opened(terminal: Terminal, times: int, after: str) -> None:
    def anew(text: str) -> bool:
        painted = "● 2" in text and "crashed and was opened again" in text
        return painted and terminal.output.count(OPENED) == times

    await terminal.until(anew, what=f"screen after {after}")


async def test_every_way_to_break_it_opens_it_anew(lab: Lab, folder: Path) -> None:
    data = folder / "data"
    async with monitor(lab, data, "--again", "0") as terminal:
        before, sessions = transitions(data), await lab.sessions()
        for times, what in enumerate(KEYS, 2):
            terminal.send(KEYS[what][1])
            await opened(terminal, times, what)
        terminal.send("2")
        await terminal.until(lambda text: "NAME" in text, what="the list: keys still work")
        assert transitions(data) == before
        assert await lab.sessions() == sessions
        assert (await verb("list", "--json", data_dir=data)).code == 0
        terminal.signal(signal.SIGTERM)
        assert terminal.wait_exit() == 0
        assert terminal.is_sane()
    log = (data / "logs" / "waziterm.log").read_text()
    assert log.count("CRITICAL") >= len(KEYS) and "RecursionError" in log


async def test_a_second_crash_leaves_the_manager_without_a_screen(lab: Lab, folder: Path) -> None:
    data = folder / "data"
    async with monitor(lab, data) as terminal:
        before, sessions = transitions(data), await lab.sessions()
        terminal.send(KEYS["handler"][1])
        await opened(terminal, 2, "handler")
        terminal.send(KEYS["render"][1])
        text = await terminal.until(lambda text: "the screen crashed twice" in text)
        said = "".join(line.ljust(120) for line in text.splitlines()).split()
        assert " ".join(said) == (
            f"waziterm: the screen crashed twice; the manager goes on without it (pid"
            f" {terminal.process.pid}, ctrl+c ends it). `waziterm attach --data-dir {data}` shows"
            f" it again. The log is {data / 'logs' / 'waziterm.log'}."
        )
        assert terminal.is_sane()
        assert transitions(data) == before
        assert await lab.sessions() == sessions
        command = [sys.executable, "-m", "waziterm", "attach", "--data-dir", str(data)]
        with Terminal(command, columns=100, rows=30) as attached:
            await attached.until(lambda text: "● 2" in text, what="the fleet")
            attached.send("q")
            assert attached.wait_exit() == 0
        assert (await verb("stop", "one", data_dir=data)).code == 0
        terminal.signal(signal.SIGTERM)
        assert terminal.wait_exit() == 0
    assert not await lab.sessions()


async def test_no_bytes_break_it(lab: Lab, folder: Path) -> None:
    """F1: the whole corpus, each part split at random, on a fleet that is linked."""
    data = folder / "data"
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    async with monitor(lab, data, program="waziterm") as terminal:
        before, sessions = transitions(data), await lab.sessions()
        terminal.send_bytes(b"caf\xe9 ", b"j")
        terminal.send_bytes(b"\x10\x1b[5~")
        await survives(terminal, random.Random(seed).sample(CORPUS, len(CORPUS)), seed)
        # In some orders the corpus adds an instance, as an operator might.
        known = {row[1] for row in before}
        assert [row for row in transitions(data) if row[1] in known] == before
        assert await lab.sessions() == sessions
        assert terminal.output.count(OPENED) == 1
        terminal.signal(signal.SIGTERM)
        assert terminal.wait_exit() == 0
        assert terminal.is_sane()
