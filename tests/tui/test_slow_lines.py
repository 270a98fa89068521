"""What a change costs on a slow line: bytes and seconds of a real terminal, at 80×24."""

import asyncio
import random
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from tests.terminal import ANSWER, Terminal

ROOT = Path(__file__).parents[2]
ONE_SCREEN = 8_000
"""So many bytes were one painted screen, with all colours set anew for each piece of text."""
MOST = 1.3 * ONE_SCREEN
QUIET_S = 0.35

ACTS = (
    ("?", "esc close"),
    ("escape", "!esc close"),
    ("ctrl+p", "show it in full"),
    ("escape", "!show it in full"),
    ("a", "Add an instance"),
    ("escape", "!Add an instance"),
    ("enter", "esc back"),
    ("escape", "!esc back"),
    ("2", "WHY"),
    ("1", "!WHY"),
    ("z", "of 12 troubled"),
)
"""Keys, and what the screen then shows; `!`: does not show any more."""


@pytest.fixture
def locale() -> str:
    return "C.UTF-8"


@pytest.fixture
def terminal(tmp_path: Path, locale: str) -> Iterator[Terminal]:
    argv = [sys.executable, "-m", "tests.tui.realscreen", "every_state", str(tmp_path / "log")]
    with Terminal(argv, columns=80, rows=24, env={"LC_ALL": locale}, cwd=ROOT) as started:
        started.wait_for(lambda text: "? help" in text, what="screen")
        yield started


def shows(wanted: str, text: str) -> bool:
    return (wanted.removeprefix("!") in text) is not wanted.startswith("!")


async def painted(terminal: Terminal) -> int:
    """The bytes that have come, once no more than the clock's come."""
    before = -1
    while len(terminal.output) - before > 200:
        before = len(terminal.output)
        await asyncio.sleep(QUIET_S)
    return len(terminal.output)


async def test_a_change_is_painted_once(terminal: Terminal) -> None:
    before = await painted(terminal)
    took = {"the first paint": before}
    for key, see in ACTS:
        terminal.send(key)
        await terminal.until(partial(shows, see))
        now = await painted(terminal)
        took[f"{key}: {see}"] = now - before
        before = now
    print("\n".join(f"{size:6} bytes, {act}" for act, size in took.items()))
    assert {act: size for act, size in took.items() if size > MOST} == {}


async def test_what_others_wrote_is_painted_over(terminal: Terminal) -> None:
    """A part of the screen that ought not to change is not written again by itself."""
    await painted(terminal)
    terminal.scribble("\x1b[2;1H### the system is going down ###")
    await terminal.until(lambda text: "going down" in text)
    terminal.send_bytes(b"\x0c")
    await terminal.until(lambda text: "going down" not in text, what="a screen of ours alone")


SLOW = 3_000
"""Bytes per second."""
MARKED = b"\x1b[0;7m"


async def slow(terminal: Terminal) -> None:
    """Make the line slow, and wait until the program has noticed."""
    await painted(terminal)
    terminal.throttle(SLOW)
    terminal.send("?")
    await terminal.until(lambda text: "esc close" in text, what="the help")
    terminal.send("escape")
    await terminal.until(lambda text: "? help" in text, what="the wall")


async def test_a_key_is_shown_as_taken_before_the_rest(terminal: Terminal) -> None:
    """Also while something else is still being painted, which is not painted to its end then."""
    await slow(terminal)
    begun = len(terminal.output)
    terminal.send("?")
    await terminal.until(lambda _: MARKED + b" ? " in terminal.output[begun:], what="the mark")
    assert len(terminal.output) - begun < 800
    await terminal.until(lambda _: len(terminal.output) - begun > 1_500, what="half of the help")
    pressed = len(terminal.output)
    terminal.send("escape")
    await terminal.until(lambda _: MARKED + b" escape" in terminal.output[pressed:], what="a mark")
    assert len(terminal.output) - pressed < 1_600
    await terminal.until(lambda text: "? help" in text, what="the wall")


