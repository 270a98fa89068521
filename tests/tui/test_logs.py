"""The log of one and the log of all: search, levels, and where enter leads."""

import asyncio

import pytest

from tests.tui.painted import Shown, shown
from tests.tui.scripted import NOW, ScriptedFleet, connected, every_state, pairing
from waziterm.domain.fleet.api import FleetError, LogLine, Source
from waziterm.domain.fleet.history import FleetLines
from waziterm.tui.instance.log_window import LogWindow
from waziterm.tui.paint import look
from waziterm.tui.screens.instance import FocusScreen
from waziterm.tui.screens.log_of_all import FleetLogScreen
from waziterm.tui.screens.main import MainScreen
from waziterm.tui.screens.reading import fill
from waziterm.tui.state.fleetlog import KEPT
from waziterm.tui.state.model import FleetModel


def logging_fleet(count: int = 200) -> ScriptedFleet:
    """One whose every 50th line tells of a receipt."""
    fleet = ScriptedFleet(connected("shop"))
    for n in range(count):
        fleet.log("shop", f"Receipt {n}" if n % 50 == 0 else f"line {n}")
    return fleet


def row_of(screen: Shown, text: str) -> int:
    (found,) = (y for y, line in enumerate(screen.text().splitlines()) if text in line)
    return found


async def test_a_search_finds_upwards_goes_on_and_back_and_marks_what_it_found() -> None:
    async with shown(logging_fleet()) as screen:
        await screen.press("l", "slash", *"receipt")
        await screen.sees("Receipt 150", "/receipt 4 of 4", "enter find it", "esc clear it")
        await screen.press("enter")
        await screen.sees("Receipt 150", "line 151", "newer below")
        cells = screen.cells()[row_of(screen, "Receipt 150")]
        marked = "".join(cell.text for cell in cells if f"#{cell.bg}" == look.WAIT)
        assert marked == "Receipt"
        await screen.press("n")
        await screen.sees("Receipt 100", "/receipt 3 of 4")
        await screen.press("n", "n")
        await screen.sees("Receipt 0", "/receipt 1 of 4")
        await screen.press("n")
        await screen.says("✖ no more lines with receipt in this direction")
        await screen.press("N")
        await screen.sees("Receipt 50", "/receipt 2 of 4")
        await screen.press("f")
        await screen.sees("line 199", "following")
        await screen.press("n")
        await screen.sees("Receipt 150")
        await screen.press("escape")
        await screen.until(lambda text: "/receipt" not in text and "number" not in text)
        await screen.press("escape")
        await screen.until(lambda _: isinstance(screen.app.screen, MainScreen))


async def test_a_search_that_finds_nothing_says_so_and_escape_leaves_it() -> None:
    async with shown(logging_fleet()) as screen:
        await screen.press("l", "slash", *"nowhere", "enter")
        await screen.says("✖ no line has nowhere", "/nowhere – of 0")
        await screen.press("slash", "escape")
        await screen.until(lambda text: "/nowhere" not in text)
        assert isinstance(screen.app.screen, FocusScreen)


async def test_new_lines_do_not_move_what_was_found() -> None:
    fleet = logging_fleet()
    async with shown(fleet) as screen:
        await screen.press("l", "slash", *"receipt 50", "enter")
        await screen.sees("Receipt 50", "of 1")
        before = row_of(screen, "Receipt 50")
        for n in range(30):
            fleet.log("shop", f"later {n}")
        await screen.sees("newer below")
        fleet.log("shop", "Receipt 50 again")
        await screen.sees("/receipt 50 1 of 2")
        assert row_of(screen, "Receipt 50") == before


async def test_in_front_of_a_code_a_search_shows_the_log() -> None:
    fleet = ScriptedFleet(pairing("shop", 600))
    fleet.log("shop", "new QR code, 2 of 6")
    async with shown(fleet) as screen:
        await screen.press("enter", "slash", *"qr", "enter")
        await screen.sees("new QR code, 2 of 6", "/qr 1 of 1")
        await screen.press("enter")
        await screen.until(lambda text: "new QR code" not in text or "code 2 of 6," in text)


@pytest.mark.parametrize(
    ("text", "source", "colour"),
    [
        ("warning: it takes long", Source.LIBRARY, look.WAIT),
        ("error: it broke", Source.LIBRARY, look.BAD),
        ("reconnect asked", Source.OPERATOR, look.STRONG),
        ("all is well", Source.LIBRARY, look.TEXT),
    ],
)
def test_what_a_line_warns_of_has_its_colour(text: str, source: Source, colour: str) -> None:
    (strip,) = LogWindow().draw([LogLine(1, NOW, source, text)], 80, 5, NOW)
    (style,) = (part.style for part in strip if part.text.strip() == text)
    assert style is not None and style.color is not None and style.color.name == colour


# -- of all


