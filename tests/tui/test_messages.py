"""Messages out on the screen: the view, what a person makes of one, and writing one."""

from dataclasses import replace

import pytest
from textual.widgets import Input, TextArea

from tests.tui import scripted
from tests.tui.painted import Shown, shown
from tests.tui.scripted import HOSTILE, NOW, ScriptedFleet, connected, instance, sending
from waziterm.domain.fleet.api import FleetError
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.messages.message import MessageState
from waziterm.domain.messages.queue_counts import QueueCounts
from waziterm.domain.screen import View
from waziterm.tui.screens.main import MainScreen
from waziterm.tui.screens.message_text import SHOWN_S, MessageDialog
from waziterm.tui.screens.message_write import WriteDialog

WIDE = (140, 40)


def asked(fleet: ScriptedFleet) -> list[tuple[str, ...]]:
    return [call for call in fleet.calls if "message" in call[0]]


# -- what the wall and the list tell


async def test_a_fleet_without_messages_shows_nothing_of_them() -> None:
    async with shown(scripted.every_state(), *WIDE) as screen:
        for keys in ((), ("2",), ("h",)):
            await screen.press(*keys)
            text = screen.text()
            assert "MSG/H" not in text and "QUEUE" not in text and "8 messages" not in text
            assert " m message" not in text


async def test_a_card_says_what_waits_and_until_when() -> None:
    for name, said in (
        ("shop-jakarta", "12 messages wait, next 15:09 (gap); 1 unknown: 8 shows it"),
        ("shop-bandung", "4 messages wait, next 15:06 (cool-down); 1 unknown: 8 shows it"),
    ):
        async with shown(ScriptedFleet(sending().views[name])) as screen:
            await screen.says(said)


async def test_the_list_has_columns_for_what_waits_and_what_was_sent() -> None:
    async with shown(sending(), 158, 40) as screen:
        await screen.press("2")
        text = await screen.sees("QUEUE", "MSG/H")
        row = next(line for line in text.splitlines() if "shop-jakarta" in line and "12 ?1" in line)
        assert " 41 ▁" in row


async def test_the_header_counts_what_waits_for_a_person() -> None:
    async with shown(sending(), 220, 40) as screen:
        await screen.sees("8 messages", "!2")
    async with shown(sending(), 80, 24) as screen:
        await screen.sees("8  !2")


async def test_the_detail_tells_what_was_sent() -> None:
    async with shown(sending(), *WIDE) as screen:
        await screen.press("enter")
        await screen.says("12 messages wait, next 15:09", "sent 41 in an hour, 341 in 24 h")


@pytest.mark.parametrize(
    "counts", [QueueCounts(1, 0), QueueCounts(3, waits_for="b\x1b[31mad_slug")]
)
async def test_a_queue_of_which_nobody_knows_when(counts: QueueCounts) -> None:
    fleet = ScriptedFleet(replace(connected("shop"), messages=counts))
    async with shown(fleet) as screen:
        wait = "1 message waits" if counts.queued == 1 else "3 messages wait (bad slug)"
        await screen.says(wait)


# -- the view


async def test_8_lists_them_with_state_and_why_and_no_text() -> None:
    fleet = sending()
    async with shown(fleet, *WIDE) as screen:
        await screen.press("8")
        text = await screen.says(
            "9 messages, 3 wait for you",
            "m-0009 · shop-jakarta · to +62812••••4411 · text",
            "queued: messages keep a distance; sent when its turn comes",
            "? unknown", "✖ failed", "● read", "⊘ expired", "○ cancelled",
            "463 WhatsApp lets this number start no new chats",
        )  # fmt: skip
        assert fleet.message_says not in text
        assert asked(fleet) == []


async def test_an_empty_list_says_how_to_write_one() -> None:
    fleet = scripted.every_state()
    fleet.posted = ()
    async with shown(fleet) as screen:
        await screen.press("8")
        await screen.says("No message was sent from here yet; m writes one.")


@pytest.mark.parametrize(
    ("pattern", "rows"),
    [
        ("state:unknown", ["m-0007", "m-0006"]),
        ("name:surabaya", ["m-0005"]),
        ("number:4711", ["m-0001"]),
        ("reason:463", ["m-0003"]),
        ("m-0008", ["m-0008"]),
        ("order-17 !state:read", ["m-0004", "m-0001"]),
        ("since<1m", ["m-0009", "m-0008"]),
        ("state:expired !up", ["m-0002"]),
        ("proxy:x", []),
    ],
)
async def test_a_filter_shows_what_fits(pattern: str, rows: list[str]) -> None:
    async with shown(sending(), *WIDE) as screen:
        await screen.press("8", "slash")
        screen.app.screen.query_one("#filter", Input).value = pattern
        await screen.pilot.pause()
        await screen.press("enter")
        main = screen.app.screen
        assert isinstance(main, MainScreen)
        assert main.messages.keys() == rows
        if not rows:
            await screen.sees("Nothing matches the filter; esc clears it.")
        await screen.press("escape")
        assert (len(main.messages.keys()), main.view_shown) == (9, View.MESSAGES)
        await screen.press("escape")
        assert (main.view_shown,) == (View.WALL,)


