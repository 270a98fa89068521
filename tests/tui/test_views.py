"""The views of the fleet: panels, list, incidents, queue; and what they share."""

from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.strip import Strip

from tests.qrscan import decode_qr
from tests.scriptedtools import AT, STOLEN
from tests.tui.painted import Shown, shown
from tests.tui.scripted import (
    FAKE_QR,
    NOW,
    ScriptedFleet,
    big,
    connected,
    every_state,
    instance,
    pairing,
)
from waziterm.domain.alerts.told import ToldTo
from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.fleet.history import ShiftNote
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.tui.fleet.queue import RENEW_S, RENEWALS
from waziterm.tui.fleet.rows import Rows
from waziterm.tui.screens.instance import FocusScreen
from waziterm.tui.screens.main import MainScreen
from waziterm.tui.state.columns import INDENT, OF_MESSAGES, Column, columns
from waziterm.tui.state.here import View
from waziterm.tui.text.format import since


def view_of(screen: Shown) -> View:
    assert isinstance(screen.app.screen, MainScreen)
    return screen.app.screen.view_shown


def rows(screen: Shown) -> list[str]:
    """The names in the list, from the top."""
    found = []
    for line in screen.text().splitlines()[2:]:
        words = line.replace("▌", " ").replace("✓", " ").split()
        if words and words[0].startswith("shop"):
            found.append(words[0])
    return found


