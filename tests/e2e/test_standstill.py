"""The program stopped and continued, as by a debugger or a frozen machine: nobody is blamed."""

import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.fleets import pair
from tests.terminal import Terminal
from waziterm.config import load_settings
from waziterm.domain.labfile import LabFile
from waziterm.lab.client import Lab
from waziterm.lab.events import EventKind, LabEvent
from waziterm.manager.manager import open_manager

STANDS_STILL_S = 12.0
"""Longer than a probe may take, with the gap by which the manager knows that it was stopped."""
LIMITS = {"WAZITERM_LIMITS__KEEPALIVE_S": "1", "WAZITERM_LIMITS__PROBE_TIMEOUT_S": "1"}


def probed(event: LabEvent) -> bool:
    return event.kind is EventKind.PROBE


def left(event: LabEvent) -> bool:
    return event.kind is EventKind.CLOSE


def transitions(data: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{data / 'waziterm.db'}?mode=ro", uri=True)) as db:
        return db.execute("SELECT * FROM transitions ORDER BY rowid").fetchall()


@pytest.mark.soak
async def test_sessions_outlive_a_program_that_stands_still(lab: Lab, folder: Path) -> None:
    data = folder / "data"
    settings = load_settings(data_dir=data, environ={})
    async with open_manager(data, settings, LabFile.parse(lab.file.read_text())) as fleet:
        await pair(fleet, lab, "shop")
    argv = [sys.executable, "-m", "waziterm", "--data-dir", str(data), "--lab", str(lab.file)]
    with Terminal(argv, columns=100, rows=30, env=LIMITS) as terminal:
        await terminal.until(lambda text: "● 1 connected" in text, what="connected")
        await lab.wait_event(probed, 10)
        before, logins = transitions(data), (await lab.counters())[EventKind.LOGIN]
        workers = psutil.Process(terminal.process.pid).children(recursive=True)
        terminal.signal(signal.SIGSTOP)
        terminal.wait_stopped()
        with pytest.raises(TimeoutError):
            await lab.wait_event(left, STANDS_STILL_S)
        assert workers
        assert all(worker.status() != psutil.STATUS_STOPPED for worker in workers)
        terminal.signal(signal.SIGCONT)
        for _ in range(3):
            await lab.wait_event(probed, 10)
        text = await terminal.until(
            lambda text: "● 1 connected" in text and "q quit" in text, what="the screen again"
        )
        assert " ! " not in text.splitlines()[0]
        assert transitions(data) == before
        assert (await lab.counters())[EventKind.LOGIN] == logins
        assert psutil.Process(terminal.process.pid).children(recursive=True) == workers
        terminal.send("q", "q")
        assert terminal.wait_exit() == 0
        assert terminal.is_sane()
