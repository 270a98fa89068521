"""What an import loads, at run time: the walls that import-linter sees only in the text."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("waziterm.manager", ("textual", "neonize", "waziterm.tui", "waziterm.cli")),
        ("waziterm.manager.manager", ("textual", "neonize", "waziterm.tui", "waziterm.cli")),
        ("waziterm.store", ("textual", "neonize", "waziterm.manager")),
        ("waziterm.config", ("textual", "neonize", "aiosqlite", "waziterm.manager")),
        (
            "waziterm.domain.lifecycle.rules",
            ("textual", "neonize", "aiosqlite", "asyncio"),
        ),
        # What is not needed before the first paint, and by a verb that asks a manager.
        (
            "waziterm.cli.run.host",
            ("waziterm.manager.care.checkup", "waziterm.manager.care.restart", "psutil", "aiohttp"),
        ),
        (
            "waziterm.cli.verbs.instances",
            ("asyncio", "difflib", "rich", "waziterm.domain.fleet.api"),
        ),
    ],
)
def test_an_import_does_not_load(module: str, forbidden: tuple[str, ...]) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded = set(ended.stdout.split())
    assert module in loaded
    assert not loaded.intersection(forbidden)
