"""SIGKILL in the middle of writes, and a disk that takes nothing more."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.store.files import query
from waziterm.store.remembered import AttemptCounts
from waziterm.store.store import open_store

ROOT = Path(__file__).parents[2]


def save_until_killed(path: Path) -> dict[str, int]:
    """The last turn of each instance that was acknowledged before the SIGKILL."""
    acknowledged: dict[str, int] = {}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.store.saving", str(path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as program:
        assert program.stdout is not None
        for count, said in enumerate(program.stdout):
            name, turn = said.split()
            acknowledged[name] = int(turn)
            if count == 600:
                os.killpg(program.pid, signal.SIGKILL)
        assert program.wait(30) == -signal.SIGKILL
    return acknowledged


def meet_a_full_disk(path: Path) -> dict[str, Any]:
    """What the program in `full_disk` saw."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.store.full_disk", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    seen: dict[str, Any] = json.loads(ended.stdout)
    return seen


async def test_what_was_acknowledged_survives_sigkill(tmp_path: Path) -> None:
    path = tmp_path / "waziterm.db"
    acknowledged = save_until_killed(path)
    assert path.with_name("waziterm.db-wal").stat().st_size
    async with open_store(path) as store:
        stored = {each.name: each.attempt for each in await store.instances()}
        assert stored.keys() == acknowledged.keys()
        for name, last in acknowledged.items():
            assert last <= stored[name] <= last + 1
            told = await store.transitions(name, limit=100_000)
            assert [each.event for each in told] == [
                f"turn {n}" for n in range(1, stored[name] + 1)
            ]
            lines = [each.seq for each in await store.lines(name, limit=100_000)]
            assert lines == list(range(1, len(lines) + 1))
        assert await store.attempt_counts(0.0) == AttemptCounts(0, 0)
    assert query(path, "SELECT DISTINCT reason FROM attempts") == [("interrupted",)]


async def test_a_full_disk_is_one_clear_line_and_nothing_is_half_written(tmp_path: Path) -> None:
    path = tmp_path / "waziterm.db"
    seen = meet_a_full_disk(path)
    message, hint, code = seen["save"]
    assert str(path) in message
    assert "disk" in message
    assert "\n" not in message
    assert "space" in hint
    assert code == 1
    assert seen["attempt"] == seen["turns"] > 0
    assert seen["transitions"] == seen["turns"] + 1
    assert message in seen["logged"]
    assert "disk" in seen["flush"]
    assert seen["shown"] == 100
    assert seen["after"] == 1000
    async with open_store(path) as store:
        assert [each.seq for each in await store.lines("shop", limit=1000)] == list(range(1, 101))
        assert (await store.instances())[0].attempt == 1000
