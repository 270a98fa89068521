"""Bytes that no key sends, in a real terminal (F1): the screen goes on, and listens."""

import asyncio
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terminal import Terminal
from tests.tui.flooding import survives
from tests.tui.sequences import QUITS, generated

ROOT = Path(__file__).parents[2]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    argv = [sys.executable, "-m", "tests.tui.realscreen", "every_state", str(tmp_path / "log")]
    with Terminal(argv, columns=100, rows=30, cwd=ROOT) as started:
        started.wait_for(lambda text: "? help" in text, what="screen")
        yield started
        assert started.process.poll() is None
        assert "CRITICAL" not in (tmp_path / "log").read_text()


async def test_generated_bytes(terminal: Terminal) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    await survives(terminal, _some(150, seed), seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4))
async def test_many_generated_bytes(terminal: Terminal, seed: int) -> None:
    await survives(terminal, _some(3_000, seed), seed)


def _some(count: int, seed: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    # What reports ctrl+c leaves the screen as its byte does, once nothing there is live.
    parts = (generated(chance).translate(QUITS) for _ in range(count))
    return (part.replace(b"[99;5u", b"[98;5u") for part in parts)


async def test_nothing_in_a_field_is_obeyed_by_the_terminal(terminal: Terminal) -> None:
    """Invariant 7: a field shows what it was given, and would write it on the terminal."""
    terminal.send("/")
    await terminal.until(lambda text: "esc clear it" in text, what="the field")
    hostile = (
        b"\x1b[3;4;5H",
        b"\x1b]0;owned\x07",
        b"\xc2\x9b31m",
        b"\xc2\x9b5;6;7;8H",
        b"\x0e\x05",
    )
    for bad in hostile:
        terminal.send_bytes(b"\x1b[200~<", bad, b">\x1b[201~")
    await terminal.until(lambda text: "<><><><><>" in text, what="what is left of it")
    terminal.send_bytes(*hostile, b"!")
    await terminal.until(lambda text: "!" in text, what="what was typed")
    for bad in (*hostile, b"owned"):
        assert bad not in terminal.output


async def test_a_flood_of_keys_is_not_kept(terminal: Terminal) -> None:
    """What comes faster than it can be acted on is lost, and does not work on for minutes."""
    for _ in range(20):
        await asyncio.to_thread(terminal.send_bytes, b"jk" * 500)
    await survives(terminal, (), 0)


async def test_any_size(terminal: Terminal) -> None:
    for columns, rows in ((1, 1), (2, 2), (1, 300), (65535, 1), (1000, 1000)):
        terminal.resize_window(columns, rows)
        terminal.send("2", "enter", "?")
        terminal.send_bytes(b"\x1b[27u" * 3)
        terminal.resize_window(0, 0)
        terminal.resize(100, 30)
        await survives(terminal, (), 0)
