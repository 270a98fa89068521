"""What the fleet tells arrives on the screen; what is on the screen stays in order."""

import asyncio
from dataclasses import replace

from textual.strip import Strip

from tests.tui.painted import shown
from tests.tui.scripted import (
    HOSTILE,
    NOW,
    ScriptedFleet,
    big,
    connected,
    every_state,
    hostile,
    instance,
)
from tests.tui.weeks import Lived
from waziterm.domain.fleet.api import Changes, LogLine, Source
from waziterm.domain.fleet.history import Moved
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.tui.fleet.bars import header
from waziterm.tui.state.model import KEPT_LINES, FleetModel


async def test_changes_lines_removals_and_notices_are_shown() -> None:
    fleet = every_state()
    async with shown(fleet, 250, 40) as screen:
        fleet.log("shop-bali", "a new line")
        await screen.sees("a new line")
        fleet.show(instance("shop-bali", State.HELD, Reason.CRASH_LOOP, NOW))
        await screen.says(Reason.CRASH_LOOP.sentence)
        fleet.vanish("shop-jakarta")
        await screen.until(lambda text: "shop-jakarta" not in text and "11 instances" in text)
        fleet.show(connected("shop-new", "5555"))
        await screen.sees("shop-new", "12 instances")
        fleet.notice("its trash entry ends in 7 days", "shop-palu")
        await screen.sees("✓ shop-palu: its trash entry ends in 7 days")
        fleet.notice("the disk is full", trouble=True)
        await screen.sees("✖ the disk is full")


async def test_a_renamed_instance_stays_selected_marked_and_open() -> None:
    fleet = ScriptedFleet(connected("a"), connected("b"), connected("c"))
    fleet.log("b", "a line of its log")
    async with shown(fleet, 120, 40) as screen:
        await screen.press("right", "space")
        await screen.sees("1 marked")
        await screen.press("left", "enter")
        await screen.until(lambda text: "a line of its log" in text and "╭ a" not in text)
        await fleet.rename("b", "shop-b")
        await screen.sees("shop-b", "a line of its log")
        await screen.until(lambda text: "removed" not in text)
        await screen.press("escape")
        await screen.sees("1 marked", "shop-b")
        assert screen.app.model.selected == "shop-b" and screen.app.model.marked == {"shop-b"}


async def test_a_message_leaves_after_its_time() -> None:
    fleet = ScriptedFleet(connected("shop"))
    async with shown(fleet) as screen:
        fleet.notice("all is well")
        await screen.sees("✓ all is well")
        fleet.clock.advance(10.9)
        await screen.until(lambda text: "all is well" not in text)


async def test_the_header_counts_and_the_clock_moves() -> None:
    up = Moved(NOW - 2 * 86_400, State.CONNECTED, Reason.ONLINE)
    away = Moved(NOW - 7200, State.RETRYING, Reason.DROPPED)
    back = Moved(NOW - 7200 + 1664, State.CONNECTED, Reason.ONLINE)
    courses = {"a": (up,), "b": (up, away, back)}
    fleet = Lived(connected("a"), connected("b"), courses=courses, lab=True)
    async with shown(fleet, 120, 40) as screen:
        await screen.sees("● 2 connected", "24 h up 99.0 %", " LAB ", "15:06:40")
        fleet.clock.advance(3)
        await screen.sees("15:06:43")
        fleet.show(replace(fleet.views["a"], state=State.DEGRADED))
        await screen.sees("● 1 connected", "▽ 1 degraded", "24 h up 99.0 %")


async def test_an_instance_that_is_removed_in_focus_says_so() -> None:
    fleet = ScriptedFleet(connected("shop"))
    async with shown(fleet) as screen:
        await screen.press("enter")
        fleet.vanish("shop")
        await screen.sees("shop was removed. esc goes back")
        await screen.press("f", "up", "l", "Q", "escape")
        await screen.sees("No WhatsApp number is linked here yet")


def test_the_header_fits_every_width_and_keeps_the_badge() -> None:
    model = FleetModel(every_state())
    model.load()
    for width in range(20, 200):
        line = header(model, NOW, width)
        assert line.cell_length == width
        if width >= 62:
            assert " LAB " in line.text and "✖ 1" in line.text


