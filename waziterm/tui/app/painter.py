"""A change is painted once: what Textual paints step by step is written when it stands."""

import asyncio

from rich.console import COLOR_SYSTEMS
from textual.app import App

from waziterm.tui.app.driver import SILENT_S, TerminalDriver
from waziterm.tui.app.frames import Frames
from waziterm.tui.textual_private import Painted, driver_of, shows_at_once

SETTLE_S = 0.03
"""A whole screen waits so long for the next one, in seconds: Textual paints 60 times a second."""
MOST_S = 0.3
"""It waits no longer than this, in seconds, whatever follows; a busy machine needs that long."""


ASKED_FROM = 1000
"""After so many characters the terminal is asked whether it has taken them."""
SLOW_S, SLOW_BYTES = 0.25, 20_000
"""A line is slow when an answer took so long, in seconds, with fewer characters per second."""
JUDGED_FROM = 500
"""Fewer characters than this, as the clock's, do not tell how fast the line is."""
PIECE = 700
"""What a slow line gets at a time, in characters: a key's mark comes after no more than that."""
MARK = 12
"""The cells that show which key has come."""


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
        self._slow = False
        self._answers = False
        self._asked: float | None = None
        self._written = 0
        self._more = False
        self._behind_since: float | None = None

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

    # -- a slow line

    @property
    def behind_s(self) -> float:
        """How long the terminal has not shown all that it ought to, in seconds."""
        if self._behind_since is None:
            return 0.0
        return asyncio.get_running_loop().time() - self._behind_since

    def taken(self, key: str) -> None:
        """On a slow line: say that a key has come, before what it does is painted. key: its name"""
        driver = self._driver()
        columns, rows = self._frames.size
        if driver is not None and self._slow and columns > MARK:
            shown = f" {key} … "[:MARK]
            driver.write(f"\x1b[{rows};{columns - len(shown) + 1}H\x1b[0;7m{shown}\x1b[0m")
            self._frames.forget_line(rows - 1)

    def _driver(self) -> TerminalDriver | None:
        driver = driver_of(self._app)
        return driver if isinstance(driver, TerminalDriver) and not driver.is_put_away else None

    def _write(self) -> None:
        """Write what differs; on a slow line a piece of it, and the next one when it was taken."""
        driver = self._driver()
        if driver is None:
            return
        now = asyncio.get_running_loop().time()
        if self._asked is not None and self._answers:
            if now - self._asked < SILENT_S:
                return
            self._answers = self._slow = False
        if not self._more:
            # All that was wanted before is shown.
            self._behind_since = None
        text = self._frames.difference(PIECE if self._slow else None)
        self._more = self._frames.has_more
        if not text:
            return
        x, y = self._app.cursor_position
        text += f"\x1b[{y + 1};{x + 1}H"
        driver.write(f"\x1b[?2026h{text}\x1b[?2026l" if shows_at_once(self._app) else text)
        if self._slow or len(text) > ASKED_FROM:
            driver.answered = self._answered
            self._asked, self._written = now, len(text)
            if self._answers and self._behind_since is None:
                self._behind_since = now
            driver.ask()

    def _answered(self) -> None:
        """The terminal has taken the last piece."""
        if self._asked is None:
            return
        took = asyncio.get_running_loop().time() - self._asked
        self._answers = True
        self._asked = None
        if self._written >= JUDGED_FROM:
            few = self._written < took * SLOW_BYTES
            self._slow = few and (self._slow or took > SLOW_S)
        if self._due is None:
            self._write()