@pytest.mark.parametrize(
    ("locale", "mark"),
    [("C.UTF-8", "75H\x1b[0;7m 中 … "), ("C", "75H\x1b[0;7m ?? ~ ")],
    ids=["all", "ascii"],
)
async def test_the_mark_is_what_the_terminal_can_show(
    terminal: Terminal, locale: str, mark: str
) -> None:
    await slow(terminal)
    terminal.send("中")
    await terminal.until(lambda _: mark.encode() in terminal.output, what="the mark")
    assert locale != "C" or terminal.output.isascii()


async def test_a_key_on_an_old_picture_asks(terminal: Terminal) -> None:
    await slow(terminal)
    begun = await painted(terminal)
    terminal.throttle(SLOW // 10)
    terminal.send("2")
    await terminal.until(lambda _: len(terminal.output) - begun > 900, what="a part of the list")
    terminal.send("s")
    terminal.throttle(SLOW)
    await terminal.until(lambda text: "s was pressed while" in text, what="the question")
    assert "stop asked" not in terminal.text()
    terminal.send("n")
    await terminal.until(lambda text: "s was pressed while" not in text, what="the list")


async def asked_about(terminal: Terminal, key: str, after: int) -> None:
    """Open the list on a slower line, press a key when some bytes of it have come, and be asked."""
    begun = await painted(terminal)
    terminal.throttle(SLOW // 10)
    terminal.send("2")
    await terminal.until(lambda _: len(terminal.output) - begun > after, what="a part of the list")
    terminal.send(key)
    terminal.throttle(SLOW)
    await terminal.until(lambda text: f"{key} was pressed while" in text, what="the question")


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(12))
async def test_no_act_on_an_old_picture_is_carried_out(terminal: Terminal, seed: int) -> None:
    """Whenever it is pressed: it waits behind the key before it, and may be painted meanwhile."""
    chance = random.Random(seed)
    await slow(terminal)
    key = chance.choice("srt")
    await asked_about(terminal, key, chance.randrange(800, 2_500))
    assert " asked" not in terminal.text()


async def test_a_choice_on_an_old_picture_asks(terminal: Terminal) -> None:
    terminal.send("*")
    await terminal.until(lambda text: "12 marked" in text, what="marks")
    await slow(terminal)
    begun = await painted(terminal)
    terminal.throttle(SLOW // 10)
    terminal.send("s")
    await terminal.until(lambda _: len(terminal.output) - begun > 900, what="a part of it")
    terminal.send("2")
    terminal.throttle(SLOW)
    await terminal.until(lambda text: "2 was pressed while" in text, what="the question")
    assert "asked of" not in terminal.text()


@pytest.mark.soak
async def test_a_form_that_was_sent_blindly_stays_open(terminal: Terminal) -> None:
    await slow(terminal)
    begun = await painted(terminal)
    terminal.throttle(SLOW // 10)
    terminal.send("a")
    await terminal.until(lambda _: len(terminal.output) - begun > 900, what="a part of it")
    terminal.send("shop-new", "enter")
    terminal.throttle(SLOW)
    await terminal.until(lambda text: "s behind; look at it" in " ".join(text.split()))
    await painted(terminal)
    terminal.send("enter")
    await terminal.until(lambda text: "shop-new" in text and "Add an instance" not in text)


def never(_terminal: Terminal) -> None:
    """As a plain pty."""


def late(terminal: Terminal) -> None:
    def answer() -> None:
        with suppress(OSError):  # the program has ended, and the pty with it
            terminal.send(ANSWER)

    threading.Timer(3.0, answer).start()


def twice(terminal: Terminal) -> None:
    terminal.send(ANSWER * 2)


def cut(terminal: Terminal) -> None:
    """By a key that means nothing here."""
    terminal.send(ANSWER[:3], "up")


def at_first(terminal: Terminal) -> None:
    """Some, and then none any more."""
    if len(terminal.output) < ONE_SCREEN * 2:
        terminal.send(ANSWER)


@pytest.mark.parametrize(
    "answer",
    [never, cut, *(pytest.param(each, marks=pytest.mark.soak) for each in (late, twice, at_first))],
)
async def test_nothing_waits_for_an_answer(
    answer: Callable[[Terminal], None], tmp_path: Path
) -> None:
    argv = [sys.executable, "-m", "tests.tui.realscreen", "12", str(tmp_path / "log")]
    with Terminal(argv, columns=80, rows=24, cwd=ROOT, answer=answer) as terminal:
        await terminal.until(lambda text: "? help" in text, what="screen")
        for _ in range(3):
            for key, see in (("?", "esc close"), ("escape", "? help"), ("2", "WHY"), ("1", "shop")):
                terminal.send(key)
                await terminal.until(partial(shows, see), 6.0)
        terminal.send("ctrl+c")
        await terminal.until(lambda text: "Quit waziterm?" in text)
        terminal.send("ctrl+c")
        assert await asyncio.to_thread(terminal.wait_exit) == 0
        # What comes twice, or late, may come when the program has left: the shell echoes that.
        assert answer in (twice, late) or "[0n" not in terminal.text()


async def test_what_the_terminal_answers_as_it_is_left_is_not_the_shells(tmp_path: Path) -> None:
    """The line is so long that the program leaves before the first answer comes."""
    on_their_way: list[threading.Timer] = []

    def far(terminal: Terminal) -> None:
        def arrives() -> None:
            with suppress(OSError):  # the pty is closed already
                terminal.send(ANSWER)

        on_their_way.append(threading.Timer(0.7, arrives))
        on_their_way[-1].start()

    argv = [sys.executable, "-m", "tests.tui.realscreen", "0", str(tmp_path / "log")]
    with Terminal(argv, columns=80, rows=24, cwd=ROOT, answer=far) as terminal:
        await terminal.until(lambda text: "? help" in text, what="screen")
        terminal.send("ctrl+c")
        assert await asyncio.to_thread(terminal.wait_exit) == 0
        assert terminal.is_sane()
        assert on_their_way
        for each in on_their_way:
            each.join()
        terminal.scribble("the shell")
        await terminal.until(lambda text: "the shell" in text)
        assert "[0n" not in terminal.text()


@pytest.mark.parametrize(
    "env",
    [
        pytest.param({}, id="colours"),
        pytest.param({"NO_COLOR": "1"}, id="no colour", marks=pytest.mark.soak),
        pytest.param({"TERM": "xterm", "COLORTERM": ""}, id="16 colours", marks=pytest.mark.soak),
        pytest.param({"LC_ALL": "C", "LANG": "C"}, id="ascii", marks=pytest.mark.soak),
    ],
)
async def test_the_picture_is_whole_whatever_happened(
    env: Mapping[str, str], tmp_path: Path
) -> None:
    """Resized there and back, and written over: what was painted by differences is what is painted
    anew."""
    argv = [sys.executable, "-m", "tests.tui.realscreen", "12", str(tmp_path / "log")]
    with Terminal(argv, columns=100, rows=30, cwd=ROOT, env=env) as terminal:
        await terminal.until(lambda text: "? help" in text, what="screen")
        for key, see in (("?", "esc close"), ("escape", "? help"), ("2", "WHY"), ("1", "!WHY")):
            terminal.send(key)
            await terminal.until(partial(shows, see))
        for size in ((60, 20), (130, 40), (100, 30)):
            terminal.resize(*size)
            await terminal.until(lambda text: "? help" in text.splitlines()[-1])
        await painted(terminal)
        # The first line has the clock.
        before = terminal.cells()[1:]
        terminal.scribble("\x1b[H" + "### the system is going down ###\r\n" * 29)
        await terminal.until(lambda text: text.count("going down") == 29)
        terminal.send_bytes(b"\x0c")
        await terminal.until(lambda text: "going down" not in text, what="a screen of ours alone")
        await painted(terminal)
        assert terminal.cells()[1:] == before
