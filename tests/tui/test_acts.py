"""Acknowledging one incident after the other, with notes; and what the trash gives back."""

from dataclasses import replace

from tests.scriptedtools import AT, ENTRY, STOLEN
from tests.tui.painted import Shown, shown
from tests.tui.scripted import ScriptedFleet, connected, every_state
from waziterm.domain.care.trash import Why


def with_incidents(count: int = 4) -> ScriptedFleet:
    """One whose second incident is acknowledged; 10 is the newest."""
    fleet = every_state()
    fleet.happened = tuple(
        replace(
            STOLEN, id=10 + n, names=(f"shop-{n}",), acknowledged_at=AT if n == 1 else None,
            began_at=STOLEN.began_at - 60 * n,
        )
        for n in range(count)
    )  # fmt: skip
    return fleet


def selected(screen: Shown) -> str:
    (row,) = (line for line in screen.text().splitlines() if "▌" in line)
    return next(word for word in row.split() if word.startswith("shop-"))


async def test_each_press_acknowledges_one_and_goes_on_to_the_next_that_waits() -> None:
    fleet = with_incidents()
    fleet.gate.clear()
    async with shown(fleet, 120, 40) as screen:
        await screen.press("4")
        await screen.sees("3 not acknowledged")
        await screen.press("A")
        await screen.until(lambda _: selected(screen) == "shop-2")
        await screen.press("A")
        await screen.until(lambda _: selected(screen) == "shop-3")
        fleet.gate.set()
        await screen.sees("1 not acknowledged")
        await screen.press("home", "A")
        await screen.says("✖ already acknowledged; N adds a note")
        await screen.press("down")
        assert fleet.calls == [("acknowledge", "10"), ("acknowledge", "12")]


async def test_marked_incidents_are_acknowledged_together_and_with_a_note() -> None:
    fleet = with_incidents()
    async with shown(fleet, 120, 40) as screen:
        await screen.press("4")
        await screen.sees("3 not acknowledged")
        await screen.press("asterisk")
        await screen.says("A acknowledges the 3 marked ones")
        await screen.press("escape")
        await screen.says("A acknowledges the selected one, N with a note")
        await screen.press("space", "end", "space", "N")
        await screen.says("Note on 2 incidents", "Note", "enter save the note", "esc cancel")
        await screen.press("enter")
        await screen.says("✖ write one line")
        await screen.press(*"moved", "enter")
        await screen.sees("1 not acknowledged")
        assert fleet.calls == [("acknowledge", "10", "moved"), ("acknowledge", "13", "moved")]
        assert selected(screen) == "shop-2"
        await screen.press("home")
        await screen.sees("by sari: moved")


async def test_a_note_can_be_left_on_what_somebody_acknowledged() -> None:
    fleet = with_incidents()
    async with shown(fleet, 120, 40) as screen:
        await screen.press("4")
        await screen.sees("3 not acknowledged")
        await screen.press("down", "N", *"late", "enter")
        await screen.until(lambda _: ("acknowledge", "11", "late") in fleet.calls)


async def test_the_trash_is_shown_and_gives_back_what_is_selected() -> None:
    fleet = ScriptedFleet(connected("shop-a"))
    gone = replace(ENTRY, id="shop-y-1", instance="shop-y", why=Why.LOGGED_OUT, restorable=False)
    copy = replace(ENTRY, id="shop-x-1", instance="shop-x", why=Why.COPY, expires_at=AT + 86_400)
    fleet.entries = (gone, ENTRY, copy)
    async with shown(fleet, 120, 40) as screen:
        await screen.press("6")
        await screen.says(
            "3 entries in the trash; u restores the selected one", "u restore", "logged out",
            "its keys are gone", "removed", "copied by a fix", "1 d 00 h left", "shop-y-1",
        )  # fmt: skip
        await screen.press("u")
        await screen.says("✖ shop-y: its keys are gone, so it cannot be restored")
        await screen.press("down", "down", "u")
        await screen.says("Restore shop-x?", "It is a copy: the keys of messages since then")
        await screen.press("escape", "up", "u", "y")
        await screen.says("✓ shop-z: restored")
        assert ("restore", ENTRY.id) in fleet.calls
        fleet.entries = ()
        await screen.press("1", "6")
        assert "0 entries" not in await screen.says("The trash is empty.")
        await screen.press("s")
        await screen.says("✖ no instance is selected here; 1 or 2 shows them all")


async def test_a_key_shows_the_whole_numbers_for_a_while_and_masks_them_again() -> None:
    fleet = ScriptedFleet(connected("shop-a"), connected("shop-b", "9083"))
    async with shown(fleet, 120, 40) as screen:
        await screen.sees("+62812••••4411", "+62812••••9083")
        await screen.press("number_sign")
        await screen.sees("+6281234567890", "+62812••••9083", "# masks them again")
        fleet.show(connected("shop-a", sent=9))
        await screen.sees("sent 9", "+6281234567890")
        await screen.press("enter")
        await screen.sees("number   +6281234567890:7@s.whatsapp.net")
        await screen.press("number_sign")
        await screen.sees("number   +62812••••4411:7@s.whatsapp.net")
        assert "+6281234567890" not in screen.text()
        assert fleet.calls == [("numbers",)]


async def test_a_screen_that_only_watches_shows_no_whole_number() -> None:
    fleet = ScriptedFleet(connected("shop-a"))
    async with shown(fleet, 120, 40, read_only=True) as screen:
        await screen.press("number_sign")
        await screen.says("was not carried out: this screen only watches")
        assert fleet.calls == []
