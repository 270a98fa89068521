"""What a crash of the screen leaves alone, and keys that came before the palette's list (F2)."""

import asyncio

import pytest
from textual import events
from textual.command import CommandPalette

from tests.tui.painted import shown
from tests.tui.scripted import FAKE_QR, ScriptedFleet, connected, every_state
from waziterm.domain.reasons import Reason


@pytest.mark.parametrize("key", ["pageup", "pagedown", "home", "end", "up", "down"])
async def test_a_key_before_the_palette_is_laid_out(key: str) -> None:
    async with shown(every_state()) as screen:
        for pressed in ("ctrl+p", key):
            screen.app.post_message(events.Key(pressed, None))
        await screen.pilot.pause(0.1)
        assert isinstance(screen.app.screen, CommandPalette)


async def test_what_was_asked_goes_on_when_the_screen_crashes() -> None:
    """A fix or a restart must not be cut in two while the manager lives."""
    fleet = ScriptedFleet(connected("shop"))
    fleet.gate.clear()
    async with shown(fleet) as screen:
        await screen.pilot.press("c", "y")
        await screen.until(lambda _: bool(fleet.calls), "the command")
        screen.app.crash(RuntimeError("a bug for the test"))
    assert fleet.views["shop"].reason is not Reason.CLEANED
    fleet.gate.set()
    async with asyncio.timeout(10), fleet.subscribe() as changes:
        while fleet.views["shop"].reason is not Reason.CLEANED:
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
