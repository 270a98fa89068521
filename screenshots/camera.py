"""A terminal in which the real screen shows the staged fleet, and what is taken of it."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from screenshots.render import Picture
from screenshots.stage import Stage
from tests.terminal import Terminal

PATIENCE_S = 120.0
QUIET_S = 1.0
"""A screen that was not painted for so long is painted in full."""
TICK_S = 0.02


class Camera:
    """Presses keys and looks. The fleet's time stands still meanwhile, but where it is told to
    pass."""

    def __init__(self, stage: Stage, terminal: Terminal) -> None:
        self._stage = stage
        self._terminal = terminal

    @property
    def output(self) -> bytes:
        """All that the program has written so far."""
        return bytes(self._terminal.output)

    def send(self, *keys: str) -> None:
        self._terminal.send(*keys)

    def press(self, *keys: str, see: str) -> None:
        """Press keys and wait until a text stands on the screen. Raises AssertionError."""
        self._terminal.send(*keys)
        self.wait(lambda text: see in text, see)

    def leave(self, *keys: str, gone: str) -> None:
        """Press keys and wait until a text stands on the screen no more. Raises AssertionError."""
        self._terminal.send(*keys)
        self.wait(lambda text: gone not in text, f"end of {gone}")

    def wait(self, holds: Callable[[str], bool], what: str, pass_s: float = 0.0) -> None:
        """Wait until the screen's text is as wanted. pass_s: so much time passes for the fleet with
        each look. Raises AssertionError, which names what was wanted."""
        end = time.monotonic() + PATIENCE_S
        while not holds(self._terminal.text()):
            assert time.monotonic() < end, f"no {what}; the screen:\n{self._terminal.text()}"
            self.tick(pass_s)

    def tick(self, pass_s: float = 0.0) -> None:
        """Let the fleet answer, and so much of its time pass."""
        if pass_s:
            self._stage.let_pass(pass_s)
        else:
            self._stage.step()
        time.sleep(TICK_S)

    def picture(self) -> Picture:
        """The screen, once it is painted in full."""
        painted, quiet = -1, time.monotonic()
        while time.monotonic() - quiet < QUIET_S:
            if painted != len(self._terminal.output):
                painted, quiet = len(self._terminal.output), time.monotonic()
            self.tick()
        return Picture.of(self._terminal.screen)


@contextmanager
def camera(stage: Stage, columns: int, rows: int, **screen: str) -> Iterator[Camera]:
    """A screen on the staged fleet, while the context lasts. screen: what `[screen]` sets."""
    env = {f"WAZITERM_SCREEN__{name}": value for name, value in screen.items()}
    env["WAZITERM_CONFIG"] = str(stage.config)
    command = [sys.executable, "-m", "screenshots.screen", str(stage.socket), str(stage.clock)]
    with Terminal(command, columns=columns, rows=rows, env=env) as terminal:
        yield Camera(stage, terminal)
