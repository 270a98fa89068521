"""What a crash of the screen leaves alone, and keys that came before the palette's list (F2)."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest
from textual import events
from textual.command import CommandPalette

from tests.crashing import ENDS
from tests.terminal import Terminal
from tests.tui.painted import shown
from tests.tui.scripted import FAKE_QR, ScriptedFleet, connected, every_state
from waziterm.domain.lifecycle.reasons import Reason

ROOT = Path(__file__).parents[2]


def reason_of(fleet: ScriptedFleet) -> Reason:
    return fleet.views["shop"].reason


@pytest.mark.parametrize("key", ["pageup", "pagedown", "end", "down", "up", "enter"])
async def test_a_key_before_the_palette_is_laid_out(key: str) -> None:
    async with shown(every_state()) as screen:
        for pressed in ("ctrl+p", key, "x"):
            screen.app.post_message(events.Key(pressed, "x" if pressed == "x" else None))
        await screen.until(lambda _: isinstance(screen.app.screen, CommandPalette), "the palette")
        await screen.until(lambda text: "glossary" in text or "show " in text, "its entries")


async def test_what_was_asked_goes_on_when_the_screen_crashes() -> None:
    """A fix or a restart must not be cut in two while the manager lives."""
    fleet = ScriptedFleet(connected("shop"))
    fleet.gate.clear()
    async with shown(fleet) as screen:
        await screen.pilot.press("c", "y")
        await screen.until(lambda _: bool(fleet.calls), "the command")
        screen.app.crash(RuntimeError("a bug for the test"))
    assert reason_of(fleet) is not Reason.CLEANED
    fleet.gate.set()
    async with asyncio.timeout(10), fleet.subscribe() as changes:
        while reason_of(fleet) is not Reason.CLEANED:
            await changes.next()


async def test_a_crash_logs_no_local_variable(caplog: pytest.LogCaptureFixture) -> None:
    """Those of a painter hold the QR code's text."""
    async with shown(every_state()) as screen:

        def paint(payload: str) -> None:
            raise ValueError("cannot paint")

        try:
            paint(FAKE_QR)
        except ValueError as error:
            screen.app.crash(error)
    assert "cannot paint" in caplog.text and FAKE_QR not in caplog.text


@pytest.mark.parametrize("what", ENDS)
async def test_a_screen_that_cannot_end_is_left_all_the_same(tmp_path: Path, what: str) -> None:
    """The real program without an instance: SIGTERM ends it, and the terminal is what it was."""
    argv = [sys.executable, "-m", "tests.crashing", "--data-dir", str(tmp_path / "data")]
    with Terminal(argv, cwd=ROOT) as terminal:
        await terminal.until(lambda text: "a add" in text, what="the screen")
        terminal.send(ENDS[what][1])
        await terminal.until(lambda text: f"broken: {what}" in text, what="an answer")
        terminal.signal(signal.SIGTERM)
        assert terminal.wait_exit() == 0
        assert terminal.is_sane()
    log = (tmp_path / "data" / "logs" / "waziterm.log").read_text()
    assert ("given up" if what == "stuck" else "a bug for the test") in log
