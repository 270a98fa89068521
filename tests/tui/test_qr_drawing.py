"""QR codes as cells: they decode, and they are never painted where they do not fit."""

import pytest

from tests.qrscan import decode_qr
from tests.terminal import Cell
from tests.tui.painted import shown
from tests.tui.scripted import FAKE_QR, NOW, ScriptedFleet, pairing
from waziterm.tui.instance.qrcells import Drawing, Size, draw, modules, size

QUIET = 2


def test_a_code_of_the_real_length_has_the_measured_sizes() -> None:
    matrix = modules(FAKE_QR)
    assert len(matrix) == 61 + 2 * QUIET
    assert size(matrix, Drawing.HALF) == Size(65, 33)
    assert size(matrix, Drawing.SEXTANT) == Size(33, 22)


@pytest.mark.parametrize("drawing", Drawing)
@pytest.mark.parametrize("around", ["000000", "ffffff"])
def test_both_drawings_decode_on_dark_and_on_light(drawing: Drawing, around: str) -> None:
    matrix = modules(FAKE_QR)
    edge = [Cell(" ", "808080", around)] * 3
    rows = [
        [*edge, *(Cell(char, "000000", "ffffff") for char in text), *edge]
        for text in draw(matrix, drawing)
    ]
    assert {len(row) - 6 for row in rows} == {size(matrix, drawing).columns}
    assert len(rows) == size(matrix, drawing).rows
    blank = [[Cell(" ", "808080", around)] * len(rows[0])]
    assert decode_qr([*blank, *rows, *blank]) == FAKE_QR


@pytest.mark.parametrize(
    ("columns", "rows", "glyphs"),
    [
        (80, 24, "sextant"),
        (60, 22, "sextant"),
        (33, 22, "sextant"),
        (40, 30, "sextant"),
        (80, 41, "half"),
        (120, 40, "half"),
        (160, 50, "half"),
        (300, 100, "half"),
    ],
)
async def test_the_focus_paints_a_code_that_scans(columns: int, rows: int, glyphs: str) -> None:
    async with shown(ScriptedFleet(pairing("shop")), columns, rows) as screen:
        await screen.press("enter")
        await screen.until(lambda _: decode_qr(screen.cells()) == FAKE_QR, "code that scans")
        inked = {cell.text for row in screen.cells() for cell in row if cell.bg == "ffffff"}
        sextants = any(ord(char) >= 0x1FB00 for char in inked)
        assert sextants == (glyphs == "sextant")
        on_white = {cell.fg for row in screen.cells() for cell in row if cell.bg == "ffffff"}
        assert on_white == {"000000"}
        if columns >= 40 and rows >= 24:
            await screen.sees("code 2 of 6, 14 s left", "Linked devices")


@pytest.mark.parametrize(("columns", "rows"), [(60, 20), (80, 21), (32, 60)])
async def test_a_code_that_does_not_fit_is_never_painted(columns: int, rows: int) -> None:
    async with shown(ScriptedFleet(pairing("shop")), columns, rows) as screen:
        await screen.press("enter")
        await screen.says("QR code needs 33 columns and 22 rows", "waziterm qr shop")
        assert not any(cell.bg == "ffffff" for row in screen.cells() for cell in row)


async def test_Q_switches_the_drawing_and_says_when_the_other_does_not_fit() -> None:
    async with shown(ScriptedFleet(pairing("shop")), 120, 40) as screen:
        await screen.press("enter")
        await screen.sees("▀")
        await screen.press("Q")
        await screen.until(lambda text: "▀" not in text and "🬀" in text, "sextants")
        assert decode_qr(screen.cells()) == FAKE_QR
        await screen.press("Q")
        await screen.sees("▀")
        assert decode_qr(screen.cells()) == FAKE_QR
    async with shown(ScriptedFleet(pairing("shop")), 80, 24) as screen:
        await screen.press("enter", "Q")
        await screen.sees("half blocks need 65 columns and 33 rows")
        assert decode_qr(screen.cells()) == FAKE_QR


async def test_an_expired_code_leaves_the_screen_and_the_next_one_is_painted() -> None:
    fleet = ScriptedFleet(pairing("shop"))
    async with shown(fleet, 80, 24) as screen:
        await screen.press("enter")
        await screen.sees("14 s left")
        fleet.clock.advance(6.5)
        screen.app.screens.repaint()
        await screen.sees("8 s left")
        fleet.clock.advance(8)
        screen.app.screens.repaint()
        await screen.sees("waiting for the next QR code")
        assert decode_qr(screen.cells()) is None
        another = FAKE_QR[:-1] + "#"
        fleet.show(pairing("shop", 20, another, at=NOW + 14.5))
        await screen.until(lambda _: decode_qr(screen.cells()) == another, "the next code")


async def test_the_wall_never_paints_a_code_but_names_the_key() -> None:
    async with shown(ScriptedFleet(pairing("shop")), 160, 50) as screen:
        await screen.sees("QR ready, code 2 of 6, 0:14 left", "enter shows it")
        assert not any(cell.bg == "ffffff" for row in screen.cells() for cell in row)
