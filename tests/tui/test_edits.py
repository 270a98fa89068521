"""The key e: what is set of an instance on the screen, and how that is undone."""

from dataclasses import replace

import pytest
from textual.widgets import Input

from tests.tui.painted import Shown, shown
from tests.tui.scripted import NOW, ScriptedFleet, connected, every_state
from waziterm.domain.fleet.api import FleetError
from waziterm.domain.fleet.history import Edit
from waziterm.domain.lifecycle.instance import OwnKey
from waziterm.tui.screens.dialogs_edit import EditDialog


def with_values() -> ScriptedFleet:
    """Two instances, of which the first has something set."""
    first = replace(
        connected("shop-a"), note="paid until May", tags=("vip",), device_name="Toko",
        proxy="socks5://sari:hunter2@proxy.example:1080",
    )  # fmt: skip
    return ScriptedFleet(first, connected("shop-b"))


async def fill(screen: Shown, field: str, value: str) -> None:
    screen.app.screen.query_one(f"#{field}", Input).value = value
    await screen.pilot.pause()


async def test_e_shows_what_is_set_and_sets_what_was_changed_alone() -> None:
    fleet = with_values()
    async with shown(fleet) as screen:
        await screen.press("e")
        text = await screen.sees("Edit shop-a", "paid until May", "vip", "Toko", "false")
        assert "socks5://•••@proxy.example:1080" in text and "hunter2" not in text
        await screen.says("then it connects again", "No cool-down, hold or ban ends")
        await fill(screen, "note", "paid until June")
        await fill(screen, "tags", "")
        await screen.press("enter")
        await screen.says("shop-a: changed; u undoes it")
        assert fleet.calls == [("edit", "shop-a", "note=paid until June", "tags=")]
        assert not isinstance(screen.app.screen, EditDialog)


async def test_what_the_fleet_refuses_is_said_there_and_the_fields_stay() -> None:
    fleet = with_values()
    fleet.refuse = FleetError("nothing was changed, the proxy failed the test at tcp", "see it")
    async with shown(fleet) as screen:
        await screen.press("e", "enter")
        await screen.sees("nothing is changed yet")
        await fill(screen, "proxy", "http://h:1")
        await screen.press("enter")
        await screen.says("the proxy failed the test at tcp (see it)")
        assert isinstance(screen.app.screen, EditDialog)
        assert screen.app.screen.query_one("#proxy", Input).value == "http://h:1"
        await screen.press("escape")
        await screen.until(lambda text: "Edit shop-a" not in text)


async def test_several_that_are_marked_get_what_is_filled_in() -> None:
    fleet = with_values()
    async with shown(fleet) as screen:
        await screen.press("space", "space", "e")
        await screen.says("Edit 2 marked instances", "What is left empty stays as it is for each")
        await fill(screen, "tags", "jakarta")
        await screen.press("enter")
        await screen.says("edit: done, all 2")
        assert sorted(fleet.calls) == [
            ("edit", "shop-a", "tags=jakarta"), ("edit", "shop-b", "tags=jakarta"),
        ]  # fmt: skip


async def test_u_undoes_what_was_set_last() -> None:
    fleet = with_values()
    fleet.edited = (Edit(7, NOW + 60, "sari", "shop-a", (OwnKey.NOTE, OwnKey.PROXY)),)
    async with shown(fleet) as screen:
        await screen.press("u")
        await screen.says("Undo the change of shop-a?", "Note, Proxy was set on", "by sari")
        await screen.press("y")
        await screen.says("shop-a: the change is undone")
        assert fleet.calls[-1] == ("undo_edit", "shop-a", "7")


@pytest.mark.parametrize("key", ["e"])
async def test_who_only_watches_sets_nothing(key: str) -> None:
    fleet = with_values()
    async with shown(fleet, read_only=True) as screen:
        await screen.press(key)
        await screen.says("edit was not carried out")
        assert fleet.calls == [] and not isinstance(screen.app.screen, EditDialog)


async def test_the_name_is_a_field_and_goes_first() -> None:
    fleet = with_values()
    async with shown(fleet) as screen:
        await screen.press("e")
        await screen.sees("Edit shop-a", "Name")
        focused = screen.app.focused
        assert focused is not None and focused.id == "note", "no name is typed over by mistake"
        await fill(screen, "name", "toko-a")
        await fill(screen, "note", "")
        await screen.press("enter")
        await screen.until(lambda text: "toko-a" in text and "shop-a" not in text)
        assert fleet.calls == [("rename", "shop-a", "toko-a"), ("edit", "toko-a", "note=")]
        await screen.press("e")
        await screen.sees("Edit toko-a")
        await fill(screen, "name", "kios-a")
        await screen.press("enter")
        await screen.says("kios-a: renamed; u undoes it")


async def test_a_name_that_is_refused_changes_nothing() -> None:
    fleet = with_values()
    fleet.refuse = FleetError("shop-b exists already", "choose another name")
    async with shown(fleet) as screen:
        await screen.press("e")
        await fill(screen, "name", "shop-b")
        await fill(screen, "note", "new")
        await screen.press("enter")
        await screen.says("shop-b exists already (choose another name)")
        assert fleet.calls == [("rename", "shop-a", "shop-b")]
        assert isinstance(screen.app.screen, EditDialog)


async def test_a_name_that_leads_to_another_one_is_taken_by_a_second_enter() -> None:
    fleet = with_values()
    await fleet.rename("shop-b", "shop-c")
    async with shown(fleet) as screen:
        await screen.press("e")
        await fill(screen, "name", "shop-b")
        await screen.press("enter")
        await screen.says("shop-b is the name that shop-c had before", "enter again takes it")
        assert len(fleet.calls) == 1
        await screen.press("enter")
        await screen.says("shop-b: renamed")
        assert fleet.calls[1:] == [("rename", "shop-a", "shop-b", "take")]


async def test_u_undoes_a_rename() -> None:
    fleet = with_values()
    fleet.edited = (Edit(8, NOW + 60, "sari", "shop-a", (), "toko"),)
    async with shown(fleet) as screen:
        await screen.press("u")
        await screen.says("Undo the rename of shop-a?", "toko was renamed to shop-a", "by sari")
        await screen.press("y")
        await screen.says("shop-a: the change is undone")
        assert fleet.calls[-1] == ("undo_edit", "shop-a", "8")


async def test_a_filter_by_field_and_its_mistake_in_one_line() -> None:
    fleet = every_state()
    fleet.views["shop-medan"] = replace(fleet.views["shop-medan"], tags=("vip",))
    async with shown(fleet, 120, 40) as screen:
        await screen.press("slash", *"tag:vip")
        await screen.until(lambda text: "shop-medan" in text and "shop-jakarta" not in text)
        await screen.press("escape", "slash", *"colour:red")
        await screen.says("no field colour; allowed: name: state:")
        assert "shop-jakarta" in screen.text()
        await screen.press(*["backspace"] * 10, *"tag:vip")
        await screen.sees("the filter is correct now", "1 of 12 filtered")
        assert "no field" not in screen.text(), "what is not wrong any more is said no longer"
