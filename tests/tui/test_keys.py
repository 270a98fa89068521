"""Every key, on the painted screen and at the fleet's door."""

import re
from pathlib import Path

import pytest
from textual.containers import VerticalScroll

from tests.tui.painted import Shown, shown
from tests.tui.scripted import NOW, ScriptedFleet, big, connected, every_state, instance, pairing
from waziterm.domain.fleet.api import FleetError, SendResult
from waziterm.domain.lifecycle.instance import QrCode
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.screen import KeyAction, Place
from waziterm.tui.commands.keys import KEYS
from waziterm.tui.screens.dialogs import AddDialog, ConfirmDialog
from waziterm.tui.screens.help import HelpDialog
from waziterm.tui.screens.instance import FocusScreen
from waziterm.tui.screens.main import MainScreen

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def marked(screen: Shown) -> str:
    """The name in the panel with the heavy border."""
    for line in screen.text().splitlines():
        if "┏" in line:
            return line.split("┏━ ")[1].split(" ")[0]
    raise AssertionError(f"nothing is selected:\n{screen.text()}")


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ("right", "shop-001"), ("right left", "shop-000"), ("down", "shop-004"), ("j", "shop-004"),
        ("down up", "shop-000"), ("j k", "shop-000"), ("up", "shop-000"), ("left", "shop-000"),
        ("end", "shop-049"), ("G", "shop-049"), ("end home", "shop-000"), ("G g", "shop-000"),
        ("right right right right", "shop-004"), ("end right", "shop-049"),
        ("right right down down down down down down down down down down down down", "shop-049"),
        ("pagedown", "shop-028"), ("pagedown pageup", "shop-000"),
    ],
)  # fmt: skip
async def test_moving_selects_a_panel_and_brings_it_into_view(keys: str, name: str) -> None:
    async with shown(big(50), 160, 52) as screen:
        await screen.press(*keys.split())
        await screen.pilot.pause()
        assert marked(screen) == name


async def test_enter_zooms_escape_returns_and_the_selection_stays() -> None:
    async with shown(every_state(), 120, 40) as screen:
        await screen.press("right", "enter")
        await screen.says(f"{Reason.CONFLICT.sentence} (440)", "number +62811••••9083")
        assert isinstance(screen.app.screen, FocusScreen)
        await screen.press("escape")
        await screen.pilot.pause()
        assert isinstance(screen.app.screen, MainScreen)
        assert marked(screen) == "shop-bandung"


async def test_left_and_right_walk_through_the_instances_in_focus() -> None:
    async with shown(every_state(), 120, 40) as screen:
        await screen.press("enter", "right")
        await screen.sees("number   +62811••••9083")
        await screen.press("left", "left")
        await screen.sees("+62812••••2207")


async def test_s_stops_what_runs_and_starts_what_is_stopped_and_tells_both_ends() -> None:
    fleet = ScriptedFleet(connected("shop"))
    async with shown(fleet) as screen:
        await screen.sees("s stop")
        fleet.gate.clear()
        await screen.press("s")
        await screen.sees("→ shop: stop asked")
        fleet.gate.set()
        await screen.sees("✓ shop: stop: stopped", "s start", Reason.BY_OPERATOR.sentence)
        await screen.press("s")
        await screen.sees("→ shop: start asked", "connecting")
        fleet.clock.advance(3)
        fleet.show(connected("shop", up_s=-3))
        await screen.sees("✓ shop: start: connected after 3 s")
        await screen.press("r")
        await screen.sees("→ shop: reconnect asked", "connecting")
        fleet.clock.advance(0.25)
        fleet.show(connected("shop", up_s=-0.25))
        text = await screen.sees("✓ shop: reconnect: connected after")
        assert re.search(r"connected after \d{3} ms", text)
        assert [each[:2] for each in fleet.calls] == [
            ("stop", "shop"), ("start", "shop"), ("reconnect", "shop"),
        ]  # fmt: skip


async def test_r_is_a_takeover_and_a_held_key_asks_once() -> None:
    fleet = every_state()
    fleet.gate.clear()
    async with shown(fleet) as screen:
        await screen.press("right", "r", "r", "r")
        await screen.sees("→ shop-bandung: reconnect asked")
        fleet.gate.set()
        await screen.says(Reason.TAKEOVER.sentence)
        assert fleet.calls == [("reconnect", "shop-bandung", "takeover")]
        fleet.show(instance("shop-bandung", State.HELD, Reason.RIVAL, NOW + 2))
        await screen.says(f"✖ shop-bandung: reconnect: held: {Reason.RIVAL.sentence}")