async def test_no_text_moves_when_the_scroll_bar_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Textual shows it only after the first paint."""
    said: dict[int, set[str]] = {}
    rendered = Rows.render_line

    def render_line(self: Rows, y: int) -> Strip:
        strip = rendered(self, y)
        said.setdefault(y, set()).add(strip.text)
        return strip

    monkeypatch.setattr(Rows, "render_line", render_line)
    held = (instance(f"shop-{n:02}", State.HELD, Reason.RIVAL, NOW - 240) for n in range(60))
    async with shown(ScriptedFleet(*held), 80, 24) as screen:
        await screen.press("2")
        await screen.sees("WHY", "shop-00", "…")
        screen.app.screens.repaint()
        await screen.pilot.pause()
        assert len(said) >= 20
        moved = [{text for text in texts if text.strip()} for texts in said.values()]
        assert [texts for texts in moved if len(texts) > 1] == []


async def test_number_keys_show_the_views_and_escape_goes_back() -> None:
    async with shown(every_state(), 120, 40) as screen:
        await screen.press("2")
        await screen.sees("NAME", "STATE", "WHY", "shop-jakarta", "shop-ambon")
        assert view_of(screen) is View.LIST
        await screen.press("3")
        await screen.until(lambda _: isinstance(screen.app.screen, FocusScreen))
        await screen.press("4")
        await screen.sees("incidents of 7 days")
        await screen.press("5")
        await screen.sees("shop-medan", "code 2 of 6")
        await screen.press("escape")
        await screen.pilot.pause()
        assert view_of(screen) is View.WALL


@pytest.mark.parametrize("width", [60, 80, 120, 140, 200])
async def test_the_list_never_cuts_the_code_of_a_reason(width: int) -> None:
    async with shown(every_state(), width, 40) as screen:
        await screen.press("2")
        text = await screen.sees("WHY")
        for name, code in (("shop-bandung", "440"), ("shop-batam", "401"), ("shop-kupang", "402")):
            (line,) = (line for line in text.splitlines() if name in line)
            assert f" {code} " in line


async def test_the_list_tells_what_comes_next_for_the_selected_one() -> None:
    async with shown(every_state(), 80, 24) as screen:
        screen.app.model.selected = "shop-bandung"
        await screen.press("2")
        await screen.sees("shop-bandung · next in", "r = now")


async def test_an_incident_in_full_keeps_what_was_done_about_it() -> None:
    fleet = every_state()
    long = replace(STOLEN, detail="a long story " * 60, done="well again at noon")
    fleet.happened = (long,)
    async with shown(fleet, 80, 24) as screen:
        await screen.press("4")
        await screen.sees("\n → well again at noon")


async def test_the_selection_is_the_same_in_wall_and_list() -> None:
    async with shown(big(50), 120, 40) as screen:
        await screen.press("2", "down", "down", "down", "1", "2", "enter")
        await screen.says("shop-003")
        assert isinstance(screen.app.screen, FocusScreen)
        assert screen.app.screen.target == "shop-003"


async def test_moving_in_a_long_list_scrolls() -> None:
    async with shown(big(200), 100, 24) as screen:
        await screen.press("2", "end")
        await screen.sees("shop-199")
        await screen.press("home")
        await screen.sees("shop-000")
        await screen.press("pagedown", "pagedown")
        await screen.until(lambda text: "shop-000" not in text)


async def test_a_filter_is_live_inverts_and_is_cleared() -> None:
    async with shown(every_state(), 120, 40) as screen:
        await screen.press("2", "slash", *"ban")
        await screen.until(lambda _: set(rows(screen)) >= {"shop-bandung"}, "the filtered list")
        assert "shop-jakarta" not in rows(screen)
        await screen.sees("of 12 filtered")
        await screen.press("enter")
        await screen.press("down")
        assert "shop-jakarta" not in rows(screen)
        await screen.press("escape")
        await screen.sees("shop-jakarta")
        await screen.press("slash", "exclamation_mark", *"connected")
        await screen.until(lambda _: "shop-jakarta" not in rows(screen), "the inverse")
        assert "shop-bandung" in rows(screen)
        await screen.press("escape")
        await screen.until(lambda _: len(rows(screen)) == 12, "all of them")


async def test_a_filter_that_fits_nothing_says_so_in_every_view() -> None:
    async with shown(every_state(), 120, 40) as screen:
        for key in ("1", "2"):
            await screen.press(key, "slash", *"zzzz", "enter")
            await screen.sees("Nothing matches the filter; esc clears it")
            await screen.press("escape")


async def test_only_the_troubled() -> None:
    async with shown(every_state(), 120, 40) as screen:
        await screen.press("2", "z")
        await screen.sees("troubled")
        assert "shop-jakarta" not in rows(screen) and "shop-bandung" in rows(screen)
        await screen.press("z")
        await screen.sees("shop-jakarta")


async def test_sorting_by_name_and_back_to_front() -> None:
    fleet = ScriptedFleet(*(connected(f"shop-{letter}") for letter in "bca"))
    async with shown(fleet, 120, 30) as screen:
        await screen.press("2")
        await screen.until(lambda _: rows(screen) == ["shop-b", "shop-c", "shop-a"])
        await screen.press("o")
        await screen.until(lambda _: rows(screen) == ["shop-a", "shop-b", "shop-c"])
        await screen.press("O")
        await screen.until(lambda _: rows(screen) == ["shop-c", "shop-b", "shop-a"])


async def test_what_is_marked_is_what_a_key_means() -> None:
    fleet = ScriptedFleet(*(connected(f"shop-{letter}") for letter in "abcd"))
    async with shown(fleet, 120, 40) as screen:
        await screen.press("2", "space", "down", "space")
        await screen.sees("2 marked")
        await screen.press("r")
        await screen.says("Reconnect 2 marked instances?", "2 of them are connected")
        assert fleet.calls == []
        await screen.press("y")
        await screen.until(lambda _: len(fleet.calls) == 2)
        assert {call[1] for call in fleet.calls} == {"shop-a", "shop-c"}
        await screen.press("c")
        await screen.says("Clean 2 marked instances?", "shop-a, shop-c")
        await screen.press("y")
        await screen.until(lambda _: ("clean", "shop-c") in fleet.calls)
        await screen.press("escape", "s")
        await screen.until(lambda _: fleet.calls[-1][0] in ("start", "stop"))
        assert len([call for call in fleet.calls if call[0] in ("start", "stop")]) == 1


@pytest.mark.parametrize("view", ["5", "6", "7"])
async def test_one_in_full_is_shown_from_a_view_without_a_row_too(view: str) -> None:
    """In an empty queue it said that nothing was selected, with all of them running."""
    fleet = ScriptedFleet(connected("shop-a"), connected("shop-b"))
    fleet.entries = fleet.acted = ()
    async with shown(fleet, 120, 40) as screen:
        await screen.press("2", "down", view, "3")
        await screen.until(lambda _: isinstance(screen.app.screen, FocusScreen))
        await screen.sees("shop-b", "esc back")
        await screen.press("escape", view)
        await screen.until(lambda _: isinstance(screen.app.screen, MainScreen))


@pytest.mark.parametrize("key", ["s", "l", "r"])
async def test_where_nobody_is_selected_it_says_where_they_are(key: str) -> None:
    async with shown(ScriptedFleet(connected("shop-a"), connected("shop-b")), 120, 40) as screen:
        await screen.press("5", key)
        await screen.says("✖ no instance is selected here; 1 or 2 shows them all")
        await screen.press("1", "slash", *"nobody", "enter", key)
        await screen.says("✖ nothing matches the filter; esc clears it")


async def test_an_incident_is_shown_acknowledged_and_leads_to_its_instance() -> None:
    fleet = every_state()
    async with shown(fleet, 120, 40) as screen:
        await screen.press("4")
        await screen.says("not acknowledged", STOLEN.names[0])
        await screen.sees("! 1")
        await screen.press("A")
        await screen.until(lambda _: ("acknowledge", str(STOLEN.id)) in fleet.calls)
        await screen.sees("0 not acknowledged")


async def test_who_acknowledged_an_incident_and_why_is_shown() -> None:
    fleet = every_state()
    fleet.happened = (replace(STOLEN, acknowledged_by="sari", note="proxy paid"),)
    async with shown(fleet, 120, 40) as screen:
        await screen.press("4")
        await screen.says("by sari: proxy paid")


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_who_was_told_of_an_incident_and_whether_it_arrived_is_shown(
    size: tuple[int, int],
) -> None:
    fleet = every_state()
    told = (
        ToldTo("ops", AT - 599, True),
        ToldTo("mail", AT - 600, None),
        ToldTo("pager", AT - 60, False),
    )
    fleet.happened = (replace(STOLEN, told=told),)
    async with shown(fleet, *size) as screen:
        await screen.press("4")
        await screen.says(
            f"told: pager failed, given up {since(AT - 60, NOW)}; ops {since(AT - 599, NOW)}; "
            f"mail not yet, tried since {since(AT - 600, NOW)}"
        )


async def test_that_a_sink_was_told_is_shown_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("waziterm.tui.app.app.SOON_S", 0.1)
    monkeypatch.setattr("waziterm.tui.app.app.SETTLE_S", 0.1)
    fleet = every_state()
    fleet.happened = (replace(STOLEN, told=(ToldTo("ops", NOW, None),)),)
    async with shown(fleet, 120, 40) as screen:
        await screen.press("4")
        await screen.says("ops not yet")
        fleet.happened = (replace(STOLEN, told=(ToldTo("ops", NOW + 1, True),)),)
        await screen.says(f"told: ops {since(NOW + 1, NOW)}")


async def test_a_note_is_shown_until_it_is_dismissed_and_another_is_left() -> None:
    fleet = every_state()
    fleet.left = (ShiftNote(1, AT - 60, "sari", "the SIM comes on Monday"),)
    async with shown(fleet, 120, 40) as screen:
        await screen.says("sari, ", "the SIM comes on Monday (N)")
        await screen.press("N")
        await screen.says("dismiss them for everybody", "write another one")
        await screen.press("escape", "N", "d")
        await screen.until(lambda _: ("dismiss", "1") in fleet.calls)
        await screen.says("the notes are dismissed")
        await screen.press("N")
        await screen.says("Write a note")
        await screen.press(*"call", "space", *"budi", "enter")
        await screen.until(lambda _: ("note", "call budi") in fleet.calls)
        await screen.says("every screen shows it until it is dismissed")
        await screen.press("N")
        await screen.says("sari, ", "call budi")


async def test_the_queue_goes_on_to_the_next_when_one_is_linked() -> None:
    fleet = ScriptedFleet(pairing("shop-a"), pairing("shop-b"), connected("shop-c"))
    async with shown(fleet, 160, 50) as screen:
        await screen.press("5")
        await screen.sees("2 left: shop-a", "code 2 of 6")
        fleet.show(replace(connected("shop-a"), name="shop-a"))
        await screen.sees("1 left: shop-b")
        fleet.show(connected("shop-b"))
        await screen.sees("No instance waits for a scan")


async def test_in_the_queue_the_arrows_choose_who_is_next() -> None:
    fleet = ScriptedFleet(pairing("shop-a"), instance("shop-b", State.STOPPED, Reason.BY_OPERATOR))
    async with shown(fleet, 160, 50) as screen:
        await screen.press("5", "down")
        await screen.sees("stopped: s shows a new code")
        await screen.press("s")
        await screen.until(lambda _: ("start", "shop-b") in fleet.calls)


CHOICES = st.none() | st.frozensets(st.sampled_from(Column))


@given(width=st.integers(46, 300), chosen=CHOICES)
def test_the_columns_fill_the_width_and_none_is_squeezed_away(
    width: int, chosen: frozenset[Column] | None
) -> None:
    fitting = columns(width, chosen)
    assert sum(size + 1 for _, size in fitting) == width - INDENT
    shown = [column for column, _ in fitting]
    assert {Column.NAME, Column.STATE, Column.WHY} <= set(shown)
    assert shown == [column for column in Column if column in shown]
    assert all(size >= 4 for _, size in fitting)
    assert dict(fitting)[Column.WHY] >= (12 if width >= 54 else 8)


@given(width=st.integers(46, 300), more=st.integers(0, 40), chosen=CHOICES)
def test_a_wider_list_never_has_fewer_columns(
    width: int, more: int, chosen: frozenset[Column] | None
) -> None:
    narrow = {column for column, _ in columns(width, chosen)}
    assert narrow <= {column for column, _ in columns(width + more, chosen)}


def test_the_reason_and_the_newest_line_share_what_is_left() -> None:
    """The reason was cut at 30 cells beside 90 blank ones."""
    sizes = dict(columns(260, empty=OF_MESSAGES | {Column.TAGS, Column.NOTE}))
    assert sizes[Column.WHY] >= 40 and sizes[Column.LAST_LINE] >= 40
    assert dict(columns(120))[Column.WHY] >= 30
    assert set(dict(columns(300))) == set(Column) - OF_MESSAGES
    assert set(dict(columns(340, empty=frozenset()))) == set(Column)


def test_the_newest_line_is_there_without_being_asked_for_on_a_usual_wide_screen() -> None:
    for width in (159, 160):
        assert {Column.LAST_LINE, Column.NUMBER} <= set(dict(columns(width)))


async def test_tags_and_notes_have_columns_as_soon_as_somebody_wrote_one() -> None:
    plain, noted = connected("shop-a"), connected("shop-b")
    fleet = ScriptedFleet(plain, noted)
    async with shown(fleet, 220, 40) as screen:
        await screen.press("2", "w", "down", "up", "space", "escape")
        text = await screen.sees("LAST LINE")
        assert "TAGS" not in text and "NOTE" not in text
        fleet.show(replace(noted, tags=("vip", "jakarta"), note="paid until May"))
        await screen.sees("TAGS", "NOTE", "#vip #jakarta", "paid until May")
        await screen.press("w")
        await screen.says("its tags", "its note")
        await screen.press("escape", "1")
        await screen.press("h")
        await screen.sees("#vip #jakarta · paid until May")


async def test_what_the_reason_says_already_is_not_said_again() -> None:
    view = replace(connected("shop-a"), state=State.RETRYING, reason=Reason.DROPPED)
    fleet = ScriptedFleet(view, connected("shop-b"))
    fleet.log("shop-a", "The connection was closed")
    fleet.log("shop-b", "the newest line")
    async with shown(fleet, 260, 30) as screen:
        screen.app.model.detail = False
        await screen.press("2")
        text = await screen.sees("the newest line", "428 the connection was closed")
        assert "The connection was closed" not in text


def unlinked(name: str, reason: Reason) -> InstanceView:
    return replace(instance(name, State.STOPPED, reason), wanted=Wanted.RUNNING)


async def a_second_passes(screen: Shown) -> None:
    """A message leaves with the second in which its time is over."""
    screen.fleet.notice("it is time")
    await screen.sees("it is time")
    screen.fleet.clock.advance(12)
    await screen.until(lambda text: "it is time" not in text)


async def test_the_queue_renews_the_codes_of_the_one_whose_turn_it_is() -> None:
    fleet = ScriptedFleet(
        unlinked("refused", Reason.PAIRING_REFUSED),
        unlinked("shop-a", Reason.NEW),
        unlinked("shop-b", Reason.NEW),
    )

    def starts() -> list[tuple[str, ...]]:
        return [call for call in fleet.calls if call[0] == "start"]

    def begun(times: int, text: str) -> bool:
        return starts() == [("start", "shop-a")] * times and "connecting" in text

    async with shown(fleet, 160, 50) as screen:
        await screen.press("5")
        for times in range(1, RENEWALS + 1):
            await screen.until(partial(begun, times))
            fleet.clock.advance(RENEW_S)
            fleet.show(unlinked("shop-a", Reason.QR_EXPIRED))
        # Nobody has pressed a key for half an hour: nobody is there to scan.
        await screen.sees("stopped: s shows a new code")
        fleet.show(connected("shop-a"))
        await screen.until(lambda _: starts()[-1] == ("start", "shop-b"))
        fleet.show(connected("shop-b"))
        await screen.says("refused", "s shows a new code")
        assert ("start", "refused") not in fleet.calls


async def test_nothing_is_started_where_the_queue_is_not_seen() -> None:
    fleet = ScriptedFleet(unlinked("shop-a", Reason.NEW))
    async with shown(fleet, 160, 50, read_only=True) as screen:
        await screen.press("5")
        await screen.says("shop-a", "s shows a new code")
        await a_second_passes(screen)
    async with shown(fleet, 160, 50) as screen:
        await a_second_passes(screen)
        assert not fleet.calls
        await screen.press("5")
        await screen.until(lambda _: fleet.calls == [("start", "shop-a")])


async def test_the_queue_says_whose_number_has_linked_another_row() -> None:
    other = "+62812••••9083"
    fleet = ScriptedFleet(
        pairing("shop-a"), replace(pairing("shop-b"), phone=other), connected("shop-c")
    )
    async with shown(fleet, 160, 50) as screen:
        await screen.press("5")
        await screen.sees("shop-a", "code 2 of 6")
        linked = replace(connected("shop-a"), phone="+62811••••4411", other_number=other)
        fleet.show(linked)
        await screen.says(f"linked {other} instead of", "It may be the number of shop-b.")


async def test_the_list_tells_conflicts_of_today() -> None:
    fleet = ScriptedFleet(connected("shop-a"), connected("shop-b"))
    fleet.clock.at = NOW
    async with shown(fleet, 160, 30) as screen:
        await screen.press("2")
        await screen.until(
            lambda text: any("shop-b" in line and " 1 " in line for line in text.splitlines())
        )


async def test_on_a_small_terminal_the_queue_gives_the_code_the_whole_screen() -> None:
    fleet = ScriptedFleet(pairing("shop-a"), pairing("shop-b"))
    async with shown(fleet, 80, 24) as screen:
        await screen.press("5")
        await screen.until(lambda _: decode_qr(screen.cells()) == FAKE_QR, "a code to scan")
        await screen.press("1")
        await screen.sees("1 wall", "q quit")
