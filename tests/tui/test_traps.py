"""Keys that did more than their operator saw: several at once, hidden ones, a fleet only watched,
a manager that is gone, keys that are bound otherwise."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.tui.painted import Shown, shown
from tests.tui.scripted import NOW, ScriptedFleet, connected, every_state, instance, pairing
from waziterm.domain.fleet.api import FleetError, InstanceView
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.screen import KeyAction, Lang, Place
from waziterm.tui.app.app import WazitermApp
from waziterm.tui.commands.keys import KEYS
from waziterm.tui.paint import look
from waziterm.tui.screens.main import MainScreen
from waziterm.tui.text.keynames import OURS


def resting(name: str) -> InstanceView:
    return instance(name, State.STOPPED, Reason.BY_OPERATOR, jid="+62811••••9083:1@s.whatsapp.net")


def mixed() -> ScriptedFleet:
    return ScriptedFleet(resting("shop-a"), connected("shop-b"), connected("shop-c"))


async def dialog_is_open(screen: Shown, *, is_open: bool) -> None:
    await screen.pilot.pause()
    assert (not isinstance(screen.app.screen, MainScreen)) is is_open, screen.text()


# -- F8: several at once


async def test_f8_of_mixed_marks_s_asks_which_and_toggles_none() -> None:
    fleet = mixed()
    async with shown(fleet, 120, 40) as screen:
        await screen.press("2", "space", "space", "space", "s")
        await screen.says(
            "Start or stop some of 3 marked instances?",
            "1 of them are stopped, 2 run",
            "1 start 1: shop-a",
            "2 stop 2: shop-b, shop-c",
        )
        await screen.press("enter", "s", "y", "s", "escape")
        assert fleet.calls == []
        await screen.press("s", "2")
        await screen.says("✓ stop: done, all 2")
        assert fleet.calls == [("stop", "shop-b"), ("stop", "shop-c")]


@pytest.mark.parametrize(
    ("view", "asked", "verb"),
    [
        (resting, "Start 2 marked instances?", "start"),
        (connected, "Stop 2 marked instances?", "stop"),
    ],
)
async def test_f8_the_question_counts_and_names_them(
    view: Callable[[str], InstanceView], asked: str, verb: str
) -> None:
    fleet = ScriptedFleet(view("shop-a"), view("shop-b"), view("shop-c"))
    async with shown(fleet, 120, 40) as screen:
        await screen.press("space", "space", "s")
        await screen.says(asked, "shop-a, shop-b:", "cancel ⏎")
        await screen.press("enter")
        assert fleet.calls == []
        await screen.press("s", "y")
        await screen.until(lambda _: len(fleet.calls) == 2)
        assert fleet.calls == [(verb, "shop-a"), (verb, "shop-b")]


@pytest.mark.parametrize("key", ["s", "r", "t", "c", "x"])
@pytest.mark.parametrize("hide", [("z",), ("slash", *"name:shop-a", "enter"), ("4",), ("5",)])
async def test_f8_marks_that_are_not_seen_are_named_before_anything_acts(
    key: str, hide: tuple[str, ...]
) -> None:
    held = instance("shop-a", State.HELD, Reason.RIVAL)
    fleet = ScriptedFleet(held, connected("shop-b"), connected("shop-c"))
    async with shown(fleet, 120, 40) as screen:
        await screen.press("2", "down", "space", *hide, key)
        await screen.says("1 of them is marked and not shown now: shop-b.")
        await screen.press("enter")
        assert fleet.calls == []


async def test_f8_reconnect_and_send_test_of_several_ask_and_count() -> None:
    fleet = mixed()
    async with shown(fleet, 120, 40) as screen:
        await screen.press("2", "space", "space", "space", "r")
        await screen.says("Reconnect 3 marked instances?", "2 of them are connected")
        await screen.press("escape", "t")
        await screen.says(
            "Send 2 messages?", "shop-b, shop-c:", "Not connected, so left out: shop-a"
        )
        await screen.press("escape")
        assert fleet.calls == []
        await screen.press("t", "y")
        await screen.says("✓ send-test: done, all 2")
        assert fleet.calls == [("send_test", "shop-b"), ("send_test", "shop-c")]


async def test_f8_who_is_removed_meanwhile_is_told_in_the_summary() -> None:
    fleet = ScriptedFleet(*(connected(f"shop-{letter}") for letter in "abc"))
    async with shown(fleet, 120, 40) as screen:
        await screen.press("2", "space", "space", "space", "s")
        await screen.says("Stop 3 marked instances?")
        fleet.vanish("shop-b")
        await screen.until(lambda _: screen.app.model.get("shop-b") is None)
        await screen.press("y")
        await screen.says("✖ stop: 1 of 3 failed: shop-b was removed")
        assert fleet.calls == [("stop", "shop-a"), ("stop", "shop-c")]


async def test_f8_a_summary_names_the_failed_first_and_comes_once_all_have_ended() -> None:
    fleet = ScriptedFleet(*(resting(f"shop-{letter}") for letter in "abc"))
    async with shown(fleet, 120, 40) as screen:
        fleet.refuse = FleetError("banned for a time", "nothing shortens a ban")
        await screen.press("2", "space", "space", "space", "s", "y")
        await screen.says("→ start: 1 of 3 are finished")
        fleet.show(connected("shop-b", up_s=-1))
        await screen.says("→ start: 2 of 3 are finished")
        fleet.show(instance("shop-c", State.HELD, Reason.CRASH_LOOP, NOW + 2))
        await screen.says(
            "✖ start: 2 of 3 failed: shop-a: start refused: banned for a time (nothing shortens a"
            " ban); shop-c: start: held"
        )


async def test_f8_another_verb_meanwhile_leaves_no_act_without_an_end() -> None:
    fleet = ScriptedFleet(resting("shop-a"), resting("shop-b"))
    async with shown(fleet, 120, 40) as screen:
        await screen.press("2", "space", "space", "s", "y", "escape", "home")
        await screen.until(lambda _: len(fleet.calls) == 2)
        await screen.press("r")
        await screen.until(lambda _: len(fleet.calls) == 3)
        fleet.show(connected("shop-b", up_s=-1))
        await screen.says("✖ start: 1 of 2 failed: shop-a: reconnect was asked instead")


async def test_f8_a_removal_that_is_refused_ends_no_other() -> None:
    fleet = ScriptedFleet(connected("shop-a"), connected("shop-b"))
    async with shown(fleet, 120, 40) as screen:
        fleet.refuse = FleetError("a restart is running")
        await screen.press("2", "space", "space", "x", "y")
        await screen.says("✖ remove: 1 of 2 failed: shop-a: remove refused")
        assert [call[1] for call in fleet.calls] == ["shop-a", "shop-b"]


# -- F9: a manager that is gone


@pytest.mark.parametrize(("columns", "rows"), [(160, 50), (80, 24)])
async def test_f9_a_view_without_news_is_grey_stands_still_and_says_so(
    columns: int, rows: int
) -> None:
    fleet = every_state()
    gone: list[float] = []
    app = WazitermApp(
        fleet, clock=fleet.clock, attached=True, silent_since=lambda: gone[-1] if gone else None
    )
    glyphs = {sign.glyph for sign in look.SIGNS.values()}
    greys = {"8792a0", "0d1117", "1a1d23"}
    async with app.run_test(size=(columns, rows)) as pilot:
        screen = Shown(app, fleet, pilot)
        await screen.sees("● 2", "? help")
        gone.append(fleet.clock())
        fleet.clock.advance(100)
        for keys in ((), ("2",), ("5",), ("1", "enter"), ("right", "right")):
            await screen.press(*keys)
            text = await screen.sees("no manager answers: this is old data", "as of Sun 15:06:40")
            assert "15:08" not in text and "QR ready" not in text
            assert not re.search(r"\bup \d|\buptime\b", text), keys
            # Who is gone does nothing next, and no key brings it forward.
            assert not re.search(r"\bnext\b(?! screen)|= now|(?<![\d:])\d:\d\d(?![\d:])", text), (
                keys,
                text,
            )
            if not keys:
                assert text.count("as of Sun 15:06:40") > 2, "each panel says so"
            cells = screen.cells()
            assert {cell.bg for cell in cells[0]} >= {"f4716a"}
            body = [cell for line in cells[1:-2] for cell in line[:-1]]
            assert {cell.fg for cell in body} <= greys, keys
            assert not {cell.text for cell in body} & glyphs, keys
            assert "stop" not in text.splitlines()[-1]
        await screen.press("s", "c")
        await screen.says("clean was not carried out: no manager answers")
        await screen.press("ctrl+p", *"clean")
        await screen.pilot.pause(0.5)
        assert "clean shop" not in screen.text()
        await screen.press("escape")
        assert fleet.calls == []
        gone.clear()
        await screen.press("escape")
        await screen.sees("● 2", "? help", "s stop")
        assert "as of" not in screen.text()


async def test_f9_what_the_palette_offered_before_is_refused_as_its_key_is() -> None:
    fleet = ScriptedFleet(connected("shop-a"))
    gone: list[float] = []
    app = WazitermApp(
        fleet, clock=fleet.clock, attached=True, silent_since=lambda: gone[-1] if gone else None
    )
    async with app.run_test(size=(120, 40)) as pilot:
        screen = Shown(app, fleet, pilot)
        await screen.press("ctrl+p", *"reconn")
        await screen.sees("reconnect shop-a")
        gone.append(fleet.clock())
        await screen.until(lambda _: app.model.as_of is not None)
        await screen.press("down", "enter")
        await screen.says("reconnect was not carried out: no manager answers")
        assert fleet.calls == []


# -- F23: a fleet that is only watched


ACTS = [key for key in KEYS if key.commands and key.place is not Place.FOCUS]


@pytest.mark.parametrize("key", ACTS, ids=lambda key: key.action.value)
async def test_f23_read_only_refuses_before_anything_opens(key: object) -> None:
    fleet = ScriptedFleet(connected("shop-a"), pairing("shop-b"))
    keys = next(each for each in KEYS if each is key).keys
    async with shown(fleet, 160, 40, attached=True, read_only=True) as screen:
        await screen.press(keys)
        await screen.says("was not carried out: this screen only watches")
        await dialog_is_open(screen, is_open=False)
        assert fleet.calls == []


async def test_f23_nothing_that_read_only_offers_is_an_act() -> None:
    fleet = ScriptedFleet(connected("shop-a"), pairing("shop-b"))
    async with shown(fleet, 200, 40, attached=True, read_only=True) as screen:
        footer = screen.text().splitlines()[-1]
        for word in (
            "stop",
            "reconnect",
            "clean",
            "add",
            "fix",
            "restart",
            "undo",
            "remove",
            "test",
        ):
            assert f" {word} " not in f"{footer} ", word
        await screen.press("right", "enter", "p")
        await screen.says("code was not carried out: this screen only watches")
        await screen.press("escape", "K")
        await screen.says("✖ problem shop-b", "esc close")
        assert "show what a fix would do" not in screen.text()
        await screen.press("escape", "ctrl+p", *"clean")
        await screen.pilot.pause()
        assert "clean shop-a" not in screen.text()
        assert fleet.calls == [("check",)]


# -- F24: keys that are bound otherwise

BOUND = {action.value: f"f{number}" for number, action in enumerate(OURS, 1)}


def test_f24_texts_know_the_names_that_the_keys_have() -> None:
    for action, name in OURS.items():
        rows = [key for key in KEYS if key.action is action]
        assert rows[0].shown == name, action
    assert {action.value for action in OURS} <= {action.value for action in KeyAction}


@pytest.mark.parametrize("lang", Lang)
async def test_f24_a_key_is_named_by_its_new_name_everywhere(lang: Lang) -> None:
    held = instance("shop-h", State.HELD, Reason.RIVAL)
    waiting = instance("shop-w", State.RETRYING, Reason.DROPPED, next_attempt=NOW + 9)
    unscanned = instance("shop-q", State.STOPPED, Reason.QR_EXPIRED)
    fleet = ScriptedFleet(held, waiting, unscanned, pairing("shop-p"))
    f = {action: f"f{number}" for number, action in enumerate(OURS, 1)}
    spoken = lang is not Lang.ID
    async with shown(fleet, 120, 60, keymap=BOUND, lang=lang) as screen:
        await screen.says(
            f"· {f[KeyAction.RECONNECT]} =",
            f"({f[KeyAction.RECONNECT]})",
            f"({f[KeyAction.START_STOP]})",
            f[KeyAction.FOCUS_INSTANCE] + (" shows it" if spoken else " membukanya"),
        )
        await screen.press(f[KeyAction.SHOW_HELP])
        marks = (KeyAction.START_STOP, KeyAction.RECONNECT, KeyAction.SEND_TEST, KeyAction.CLEAN)
        await screen.says(" ".join(f[action] for action in marks))
        await screen.press(f[KeyAction.SHOW_HELP])
        await dialog_is_open(screen, is_open=False)
        await screen.press(f[KeyAction.CLEAN])
        await screen.says(f[KeyAction.UNDO] + (" restores it" if spoken else " memulihkannya"))
        await screen.press("escape", f[KeyAction.CHECK])
        await screen.says(f"({f[KeyAction.FIX]})", f"{f[KeyAction.RECONNECT]} (")
        await screen.press("escape", f[KeyAction.VIEW_QUEUE], "slash")
        wall, listed = f[KeyAction.VIEW_WALL], f[KeyAction.VIEW_LIST]
        await screen.says(f"press {wall} or {listed}" if spoken else f"tekan {wall} atau {listed}")


async def test_f24_the_key_that_quits_says_yes_and_a_sign_is_shown_as_it_is_typed() -> None:
    keymap = {"leave": "f9", "reconnect": "question_mark", "show_help": "f1"}
    async with shown(ScriptedFleet(connected("shop")), 120, 40, keymap=keymap) as screen:
        await screen.sees("? reconnect", "f1 help", "f9 quit")
        await screen.press("f9")
        await screen.sees("Quit waziterm?")
        await screen.press("q")
        assert screen.app.is_running
        await screen.press("f9")
        await screen.ended()


@pytest.mark.parametrize(
    "moved",
    [
        "command_palette",
        "suspend",
        "mark",
        "show_help",
        "back",
        "focus_instance",
        "leave",
        "filter",
    ],
)
async def test_f24_a_key_that_was_another_ones_does_what_it_is_bound_to(moved: str) -> None:
    keys = next(key.keys for key in KEYS if key.action == moved).split(",")
    keymap = {moved: "f5", "reconnect": keys[0]}
    fleet = ScriptedFleet(connected("shop"))
    async with shown(fleet, 120, 40, keymap=keymap) as screen:
        await screen.press(keys[0])
        await screen.until(lambda _: fleet.calls == [("reconnect", "shop", "takeover")])
        await dialog_is_open(screen, is_open=False)


async def test_f24_esc_clears_the_filter_where_going_back_is_a_key_that_is_typed() -> None:
    async with shown(every_state(), 120, 40, keymap={"back": "b"}) as screen:
        await screen.press("slash", "b")
        await screen.sees("esc clear it", "of 12 filtered")
        await screen.press("escape")
        await screen.until(lambda text: "filtered" not in text and "clear it" not in text)


# -- F25: what quitting ends


async def test_f25_only_who_is_linked_resumes() -> None:
    fleet = ScriptedFleet(connected("shop-a"), pairing("shop-b"), pairing("shop-c"))
    async with shown(fleet, 120, 40, keymap={"start_stop": "f7"}) as screen:
        await screen.press("q")
        text = await screen.says("1 session is live", "2 instances are not linked yet")
        assert "f7 starts it again" in text
        await screen.press("escape")
        for name in ("shop-b", "shop-c"):
            fleet.show(replace(connected(name), name=name))
        await screen.until(lambda text: "◐" not in text)
        await screen.press("q")
        text = await screen.says("3 sessions are live")
        assert "not linked yet" not in text


# -- F26: what a filter is looked for in


async def test_f26_a_filter_for_a_state_leaves_a_sentence_alone() -> None:
    async with shown(every_state(), 120, 40) as screen:
        await screen.press("slash")
        await screen.sees("tag:vip proxy:id-7 since>1h !up")
        await screen.press("exclamation_mark", *"conn", "enter")
        await screen.sees("shop-malang", "9 of 12 filtered")
        await screen.press("escape", "slash", *"state:held", "enter")
        await screen.sees("shop-aceh", "1 of 12 filtered")


async def test_a_screen_that_only_watches_names_no_key_that_acts() -> None:
    fleet = ScriptedFleet(
        resting("shop-a"),
        instance("shop-b", State.HELD, Reason.RIVAL),
        instance("shop-c", State.COOLDOWN, Reason.CONFLICT, next_attempt=NOW + 500),
    )
    async with shown(fleet, 160, 40, attached=True, read_only=True) as screen:
        await screen.says("next: start it", "stop the other client, then take over")
        for named in ("(s)", "(r)", "r = now"):
            assert named not in screen.text(), named
        await screen.press("s")
        await screen.says("start was not carried out: this screen only watches")
        await screen.press("right", "enter", "s")
        await screen.says("stop was not carried out: this screen only watches")


async def test_a_screen_that_acts_names_the_keys() -> None:
    fleet = ScriptedFleet(resting("shop-a"))
    async with shown(fleet, 160, 40, attached=True) as screen:
        await screen.says("next: start it (s)")