async def test_the_log_of_all_is_one_stream_by_time_and_goes_on() -> None:
    fleet = ScriptedFleet(connected("shop-a"), connected("shop-b"))
    for n in range(6):
        fleet.clock.advance(1)
        fleet.log(f"shop-{'ab'[n % 2]}", f"line {n}")
    async with shown(fleet, 100, 24) as screen:
        await screen.press("L")
        await screen.sees("log of all", "line 5", "following")
        shown_lines = [line for line in screen.text().splitlines() if " line " in line]
        assert [line.split()[-1] for line in shown_lines] == list("012345")
        assert [line.split()[1] for line in shown_lines] == ["shop-a", "shop-b"] * 3
        fleet.log("shop-a", "line 6")
        await screen.sees("line 6")
        await screen.press("slash", *"shop-b line", "enter")
        await screen.sees("/shop-b line 3 of 3")
        await screen.press("enter")
        await screen.until(lambda _: isinstance(screen.app.screen, FocusScreen))
        assert screen.app.screens.target == "shop-b"
        await screen.press("escape")
        await screen.sees("log of all", "/shop-b line 3 of 3")
        await screen.press("enter", "L")
        await screen.sees("log of all", "/shop-b line 3 of 3")
        await screen.press("escape", "L")
        await screen.until(lambda _: isinstance(screen.app.screen, MainScreen))
        assert screen.app.model.log is None


async def test_no_key_acts_on_whoever_has_the_lowest_line() -> None:
    fleet = every_state()
    async with shown(fleet, 120, 30) as screen:
        await screen.press("space", "L")
        for key in ("r", "s", "c", "x", "t"):
            await screen.press(key)
            await screen.says("✖ no instance is selected here; 1 or 2 shows them all")
        assert fleet.calls == []
        await screen.press("2")
        await screen.sees("NAME", "1 marked")


async def test_it_opens_from_an_instance_and_leads_back_there() -> None:
    async with shown(every_state(), 120, 30) as screen:
        await screen.press("enter", "L")
        await screen.until(lambda _: isinstance(screen.app.screen, FleetLogScreen))
        await screen.press("L")
        await screen.until(lambda _: isinstance(screen.app.screen, FocusScreen))


async def test_the_stream_keeps_the_newest_of_all_and_takes_no_line_twice() -> None:
    fleet = ScriptedFleet(*(connected(f"shop-{n:02}") for n in range(120)))
    for n in range(60):
        fleet.clock.advance(1)
        for name in fleet.views:
            fleet.log(name, f"line {n}")
    model = FleetModel(fleet)
    model.load()
    stream = model.open_log()
    assert stream.begins_asking() and not stream.begins_asking()
    await fill(stream, fleet)
    assert len(stream.lines) == KEPT
    assert [line.at for line in stream.lines] == sorted(line.at for line in stream.lines)
    assert stream.lines[-1].text == "line 59"
    assert {line.instance for line in stream.lines} == set(fleet.views)
    fleet.vanish("shop-01")
    model.load()
    assert stream.begins_asking()
    await fill(stream, fleet)
    assert [line.seq for line in stream.lines] == list(range(1, KEPT + 1))
    assert not stream.begins_asking()


@pytest.mark.parametrize("keys", [["L"], ["2"]], ids=["alone", "beside"])
async def test_until_the_older_lines_are_read_it_says_so(keys: list[str]) -> None:
    class Slow(ScriptedFleet):
        answers = asyncio.Event()

        async def fleet_lines(self, *, limit: int = 200, **_: object) -> FleetLines:
            await self.answers.wait()
            return await super().fleet_lines(limit=limit)

    fleet = Slow(connected("shop-a"))
    fleet.log("shop-a", "an older line")
    async with shown(fleet, 220, 30) as screen:
        await screen.press(*keys)
        await screen.sees("The log is being read …")
        fleet.log("shop-a", "a newer line")
        fleet.answers.set()
        await screen.until(lambda _: "The log is being read" not in screen.text())
        await screen.sees("an older line", "a newer line")


async def test_one_that_says_much_has_all_of_it_in_the_stream() -> None:
    fleet = ScriptedFleet(*(connected(f"shop-{n:03}") for n in range(200)))
    for name in fleet.views:
        fleet.log(name, "old")
    fleet.clock.advance(1)
    for n in range(1000):
        fleet.log("shop-007", f"line {n}")
    stream = FleetModel(fleet).open_log()
    await fill(stream, fleet)
    assert [line.text for line in stream.lines][-1000:] == [f"line {n}" for n in range(1000)]


async def test_what_comes_while_the_older_ones_are_read_comes_after_them() -> None:
    fleet = logging_fleet(5)
    stream = FleetModel(fleet).open_log()
    stream.take({"shop": (LogLine(5, NOW, Source.LIBRARY, "line 4"),)})
    stream.take({"shop": (LogLine(6, NOW, Source.LIBRARY, "line 5"),)})
    assert not stream.lines and stream.begins_asking()
    await fill(stream, fleet)
    assert [line.text for line in stream.lines] == [
        "Receipt 0",
        *(f"line {n}" for n in range(1, 6)),
    ]
    stream.take({"shop": (LogLine(7, NOW, Source.LIBRARY, "line 6"),)})
    assert stream.lines[-1].text == "line 6"


async def test_a_stream_whose_past_cannot_be_read_goes_on() -> None:
    class Refusing(ScriptedFleet):
        async def fleet_lines(self, **_: object) -> FleetLines:
            raise FleetError("the disk is full", "free some space")

    stream = FleetModel(Refusing()).open_log()
    stream.take({"shop": (LogLine(1, NOW, Source.LIBRARY, "line"),)})
    assert stream.begins_asking()
    await fill(stream, Refusing())
    assert [line.text for line in stream.lines] == ["line"]
