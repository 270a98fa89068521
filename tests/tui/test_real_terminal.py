"""The real screen in a real terminal: every way out leaves it as a shell needs it."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.qrscan import decode_qr
from tests.terminal import Terminal
from tests.tui.realscreen import DATA
from tests.tui.scripted import FAKE_QR
from waziterm.domain.screen import Theme

ROOT = Path(__file__).parents[2]
Start = Callable[..., Terminal]
ENDS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the scripted screen in a terminal; it is ended with the test."""
    terminals: list[Terminal] = []

    def run(
        fleet: str, columns: int = 80, rows: int = 24, until: str = "? help", **env: str
    ) -> Terminal:
        argv = [sys.executable, "-m", "tests.tui.realscreen", fleet, str(tmp_path / "log")]
        terminals.append(Terminal(argv, columns=columns, rows=rows, env=env, cwd=ROOT))
        terminals[-1].wait_for(lambda text: until in text, what="screen")
        return terminals[-1]

    yield run
    for terminal in terminals:
        terminal.close()


@pytest.mark.parametrize("number", ENDS)
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


@pytest.mark.parametrize("ignored", ["", "1"], ids=["sighup", "no sighup"])
@pytest.mark.parametrize("fleet", ["every_state", "busy"])
def test_a_terminal_that_is_gone_ends_it_and_is_no_crash(
    start: Start, tmp_path: Path, fleet: str, ignored: str
) -> None:
    terminal = start(fleet, WAZITERM_TEST_IGNORE_SIGHUP=ignored)
    terminal.hang_up()
    assert terminal.wait_exit() == 0
    assert "crashed" not in (tmp_path / "log").read_text()


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


def test_a_screen_that_crashes_twice_is_one_line_and_exit_code_1(
    start: Start, tmp_path: Path
) -> None:
    """Its feed stays broken, so that the one that is opened anew crashes too."""
    terminal = start("crashing")
    terminal.send("s")
    assert terminal.wait_exit() == 1
    assert terminal.is_sane()
    said = terminal.text().replace("\n", "").rstrip()
    assert said == (
        "waziterm: the screen crashed; no session is lost. The details are in waziterm.log."
    )
    log = (tmp_path / "log").read_text()
    assert log.count("Traceback") == 2 and "RuntimeError: a bug for the test" in log


@pytest.mark.parametrize("by", [signal.SIGHUP, "ctrl+c", "hang up"])
def test_without_a_screen_it_ends_as_it_does_with_one(start: Start, by: Any) -> None:
    """F2: SIGHUP and a terminal that is gone end a manager that was started on a terminal."""
    terminal = start("crashing", columns=150, WAZITERM_TEST_HEADLESS="1")
    terminal.send("s")
    text = terminal.wait_for(lambda text: "ctrl+c ends it" in text, what="line")
    line = (
        f"waziterm: the screen crashed twice; the manager goes on without it (pid"
        f" {terminal.process.pid}, ctrl+c ends it). `waziterm attach --data-dir '{DATA}'` shows"
        f" it again. The log is {DATA}/logs/waziterm.log."
    )
    assert "".join(text.split()) == line.replace(" ", "")
    assert terminal.is_sane()
    assert terminal.process.poll() is None
    match by:
        case signal.Signals():
            terminal.signal(by)
        case "hang up":
            terminal.hang_up()
        case _:
            terminal.send(by)
    assert terminal.wait_exit() == 0


def test_a_screen_that_cannot_even_be_made(start: Start, tmp_path: Path) -> None:
    terminal = start("unpaintable", until="screen crashed")
    assert terminal.wait_exit() == 1
    assert (tmp_path / "log").read_text().count("RuntimeError: a bug for the test") == 2


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


ENVIRONMENTS: dict[str, dict[str, str]] = {
    "colours": {},
    "no_color": {"NO_COLOR": "1"},
    "16": {"COLORTERM": "", "TERM": "xterm"},
    "stale_size": {"COLUMNS": "80", "LINES": "24"},
}


