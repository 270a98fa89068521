"""The detail beside the list: what it tells, when it is asked for, and that nothing flips."""

from pathlib import Path

import pytest

from tests.tui.painted import Shown, shown
from tests.tui.scripted import NOW, ScriptedFleet, big, connected
from tests.tui.weeks import Lived, lived
from waziterm.domain.fleet.history import Moved
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.screen import Screen
from waziterm.domain.stats.strips import DAYS
from waziterm.tui.app.remembered import Memory, Remembered
from waziterm.tui.instance.week import LABEL, WIDE, week
from waziterm.tui.state.columns import Column
from waziterm.tui.state.past import Past, read_past

FIRST = "shop-jakarta"


def edges(screen: Shown) -> list[int]:
    """Where the lines between the panes are."""
    line = screen.text().splitlines()[10]
    return [at for at, char in enumerate(line) if char in "│┃"]


async def show_list(screen: Shown) -> None:
    """The list, with the unhappy one selected; those in trouble stand above it."""
    screen.app.model.selected = FIRST
    await screen.press("2")


# -- the week as a picture


async def grid(fleet: ScriptedFleet, name: str, width: int) -> list[str]:
    past = await read_past(fleet, name, "", fleet.clock())
    return [strip.text.rstrip() for strip in week(past, width, fleet.clock())]


