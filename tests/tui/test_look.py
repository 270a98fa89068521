"""Themes, 16 colours, NO_COLOR and ASCII: readable each, and nothing is said by colour alone."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import astuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import Color as RichColor
from rich.color import ColorSystem
from rich.style import Style

from tests.tui import scripted
from tests.tui.painted import Shown
from tests.tui.scripted import HOSTILE, ScriptedFleet, every_state
from waziterm.domain.lifecycle.states import State
from waziterm.domain.screen import Ascii, Screen, Theme
from waziterm.tui.app.app import WazitermApp
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import inert, width_of
from waziterm.tui.paint.finish import Finish, only_ascii, reduced, speaks_utf8, themed
from waziterm.tui.paint.plainglyphs import to_ascii
from waziterm.tui.paint.themes import DARK, PALETTES, Palette, sixteen

XTERM = [
    "000000", "cd0000", "00cd00", "cdcd00", "0000ee", "cd00cd", "00cdcd", "e5e5e5",
    "7f7f7f", "ff0000", "00ff00", "ffff00", "5c5cff", "ff00ff", "00ffff", "ffffff",
]  # fmt: skip
VGA = [
    "000000", "aa0000", "00aa00", "aa5500", "0000aa", "aa00aa", "00aaaa", "aaaaaa",
    "555555", "ff5555", "55ff55", "ffff55", "5555ff", "ff55ff", "55ffff", "ffffff",
]  # fmt: skip
READABLE = 4.5
"""The least contrast of text by WCAG 2.2, level AA."""

MODES = {
    "light": Finish(Theme.LIGHT),
    "high-contrast": Finish(Theme.HIGH_CONTRAST),
    "dark, 16 colours": Finish(few_colours=True),
    "light, 16 colours": Finish(Theme.LIGHT, few_colours=True),
    "ascii": Finish(ascii=True),
    "light, 16 colours, ascii": Finish(Theme.LIGHT, few_colours=True, ascii=True),
}


def luminance(colour: str) -> float:
    """The relative luminance of `rrggbb`, by WCAG."""
    parts = [value / 255 for value in bytes.fromhex(colour.removeprefix("#"))]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@asynccontextmanager
async def finished(
    fleet: ScriptedFleet, finish: Finish, columns: int = 100, rows: int = 60
) -> AsyncIterator[Shown]:
    """The app on a scripted fleet, finished for some terminal."""
    app = WazitermApp(fleet, clock=fleet.clock)
    finish.put_on(app)
    async with app.run_test(size=(columns, rows)) as pilot:
        await pilot.pause()
        yield Shown(app, fleet, pilot)


def test_the_formula_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == 21
    assert round(contrast("#777777", "#ffffff"), 2) == 4.48


@pytest.mark.parametrize("theme", Theme)
def test_text_is_readable_on_every_background(theme: Theme) -> None:
    palette = PALETTES[theme]
    least = 7.0 if theme is Theme.HIGH_CONTRAST else READABLE
    for text in palette.texts:
        for background in (palette.background, palette.raised):
            assert contrast(text, background) >= least, (text, background)
    for badge in (palette.wait, palette.bad):
        assert contrast(palette.ink, badge) >= least, badge


LIT = {Theme.DARK: 1.4, Theme.DARK_BLUE: 1.4, Theme.DARK_WARM: 1.4, Theme.LIGHT: 1.3,
       Theme.HIGH_CONTRAST: 7.0}  # fmt: skip
"""By how much the selected row differs at the least from those around it."""


@pytest.mark.parametrize("theme", Theme)
async def test_the_selected_row_is_seen_and_readable(theme: Theme) -> None:
    least = 7.0 if theme is Theme.HIGH_CONTRAST else READABLE
    async with finished(every_state(), Finish(theme)) as screen:
        shown = {"2": "NAME", "down": "NAME", "4": "of 7 days", "6": "trash;", "K": "✖ problem"}
        for key, told in shown.items():
            await screen.press(key)
            await screen.sees(told, "▌")
            paper = PALETTES[theme].selected
            rows = [[cell for cell in row if f"#{cell.bg}" == paper] for row in screen.cells()]
            chosen = max(rows, key=len)
            assert len(chosen) > 70, key
            assert contrast(chosen[0].bg, PALETTES[theme].background) >= LIT[theme]
            for cell in chosen:
                if cell.text.strip():
                    assert contrast(cell.fg, cell.bg) >= least, (cell, key)


@pytest.mark.parametrize("theme", Theme)
async def test_the_field_in_which_one_types_is_seen(theme: Theme) -> None:
    async with finished(every_state(), Finish(theme)) as screen:
        await screen.press("a", *"zzz")
        await screen.sees("Add an instance", "zzz")
        texts = screen.text().splitlines()
        line, below = (next(at for at, text in enumerate(texts) if each in text)
                       for each in ("zzz", "Phone"))  # fmt: skip
        rows, at = screen.cells(), texts[line].index("zzz")
        typed, around, others = rows[line][at], rows[line][at - 3], rows[below][at]
        assert contrast(typed.fg, typed.bg) >= READABLE
        assert contrast(typed.bg, around.bg) >= 1.3 and contrast(typed.bg, others.bg) >= 1.3


@pytest.mark.parametrize("theme", Theme)
def test_256_colours_are_readable_and_tell_what_is_raised(theme: Theme) -> None:
    def shown_as(colour: str) -> str:
        return RichColor.parse(colour).downgrade(ColorSystem.EIGHT_BIT).get_truecolor().hex

    palette = PALETTES[theme]
    assert shown_as(palette.background) != shown_as(palette.raised)
    for text in palette.texts:
        for background in (palette.background, palette.raised):
            assert contrast(shown_as(text), shown_as(background)) >= READABLE, (text, background)


@pytest.mark.parametrize("no_color", [False, True], ids=["colours", "no_color"])
@pytest.mark.parametrize("theme", Theme)
@pytest.mark.parametrize("terminal", [XTERM, VGA], ids=["xterm", "vga"])
def test_sixteen_colours_are_readable(terminal: list[str], theme: Theme, no_color: bool) -> None:
    palette = PALETTES[theme]
    table = sixteen(theme).without_colour(palette) if no_color else sixteen(theme)
    base = terminal[table.papers[palette.background].number]
    for colour, number in table.inks.items():
        if colour != palette.line:
            assert contrast(terminal[number], base) >= READABLE, (colour, number)
    for colour, paper in table.papers.items():
        if paper.ink is not None and colour != palette.line:
            assert contrast(terminal[paper.ink], terminal[paper.number]) >= READABLE, colour


@pytest.mark.parametrize("theme", [theme for theme in Theme if theme is not Theme.DARK])
def test_no_colour_means_two_things(theme: Theme) -> None:
    """A colour of a theme that is also one of the dark theme's would be turned twice."""
    assert not set(astuple(PALETTES[theme])) & set(astuple(DARK))
    assert len(set(astuple(DARK))) == len(astuple(DARK))