async def test_a_filter_of_messages_leaves_the_instances_alone() -> None:
    async with shown(sending(), *WIDE) as screen:
        await screen.press("8", "slash", *"state:unknown", "enter", "1")
        text = await screen.sees("shop-palu")
        assert "filtered" not in text


async def test_what_changes_is_seen_without_a_key() -> None:
    fleet = sending()
    async with shown(fleet, *WIDE) as screen:
        await screen.press("8")
        await screen.sees("9 messages")
        fleet.posted = fleet.posted[1:]
        view = fleet.views["shop-jakarta"]
        assert view.messages is not None
        fleet.show(replace(view, messages=replace(view.messages, queued=11)))
        await screen.sees("8 messages,")


async def test_a_list_that_cannot_be_read_is_said() -> None:
    fleet = sending()

    async def refused(*_: object, **__: object) -> None:
        raise FleetError("messages.db is damaged", "see `waziterm check`")

    fleet.messages = refused  # type: ignore[method-assign, assignment]
    async with shown(fleet, *WIDE) as screen:
        await screen.press("8")
        await screen.says("messages refused: messages.db is damaged (see K (check))")


# -- what a person makes of one


async def row(screen: Shown, message: str) -> None:
    """Select a message."""
    main = screen.app.screen
    assert isinstance(main, MainScreen)
    await screen.sees("9 messages")
    main.messages.select(message)
    await screen.pilot.pause()


@pytest.mark.parametrize(
    ("key", "message", "question", "call"),
    [
        ("X", "m-0009", "Cancel 1 message?", ("cancel_message", "m-0009")),
        ("S", "m-0007", "Send 1 message again?", ("resolve_message", "m-0007", "resend")),
        ("S", "m-0003", "Send 1 message again?", ("resolve_message", "m-0003", "resend")),
        ("D", "m-0006", "Close 1 message?", ("resolve_message", "m-0006", "close")),
    ],
)
async def test_a_key_asks_and_does_it(
    key: str, message: str, question: str, call: tuple[str, ...]
) -> None:
    fleet = sending()
    async with shown(fleet, *WIDE) as screen:
        await screen.press("8")
        await row(screen, message)
        await screen.press(key)
        text = await screen.says(question, "→ +62812••••4411")
        assert ("arrives twice" in text) is (call == ("resolve_message", "m-0007", "resend"))
        await screen.press("escape")
        assert asked(fleet) == []
        await screen.press(key, "y")
        await screen.says("done with 1 message")
        assert asked(fleet) == [call]


@pytest.mark.parametrize(("key", "message"), [("X", "m-0005"), ("S", "m-0009"), ("D", "m-0005")])
async def test_what_cannot_be_done_is_said_without_a_question(key: str, message: str) -> None:
    fleet = sending()
    async with shown(fleet, *WIDE) as screen:
        await screen.press("8")
        await row(screen, message)
        await screen.press(key)
        await screen.says("not this one: it is past that, or not that far")
        assert asked(fleet) == []


async def test_marked_ones_are_done_together_and_failures_are_told() -> None:
    fleet = sending()
    async with shown(fleet, *WIDE) as screen:
        await screen.press("8")
        await screen.sees("9 messages")
        await screen.press("asterisk", "D")
        await screen.says("Close 3 messages?", "shop-bandung → +62812••••4411, shop-jakarta")
        fleet.refuse = FleetError("no message has the id m-0007")
        await screen.press("y")
        await screen.says("2 done; 1 message: no message has the id m-0007")
        assert len(asked(fleet)) == 3


async def test_the_keys_say_where_messages_are() -> None:
    async with shown(sending(), *WIDE) as screen:
        await screen.press("X")
        await screen.says("no message is selected; 8 shows them")


async def test_who_only_watches_reads_and_changes_nothing() -> None:
    fleet = sending()
    async with shown(fleet, *WIDE, read_only=True) as screen:
        await screen.press("8")
        await screen.sees("9 messages")
        await screen.press("X")
        await screen.says("cancel message was not carried out")
        await screen.press("enter")
        await screen.says("this screen only watches")
        assert asked(fleet) == []


# -- reading one


