"""The emergency tools on the screen: what each key asks, shows and does."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from tests.scriptedtools import ENTRY, OPEN
from tests.tui.painted import shown
from tests.tui.scripted import ScriptedFleet, connected, every_state, instance
from waziterm.domain.care.layers import LayerName, TestReport
from waziterm.domain.care.trash import Removal
from waziterm.domain.fleet.api import FleetError, InstanceView
from waziterm.domain.fleet.tools import Comeback, Progress, RestartReport, Step
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.phrase import Phrase
from waziterm.tui.screens.main import MainScreen


async def test_a_check_leads_to_the_dry_run_and_that_to_the_fix() -> None:
    fleet = ScriptedFleet(connected("shop-a"))
    async with shown(fleet, 120, 40) as screen:
        await screen.press("K")
        await screen.says(
            "✖ problem shop-b: held since 12:00", "▲ warning shop-a: others can read its keys",
            "set its mode to 600 (F)", "y show what a fix would do",
        )  # fmt: skip
        assert ("fix", "True") not in fleet.calls
        await screen.press("y")
        await screen.says("→ shop-a: set its mode to 600", "What you have to decide", "y do it")
        assert ("fix", "False") not in fleet.calls
        await screen.press("y")
        await screen.says("✓ shop-a: set its mode to 600", "esc close")
        assert fleet.calls == [("check",), ("fix", "True"), ("fix", "False")]
        await screen.press("escape")
        await screen.pilot.pause()
        assert isinstance(screen.app.screen, MainScreen)


async def test_what_was_found_is_walked_along_and_leads_to_its_instance() -> None:
    fleet = ScriptedFleet(connected("shop-a"), instance("shop-b", State.HELD, Reason.RIVAL))
    async with shown(fleet, 120, 40) as screen:
        await screen.press("K")
        text = await screen.says(
            "▌ ✖ problem shop-b", "stop the other client, then r (reconnect)", "enter show shop-b"
        )
        assert "`waziterm" not in text
        await screen.press("down")
        await screen.says("▌ ▲ warning shop-a", "enter show shop-a")
        await screen.press("down", "up", "enter")
        await screen.says("shop-b", "✖ held", "sessions/shop-b.db")
        assert screen.app.screens.target == "shop-b"


async def test_a_long_list_scrolls_with_the_selection_and_its_lines_keep_their_indent() -> None:
    fleet = ScriptedFleet(connected("shop-a"))
    seen = "others can read its keys, " * 8
    # What is told alike of many is one line, so each is told otherwise.
    fleet.found = tuple(
        replace(
            OPEN,
            subject=f"sessions/shop-{n:03}.db",
            instance=f"shop-{n:03}",
            evidence=Phrase("{seen}({n})", seen=seen, n=n),
        )
        for n in range(40)
    )
    async with shown(fleet, 80, 24) as screen:
        await screen.press("K")
        await screen.sees("▌ ▲ warning shop-000", "\n│▌   others can read its keys")
        for keys, last in (["end"], "shop-039"), (["home"], "shop-000"), (["pagedown"], "shop-004"):
            await screen.press(*keys)
            await screen.sees(f"▌ ▲ warning {last}", f"enter show {last}")
        await screen.press("end")
        await screen.sees("▌   set its mode to 600")


async def test_a_check_takes_the_width_that_there_is() -> None:
    fleet = ScriptedFleet(connected("shop-a"))
    fleet.found = (replace(OPEN, evidence=Phrase("word " * 24 + "end")),)
    async with shown(fleet, 220, 60) as screen:
        await screen.press("K")
        await screen.sees("▌ ▲ warning shop-a: " + "word " * 24 + "end")


async def test_a_healthy_fleet_offers_no_fix() -> None:
    fleet = ScriptedFleet(connected("shop-a"))
    fleet.found = ()
    async with shown(fleet, 120, 40) as screen:
        await screen.press("K")
        await screen.says("✓ nothing is wrong", "esc close")
        await screen.press("y")
        await screen.pilot.pause()
        assert fleet.calls == [("check",)]


async def test_an_import_shows_first_what_it_would_do() -> None:
    fleet = ScriptedFleet(connected("shop-a"))
    async with shown(fleet, 120, 40) as screen:
        await screen.press("I", *"srv", "enter")
        await screen.says("write the whole path, from / on")
        await screen.press(*["backspace"] * 3, *"/srv", "tab", *"shop-")
        await screen.press(*["tab"] * 3, "x", "enter")
        await screen.says("write y, or leave it empty")
        await screen.press("backspace", "y", "enter")
        await screen.says(
            "Import: what it would do", "cannot be known here",
            "✓ shop-jakarta +6281••••7890:7@s.whatsapp.net", "keeps 811 prekeys",
            "drops what is in doubt: 1 sessions with devices",
            "✖ shop-bogor", "pid 7: node app.js", "y the old program is stopped for good: do it",
        )  # fmt: skip
        assert fleet.calls == [
            ("import_sessions", "/srv", "None", "shop-", "True", "False", "True")
        ]
        await screen.press("y")
        await screen.says("1 session imported; 1 refused; s starts them", "esc close")
        assert [call[-1] for call in fleet.calls] == ["True", "False"]


async def test_restart_asks_shows_bars_and_tells_what_is_back() -> None:
    fleet = ScriptedFleet(connected("shop-a"))
    async with shown(fleet, 120, 40) as screen:
        await screen.press("R", "n", "R")
        await screen.says("Restart the fleet?", "Cool-downs, holds and bans stay")
        assert fleet.calls == []
        await screen.press("y")
        await screen.says(
            "stop the workers", "2 of 2", "✓ shop-a: back after 1.2 s",
            "shop-b: held, another client keeps taking this session", "✓ done in 2.5 s",
        )  # fmt: skip
        assert fleet.calls == [("restart", "None")]


class Restarting(ScriptedFleet):
    """Has begun to start two, and waits for the test to go on."""

    def __init__(self, *views: InstanceView) -> None:
        super().__init__(*views)
        self.go_on = asyncio.Event()

    async def restart(
        self, *, clean_sessions: int | None = None
    ) -> AsyncGenerator[Progress | RestartReport, None]:
        yield Progress(Step.START, 1, 2, "shop-a")
        yield Progress(Step.START, 2, 2, "shop-b")
        yield Progress(Step.VERIFY, 1, 2, "shop-a")
        await self.go_on.wait()
        async for told in super().restart():
            yield told


async def test_a_restart_says_who_is_missing_and_goes_on_when_it_is_closed() -> None:
    fleet = Restarting(connected("shop-a"), instance("shop-b", State.RETRYING, Reason.DROPPED))
    async with shown(fleet, 120, 40) as screen:
        await screen.press("R", "y")
        text = await screen.says(
            "1 of 2",
            "shop-b is not back yet: retrying",
            "enter show shop-b",
            "esc close; it goes on",
        )
        assert "shop-a is not back" not in text
        await screen.press("escape")
        await screen.until(lambda text: "Restart the fleet" not in text)
        fleet.go_on.set()
        await screen.says("✓ restart: 1 are back")


class OneMissing(ScriptedFleet):
    """One is not back; another one is held, which no restart changes."""

    async def restart(
        self, *, clean_sessions: int | None = None
    ) -> AsyncGenerator[Progress | RestartReport, None]:
        async for told in super().restart(clean_sessions=clean_sessions):
            if isinstance(told, RestartReport):
                gone = Comeback("shop-c", State.RETRYING, Reason.DROPPED, True, None)
                yield replace(told, comebacks=(*told.comebacks, gone))


async def test_a_restart_counts_who_was_to_come_back() -> None:
    """It said "1 of 50 not back" below "back online 47 of 48"."""
    fleet = OneMissing(connected("shop-a"), connected("shop-b"), connected("shop-c"))
    async with shown(fleet, 120, 40) as screen:
        await screen.press("R", "y")
        await screen.says("✖ 1 of 2 not back", "✖ not back: shop-c", "shop-b: held")


async def test_a_full_test_names_the_layer_that_failed() -> None:
    fleet = ScriptedFleet(connected("shop-a"), connected("shop-b"))
    fleet.layers_failed = frozenset({LayerName.QUERY})
    async with shown(fleet, 120, 50) as screen:
        await screen.press("T", "n")
        await screen.says(
            "2 of 2 tested, 2 failed", "✖ shop-a", "✓ login", "✖ query", "see the network"
        )
        await screen.press("escape", "enter", "T", "n")
        await screen.says("1 of 1 tested")
        assert fleet.calls[-1] == ("test", "shop-a", "None", "False")


@pytest.mark.parametrize(("key", "sends"), [("y", "True"), ("n", "False"), ("enter", "False")])
async def test_f10_a_test_asks_with_the_number_of_messages(key: str, sends: str) -> None:
    fleet = every_state()
    async with shown(fleet, 120, 50) as screen:
        await screen.press("T")
        await screen.says(
            "Test 11 instances?",
            "y test and send 3 messages",
            "n test, send nothing ⏎",
            "esc cancel",
        )
        await screen.press("escape", "T")
        assert fleet.calls == []
        await screen.press(key)
        await screen.says("11 of 11 tested")
        assert {call[3] for call in fleet.calls} == {sends} and len(fleet.calls) == 11
        said = "no message is sent" in screen.text()
        assert said is (sends == "False")


async def test_f10_of_one_it_asks_too_and_where_nobody_can_send_it_does_not() -> None:
    fleet = ScriptedFleet(connected("shop-a"), instance("shop-b", State.HELD, Reason.RIVAL))
    async with shown(fleet, 120, 40) as screen:
        await screen.press("enter", "T")
        await screen.says("Test 1 instance?", "test and send 1 message")
        await screen.press("escape", "right", "T")
        await screen.says("1 of 1 tested")
        assert fleet.calls == [("test", "shop-b", "None", "False")]


async def test_f10_the_failed_come_first_with_a_count() -> None:
    class Half(ScriptedFleet):
        async def test(self, name: str, to: str | None = None, *, send: bool = False) -> TestReport:
            self.layers_failed = frozenset({LayerName.LOGIN} if name == "shop-c" else ())
            return await super().test(name, to, send=send)

    fleet = Half(*(connected(f"shop-{letter}") for letter in "abcd"))
    async with shown(fleet, 120, 40) as screen:
        await screen.press("T", "n")
        text = await screen.says("4 of 4 tested, 1 failed", "✖ shop-c", "✓ shop-d: all layers")
        assert text.index("✖ shop-c") < text.index("✓ shop-a")


async def test_undo_restores_what_left_last_once_the_operator_agrees() -> None:
    fleet = ScriptedFleet(connected("shop-a"))
    async with shown(fleet, 120, 40) as screen:
        await screen.press("u")
        await screen.says("Restore shop-z?", "It was removed on Sun 15 Jun")
        await screen.press("y")
        await screen.says("✓ shop-z: restored")
        assert fleet.calls == [("trash",), ("restore", ENTRY.id)]
        fleet.entries = ()
        await screen.press("u")
        await screen.says("the trash holds nothing that could be restored")


async def test_one_undo_brings_back_what_one_act_took_and_tells_what_it_could_not() -> None:
    class Choosy(ScriptedFleet):
        async def restore(self, entry: str) -> str:
            if entry == "shop-b":
                raise FleetError("its device is in use as x", "remove that one first")
            return await super().restore(entry) and entry

    fleet = Choosy(connected("shop-a"))
    taken = [replace(ENTRY, id=f"shop-{x}", instance=f"shop-{x}", act_id="ab12") for x in "cba"]
    fleet.entries = (*taken, ENTRY)
    async with shown(fleet, 200, 40) as screen:
        await screen.press("u")
        await screen.says("Restore 3 instances?", "shop-a, shop-b, shop-c: one act took them")
        await screen.press("y")
        await screen.says(
            "✖ 2 restored: shop-a, shop-c; not restored: shop-b (its device is in use as x",
            "1 more can be undone; u undoes the next: shop-z",
        )
        assert fleet.calls[1:] == [("restore", "shop-a"), ("restore", "shop-c")]


async def test_what_is_removed_together_has_one_id() -> None:
    given: list[str] = []

    class Noting(ScriptedFleet):
        async def remove(self, name: str, *, logout: bool = False, act_id: str = "") -> Removal:
            given.append(act_id)
            return await super().remove(name, logout=logout, act_id=act_id)

    fleet = Noting(connected("shop-a"), connected("shop-b"), connected("shop-c"))
    async with shown(fleet, 120, 40) as screen:
        await screen.press("space", "space", "x", "y")
        await screen.says("✓ remove: done, all 2")
        await screen.press("escape", "x", "y")
        await screen.says("removed; u brings it back")
    assert given[0] == given[1] != given[2] == ""


async def test_remove_asks_and_what_is_refused_is_said() -> None:
    fleet = ScriptedFleet(connected("shop-a"))
    async with shown(fleet, 120, 40) as screen:
        await screen.press("x")
        await screen.says("Remove shop-a?")
        await screen.press("enter")
        assert fleet.calls == []
        fleet.refuse = FleetError("a restart is running", "wait until it has ended")
        await screen.press("x", "y")
        await screen.says(
            "✖ shop-a: remove refused: a restart is running (wait until it has ended)"
        )
        await screen.press("x", "y")
        await screen.says("✓ shop-a: removed; u brings it back")


async def test_remove_means_all_that_are_marked() -> None:
    fleet = every_state()
    async with shown(fleet, 120, 40) as screen:
        await screen.press("space", "space", "x")
        await screen.says("Remove 2 marked instances?", "shop-jakarta, shop-bandung: they stop")
        await screen.press("y")
        await screen.until(lambda _: len(fleet.calls) == 2)
        assert [call[:2] for call in fleet.calls] == [
            ("remove", "shop-jakarta"),
            ("remove", "shop-bandung"),
        ]
        await screen.says("✓ remove: done, all 2")


@pytest.mark.parametrize(
    ("typed", "said", "done"),
    [("3", "3 is not 2; nothing was cleaned", False), ("2", "2 sessions moved", True)],
)
async def test_clean_all_wants_the_number_typed(typed: str, said: str, done: bool) -> None:
    fleet = ScriptedFleet(connected("shop-a"))
    async with shown(fleet, 120, 40) as screen:
        await screen.press("C")
        await screen.says("Clean every session?", "Type 2 and press enter")
        await screen.press(typed, "enter")
        await screen.says(said)
        assert (("clean_all", "2", "False") in fleet.calls) is done
