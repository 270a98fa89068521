"""Marks: one, a range, all that are shown, the others; and how each is taken back."""

import pytest

from tests.tui.painted import shown
from tests.tui.scripted import ScriptedFleet, connected


def fleet() -> ScriptedFleet:
    return ScriptedFleet(*(connected(f"shop-{letter}") for letter in "abcdef"))


@pytest.mark.parametrize(
    ("keys", "marked"),
    [
        ("asterisk", "abcdef"),
        ("space asterisk", "abcdef"),
        ("asterisk asterisk", ""),
        ("space i", "bcdef"),
        ("i i", ""),
        ("down v down down v down", "bcd"),
        ("down down v up up", "abc"),
        ("v down down up", "ab"),
        ("end space home v down", "abf"),
        ("v end v i", ""),
        ("v down escape down", ""),
        ("v down space down", "a"),
        ("v end 4 2 home", "abcdef"),
    ],
)
async def test_what_each_key_marks(keys: str, marked: str) -> None:
    async with shown(fleet()) as screen:
        await screen.press("2", *keys.split())
        await screen.pilot.pause()
        assert screen.app.model.marked == {f"shop-{letter}" for letter in marked}
        if marked:
            await screen.sees(f"{len(marked)} marked")


async def test_only_those_that_are_shown_are_marked_and_the_others_keep_theirs() -> None:
    async with shown(fleet(), 120, 40) as screen:
        await screen.press("2", "end", "space", "slash", *"name:b", "enter", "asterisk")
        assert screen.app.model.marked == {"shop-b", "shop-f"}
        await screen.press("asterisk")
        assert screen.app.model.marked == {"shop-f"}
        await screen.press("i")
        assert screen.app.model.marked == {"shop-b", "shop-f"}


async def test_marks_are_for_the_views_that_show_them() -> None:
    async with shown(fleet(), 120, 40) as screen:
        for key in ("asterisk", "v", "i"):
            await screen.press("5", key)
            await screen.says("marks are for the wall and the list")
        assert not screen.app.model.marked