@pytest.mark.parametrize("theme", Theme)
def test_a_qr_code_stays_black_on_white(theme: Theme) -> None:
    assert themed(PALETTES[theme])(look.QR) == look.QR
    for no_color in (False, True):
        few = reduced(theme, no_color=no_color)(look.QR)
        assert (few.color, few.bgcolor) == (RichColor.from_ansi(0), RichColor.from_ansi(15))


def test_a_style_keeps_what_is_no_colour() -> None:
    changed = themed(PALETTES[Theme.LIGHT])(Style(color=look.BAD, bold=True, underline=True))
    assert changed == Style(color=PALETTES[Theme.LIGHT].bad, bold=True, underline=True)


def colours(screen: Shown) -> set[str]:
    return {f"#{colour}" for row in screen.cells() for cell in row for colour in (cell.fg, cell.bg)}


def known(palette: Palette) -> set[str]:
    return set(astuple(palette))


@pytest.mark.parametrize("theme", [Theme.LIGHT, Theme.HIGH_CONTRAST])
@pytest.mark.parametrize("key", ["1", "2", "4", "enter", "l", "question_mark", "c", "a"])
async def test_nothing_of_the_dark_theme_is_left(theme: Theme, key: str) -> None:
    async with finished(every_state(), Finish(theme)) as screen:
        await screen.press(key)
        await screen.pilot.pause()
        assert not colours(screen) & known(DARK)
        assert colours(screen) & known(PALETTES[theme])


@pytest.mark.parametrize("finish", MODES.values(), ids=MODES)
async def test_every_state_is_a_glyph_and_a_word(finish: Finish) -> None:
    async with finished(every_state(), finish) as screen:
        text = screen.text()
        for state, sign in look.SIGNS.items():
            glyph = to_ascii(sign.glyph) if finish.ascii else sign.glyph
            assert f" {glyph} {state.label}" in text


async def test_no_color_leaves_greys(monkeypatch: pytest.MonkeyPatch) -> None:
    for finish in (Finish(), Finish(Theme.LIGHT), Finish(Theme.LIGHT, few_colours=True)):
        monkeypatch.setenv("NO_COLOR", "1")
        async with finished(every_state(), finish) as screen:
            assert all(len({c[1:3], c[3:5], c[5:7]}) == 1 for c in colours(screen))


