"""What a change costs on a slow line: bytes of a real terminal, at 80×24."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terminal import Terminal

ROOT = Path(__file__).parents[2]
ONE_SCREEN = 8_000
"""So many bytes were one painted screen, with all colours set anew for each piece of text."""
MOST = 1.3 * ONE_SCREEN
QUIET_S = 0.35

ACTS = (
    (("?",), "esc close"),
    (("escape",), "? help"),
    (("ctrl+p",), "send a short text"),
    (("escape",), "? help"),
    (("a",), "Add an instance"),
    (("escape",), "? help"),
    (("enter",), "esc back"),
    (("escape",), "? help"),
    (("2",), "? help"),
    (("1",), "? help"),
    (("z",), "troubled"),
)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    argv = [sys.executable, "-m", "tests.tui.realscreen", "every_state", str(tmp_path / "log")]
    with Terminal(argv, columns=80, rows=24, cwd=ROOT) as started:
        started.wait_for(lambda text: "? help" in text, what="screen")
        yield started


async def painted(terminal: Terminal) -> int:
    """The bytes that have come, once no more than the clock's come."""
    before = -1
    while len(terminal.output) - before > 200:
        before = len(terminal.output)
        await asyncio.sleep(QUIET_S)
    return len(terminal.output)


async def test_a_change_is_painted_once(terminal: Terminal) -> None:
    before = await painted(terminal)
    took = {"the first paint": before}
    for keys, see in ACTS:
        terminal.send(*keys)
        await terminal.until(lambda text, see=see: see in text)
        now = await painted(terminal)
        took[f"{' '.join(keys)}: {see}"] = now - before
        before = now
    assert {act: size for act, size in took.items() if size > MOST} == {}


async def test_what_others_wrote_is_painted_over(terminal: Terminal) -> None:
    """A part of the screen that ought not to change is not written again by itself."""
    await painted(terminal)
    terminal.scribble("\x1b[2;1H### the system is going down ###")
    await terminal.until(lambda text: "going down" in text)
    terminal.send_bytes(b"\x0c")
    await terminal.until(lambda text: "going down" not in text, what="a screen of ours alone")