@pytest.mark.parametrize(
    ("theme", "env"),
    [
        pytest.param(
            *(theme, env),
            id=f"{theme.value}-{name}",
            # Each theme and each environment is looked at here, all pairs of them by `make soak`.
            marks=pytest.mark.soak if env and theme not in (Theme.DARK, Theme.LIGHT) else (),
        )
        for theme in Theme
        for name, env in ENVIRONMENTS.items()
    ],
)
def test_a_qr_code_scans_whatever_the_environment(
    start: Start, theme: Theme, env: dict[str, str]
) -> None:
    terminal = start("pairing", 120, 40, WAZITERM_TEST_THEME=theme.value, **env)
    terminal.send("enter")
    terminal.wait_for(
        lambda text: "▀" in text and decode_qr(terminal.cells()) == FAKE_QR, what="code"
    )
    white = {cell.fg for row in terminal.cells() for cell in row if cell.text == "▀"}
    assert white == {"000000"}


@pytest.mark.parametrize("theme", Theme)
def test_a_qr_code_scans_at_80x24_in_every_theme(start: Start, theme: Theme) -> None:
    terminal = start("pairing", WAZITERM_TEST_THEME=theme.value)
    terminal.send("enter")
    terminal.wait_for(lambda _: decode_qr(terminal.cells()) == FAKE_QR, what="code at 80x24")


@pytest.mark.parametrize("theme", Theme)
def test_16_colours_are_all_that_such_a_terminal_gets(start: Start, theme: Theme) -> None:
    terminal = start("every_state", COLORTERM="", TERM="xterm", WAZITERM_TEST_THEME=theme.value)
    assert b"38;2;" not in terminal.output and b"48;5;" not in terminal.output
    # Both are painted, so that the terminal's own background does not matter.
    assert {cell.bg for cell in terminal.cells()[12]} <= {"000000", "ffffff"}


@pytest.mark.parametrize("named", ["LANG", "LC_ALL", "LC_CTYPE"])
def test_a_locale_that_is_not_utf8_gets_ascii(start: Start, named: str) -> None:
    terminal = start("every_state", 100, 40, **{"LC_ALL": "", "LC_CTYPE": "", named: "C"})
    terminal.wait_for(lambda text: "* connected" in text and "X held" in text, what="glyphs")
    terminal.send("?")
    terminal.wait_for(lambda text: "Everywhere" in text, what="help")
    assert terminal.output.isascii()


def test_a_resize_storm_ends_in_a_whole_screen(start: Start) -> None:
    """Sizes that come faster than they can be painted: the last one counts."""
    terminal = start("every_state", 120, 40)
    for columns in range(60, 300, 7):
        terminal.resize(columns, 20 + columns % 80)
    for columns, rows in ((60, 20), (300, 100), (100, 30)):
        terminal.resize(columns, rows)
    text = terminal.wait_for(
        lambda text: "? help" in text.splitlines()[-1] and "shop-jakarta" in text, what="screen"
    )
    terminal.wait_for(lambda text: all(map(_is_closed, text.splitlines())), what="whole panels")
    assert len(text.splitlines()) == 30


@pytest.mark.parametrize(
    ("key", "seen"),
    [
        ("2", "shop-surabaya"),
        ("4", "incidents of 7 days"),
        ("5", "shop-medan"),
        ("l", " log "),
        ("?", "On one instance"),
        ("a", "tab next field"),
    ],
)
def test_a_resize_storm_in_another_view(start: Start, key: str, seen: str) -> None:
    terminal = start("every_state", 120, 40)
    terminal.send(key)
    terminal.wait_for(lambda text: seen in text, what=seen)
    for columns in range(60, 300, 17):
        terminal.resize(columns, 20 + columns % 80)
    terminal.resize(160, 45)
    text = terminal.wait_for(
        lambda text: seen in text and text.splitlines()[0].rstrip()[-8:-5].endswith(":"),
        what="a whole screen",
    )
    assert len(text.splitlines()) == 45


def _is_closed(line: str) -> bool:
    """Whether a line of panels has both of its edges."""
    return line.startswith(("┃", "│")) == line.rstrip().rstrip("▁▂▃▄▅▆▇█").rstrip().endswith(
        ("┃", "│")
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
