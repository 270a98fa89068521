"""Running the screen in the terminal at hand: every way out leaves it restored, and no crash goes
beyond the screen."""

import asyncio
import gc
import logging
import os
import shlex
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from gettext import NullTranslations
from pathlib import Path
from typing import TYPE_CHECKING

from waziterm.domain.fleet.api import Fleet, FleetError
from waziterm.domain.frozen import dataclass
from waziterm.domain.screen import Screen
from waziterm.lang import speaking, tr, translations
from waziterm.tui.state.messages import log_file

if TYPE_CHECKING:
    from textual.driver import Driver

    from waziterm.tui.app.app import WazitermApp
    from waziterm.tui.app.driver import Modes
    from waziterm.tui.state.acts import Acts

AGAIN_S = 60.0
"""A second crash within this time, in seconds, is the last one: no third screen is opened."""
HANG_UP_CHECK_S = 1.0
GC_THRESHOLDS = (10_000, 10, 100)
"""Hundreds of thousands of log lines live here, and none of them in a circle: with Python's own
thresholds a full collection was measured to stop the loop for up to half a second, again and
again. With 50,000 the smallest one took 60 to 110 ms and 10 MB of garbage waited for it."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Headless:
    """The manager of this process, which goes on without a screen: its data directory and log."""

    data_dir: Path
    log: Path


async def run_screen(
    fleet: Fleet,
    painted: Callable[[], None] | None = None,
    *,
    attached: bool = False,
    read_only: bool = False,
    screen: Screen | None = None,
    headless: Headless | None = None,
    data_dir: Path | None = None,
    silent_since: Callable[[], float | None] = lambda: None,
) -> int:
    """Show the fleet until the operator leaves; the exit code is 0, or 1 after crashes.

    painted: called once the fleet is on the screen, or the screen has crashed before that.
    attached: the fleet lives in another process and goes on without this screen. read_only: the
    fleet refuses commands, and the header says so. screen: how it looks, as the settings say.
    headless: the manager that lives in this process. data_dir: the fleet's, for the header, where
    its manager lives elsewhere. silent_since: when the fleet told something last, UTC seconds,
    while it tells nothing any more.

    A screen that crashes is opened anew, and the traceback goes to the program's log. Where it
    crashes again within a minute, one line on the terminal says so. A manager that lives in this
    process then goes on without a screen until a signal comes; else this returns 1.

    SIGTERM, SIGHUP, SIGINT and a terminal that is gone leave by the same path as `q`. So they do
    when there is no screen any more: a manager that was started on a terminal ends with it, and
    SIGHUP never reads the config. Their handlers stay on the running loop, because a terminal that
    closes may send SIGHUP more than once; the caller closes the manager meanwhile.

    Raises FleetError, code 2, where stdin and stdout are no terminal, and for a language that is
    not installed.
    """
    if not _has_terminal():
        raise FleetError("this needs a terminal; use `waziterm headless`", code=2)
    look = screen or Screen()
    leaving = asyncio.Event()
    with _nothing_collected() as collected_again, speaking(_catalog(look)):

        def shown() -> None:
            collected_again()
            if painted is not None:
                painted()

        def app(acts: "Acts", *, reopened: bool) -> "WazitermApp":
            from waziterm.tui.app.app import WazitermApp  # noqa: PLC0415 (a refusal needs no textual)
            from waziterm.tui.app.driver import TerminalDriver  # noqa: PLC0415
            from waziterm.tui.app.remembered import Memory, users_file  # noqa: PLC0415
            from waziterm.tui.paint.finish import Finish  # noqa: PLC0415
            from waziterm.tui.state.here import Home  # noqa: PLC0415

            root = headless.data_dir if headless is not None else data_dir
            app = WazitermApp(
                fleet,
                home=None if root is None else Home(socket.gethostname(), _short(root), attached),
                painted=shown,
                attached=attached,
                read_only=read_only,
                keymap=look.keys,
                driver_class=TerminalDriver,
                acts=acts,
                reopened=reopened,
                silent_since=silent_since,
                look=look,
                memory=Memory(users_file()),
            )
            Finish.of(look, app.console.color_system).put_on(app)
            return app

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            loop.add_signal_handler(number, leaving.set)
        watch = asyncio.create_task(_watch_hang_up(leaving))
        try:
            return await _show(app, shown, leaving, headless, log_file(attached=attached))
        finally:
            watch.cancel()


def _short(path: Path) -> str:
    """A path as a person writes it, with `~` for their own directory."""
    home = os.environ.get("HOME", "")
    inside = len(home) > 1 and path.is_relative_to(home)
    return str(Path("~", path.relative_to(home))) if inside else str(path)


async def _show(
    make: "Callable[..., WazitermApp]",
    shown: Callable[[], None],
    leaving: asyncio.Event,
    headless: Headless | None,
    log: str,
) -> int:
    """Open screens until one is left, or two have crashed within a minute; see `run_screen`."""
    from waziterm.tui.app.driver import Modes  # noqa: PLC0415
    from waziterm.tui.state.acts import Acts  # noqa: PLC0415 (a refusal needs no textual)

    now = asyncio.get_running_loop().time
    acts, modes = Acts(), Modes()
    crashed_at: float | None = None
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        while True:
            reopened = crashed_at is not None
            if await _open(partial(make, acts, reopened=reopened), modes, leaving):
                return 0
            shown()
            if crashed_at is not None and now() - crashed_at < AGAIN_S:
                break
            crashed_at = now()
        if headless is None:
            said = tr(
                "waziterm: the screen crashed; no session is lost. The details are in {log}.",
                log=log,
            )
            await _say(modes, said)
            return 1
        said = tr(
            "waziterm: the screen crashed twice; the manager goes on without it (pid {pid}, ctrl+c"
            " ends it). `{attach}` shows it again. The log is {log}.",
            pid=os.getpid(),
            attach=f"waziterm attach --data-dir {shlex.quote(str(headless.data_dir))}",
            log=headless.log,
        )
        await _say(modes, said)
        await leaving.wait()
        return 0
    finally:
        acts.cancel()


async def _open(make: "Callable[[], WazitermApp]", modes: "Modes", leaving: asyncio.Event) -> bool:
    """Show one screen to its end; whether it was left, and has not crashed."""
    from waziterm.tui.app.contained import run_contained  # noqa: PLC0415 (a refusal needs no textual)
    from waziterm.tui.app.driver import is_hung_up  # noqa: PLC0415
    from waziterm.tui.textual_private import driver_of  # noqa: PLC0415

    left = False
    try:
        app = make()
        try:
            left = await run_contained(app, leaving)
            await app.remember()
        finally:
            await _put_away(driver_of(app), modes)
    except Exception:
        logger.critical("the screen could not be shown", exc_info=True)
    return left or leaving.is_set() or is_hung_up(modes.fd)


async def _say(modes: "Modes", line: str) -> None:
    try:
        await asyncio.to_thread(modes.say, f"{line}\n")
    except Exception:
        logger.exception("nobody was told: %s", line)


async def _put_away(driver: "Driver | None", modes: "Modes") -> None:
    """Leave nothing of a screen in this process, nor on the terminal."""
    from waziterm.tui.app.driver import TerminalDriver  # noqa: PLC0415 (a refusal needs no textual)

    # Textual hands them back itself, unless it was given up.
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
    asyncio.get_running_loop().remove_signal_handler(signal.SIGWINCH)
    for number in (signal.SIGTSTP, signal.SIGCONT):
        signal.signal(number, signal.SIG_DFL)
    if isinstance(driver, TerminalDriver):
        await asyncio.to_thread(driver.end)
        if not driver.is_put_away:
            await asyncio.to_thread(modes.put_back)


@contextmanager
def _nothing_collected() -> Iterator[Callable[[], None]]:
    """No search for garbage while the context lasts, or until what it yields is called.

    What is loaded and built for the first paint stays; to search it took 40 ms.
    """
    gc.disable()
    try:
        yield gc.enable
    finally:
        gc.enable()


def _catalog(look: Screen) -> NullTranslations:
    """The screen's language. Raises FleetError."""
    try:
        return translations(look.lang, os.environ)
    except FileNotFoundError as error:
        said = f"the texts of --lang {look.lang} are not installed"
        raise FleetError(said, "install waziterm again, or use --lang en", 2) from error


def _has_terminal() -> bool:
    streams = (sys.__stdin__, sys.__stdout__)
    if os.environ.get("TERM") == "dumb":
        return False
    return all(stream is not None and stream.isatty() for stream in streams)


async def _watch_hang_up(leaving: asyncio.Event) -> None:
    """SIGHUP does not reach everyone: under nohup, or outside the terminal's foreground."""
    from waziterm.tui.app.driver import is_hung_up  # noqa: PLC0415 (a refusal needs no textual)

    stdin = sys.__stdin__
    fd = stdin.fileno() if stdin is not None else 0
    while True:
        await asyncio.sleep(HANG_UP_CHECK_S)
        if is_hung_up(fd):
            leaving.set()
            return
