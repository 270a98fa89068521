"""What the app has painted, read as cells, and waiting for it under Textual's Pilot."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from rich.cells import cell_len
from rich.style import Style
from textual.pilot import Pilot

from tests.terminal import Cell
from tests.tui.scripted import ScriptedFleet
from waziterm.domain.screen import Density, Lang, Screen, Sort
from waziterm.lang import speaking, translations
from waziterm.tui.app.app import WazitermApp
from waziterm.tui.app.remembered import Memory
from waziterm.tui.state.here import Home

DEADLINE_S = 10.0
AS_ADDED = Screen(title=False, sort=Sort.FLEET, density=Density.CARDS)
"""The wall of one who wants a card for each, in the order in which they were added: a test that is
about something else knows who is first."""


class Shown:
    """A running app under Pilot, with its fleet."""

    def __init__(self, app: WazitermApp, fleet: ScriptedFleet, pilot: Pilot[None]) -> None:
        self.app = app
        self.fleet = fleet
        self.pilot = pilot

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    def cells(self) -> list[list[Cell]]:
        """The painted cells with their colours."""
        rows = []
        # Of thousands of cells, few differ.
        made: dict[tuple[str, Style | None], list[Cell]] = {}
        for strip in self.app.screen._compositor.render_strips():
            row: list[Cell] = []
            for text, style, _control in strip:
                for char in text:
                    cells = made.get((char, style))
                    if cells is None:
                        cells = made[char, style] = _cells(char, style)
                    row += cells
            rows.append(row)
        return rows

    def text(self) -> str:
        """The painted text, row by row: that of `cells`, without the cost of making them."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(
            strip.text if strip.text.isascii() else _seen(strip.text) for strip in strips
        )

    async def until(self, holds: Callable[[str], bool], what: str = "the awaited screen") -> str:
        """Wait until the painted text is the wanted one."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                while not holds(self.text()):
                    await self.pilot.pause(0.02)
        except TimeoutError:
            raise AssertionError(f"no {what}; the screen:\n{self.text()}") from None
        return self.text()

    async def says(self, *sentences: str) -> str:
        """Wait for sentences that may be broken into lines, in a frame or not."""
        frame = str.maketrans(dict.fromkeys("│┃", " "))

        def flat(screen: str) -> str:
            return " ".join(screen.translate(frame).split())

        text = await self.until(
            lambda screen: all(said in flat(screen) for said in sentences), str(sentences)
        )
        return flat(text)

    async def ended(self) -> None:
        """Wait until the app has left."""
        async with asyncio.timeout(DEADLINE_S):
            while self.app.is_running:  # noqa: ASYNC110 (Textual tells nobody)
                await asyncio.sleep(0.01)

    async def sees(self, *texts: str) -> str:
        """Wait until all of the texts are on the screen."""
        return await self.until(lambda screen: all(text in screen for text in texts), str(texts))


@asynccontextmanager
async def shown(
    fleet: ScriptedFleet,
    columns: int = 80,
    rows: int = 24,
    keymap: Mapping[str, str] | None = None,
    *,
    attached: bool = False,
    read_only: bool = False,
    lang: Lang = Lang.EN,
    look: Screen = AS_ADDED,
    memory: Memory | None = None,
    home: Home | None = None,
) -> AsyncIterator[Shown]:
    """Run the app on a scripted fleet in a terminal of this size."""
    with speaking(translations(lang, {})):
        app = WazitermApp(
            fleet,
            clock=fleet.clock,
            keymap=keymap,
            attached=attached,
            read_only=read_only,
            look=look,
            memory=memory,
            home=home,
        )
        async with app.run_test(size=(columns, rows)) as pilot:
            await pilot.pause()
            yield Shown(app, fleet, pilot)


def _seen(text: str) -> str:
    """A text without what takes no cell."""
    return "".join(char for char in text if cell_len(char))


def _cells(char: str, style: Style | None) -> list[Cell]:
    """What a character takes: none, one or two."""
    fg = _hex(style.color) if style and style.color else "c0c0c0"
    bg = _hex(style.bgcolor) if style and style.bgcolor else "000000"
    cells = [Cell(char, fg, bg, bool(style and style.bold)), Cell("", fg, bg)]
    return cells[: cell_len(char)]


def _hex(colour: object) -> str:
    red, green, blue = colour.get_truecolor()  # type: ignore[attr-defined]
    return f"{red:02x}{green:02x}{blue:02x}"