@pytest.mark.parametrize("width", [WIDE, WIDE - 1])
async def test_the_week_has_a_row_for_each_day_over_one_axis(width: int) -> None:
    """2025-06-15 15:06:40 UTC was a Sunday; a drop of 40 minutes was on the Friday at noon."""
    noon = NOW - (15 * 3600 + 400) - 2 * 86_400 + 12 * 3600
    moves = (
        Moved(NOW - 4 * 86_400, State.CONNECTED, Reason.ONLINE),
        Moved(noon, State.RETRYING, Reason.DROPPED),
        Moved(noon + 2400, State.CONNECTED, Reason.ONLINE),
    )
    fleet = Lived(connected("shop"), courses={"shop": moves})
    axis, *days, now = await grid(fleet, "shop", width)
    per = 1 if width >= WIDE else 2
    assert [day.split()[:2] for day in days] == [
        ["Mon", "9"], ["Tue", "10"], ["Wed", "11"], ["Thu", "12"], ["Fri", "13"], ["Sat", "14"],
        ["Sun", "15"],
    ]  # fmt: skip
    place = LABEL + 24 // per
    assert axis.index("12") == place, "what happened at noon stands below 12"
    friday, sunday = days[4], days[6]
    if per == 1:
        assert friday[place] == "▁" and friday[place + 1] not in "▇▁"
    else:
        assert friday[place] != "▇"
    assert friday[place - 1] == friday[place + 2] == "▇" and friday.endswith(" 1")
    end = LABEL + 30 // per
    assert now.index("▲") == end and sunday[end] == "▇" and sunday[end + 1] == " "
    assert days[0][LABEL:].split() == ["·" * (48 // per), "·"], "nothing is known of Monday"


@pytest.mark.parametrize("now", [NOW - 15 * 3600 - 399, NOW + 8 * 3600 + 3000])
async def test_the_mark_of_now_is_whole_at_both_ends_of_the_day(now: float) -> None:
    fleet = Lived(connected("shop"), courses={})
    fleet.clock.at = now
    mark = (await grid(fleet, "shop", WIDE))[-1]
    assert "now" in mark and "▲" in mark and len(mark) <= WIDE


def test_without_what_was_read_there_is_no_picture() -> None:
    assert week(Past(), 100, NOW) == []


# -- beside the list


async def test_the_list_has_the_detail_beside_it_from_160_columns_on() -> None:
    async with shown(lived(), 159, 40) as screen:
        await show_list(screen)
        await screen.sees("WHY")
        assert "▲ now" not in screen.text()
    async with shown(lived(), 160, 40) as screen:
        await show_list(screen)
        await screen.says("▲ now 15:06", "7 days up 94.", "drops 428 the connection was closed ×")
        await screen.says("worst Sun 15 Jun", "connects p50", "5 beside it: shop-00, shop-03")
        await screen.says("same proxy: shop-00 (4 today)", "▲3×", "lines more · → scrolls here")
        assert len(edges(screen)) == 1


async def test_from_220_columns_on_the_log_of_all_is_beside_both() -> None:
    fleet = lived()
    fleet.log("shop-07", "a line of another one")
    async with shown(fleet, 220, 40) as screen:
        await show_list(screen)
        await screen.sees("log of all", "a line of another one")
        fleet.log("shop-08", "a newer line")
        await screen.sees("a newer line")
        await screen.press("L", "escape")
        fleet.log("shop-09", "what came after the log was shown alone")
        await screen.sees("what came after the log")
        await screen.press("1")
        await screen.until(lambda _: screen.app.model.log is None, "a log that nobody keeps")


@pytest.mark.parametrize("width", [160, 220])
async def test_nothing_flips_when_the_selection_moves(width: int) -> None:
    async with shown(lived(), width, 40) as screen:
        await show_list(screen)
        await screen.sees("▲ now")
        before = edges(screen)
        for _ in range(7):
            name = screen.app.model.selected
            await screen.press("down")
            await screen.until(lambda text, was=name: f"▌  {was} " not in text)  # type: ignore[misc]
            assert edges(screen) == before


async def test_the_arrows_go_into_the_detail_scroll_it_and_come_back() -> None:
    async with shown(lived(), 220, 40) as screen:
        await show_list(screen)
        await screen.sees("→ scrolls here")
        await screen.press("right", "end")
        await screen.sees("┃ ↑")
        assert screen.app.model.selected == FIRST
        await screen.press("right", "up", "left", "home")
        await screen.until(lambda text: f"┃ {FIRST}" in text)
        await screen.press("escape", "down")
        await screen.until(lambda _: screen.app.model.selected not in (None, FIRST))
        assert "┃" not in screen.text()


async def test_it_is_asked_for_once_the_selection_rests_and_once_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fleet = lived()
    monkeypatch.setattr("waziterm.tui.screens.main.REST_S", 3600.0)
    async with shown(fleet, 160, 40) as screen:
        await show_list(screen)
        await screen.press(*["down"] * 8)
        assert fleet.asked == [], "the selection goes on"
        monkeypatch.setattr("waziterm.tui.screens.main.REST_S", 0.01)
        await screen.press("down")
        selected = screen.app.model.selected
        await screen.until(lambda _: fleet.asked == [selected], "the week that was asked for")
        for _ in range(3):
            fleet.log(str(selected), "something happens")
            await screen.pilot.pause(0.25)
        assert fleet.asked == [selected]
        fleet.clock.advance(60)
        await screen.until(lambda _: fleet.asked == [selected] * 2, "the next look")


async def test_before_it_is_read_the_day_that_is_known_is_shown() -> None:
    fleet = lived()
    async with shown(fleet, 160, 40) as screen:
        await screen.until(lambda _: bool(screen.app.model.recent), "the days of all")
        await show_list(screen)
        text = await screen.sees("▲ now")
        assert "is being read" in text or "7 days" in text


async def test_a_week_that_cannot_be_read_says_so() -> None:
    fleet = big(3)

    async def broken(*_: object, **__: object) -> tuple[Moved, ...]:
        raise RuntimeError("a bug")

    fleet.timeline = broken  # type: ignore[method-assign]
    async with shown(fleet, 160, 40) as screen:
        await show_list(screen)
        await screen.says("history cannot be read: waziterm.log has the details")


# -- the columns


async def test_columns_are_chosen_and_shown_at_once_as_far_as_they_fit() -> None:
    async with shown(lived(), 120, 40) as screen:
        await show_list(screen)
        await screen.press("w")
        await screen.sees("Columns of the list", "[x] 440", "[ ] PROXY")
        await screen.press("up", "up", "up", "space")
        await screen.until(lambda text: "[x] PROXY" in text and " PROXY " in text.splitlines()[3])
        assert screen.app.model.columns is not None and Column.PROXY in screen.app.model.columns
        for _ in range(8):
            await screen.press("up", "space")
        await screen.says("there is no room for it")
        await screen.press("a")
        await screen.until(lambda text: "there is no room for it" not in text)
        assert screen.app.model.columns is None
        await screen.press("escape")
        await screen.until(lambda text: "Columns of the list" not in text)


async def test_the_detail_is_one_of_the_choices() -> None:
    async with shown(lived(), 160, 40) as screen:
        await show_list(screen)
        await screen.press("w", "space", "escape")
        await screen.until(lambda text: "▲ now" not in text and "DROPS" in text)
        await screen.press("w", "space", "escape")
        await screen.sees("▲ now")


async def test_what_was_chosen_is_remembered(tmp_path: Path) -> None:
    file = tmp_path / "screen.json"
    async with shown(lived(), 160, 40, memory=Memory(file)) as screen:
        await show_list(screen)
        await screen.press("w", "space", "down", "space", "escape")
        await screen.app.remember()
        chosen = screen.app.model.columns
    assert chosen is not None and Column.NUMBER not in chosen and Column.DROPS in chosen
    async with shown(lived(), 160, 40, memory=Memory(file)) as screen:
        text = await screen.sees("DROPS")
        assert "NUMBER" not in text and "▲ now" not in text
        assert (screen.app.model.columns, screen.app.model.detail) == (chosen, False)
    for damaged in ('"no"', '["no such column"]', "7"):
        file.write_text(f'{{"view":"list","sort":"name","density":"rows","columns":{damaged}}}')
        assert Memory(file).read(Remembered.of(Screen())) == Remembered.of(Screen())


async def test_the_columns_of_other_views_are_none() -> None:
    async with shown(lived(), 120, 40) as screen:
        await screen.press("w")
        await screen.says("the columns are those of the list; press 2")


async def test_the_list_tells_the_week_of_all() -> None:
    async with shown(lived(), 159, 40) as screen:
        await show_list(screen)
        text = await screen.sees("DROPS", "100 %")
        (line,) = (line for line in text.splitlines() if FIRST in line)
        week_ = screen.app.model.recent[FIRST]
        assert f" {sum(week_.drops)}▲" in line and len(week_.drops) == DAYS


# -- on the screen of one instance


async def test_tab_scrolls_what_is_known_instead_of_the_log() -> None:
    fleet = lived()
    for number in range(80):
        fleet.log(FIRST, f"line {number:02}")
    async with shown(fleet, 120, 36) as screen:
        screen.app.model.selected = FIRST
        await screen.press("enter")
        await screen.sees("lines more · tab scrolls here", "line 79")
        await screen.press("tab", "end")
        text = await screen.sees("↑ ", "line 79")
        assert "tab scrolls here" not in text
        await screen.press("tab", "home")
        await screen.sees("line 00")


async def test_where_the_log_is_below_tab_shows_what_is_known_alone() -> None:
    async with shown(lived(), 80, 24) as screen:
        screen.app.model.selected = FIRST
        await screen.press("enter", "tab")
        await screen.sees("Mon  9", "Sun 15", "lines more")
        await screen.press("tab")
        await screen.sees("─ log ")


async def test_the_detail_and_the_log_come_with_the_width_and_leave_the_focus() -> None:
    fleet = lived()
    fleet.log("shop-07", "a line of another one")
    async with shown(fleet, 159, 40) as screen:
        await show_list(screen)
        await screen.sees("WHY")
        await screen.press("slash", *"shop")
        field = screen.app.focused
        assert field is not None and field.id == "filter"
        await screen.pilot.resize_terminal(160, 40)
        await screen.sees("▲ now")
        assert screen.app.focused is field
        await screen.pilot.resize_terminal(220, 40)
        await screen.sees("▲ now", "a line of another one")
        assert screen.app.focused is field and len(edges(screen)) == 2
        await screen.press("-", "0", "7")
        await screen.sees("shop-07")
        await screen.pilot.resize_terminal(159, 40)
        await screen.until(lambda text: "▲ now" not in text)
        assert screen.app.focused is field
