"""`make screenshots`: pictures of the real program on the lab, as SVG and PNG, in this folder."""

import asyncio
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from screenshots.render import Picture
from screenshots.stage import PATIENCE_S, STEADY, TAKEN, Stage, staged
from tests.qrscan import decode_qr
from tests.terminal import Terminal

HERE = Path(__file__).parent
WAZITERM = [sys.executable, "-m", "waziterm"]
COLUMNS, ROWS, LOW = 120, 36, 28
ROOMY, FEW = 140, 20
"""For what has long rows, and few of them."""
QUIET_S = 0.3
"""A screen that was not painted for so long is painted in full; its clock ticks once a second."""


class Camera:
    """A terminal in which the program runs, and the pictures that are taken of it."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    async def press(self, *keys: str, see: str, what: str) -> None:
        """Press keys and wait until a text stands on the screen."""
        self._terminal.send(*keys)
        await self._terminal.until(lambda text: see in text, PATIENCE_S, what)

    async def leave(self, *keys: str, gone: str, what: str) -> None:
        """Press keys and wait until a text stands on the screen no more."""
        self._terminal.send(*keys)
        await self._terminal.until(lambda text: gone not in text, PATIENCE_S, what)

    async def see_code(self) -> None:
        """Wait until a phone could scan the screen."""
        await self._terminal.until(
            lambda _: decode_qr(self._terminal.cells()) is not None, PATIENCE_S, "a QR code"
        )

    def resize(self, columns: int, rows: int) -> None:
        self._terminal.resize(columns, rows)

    async def take(self, name: str) -> None:
        """Write NAME.svg and NAME.png, once the screen is painted in full."""
        painted = -1
        while painted != len(self._terminal.output):
            painted = len(self._terminal.output)
            await asyncio.sleep(QUIET_S)
        picture = Picture.of(self._terminal.screen)
        svg, png = await asyncio.to_thread(picture.save, HERE, name)
        print(f"{svg.name} {png.name}")  # noqa: T201


async def main() -> int:
    """Bring a fleet on the lab into all its states, and take the pictures."""
    async with staged() as stage:
        with ExitStack() as opened:
            dark, light, plain = (
                Camera(opened.enter_context(_attached(stage, **screen)))
                for screen in ({}, {"THEME": "light"}, {"ASCII": "on"})
            )
            await stage.linked()
            await stage.troubled()
            await _fleet(stage, dark, light, plain)
            await _one(dark)
            await _dialogs(stage, dark)
    with tempfile.TemporaryDirectory(prefix="wt-") as folder:
        command = [*WAZITERM, "--data-dir", folder]
        with Terminal(command, columns=80, rows=24) as terminal:
            empty = Camera(terminal)
            await empty.press(see="0 instances", what="an empty fleet")
            await empty.take("empty")
    return 0


def _attached(stage: Stage, **screen: str) -> Terminal:
    """The screen on the staged fleet. screen: what `[screen]` sets."""
    env = {f"WAZITERM_SCREEN__{name}": value for name, value in screen.items()}
    command = [*WAZITERM, "attach", "--data-dir", str(stage.root)]
    config = {"WAZITERM_CONFIG": str(stage.config)}
    return Terminal(command, columns=COLUMNS, rows=ROWS, env={**config, **env})


async def _fleet(stage: Stage, dark: Camera, light: Camera, plain: Camera) -> None:
    """The views of the whole fleet."""
    for camera, name in ((dark, "wall"), (light, "light")):
        await camera.press(see="▲ cool-down", what="the troubled fleet")
        await camera.take(name)
    for camera, name, sorted_by in ((dark, "list", "STATE▲"), (plain, "ascii", "STATE^")):
        camera.resize(ROOMY, FEW)
        await camera.press("2", see="LAST LINE", what="the list")
        await camera.press("o", "o", see=sorted_by, what="the worst on top")
        await camera.press(" ", " ", see="2 marked", what="marks")
        await camera.take(name)
    await dark.leave("escape", gone="2 marked", what="no marks")
    count = len(await stage.fleet.incidents())
    await dark.press(*"oooo", "4", see=f"{count} not acknowledged", what="the incidents")
    await dark.press("j", "A", see=f"{count - 1} not acknowledged", what="one that was seen")
    await dark.take("incidents")
    dark.resize(COLUMNS, ROWS)
    await dark.press("5", see="to go", what="the queue")
    await dark.see_code()
    await dark.take("queue")


async def _one(dark: Camera) -> None:
    """One instance in full: linked, in trouble, and with its QR code."""
    dark.resize(COLUMNS, LOW)
    await dark.press("1", "home", "enter", see="─ history", what=STEADY)
    await dark.take("focus")
    await dark.press("right", see="guarded attempt", what=TAKEN)
    await dark.press(see="─ history", what="its history")
    await dark.take("conflict")
    dark.resize(COLUMNS, ROWS)
    await dark.leave("escape", gone="history", what="the wall")


async def _dialogs(stage: Stage, dark: Camera) -> None:
    """What stands over the screen, and the linking of a new number."""
    await dark.press("?", see="esc close", what="the help")
    await dark.take("help")
    await dark.leave("escape", gone="esc close", what="the wall")
    await dark.press("K", see="esc close", what="a check")
    await dark.take("check")
    await dark.leave("escape", gone="esc close", what="the wall")
    await stage.mended()
    await dark.press("R", see="Restart the fleet?", what="the question")
    await dark.press("y", see="done in", what="the end of the restart")
    await dark.take("restart")
    await dark.leave("escape", gone="done in", what="the wall")
    await dark.press("a", see="Add an instance", what="the dialog")
    await dark.take("add")
    await dark.press("shop-new", "enter", see="code 1 of 6", what="a pairing")
    await dark.see_code()
    await dark.take("pairing")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
