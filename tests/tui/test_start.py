"""From the start of the screen to its first paint."""

import sys
from pathlib import Path

from tests.terminal import Terminal

ROOT = Path(__file__).parents[2]
PROGRAM = """
import asyncio, gc, sys
from tests.tui.scripted import every_state
from waziterm.tui.app.terminal import run_screen

fleet = every_state()
painted = lambda: fleet.notice(f"garbage is looked for: {gc.isenabled()}")
sys.exit(asyncio.run(run_screen(fleet, painted)))
"""


def test_garbage_is_looked_for_again_once_the_screen_is_painted() -> None:
    argv = [sys.executable, "-c", PROGRAM]
    with Terminal(argv, columns=120, rows=40, cwd=ROOT) as terminal:
        terminal.wait_for(lambda text: "garbage is looked for: True" in text)