@pytest.mark.parametrize("no_color", [False, True], ids=["colours", "no_color"])
@pytest.mark.parametrize("theme", Theme)
async def test_in_16_colours_every_word_is_readable(
    monkeypatch: pytest.MonkeyPatch, theme: Theme, no_color: bool
) -> None:
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    async with finished(every_state(), Finish(theme, few_colours=True)) as screen:
        for key in ("1", "2", "4", "enter"):
            await screen.press(key)
            await screen.pilot.pause()
            for strip in screen.app.screen._compositor.render_strips():
                for text, style, _ in strip:
                    assert style and style.color and style.bgcolor
                    ink, paper = style.color.number, style.bgcolor.number
                    assert ink is not None and paper is not None, (text, style)
                    if any(char.isalnum() for char in text):
                        assert contrast(XTERM[ink], XTERM[paper]) >= READABLE, (text, style)


# -- ASCII


def test_each_state_has_its_own_glyph_in_ascii() -> None:
    glyphs = {to_ascii(look.SIGNS[state].glyph) for state in State}
    assert len(glyphs) == len(State)
    assert all(len(glyph) == 1 and glyph.isascii() and glyph != "?" for glyph in glyphs)


@given(st.one_of(st.text(), st.sampled_from(HOSTILE), st.text("─│┏━┃●◐…▁▂▅█é界한🇮🇩👩‍🚀")))
def test_ascii_takes_the_same_cells(text: str) -> None:
    shown = inert(text)
    plain = to_ascii(shown)
    assert plain.isascii()
    assert len(plain) == width_of(shown)


def test_ascii_keeps_what_can_be_read() -> None:
    assert to_ascii("Café “Zürich” → naïve…") == 'Cafe "Zurich" > naive~'
    assert to_ascii("店 +62•••1") == "?? +62***1"
    assert len(set(to_ascii("▁▂▃▄▅▆▇█"))) == 8


@pytest.mark.parametrize("build", [every_state, scripted.hostile, ScriptedFleet])
async def test_in_ascii_nothing_else_is_painted(build: object) -> None:
    assert callable(build)
    async with finished(build(), Finish(ascii=True)) as screen:
        assert only_ascii(screen.app)
        for key in ("1", "2", "4", "enter", "escape", "question_mark"):
            await screen.press(key)
            await screen.pilot.pause()
            assert screen.text().isascii(), key


@pytest.mark.parametrize(
    ("variables", "utf8"),
    [
        ({}, True),
        ({"LANG": "C"}, False),
        ({"LANG": "POSIX"}, False),
        ({"LANG": "id_ID.UTF-8"}, True),
        ({"LANG": "C.utf8"}, True),
        ({"LC_CTYPE": "UTF-8"}, True),
        ({"LANG": "en_US"}, False),
        ({"LANG": "de_DE.ISO-8859-1@euro"}, False),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "C"}, False),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),
        ({"LANG": "en_US.UTF-8", "LC_ALL": ""}, True),
    ],
)
def test_the_locale_says_whether_it_is_utf8(variables: dict[str, str], utf8: bool) -> None:
    assert speaks_utf8(variables) is utf8


def test_the_settings_beat_the_locale() -> None:
    assert Finish.of(Screen(Theme.LIGHT, Ascii.ON), "truecolor") == Finish(Theme.LIGHT, ascii=True)
    assert Finish.of(Screen(ascii=Ascii.OFF), "standard") == Finish(few_colours=True)


# -- sizes

SIZES = [(60, 20), (300, 100), (77, 37), (120, 40), (60, 100)]


def widths(rows: Iterable[object]) -> set[int]:
    return {len(list(row)) for row in rows}  # type: ignore[call-overload]


@pytest.mark.parametrize("build", [every_state, scripted.hostile, lambda: scripted.big(200)])
@pytest.mark.parametrize("key", ["1", "2", "4", "5", "enter", "l"])
async def test_every_size_is_filled_exactly(build: object, key: str) -> None:
    assert callable(build)
    async with finished(build(), Finish(), 80, 24) as screen:
        await screen.press(key)
        for columns, rows in SIZES:
            await screen.pilot.resize_terminal(columns, rows)
            await screen.pilot.pause()
            cells = screen.cells()
            assert len(cells) == rows
            assert widths(cells) == {columns}
            # In the queue a QR code may need the header's row.
            assert "waziterm" in screen.text() or columns < 180 or key == "5"


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (160, 50), (60, 20)])
@pytest.mark.parametrize("key", ["enter", "5"])
async def test_no_qr_code_is_painted_in_ascii(columns: int, rows: int, key: str) -> None:
    """It says so, and names what to use instead."""
    fleet = ScriptedFleet(scripted.pairing("shop"))
    async with finished(fleet, Finish(ascii=True), columns, rows) as screen:
        await screen.press(key)
        said = await screen.says("cannot be drawn", "ASCII", "code to type")
        assert "??" not in said
        assert "ffffff" not in {cell.bg for row in screen.cells() for cell in row}