@pytest.mark.parametrize("text", ["Your order is ready\nPick it up until 17:00", *HOSTILE])
async def test_enter_shows_what_it_says_inert(text: str) -> None:
    fleet = sending()
    fleet.message_says = text
    async with shown(fleet, *WIDE) as screen:
        await screen.press("8")
        await screen.sees("9 messages")
        await screen.press("enter")
        await screen.sees("text from shop-jakarta to +62812••••4411")
        seen = screen.text()
        assert "\x1b" not in seen and "\x9b" not in seen and "\u202e" not in seen
        if "order" in text:
            assert "Your order is ready" in seen and "Pick it up until 17:00" in seen
        assert asked(fleet) == [("message_text", "m-0009")]
        await screen.press("escape")
        await screen.until(lambda painted: "text from shop-jakarta" not in painted)


async def test_it_closes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SHOWN_S == 60.0
    monkeypatch.setattr("waziterm.tui.screens.message_text.SHOWN_S", 0.05)
    async with shown(sending(), *WIDE) as screen:
        await screen.press("8")
        await screen.sees("9 messages")
        await screen.press("enter")
        await screen.until(lambda _: not isinstance(screen.app.screen, MessageDialog))


async def test_a_text_that_is_gone_is_said() -> None:
    fleet = sending()
    fleet.message_says = ""
    async with shown(fleet, *WIDE) as screen:
        await screen.press("8")
        await screen.sees("9 messages")
        await screen.press("enter")
        await screen.says("Its text is kept no more")


# -- writing one


async def write(screen: Shown, to: str, text: str) -> None:
    await screen.press("m")
    await screen.sees("Message from")
    screen.app.screen.query_one("#to", Input).value = to
    screen.app.screen.query_one("#lines", TextArea).text = text
    await screen.pilot.pause()
    await screen.press("ctrl+s")


async def test_m_writes_one_and_tells_when_it_is_sent() -> None:
    fleet = ScriptedFleet(connected("shop"))
    async with shown(fleet) as screen:
        await write(screen, "+62 812 3456 7890", "Hello\nthere")
        await screen.says(
            "shop: message to +62812••••4411: is sent at 15:09:00 at the earliest"
            " (messages keep a distance)"
        )
        assert fleet.calls == [("send_message", "shop", "+62 812 3456 7890", "Hello\nthere")]
        assert not isinstance(screen.app.screen, WriteDialog)


async def test_enter_is_a_new_line_of_the_text() -> None:
    fleet = ScriptedFleet(connected("shop"))
    async with shown(fleet) as screen:
        await screen.press("m", *"+62", "enter", *"ab", "enter", *"m")
        await screen.sees("Message from shop")
        assert fleet.calls == []
        await screen.press("ctrl+s")
        await screen.until(lambda _: bool(fleet.calls))
        assert fleet.calls == [("send_message", "shop", "+62", "ab\nm")]


async def test_what_the_queue_refuses_is_said_there_and_all_stays() -> None:
    fleet = ScriptedFleet(connected("shop"))
    async with shown(fleet) as screen:
        fleet.refuse = FleetError("they asked to be sent no more", "see `waziterm opt-outs`")
        await write(screen, "+62 812 3456 7890", "Hello")
        await screen.says("they asked to be sent no more")
        assert screen.app.screen.query_one("#lines", TextArea).text == "Hello"


@pytest.mark.parametrize(
    ("to", "text", "said"),
    [
        ("", "Hello", "write to whom it goes"),
        ("+62", " \n ", "write what it says"),
        ("+62", "x" * 4097, "the text has 4097 characters, 4096 are allowed"),
    ],
)
async def test_what_is_missing_is_said_before_the_fleet_is_asked(
    to: str, text: str, said: str
) -> None:
    fleet = ScriptedFleet(connected("shop"))
    async with shown(fleet) as screen:
        await write(screen, to, text)
        await screen.says(said)
        assert fleet.calls == []


@pytest.mark.parametrize(
    ("state", "reason"),
    [(State.HELD, Reason.RIVAL), (State.BANNED, Reason.TEMPORARY_BAN)],
)
async def test_one_that_is_held_or_banned_says_why(state: State, reason: Reason) -> None:
    fleet = ScriptedFleet(instance("shop", state, reason, NOW - 9, jid="+62811••••9083:1@s"))
    async with shown(fleet) as screen:
        await screen.press("m")
        await screen.says(f"shop sends nothing now: {state.label}: {reason.sentence}")
        assert not isinstance(screen.app.screen, WriteDialog)


async def test_several_that_are_marked_send_nothing() -> None:
    fleet = ScriptedFleet(connected("shop-a"), connected("shop-b"))
    async with shown(fleet) as screen:
        await screen.press("space", "space", "m")
        await screen.says("one instance sends one message; esc takes the marks away")


def test_each_state_has_a_row_of_the_scripted_fleet() -> None:
    seen = {each.state for each in sending().posted}
    assert seen >= set(MessageState) - {MessageState.SENDING, MessageState.DELIVERED}
