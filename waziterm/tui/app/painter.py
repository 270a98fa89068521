"""A change is painted once: what Textual paints step by step is written when it stands."""

import asyncio

from rich.console import COLOR_SYSTEMS
from textual.app import App

from waziterm.tui.app.driver import TerminalDriver
from waziterm.tui.app.frames import Frames
from waziterm.tui.app.line import Line
from waziterm.tui.paint.cells import cut, width_of
from waziterm.tui.paint.finish import only_ascii
from waziterm.tui.paint.plainglyphs import to_ascii
from waziterm.tui.textual_private import Painted, driver_of, shows_at_once

SETTLE_S = 0.012
"""A whole screen waits so long for the next one, in seconds, and then until nothing is left to be
laid out. Moves in a wall of cards are whole screens too: with 0.03 they came twice as late."""
MOST_S = 0.3
"""It waits no longer than this, in seconds, whatever follows; a busy machine needs that long."""
MARK = 12
"""The cells that show which key has come."""


class Painter:
    """Writes what differs from the terminal's cells.

    A part of the screen, as after a move, goes out at once. All of it (a dialog opens, another
    view comes) is held back until no more follows, because most of the steps of it are seen by
    nobody and each takes seconds on a slow line. The first screen of all goes out at once too.
    A slow line gets a piece at a time, and the next one when the terminal has taken it.
    """

    def __init__(self, app: App[None]) -> None:
        self._app = app
        self._frames = Frames()
        self._line = Line()
        self._due: asyncio.TimerHandle | None = None
        self._again: asyncio.TimerHandle | None = None
        self._wholes = 0
        self._since = 0.0
        self._has_begun = False

    def take(self, painted: Painted, size: tuple[int, int]) -> None:
        """Have this painted, now or soon. size: columns and lines of the screen."""
        system = COLOR_SYSTEMS[self._app.console.color_system or "truecolor"]
        self._frames.take(painted.pieces, size, system)
        self._line.wanted(asyncio.get_running_loop().time())
        # Parts of a screen, as log lines that pass by, do not keep all of it waiting.
        self._wholes += painted.whole
        if not self._has_begun and self._frames.is_blank:
            # The app is still building its first screen.
            return
        if painted.whole and self._has_begun:
            self._hold()
        elif self._due is None:
            self._write()

    def forget(self) -> None:
        """The terminal has lost what it showed."""
        self._frames.forget()

    def begin_anew(self) -> None:
        """Somebody else had the terminal: it has lost what it showed, and what it was asked."""
        self._frames.forget()
        self._line = Line()
        self._has_begun = False

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
        wholes = self._wholes

        def idle() -> None:
            if self._due is not None and wholes == self._wholes:
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

    def behind_s(self, at: float) -> float:
        """How old the picture was, in seconds, on which a key was pressed. at: when it was read, in
        seconds of the monotonic clock."""
        return self._line.behind_s(at)

    def taken(self, key: str) -> None:
        """On a slow line: say that a key has come, before what it does is painted. key: its name"""
        driver = self._driver()
        columns, rows = self._frames.size
        now = asyncio.get_running_loop().time()
        if driver is not None and columns > MARK and self._line.piece(now) is not None:
            # Textual's filters do not see it.
            shown = cut(f" {key} … ", MARK)
            shown = to_ascii(shown) if only_ascii(self._app) else shown
            text = f"\x1b[{rows};{columns - width_of(shown) + 1}H\x1b[0;7m{shown}\x1b[0m"
            driver.write(text)
            self._line.wrote(len(text), now)
            self._frames.forget_line(rows - 1)

    def _driver(self) -> TerminalDriver | None:
        driver = driver_of(self._app)
        return driver if isinstance(driver, TerminalDriver) and not driver.is_put_away else None

    def _write(self) -> None:
        """Write what differs; on a slow line a piece of it, and the next one when it was taken."""
        driver = self._driver()
        if driver is None:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._again is not None:
            self._again.cancel()
            self._again = None
        if not self._has_begun:
            driver.answered = self._answered
            self._ask(driver, now)
        wait_s = self._line.wait_s(now)
        if wait_s > 0.0:
            self._again = loop.call_later(wait_s, self._write)
            return
        text = self._frames.difference(self._line.piece(now))
        if text:
            self._has_begun = True
            x, y = self._app.cursor_position
            text += f"\x1b[{y + 1};{x + 1}H"
            driver.write(f"\x1b[?2026h{text}\x1b[?2026l" if shows_at_once(self._app) else text)
            self._line.wrote(len(text), now)
        self._ask(driver, now)
        if self._frames.has_more:
            self._again = loop.call_later(self._line.wait_s(now), self._write)

    def _ask(self, driver: TerminalDriver, now: float) -> None:
        if self._line.asks(now, is_all=not self._frames.has_more):
            driver.ask()

    def _answered(self, count: int, at: float) -> None:
        """The terminal has answered so many times. at: when that was read."""
        self._line.answered(count, at)
        if self._due is None:
            self._write()
