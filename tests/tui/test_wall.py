"""The wall: cards for those that need somebody above rows for the others; what is remembered."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.painted import Shown, shown
from tests.tui.scripted import (
    HOSTILE,
    NOW,
    ScriptedFleet,
    busy,
    connected,
    every_state,
    instance,
    pairing,
    with_days,
)
from waziterm.domain.fleet.api import InstanceView, LogLine, Source
from waziterm.domain.fleet.routine import is_routine
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.screen import Density, Screen, Sort, View
from waziterm.domain.stats.strips import Cell, Recent
from waziterm.tui.app.remembered import Memory, Remembered
from waziterm.tui.fleet import healthy, panel
from waziterm.tui.paint import strips
from waziterm.tui.state.arrange import needs_somebody

DEFAULT = Screen(title=False)
FULL = strips.HEIGHTS[8] * 12


def names(text: str) -> list[str]:
    """The instances on the screen, from the top: those of the cards, then those of the rows."""
    return [word for line in text.splitlines() for word in line.split() if word.startswith("shop-")]


def line_of(text: str, name: str) -> str:
    (line,) = (each for each in text.splitlines() if f" {name} " in each)
    return line


def selected(screen: Shown) -> str | None:
    return screen.app.model.selected


async def test_those_that_need_somebody_are_cards_above_the_rows_of_the_others() -> None:
    async with shown(busy(), 120, 36, look=DEFAULT) as screen:
        text = await screen.sees("24 h ", "DROPS 7 d", FULL)
        first, second, *rest = names(text)
        assert (first, second) == ("shop-ambon-1", "shop-bandung-2")
        assert "another client keeps taking this session (440)" in text
        assert len(rest) > 20 and {"shop-ambon-1", "shop-bandung-2"}.isdisjoint(rest)


async def test_a_row_tells_its_day_its_week_and_its_probe() -> None:
    async with shown(busy(), 160, 50, look=DEFAULT) as screen:
        text = await screen.sees("NUMBER", "UP %", "CONNECT", "PROBE", "▲4×")
        well, worse = line_of(text, "shop-bandung-1"), line_of(text, "shop-kupang-1")
        assert strips.HEIGHTS[8] * 48 in well and " 100 " in well and "80 ms" in well
        assert "▲4×" in worse and " 44.8 " in worse and "84" in worse
        assert "silenced until" in line_of(text, "shop-kupang-2")
        assert "stopped · next: start it (s)" in line_of(text, "shop-palu-2")


async def test_80_by_24_shows_twelve_rows_and_more_below_two_cards() -> None:
    async with shown(busy(), 80, 24, look=DEFAULT) as screen:
        text = await screen.sees("PROBE", "▲4×")
        assert len(names(text)) - 2 >= 12
        assert all(len(line) <= 80 for line in text.splitlines())
        await screen.press("h")
        assert len(names(await screen.until(lambda shown: "PROBE" not in shown))) < 12


async def test_h_shows_cards_for_all_and_rows_again() -> None:
    async with shown(busy(16), 120, 40, look=DEFAULT) as screen:
        await screen.sees("DROPS 7 d", "h rows/cards")
        await screen.press("h")
        text = await screen.until(lambda text: "DROPS" not in text, "no row")
        assert "up 3 h" in text and names(text)[0] == "shop-ambon-1"
        await screen.press("h")
        await screen.sees("DROPS 7 d")
        await screen.press("2", "h")
        await screen.says("rows and cards are of the wall; press 1")


async def test_what_gets_into_trouble_becomes_a_card_and_stays_selected() -> None:
    fleet = busy(16)
    async with shown(fleet, 120, 40, look=DEFAULT) as screen:
        await screen.sees("DROPS 7 d")
        screen.app.model.selected = "shop-solo-1"
        fleet.show(replace(fleet.views["shop-solo-1"], state=State.HELD, reason=Reason.RIVAL))
        await screen.until(lambda text: "┏━ shop-solo-1 ━" in text, "its card")
        fleet.show(replace(fleet.views["shop-solo-1"], state=State.CONNECTED, reason=Reason.ONLINE))
        await screen.until(lambda text: "▌ ● shop-solo-1" in text, "its row")
        assert selected(screen) == "shop-solo-1"


async def test_a_remark_makes_its_column() -> None:
    fleet = with_days(ScriptedFleet(*(connected(f"shop-{n}") for n in range(3))))
    async with shown(fleet, 160, 24, look=DEFAULT) as screen:
        assert "NOTE" not in await screen.sees("CONNECT")
        fleet.show(replace(fleet.views["shop-1"], silenced_until=NOW + 900))
        assert "silenced until" in line_of(await screen.sees("NOTE"), "shop-1")
        fleet.show(replace(fleet.views["shop-2"], tags=("vip", "crm"), note="new phone"))
        text = await screen.sees("new phone")
        assert "#vip #crm · new phone" in line_of(text, "shop-2")


async def test_keys_walk_from_the_cards_into_the_rows_and_back() -> None:
    fleet = ScriptedFleet(
        *(instance(f"shop-x{n}", State.HELD, Reason.RIVAL) for n in range(5)),
        *(connected(f"shop-y{n}") for n in range(60)),
    )
    async with shown(fleet, 120, 40, look=DEFAULT) as screen:
        await screen.sees("shop-y0")
        walked = []
        for key in ("down", "down", "down", "up", "up", "up", "right", "down", "down"):
            await screen.press(key)
            walked.append(selected(screen))
        # Three columns: the fourth card is below the first.
        assert walked[:6] == [
            *("shop-x3", "shop-y0", "shop-y1", "shop-y0", "shop-x3", "shop-x0"),
        ]
        assert walked[6:] == ["shop-x1", "shop-x4", "shop-y0"]
        await screen.press("end")
        text = await screen.sees("▌ ● shop-y59", "● connected")
        assert "shop-x0" not in text and text.splitlines()[1].startswith("  ● connected")
        await screen.press("pageup")
        assert selected(screen) not in ("shop-y59", "shop-y58")
        await screen.press("home")
        await screen.sees("┏━ shop-x0")


@pytest.mark.parametrize("size", [(34, 10), (60, 15), (100, 30), (220, 60)])
async def test_it_fits_any_terminal(size: tuple[int, int]) -> None:
    async with shown(with_days(every_state()), *size, look=DEFAULT) as screen:
        for key in ("end", "h", "home", "h", "pagedown"):
            await screen.press(key)
        text = await screen.until(bool)
        assert [len(line) for line in text.splitlines()] == [size[0]] * size[1]


async def test_before_the_past_is_known_there_is_a_wall() -> None:
    fleet = busy(16)
    fleet.lately = ()
    async with shown(fleet, 120, 40, look=DEFAULT) as screen:
        text = await screen.sees("shop-jakarta-1", strips.UNKNOWN * 12)
        assert "● connected" in text and "24 h" in text


def test_who_needs_somebody() -> None:
    well = connected("shop")
    assert not needs_somebody(well) and needs_somebody(pairing("shop"))
    assert needs_somebody(replace(well, other_number="+62811••••9083"))
    dialling = instance("shop", State.CONNECTING, Reason.RETRY)
    assert not needs_somebody(dialling) and needs_somebody(replace(dialling, attempt=2))
    assert not needs_somebody(instance("shop", State.STOPPED, Reason.BY_OPERATOR))


# -- rows and strips


@given(
    st.sampled_from(list(every_state().views.values())),
    st.sampled_from([*HOSTILE, "雅加达商店" * 8, "x"]),
    st.integers(20, 240),
    st.integers(0, 60),
    st.booleans(),
    st.sampled_from([None, Recent("a", NOW, "u8h3-0", 1.0, 1.0, 0.5, (0, 9, 3), 0.0, 61.5)]),
)
def test_every_row_is_as_wide_as_it_has_to_be(
    view: InstanceView, name: str, width: int, longest: int, has: bool, recent: Recent | None
) -> None:
    shown_ = instance(name, view.state, view.reason, jid=view.jid)
    fits = healthy.columns(width, longest, remarks=has)
    for selected_ in (False, True):
        strip = healthy.draw(shown_, recent, fits, width, NOW, selected=selected_, marked=has)
        assert strip.cell_length == width
    assert healthy.heading(fits, width, NOW).cell_length == width


def test_a_narrow_line_keeps_the_name_the_strip_and_the_drops_longest() -> None:
    order = []
    fits = healthy.columns(240, 16, remarks=True)
    for width in range(240, 30, -1):
        narrower = healthy.columns(width, 16, remarks=True)
        for column in ("number", "connect", "remark", "probe", "days", "more", "drops", "uptime"):
            if getattr(fits, column) and not getattr(narrower, column):
                order.append(column)
        fits = narrower
    assert order[-1] == "drops" and order.index("connect") < order.index("probe")
    assert order.index("number") < order.index("days") < order.index("uptime")
    assert healthy.columns(40, 16, remarks=False).strip == 12


def test_a_strip_tells_states_apart_without_colours() -> None:
    cells = [Cell(State.CONNECTED, 8), Cell(State.HELD, 0), Cell(State.STOPPED, 0), Cell(None, 0)]
    assert "".join(text for text, _ in strips.strip(cells, 4)) == "▇▁─·"
    assert len({style for _, style in strips.strip(cells, 4)}) == 4
    assert "".join(text for text, _ in strips.strip(cells, 2)) == "▄─"


def test_few_drops_make_low_bars() -> None:
    assert strips.bars((0, 1, 4)) == "▁▂▇" and strips.bars(()) == ""
    assert strips.bars((0, 40, 20)) == "▁▇▄"


def test_the_edge_of_a_card_has_its_day_and_todays_drops() -> None:
    recent = Recent("a", NOW, "u8" * 48, drops=(1, 0, 12), mean_drops=0.5)
    for width, told in ((80, "12 drops today ▲24×"), (40, "▇" * 24)):
        lines = panel.draw(connected("shop"), [], width, 7, NOW, recent=recent)
        assert told in lines[-1].text and lines[-1].cell_length == width
        assert lines[-1].text[0] == "╰" and lines[-1].text[-1] == "╯"


@pytest.mark.parametrize(
    ("source", "text", "routine"),
    [
        (Source.LIBRARY, "Uploading 812 new prekeys to server", True),
        (Source.LIBRARY, "Got 515 code, reconnecting...", True),
        (Source.LIBRARY, "Successfully authenticated", True),
        (Source.LIBRARY, "Successfully authenticated by a stranger", False),
        (Source.LIBRARY, "error: Failed to send prekeys", False),
        (Source.OPERATOR, "Successfully authenticated", False),
    ],
)
def test_a_card_leaves_routine_out_of_its_log(source: Source, text: str, routine: bool) -> None:
    line = LogLine(1, NOW, source, text)
    assert is_routine(line) is routine
    shown_ = "\n".join(each.text for each in panel.draw(connected("s"), [line], 80, 9, NOW))
    assert (text in shown_) is not routine


# -- what is remembered


async def test_view_sort_and_density_are_remembered(tmp_path: Path) -> None:
    file = tmp_path / "state" / "screen.json"
    fleet = busy(16)
    async with shown(fleet, 120, 40, look=DEFAULT, memory=Memory(file)) as screen:
        await screen.sees("DROPS 7 d")
        await screen.app.remember()
        assert not file.exists()
        await screen.press("h", "o", "2")
        await screen.sees("WHY")
        await screen.app.remember()
    assert file.stat().st_mode & 0o077 == 0 or file.parent.stat().st_mode & 0o077 == 0
    async with shown(busy(16), 120, 40, look=DEFAULT, memory=Memory(file)) as screen:
        await screen.sees("WHY")
        model = screen.app.model
        assert (model.arrangement.sort, model.density) == (Sort.FLEET, Density.CARDS)
        await screen.press("1")
        assert "DROPS" not in await screen.sees("up 3 h")


async def test_the_settings_are_for_whoever_chose_nothing_yet(tmp_path: Path) -> None:
    look = replace(DEFAULT, view=View.LIST, sort=Sort.NAME, density=Density.CARDS)
    async with shown(busy(16), 120, 40, look=look, memory=Memory(tmp_path / "none")) as screen:
        await screen.sees("WHY", "NAME▲")
        assert screen.app.model.density is Density.CARDS


@pytest.mark.parametrize(
    "damaged",
    [b"", b"\xff\xfe", b"[]", b'{"view": "wall"}', b"[" * 9999,
     b'{"view": "list", "sort": "trouble", "density": 7}'],
)  # fmt: skip
def test_a_damaged_file_is_ignored_with_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damaged: bytes
) -> None:
    file = tmp_path / "screen.json"
    file.write_bytes(damaged)
    memory = Memory(file)
    default = Remembered.of(DEFAULT)
    with caplog.at_level(logging.WARNING):
        assert memory.read(default) == default
    (line,) = caplog.messages
    assert str(file) in line and "\n" not in line
    memory.keep(replace(default, view=View.LIST))
    assert Memory(file).read(default).view is View.LIST


def test_a_full_disk_is_no_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("no directory")
    memory = Memory(tmp_path / "file" / "screen.json")
    memory.keep(Remembered.of(DEFAULT))
    assert "the screen is not remembered" in caplog.text
