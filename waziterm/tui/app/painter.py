"""A change is painted once: what Textual paints step by step goes to the terminal when it stands."""

import asyncio

from rich.console import COLOR_SYSTEMS
from textual.app import App

from waziterm.tui.app.driver import TerminalDriver
from waziterm.tui.app.frames import Frames
from waziterm.tui.textual_private import Painted, driver_of, shows_at_once

SETTLE_S = 0.03
"""A whole screen waits so long for the next one, in seconds: Textual paints 60 times a second."""
MOST_S = 0.3
"""It waits no longer than this, in seconds, whatever follows; a busy machine needs that long."""


class Painter:
    """Writes what differs from the terminal's cells.

    A part of the screen, as after a move, goes out at once. All of it (a dialog opens, another
    view comes) is held back until no more follows, because most of the steps of it are seen by
    nobody and each takes seconds on a slow line.
    """

    def __init__(self, app: App[None]) -> None:
        self._app = app
        self._frames = Frames()
        self._due: asyncio.TimerHandle | None = None
        self._frame = 0
        self._since = 0.0

    def take(self, painted: Painted, size: tuple[int, int]) -> None:
        """Have this painted, now or soon. size: columns and lines of the screen."""
        system = COLOR_SYSTEMS[self._app.console.color_system or "truecolor"]
        self._frames.take(painted.pieces, size, system)
        self._frame += 1
        if painted.whole:
            self._hold()
        elif self._due is None:
            self._write()

    def forget(self) -> None:
        """The terminal has lost what it showed."""
        self._frames.forget()

    def _hold(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._due is None:
            self._since = now
        else:
            self._due.cancel()
        self._due = loop.call_at(min(now + SETTLE_S, self._since + MOST_S), self._settled)

    def _settled(self) -> None:
        """Write as soon as the screen has nothing more to lay out, unless that takes too long."""
        frame = self._frame

        def idle() -> None:
            if self._due is not None and frame == self._frame:
                self._over()

        left = self._since + MOST_S - asyncio.get_running_loop().time()
        if left <= 0:
            self._over()
        else:
            self._due = asyncio.get_running_loop().call_later(left, self._over)
            self._app.screen.call_after_refresh(idle)

    def _over(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        self._write()

    def _write(self) -> None:
        driver = driver_of(self._app)
        if not isinstance(driver, TerminalDriver) or driver.is_put_away:
            return
        if text := self._frames.difference():
            x, y = self._app.cursor_position
            text += f"\x1b[{y + 1};{x + 1}H"
            driver.write(f"\x1b[?2026h{text}\x1b[?2026l" if shows_at_once(self._app) else text)
