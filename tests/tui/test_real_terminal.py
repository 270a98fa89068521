"""The real screen in a real terminal: every way out leaves it as a shell needs it."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.qrscan import decode_qr
from tests.terminal import Terminal
from tests.tui.scripted import FAKE_QR

ROOT = Path(__file__).parents[2]
Start = Callable[..., Terminal]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the scripted screen in a terminal; it is ended with the test."""
    terminals: list[Terminal] = []

    def run(fleet: str, columns: int = 80, rows: int = 24, **env: str) -> Terminal:
        argv = [sys.executable, "-m", "tests.tui.realscreen", fleet, str(tmp_path / "log")]
        terminals.append(Terminal(argv, columns=columns, rows=rows, env=env, cwd=ROOT))
        terminals[-1].wait_for(lambda text: "? help" in text, what="screen")
        return terminals[-1]

    yield run
    for terminal in terminals:
        terminal.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_leave_as_q_does(start: Start, number: signal.Signals) -> None:
    terminal = start("every_state")
    assert not terminal.is_sane()
    terminal.signal(number)
    assert terminal.wait_exit() == 0
    assert terminal.is_sane()
    assert terminal.text().strip() == ""


@pytest.mark.parametrize("keys", [("q", "q"), ("ctrl+c", "ctrl+c")])
def test_keys_leave_a_sane_terminal(start: Start, keys: tuple[str, str]) -> None:
    terminal = start("every_state")
    terminal.send(keys[0])
    terminal.wait_for(lambda text: "Quit waziterm?" in text)
    terminal.send(keys[1])
    assert terminal.wait_exit() == 0
    assert terminal.is_sane()


def test_a_signal_while_a_dialog_is_open(start: Start) -> None:
    terminal = start("every_state")
    terminal.send("a")
    terminal.wait_for(lambda text: "Add an instance" in text)
    terminal.signal(signal.SIGTERM)
    assert terminal.wait_exit() == 0
    assert terminal.is_sane()


def test_a_lost_connection_ends_the_program_without_a_hang(start: Start) -> None:
    terminal = start("every_state")
    terminal.hang_up()
    assert terminal.wait_exit() == 0


def test_a_terminal_that_is_gone_ends_it_even_without_sighup(start: Start) -> None:
    terminal = start("every_state", WAZITERM_TEST_IGNORE_SIGHUP="1")
    terminal.hang_up()
    assert terminal.wait_exit() == 0


def test_a_terminal_that_stops_reading_never_blocks_the_loop(start: Start, tmp_path: Path) -> None:
    """Nobody reads any more, as on a stalled SSH line: the loop, and with it the manager, goes on.

    100 beats are 50 frames: more than the queue that Textual's own driver blocks on.
    """
    terminal = start("busy", 160, 50)
    terminal.stall()
    beats = tmp_path / "log.beat"
    seen = int(beats.read_text())
    deadline = time.monotonic() + 30
    while int(beats.read_text()) < seen + 100:
        assert time.monotonic() < deadline, "the event loop stands still"
    terminal.signal(signal.SIGTERM)
    assert terminal.process.wait(10) == 0


def test_a_crash_is_one_line_and_exit_code_1(start: Start, tmp_path: Path) -> None:
    terminal = start("crashing")
    terminal.send("s")
    assert terminal.wait_exit() == 1
    assert terminal.is_sane()
    said = terminal.text().replace("\n", "").rstrip()
    assert said == (
        "waziterm: the screen crashed; no session is lost. The details are in waziterm.log."
    )
    log = (tmp_path / "log").read_text()
    assert "Traceback" in log and "RuntimeError: a bug for the test" in log


def test_a_qr_code_scans_from_the_terminal_and_after_a_resize(start: Start) -> None:
    terminal = start("pairing")
    terminal.send("enter")
    terminal.wait_for(lambda _: decode_qr(terminal.cells()) == FAKE_QR, what="code at 80x24")
    terminal.resize(160, 50)
    terminal.wait_for(
        lambda text: "▀" in text and decode_qr(terminal.cells()) == FAKE_QR, what="code at 160x50"
    )
    terminal.resize(60, 20)
    terminal.wait_for(lambda text: "QR code needs" in text, what="sentence at 60x20")
    terminal.resize(80, 24)
    terminal.wait_for(lambda _: decode_qr(terminal.cells()) == FAKE_QR, what="code at 80x24 again")


@pytest.mark.parametrize(
    "env", [{"NO_COLOR": "1"}, {"COLORTERM": "", "TERM": "xterm"}, {"COLUMNS": "80", "LINES": "24"}]
)
def test_a_qr_code_scans_whatever_the_environment(start: Start, env: dict[str, str]) -> None:
    terminal = start("pairing", 120, 40, **env)
    terminal.send("enter")
    terminal.wait_for(
        lambda text: "▀" in text and decode_qr(terminal.cells()) == FAKE_QR, what="code"
    )


def test_hostile_text_has_no_effect_on_a_terminal(start: Start) -> None:
    terminal = start("hostile", 100, 30)
    text = terminal.wait_for(lambda text: "[bold red]markup[/]" in text)
    assert "title" not in terminal.screen.title
    framed = [line for line in text.splitlines() if line.startswith("│")]
    assert framed and all(line.rstrip().endswith("│") for line in framed)
    assert b"\x1b]0;title" not in terminal.output


def test_without_a_terminal_it_says_so_and_names_the_way() -> None:
    argv = [sys.executable, "-m", "tests.tui.realscreen", "every_state"]
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "waziterm: this needs a terminal; use `waziterm headless`\n"
    assert done.stdout == ""