def test_lines_are_bounded_and_never_doubled() -> None:
    fleet = ScriptedFleet(connected("shop"))
    for number in range(KEPT_LINES + 10):
        fleet.log("shop", f"line {number}")
    model = FleetModel(fleet)
    model.load()
    assert len(model.lines("shop")) == KEPT_LINES
    again = fleet.logs["shop"][-5:]
    fresh = LogLine(again[-1].seq + 1, NOW, Source.MANAGER, "fresh")
    model.apply(Changes(lines={"shop": (*again, fresh), "unseen": (fresh,)}))
    seqs = [line.seq for line in model.lines("shop")]
    assert len(seqs) == KEPT_LINES and seqs == sorted(set(seqs)) and seqs[-1] == fresh.seq


async def test_text_from_the_network_is_only_text() -> None:
    fleet = hostile()
    async with shown(fleet, 100, 30) as screen:
        for text in HOSTILE:
            fleet.notice(text, trouble=True)
            fleet.log("shop-0", text)
        await screen.sees("[bold red]markup[/]", "[@click=app.quit]link[/]", "zalgo"[0])
        await screen.press("enter")
        await screen.sees("[bold red]markup[/]")
        await screen.press("l")
        text = await screen.sees("[bold red]markup[/]", "zerowidth bom right-to-left isolated")
        assert not any(ord(char) < 32 and char != "\n" for char in text)
        assert not set(text) & set("\u200b\u200d\u202e\u2066\ufe0f")
        await screen.press("escape", "escape")
        for row in screen.cells():
            assert len(row) == 100
        borders = [line for line in screen.text().splitlines() if line.startswith("│")]
        assert borders and all(line.endswith("│") for line in borders)


async def test_a_storm_of_resizes_leaves_a_whole_screen() -> None:
    fleet = every_state()
    sizes = [(60, 20), (300, 100), (80, 24), (61, 21), (38, 9), (20, 5), (1, 1), (120, 40)]
    async with shown(fleet, 120, 40) as screen:
        for keys in (["escape"], ["enter"], ["l"], ["escape", "question_mark"]):
            await screen.press(*keys)
            for columns, rows in sizes:
                await screen.pilot.resize_terminal(columns, rows)
                fleet.log("shop-jakarta", f"at {columns}")
            await screen.pilot.pause()
            cells = screen.cells()
            assert len(cells) == 40 and {len(row) for row in cells} == {120}
        await screen.press("escape", "escape")
        await screen.sees("shop-surabaya", "15:06:40")


async def test_nothing_is_sent_to_the_terminal_while_nothing_changes() -> None:
    fleet = big(50)
    async with shown(fleet, 160, 50) as screen:
        wall = screen.app.query_one("#wall")
        painted: list[object] = []
        render = wall.render_line

        def noted(y: int) -> Strip:
            painted.append(y)
            return render(y)

        wall.render_line = noted  # type: ignore[method-assign]
        for _ in range(5):
            fleet.clock.advance(1)
            screen.app.screens.repaint()
            await screen.pilot.pause()
        assert painted == []
        fleet.log("shop-003", "one line")
        await screen.sees("one line")
        assert 0 < len(set(painted)) <= 3


async def test_many_lines_at_once_do_not_hold_up_the_keys() -> None:
    fleet = big(50)
    async with shown(fleet, 160, 50) as screen:
        for number in range(2000):
            fleet.log(f"shop-{number % 50:03}", f"line {number}")
        async with asyncio.timeout(5):
            await screen.press("right", "right", "enter")
            await screen.sees("shop-002", "line 1952")


async def test_what_is_said_of_trouble_leaves_with_it() -> None:
    lost = [instance(f"shop-{n}", State.RETRYING, Reason.DROPPED) for n in range(3)]
    fleet = ScriptedFleet(*lost, connected("shop-9"))
    async with shown(fleet, 120, 40) as screen:
        fleet.notice("3 of 4: the connection was closed", trouble=True)
        await screen.sees("✖ 3 of 4: the connection was closed")
        for each in lost[:2]:
            fleet.show(connected(each.name))
        await screen.sees("✖ 3 of 4: the connection was closed", "3 connected")
        fleet.show(connected(lost[2].name))
        await screen.until(lambda text: "3 of 4: the connection" not in text)


