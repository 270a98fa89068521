"""Stopped and continued in a real terminal: by ctrl+z and fg, by a shell, by a signal."""

import shlex
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terminal import Terminal

ROOT = Path(__file__).parents[2]
ARGV = [sys.executable, "-m", "tests.tui.realscreen", "every_state"]
ATTACHED = {"WAZITERM_TEST_ATTACHED": "1"}
DEBRIS = "\r\n$ echo debris\r\ndebris\r\n$ "


@pytest.fixture
def opened() -> Iterator[list[Terminal]]:
    """Terminals that are closed with the test."""
    terminals: list[Terminal] = []
    yield terminals
    for terminal in terminals:
        terminal.close()


def is_whole(text: str) -> bool:
    first, *_, last = text.splitlines()
    return "LAB" in first and "q quit" in last and "shop-jakarta" in text and "debris" not in text


def start(opened: list[Terminal], *argv: str, **env: str) -> Terminal:
    opened.append(Terminal(argv, columns=120, rows=40, env=env, cwd=ROOT))
    return opened[-1]


def screen(opened: list[Terminal], **env: str) -> Terminal:
    terminal = start(opened, *ARGV, **env)
    terminal.wait_for(is_whole, what="screen")
    return terminal


def comes_back(terminal: Terminal, times: int = 1) -> str:
    """Wait until it has the terminal again and has painted all of it. times: since the start."""
    begun = b"\x1b[?1049h"
    return terminal.wait_for(
        lambda text: terminal.output.count(begun) > times and is_whole(text), what="screen again"
    )


def works_and_leaves_well(terminal: Terminal) -> None:
    """Keys arrive once and in order; the terminal that is left is the one that was found."""
    assert not terminal.is_sane()
    terminal.send("/", *"shop-bali")
    terminal.wait_for(lambda text: "1 of 12 filtered" in text, what="what was typed")
    terminal.wait_for(lambda text: "\nshop-bali " in text, what="the field")
    terminal.send("enter", "q")
    terminal.wait_for(lambda text: "Quit waziterm?" in text or terminal.process.poll() is not None)
    if terminal.process.poll() is None:
        terminal.send("q")
    assert terminal.wait_exit() == 0
    assert terminal.is_sane()


def test_ctrl_z_does_not_stop_the_manager_and_says_why(opened: list[Terminal]) -> None:
    terminal = screen(opened)
    terminal.send("ctrl+z")
    terminal.wait_for(lambda text: "not stopped: the manager runs in this program" in text)
    works_and_leaves_well(terminal)


def test_an_attached_screen_gives_the_terminal_back_and_comes_back(opened: list[Terminal]) -> None:
    terminal = screen(opened, **ATTACHED)
    terminal.send("ctrl+z")
    terminal.wait_stopped()
    assert terminal.is_sane()
    assert "shop-" not in terminal.text()
    terminal.scribble(DEBRIS)
    terminal.wait_for(lambda text: "debris" in text)
    terminal.signal(signal.SIGCONT)
    comes_back(terminal)
    works_and_leaves_well(terminal)


@pytest.mark.parametrize("size", [(120, 40), (90, 30)], ids=["as before", "resized"])
def test_stopped_from_outside_and_continued(opened: list[Terminal], size: tuple[int, int]) -> None:
    terminal = screen(opened)
    for times in (1, 2):
        terminal.signal(signal.SIGSTOP)
        terminal.wait_stopped()
        terminal.scribble(DEBRIS)
        terminal.wait_for(lambda text: "debris" in text)
        terminal.resize(*size)
        terminal.signal(signal.SIGCONT)
        text = comes_back(terminal, times)
        assert len(text.splitlines()) == size[1]
    works_and_leaves_well(terminal)


def test_sigcont_alone_changes_nothing(opened: list[Terminal]) -> None:
    terminal = screen(opened)
    terminal.signal(signal.SIGCONT)
    comes_back(terminal)
    works_and_leaves_well(terminal)


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs a shell with job control")
def test_a_shell_gets_its_terminal_and_fg_goes_on(opened: list[Terminal]) -> None:
    """ctrl+z of an attached screen: the shell works meanwhile, `fg` brings the screen back."""
    terminal = start(opened, "bash", "--norc", "--noprofile", "-i", PS1="ready> ", **ATTACHED)
    terminal.wait_for(lambda text: "ready>" in text)
    terminal.send(f"{shlex.join(ARGV)}; echo ended with $?", "enter")
    terminal.wait_for(is_whole, what="screen")
    terminal.send("ctrl+z")
    terminal.wait_for(lambda text: "Stopped" in text and text.rstrip().endswith("ready>"))
    assert "shop-" not in terminal.text()
    terminal.send("echo a shell | tr a-z A-Z", "enter")
    terminal.wait_for(lambda text: "A SHELL" in text)
    terminal.send("fg", "enter")
    terminal.wait_for(is_whole, what="the screen again")
    terminal.send("?")
    terminal.wait_for(lambda text: "Everywhere" in text, what="help")
    terminal.send("?")
    terminal.wait_for(is_whole)
    terminal.send("q")
    terminal.wait_for(lambda text: text.rstrip().endswith("ready>"), what="the shell again")
    assert "shop-" not in terminal.text()
