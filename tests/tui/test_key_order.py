"""Keys that come in one burst do what they would do one by one."""

import asyncio

from textual import events

from tests.tui.painted import Shown, shown
from tests.tui.scripted import ScriptedFleet, connected, every_state
from waziterm.domain.lifecycle.states import State


def burst(screen: Shown, *keys: str) -> None:
    """Keys as a slow connection brings them: all at once."""
    for key in keys:
        character = {"slash": "/", "space": " "}.get(key, key if len(key) == 1 else None)
        screen.app.post_message(events.Key(key, character))


async def test_what_follows_a_slash_is_typed_and_commands_nobody() -> None:
    fleet = every_state()
    async with shown(fleet, 120, 40) as screen:
        burst(screen, "slash", *"scrub")
        await screen.until(lambda _: screen.app.model.arrangement.pattern == "scrub")
        await screen.sees("0 of 12 filtered")
        burst(screen, "escape", "slash", *"bali", "enter", "s")
        await screen.until(lambda _: ("stop", "shop-bali") in fleet.calls)
        assert fleet.calls == [("stop", "shop-bali")]


async def test_what_follows_a_search_commands_again() -> None:
    fleet = every_state()
    async with shown(fleet, 120, 40) as screen:
        burst(screen, "l", "slash", *"probe", "enter", "s")
        await screen.until(lambda _: fleet.calls != [])
        assert fleet.calls == [("stop", "shop-jakarta")]


async def test_what_follows_an_a_is_the_name() -> None:
    fleet = ScriptedFleet(connected("old"))
    async with shown(fleet, 120, 40) as screen:
        burst(screen, "a", *"scrat", "enter")
        await screen.until(lambda _: "scrat" in fleet.views)
        assert fleet.calls == [("add", "scrat", "", "")]


async def test_a_question_is_answered_and_what_follows_goes_on_below() -> None:
    fleet = every_state()
    async with shown(fleet, 120, 40) as screen:
        burst(screen, "c", "y", "right", "s")
        await screen.until(lambda _: ("stop", "shop-bandung") in fleet.calls)
        assert fleet.calls == [("clean", "shop-jakarta"), ("stop", "shop-bandung")]


async def test_a_burst_moves_as_far_as_it_says() -> None:
    async with shown(every_state(), 120, 40) as screen:
        burst(screen, "2", *["down"] * 5, "enter")
        await screen.sees("esc back")
        assert screen.app.screens.target == screen.app.model.shown[5]


async def test_ctrl_c_waits_for_no_other_key() -> None:
    async with shown(every_state(), 120, 40) as screen:
        burst(screen, *["down"] * 200)
        screen.app.post_message(events.Key("ctrl+c", None))
        await screen.sees("Quit waziterm?")
        screen.app.post_message(events.Key("ctrl+c", None))
        await screen.ended()


async def test_keys_go_on_when_who_handled_one_is_gone() -> None:
    """A dialog that closes by itself takes the key with it that it had got."""
    fleet = ScriptedFleet(connected("shop"))
    async with shown(fleet, 120, 40) as screen:
        for _ in range(5):
            await screen.press("a", *"x")
            dialog = screen.app.screen
            burst(screen, "y", "k")
            await asyncio.gather(dialog.dismiss(None), return_exceptions=True)
            await screen.until(lambda text: "Add an instance" not in text)
        await screen.press("s")
        await screen.until(lambda _: fleet.views["shop"].state is State.STOPPED)