async def test_what_befell_the_fleet_leaves_when_all_are_back_that_come_back() -> None:
    """Not with the one that waits for a person, and did before."""
    lost = instance("shop-0", State.RETRYING, Reason.DROPPED)
    held = instance("shop-1", State.HELD, Reason.RIVAL, NOW - 7200)
    fleet = ScriptedFleet(lost, held)
    async with shown(fleet, 120, 40) as screen:
        fleet.notice("2 of 2: the connection was closed", trouble=True)
        await screen.sees("✖ 2 of 2: the connection was closed")
        fleet.show(connected("shop-0"))
        await screen.until(lambda text: "2 of 2: the connection" not in text)


async def test_troubles_that_hold_are_counted_and_come_back() -> None:
    """The newest is shown; a key shows all. What is done hides none for longer than it is seen."""
    fleet = ScriptedFleet(
        *(instance(f"shop-{n}", State.RETRYING, Reason.DROPPED) for n in range(2)),
        connected("shop-9"),
    )
    async with shown(fleet, 120, 40) as screen:
        for n in range(2):
            fleet.notice("the connection was closed", f"shop-{n}", trouble=True)
        await screen.sees("✖ shop-1: the connection was closed (+1: H)")
        fleet.notice("its trash entry ends in 7 days", "shop-9")
        await screen.sees("✓ shop-9: its trash entry ends in 7 days (+2: H)")
        await screen.press("H")
        await screen.says("What was said here lately", "✖ shop-0: the connection was closed")
        await screen.press("escape")
        fleet.clock.advance(9)
        await screen.sees("✖ shop-1: the connection was closed (+1: H)")
        fleet.show(connected("shop-1"))
        await screen.sees("✖ shop-0: the connection was closed")
        await screen.until(lambda text: "H)" not in text)
        fleet.show(connected("shop-0"))
        await screen.until(lambda text: "the connection was closed" not in text)


async def test_a_long_sentence_is_cut_before_the_count_of_others() -> None:
    fleet = ScriptedFleet(
        instance("shop-0", State.RETRYING, Reason.DROPPED),
        instance("shop-1", State.RETRYING, Reason.DROPPED),
    )
    async with shown(fleet, 60, 20) as screen:
        fleet.notice("the connection was closed", "shop-0", trouble=True)
        fleet.notice("word " * 90, "shop-1", trouble=True)
        await screen.sees("… (+1: H)")


async def test_what_a_key_was_refused_with_leaves_with_the_next_key() -> None:
    async with shown(every_state(), 120, 40) as screen:
        await screen.press("4", "w")
        await screen.sees("✖ the columns are those of the list")
        await screen.press("down")
        await screen.until(lambda text: "the columns are" not in text)
        await screen.press("w")
        await screen.sees("✖ the columns are those of the list")
        screen.fleet.clock.advance(9)
        await screen.until(lambda text: "the columns are" not in text)


async def test_what_is_wrong_beside_a_healthy_fleet_stays_its_time() -> None:
    fleet = ScriptedFleet(connected("shop-1"))
    async with shown(fleet, 120, 40) as screen:
        fleet.notice("the disk is full", trouble=True)
        await screen.sees("✖ the disk is full")
        fleet.show(connected("shop-1", sent=4))
        await screen.sees("sent 4", "✖ the disk is full")


async def test_how_an_act_failed_leaves_when_it_is_mended() -> None:
    fleet = ScriptedFleet(instance("shop-1", State.HELD, Reason.RIVAL, NOW - 60))
    async with shown(fleet, 120, 40) as screen:
        await screen.press("r")
        await screen.sees("connecting")
        fleet.show(instance("shop-1", State.RETRYING, Reason.DROPPED, NOW + 1))
        await screen.says("✖ shop-1: reconnect: retrying")
        fleet.show(connected("shop-1", up_s=-2))
        await screen.until(lambda text: "reconnect: retrying" not in text)


async def test_the_clock_ticks_while_the_app_leaves() -> None:
    """Each millisecond: the fleet's clock stands just before a full second."""
    fleet = ScriptedFleet(connected("a"))
    fleet.clock.advance(0.9999)
    async with shown(fleet) as screen:
        await screen.sees("1 connected")