async def test_a_refusal_is_said_with_its_hint() -> None:
    fleet = ScriptedFleet(connected("shop"))
    fleet.refuse = FleetError("banned by WhatsApp for a time", "nothing shortens a ban")
    async with shown(fleet) as screen:
        await screen.press("r")
        said = "✖ shop: reconnect refused: banned by WhatsApp for a time (nothing shortens a ban)"
        await screen.says(said)


async def test_a_bug_in_a_command_is_logged_and_does_not_end_the_screen(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fleet = ScriptedFleet(connected("shop"))
    fleet.refuse = RuntimeError("no such table")
    async with shown(fleet) as screen:
        await screen.press("r")
        await screen.sees("✖ shop: reconnect failed inside the program")
        assert "no such table" in caplog.text
        await screen.press("s")
        await screen.sees("✓ shop: stop: stopped")


@pytest.mark.parametrize(
    ("attached", "log"), [(False, "waziterm.log"), (True, "attach.log")], ids=["own", "attached"]
)
@pytest.mark.parametrize(
    "keys", [["s"], ["u"], ["K"], ["a", "n", "enter"], ["right", "enter", "p", *"62", "enter"]]
)
async def test_an_error_of_ours_names_the_log_of_this_screen(
    keys: list[str], attached: bool, log: str
) -> None:
    fleet = ScriptedFleet(connected("shop"), pairing("shop-new"))
    async with shown(fleet, 120, 40, attached=attached) as screen:
        fleet.refuse = RuntimeError("a bug")
        await screen.press(*keys)
        await screen.says(f"failed inside the program; {log} has the details")


async def test_t_sends_and_tells_how_it_ended() -> None:
    fleet = ScriptedFleet(connected("shop"))
    async with shown(fleet) as screen:
        fleet.gate.clear()
        await screen.press("t")
        await screen.sees("→ shop: send-test asked")
        fleet.gate.set()
        await screen.sees("✓ shop: send-test: accepted by WhatsApp after 310 ms")
        fleet.send_result = SendResult(ok=False, took_s=60, error="no answer within 60 s")
        await screen.press("t")
        await screen.sees("✖ shop: send-test: no answer within 60 s")


@pytest.mark.parametrize("answer", ["enter", "escape", "n", "q"])
async def test_c_asks_and_does_nothing_by_default(answer: str) -> None:
    fleet = ScriptedFleet(connected("shop"))
    async with shown(fleet) as screen:
        await screen.press("c")
        await screen.sees("Clean shop?", "moves to the trash", "keep it ⏎")
        await screen.press(answer)
        if answer == "q":
            assert isinstance(screen.app.screen, ConfirmDialog)
            await screen.press("escape")
        await screen.until(lambda text: "Clean shop?" not in text)
        assert fleet.calls == []


async def test_c_cleans_when_told_so() -> None:
    fleet = ScriptedFleet(connected("shop"))
    async with shown(fleet) as screen:
        await screen.press("c", "y")
        await screen.says(f"✓ shop: clean: stopped: {Reason.CLEANED.sentence}")
        assert fleet.calls == [("clean", "shop")]


async def test_a_adds_and_shows_the_new_instance() -> None:
    fleet = ScriptedFleet()
    async with shown(fleet) as screen:
        await screen.sees("No WhatsApp number is linked here yet", "Press a to add")
        await screen.press("a")
        await screen.sees("Add an instance", "1 to 40 of a-z", "country code", "socks5")
        await screen.press(*"shop", "tab", *"+62", "tab", *"http://h:1", "enter")
        await screen.sees("shop", "◌ connecting", "http://h:1")
        assert isinstance(screen.app.screen, FocusScreen)
        assert fleet.calls == [("add", "shop", "+62", "http://h:1")]
        code = QrCode("x" * 281, 1, 6, NOW + 60)
        fleet.show(instance("shop", State.PAIRING, Reason.QR_SHOWN, NOW + 1, qr=code))
        await screen.sees("code 1 of 6, 60 s left", "✓ shop: add: pairing")
        # What became of the scan replaces it: it still told of a code when the panel was green.
        fleet.clock.advance(2)
        fleet.show(instance("shop", State.CONNECTED, Reason.ONLINE, NOW + 2, connected_at=NOW + 2))
        text = await screen.sees("● connected", "✓ shop: add: connected after")
        assert "QR code waits" not in text


async def test_what_the_fleet_refuses_is_said_in_the_dialog_with_the_fields_kept() -> None:
    fleet = ScriptedFleet(connected("shop"))
    async with shown(fleet) as screen:
        await screen.press("a", *"Shop 1", "enter")
        await screen.sees("✖ 'Shop 1' cannot be an instance name", "Add an instance")
        await screen.press(*["backspace"] * 6, *"shop", "enter")
        await screen.sees("✖ shop exists already (choose another name)")
        await screen.press("2", "enter")
        await screen.until(lambda _: "shop2" in fleet.views)
        await screen.until(lambda text: "Add an instance" not in text)


async def test_add_can_be_left_without_adding() -> None:
    fleet = ScriptedFleet()
    async with shown(fleet) as screen:
        await screen.press("a", *"shop", "escape")
        await screen.until(lambda text: "Add an instance" not in text)
        assert fleet.calls == []
        assert not isinstance(screen.app.screen, AddDialog)


async def test_keys_without_an_instance_say_so() -> None:
    async with shown(ScriptedFleet()) as screen:
        for key in ("s", "r", "t", "c", "l", "enter"):
            await screen.press(key)
            await screen.sees("there is no instance yet; press a to add an instance")
        assert isinstance(screen.app.screen, MainScreen)


async def test_l_shows_the_log_on_the_whole_screen_and_escape_returns_to_where_it_was() -> None:
    fleet = ScriptedFleet(connected("shop"))
    for number in range(100):
        fleet.log("shop", f"line {number}")
    async with shown(fleet) as screen:
        await screen.press("l")
        await screen.sees("line 99", "line 85", "following")
        assert "number" not in screen.text()
        await screen.press("escape")
        await screen.pilot.pause()
        assert isinstance(screen.app.screen, MainScreen)
        await screen.press("enter", "l")
        await screen.until(lambda text: "number" not in text and "line 99" in text)
        await screen.press("escape")
        await screen.sees("number", "line 99")
        assert isinstance(screen.app.screen, FocusScreen)


async def test_scrolling_stops_following_and_f_follows_again() -> None:
    fleet = ScriptedFleet(connected("shop"))
    for number in range(100):
        fleet.log("shop", f"line {number}")
    async with shown(fleet) as screen:
        await screen.press("l", "up", "k", "pageup")
        await screen.sees("newer below · f follows")
        fleet.log("shop", "line 100")
        await screen.until(lambda text: "line 100" not in text and "newer below" in text)
        await screen.press("home")
        await screen.sees("line 0 ")
        await screen.press("pagedown", "down", "j", "f")
        await screen.sees("line 100", "following")
        await screen.press("f")
        fleet.log("shop", "line 101")
        await screen.sees("1 newer below")
        await screen.press("end")
        await screen.sees("line 101", "following")
        await screen.press("g")
        await screen.sees("line 0 ")
        await screen.press("G")
        await screen.sees("line 101", "following")


@pytest.mark.parametrize("size", [(80, 100), (120, 100), (200, 60)])
async def test_help_lists_every_key_from_the_same_list_as_the_bindings(
    size: tuple[int, int],
) -> None:
    async with shown(every_state(), *size) as screen:
        await screen.press("question_mark")
        text = await screen.sees("Everywhere", "On the fleet", "On one instance", "States")
        for key in KEYS:
            first = " ".join(key.told.split()[:5])
            assert any(f" {key.shown} " in line and first in line for line in text.splitlines()), (
                key
            )
        for state in State:
            assert state.label in text
        await screen.press("question_mark")
        await screen.until(lambda shown: "On one instance" not in shown)


async def test_help_is_one_screen_where_two_columns_fit() -> None:
    async with shown(every_state(), 120, 40) as screen:
        await screen.press("question_mark")
        text = await screen.sees("Everywhere", "On the fleet", "On one instance")
        for said in (KEYS[-1].about, *(state.label for state in State)):
            assert said in text
        (box,) = screen.app.screen.query(VerticalScroll)
        assert box.max_scroll_y == 0


async def test_help_scrolls_on_a_small_screen() -> None:
    async with shown(every_state(), 60, 20) as screen:
        await screen.press("question_mark")
        await screen.sees("Everywhere")
        assert isinstance(screen.app.screen, HelpDialog)
        await screen.press("pagedown", "pagedown", "pagedown", "pagedown")
        await screen.sees("outdated")
        await screen.press("escape")
        await screen.until(lambda text: "outdated" not in text)


async def test_the_palette_finds_actions_and_instances() -> None:
    fleet = every_state()
    async with shown(fleet, 100, 60) as screen:
        await screen.press("ctrl+p")
        await screen.sees("reconnect: shop-jakarta")
        assert "screenshot" not in screen.text().lower()
        await screen.press(*"rec solo")
        await screen.sees("reconnect shop-solo")
        await screen.press("enter")
        await screen.until(lambda _: ("reconnect", "shop-solo", "takeover") in fleet.calls)
        await screen.press("ctrl+p", *"medan")
        await screen.sees("show shop-medan")
        await screen.press("enter")
        await screen.sees("code 2 of 6")


@pytest.mark.parametrize("keys", ["q q", "q enter", "q y", "ctrl+c ctrl+c", "ctrl+q q"])
async def test_quitting_says_what_becomes_of_live_sessions(keys: str) -> None:
    first, second = keys.split()
    async with shown(every_state()) as screen:
        await screen.press(first)
        await screen.sees(
            "Quit waziterm?", "5 sessions are live", "its next start", "s starts it again"
        )
        await screen.sees("1 instance is not linked yet.")
        await screen.press(second)
        await screen.ended()
        assert screen.app.return_code == 0
        assert screen.fleet.calls == []


async def test_quitting_can_be_taken_back() -> None:
    async with shown(every_state()) as screen:
        await screen.press("q", "escape")
        await screen.until(lambda text: "Quit waziterm?" not in text)
        await screen.press("q", "n")
        await screen.until(lambda text: "Quit waziterm?" not in text)
        assert screen.app.is_running


async def test_quitting_asks_nothing_when_no_session_is_live() -> None:
    async with shown(ScriptedFleet(instance("shop", State.STOPPED, Reason.NEW))) as screen:
        await screen.press("q")
        await screen.ended()
        assert screen.app.return_code == 0


@pytest.mark.parametrize("key", ["ctrl+c", "ctrl+q"])
async def test_ctrl_c_quits_from_a_dialog_too(key: str) -> None:
    async with shown(ScriptedFleet(pairing("shop"))) as screen:
        await screen.press("a", key)
        text = await screen.says("Quit waziterm?", "1 instance is not linked yet")
        assert "is live" not in text and "resumes at" not in text
        await screen.press(key)
        await screen.ended()


async def test_letters_in_a_dialog_are_text_and_not_commands() -> None:
    fleet = ScriptedFleet(connected("shop"))
    async with shown(fleet) as screen:
        await screen.press("a", *"srctqlaf")
        await screen.sees("srctqlaf")
        assert fleet.calls == []


def test_readme_names_each_key_that_the_footer_does() -> None:
    table = README.split("\n## Keys\n")[1].split("\n## ")[0]
    named = set(re.findall(r"`([^`]+)`", table))
    unnamed = {key.shown for key in KEYS if key.label or key.commands} - named - {"^p :"}
    assert not unnamed, f"README's keys lack: {unnamed}"


def test_every_action_can_be_bound_and_no_other() -> None:
    rowless = set(KeyAction) - {key.action for key in KEYS}
    assert not rowless, f"no row in tui/commands/keys.py does these: {rowless}"


def test_an_action_has_one_function_wherever_it_works() -> None:
    """`press` finds it by the action and the place."""
    for place in (Place.FLEET, Place.FOCUS):
        functions: dict[KeyAction, object] = {}
        for key in KEYS:
            if key.place in (place, Place.BOTH):
                assert functions.setdefault(key.action, key.do) is key.do, key.action


async def test_the_keys_to_both_neighbours_can_be_bound_apart() -> None:
    """They had one name, and another key for it took the way back or the way on."""
    fleet = ScriptedFleet(connected("alpha"), connected("beta"), connected("gamma"))
    keymap = {"neighbour_before": "f5", "neighbour_1": "f6"}
    async with shown(fleet, keymap=keymap) as screen:
        await screen.press("enter", "f6")
        await screen.until(lambda _: screen.app.screens.target == "beta")
        await screen.press("f5", "f5")
        await screen.until(lambda _: screen.app.screens.target == "gamma")


async def test_a_key_that_is_bound_otherwise_does_it_and_is_what_footer_and_help_say() -> None:
    fleet = ScriptedFleet(connected("shop"))
    async with shown(fleet, 120, 100, keymap={"reconnect": "f5"}) as screen:
        await screen.sees("f5 reconnect")
        await screen.press("r")
        await screen.pilot.pause()
        assert fleet.calls == []
        await screen.press("f5")
        await screen.until(lambda _: bool(fleet.calls))
        assert fleet.calls[0][0] == "reconnect"
        await screen.press("question_mark")
        text = await screen.sees("On the fleet")
        assert any("f5" in line and "connect now" in line for line in text.splitlines())
