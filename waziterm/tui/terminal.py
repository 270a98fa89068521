"""Running the screen in the terminal at hand, with every way out leaving it restored."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from gettext import NullTranslations

from waziterm.domain.fleet import Fleet, FleetError
from waziterm.domain.screen import Screen
from waziterm.tui.lang import speaking, tr, translations

HANG_UP_CHECK_S = 1.0
GC_THRESHOLDS = (10_000, 10, 100)
"""Hundreds of thousands of log lines live here, and none of them in a circle: with Python's own
thresholds a full collection was measured to stop the loop for up to half a second, again and
again. With 50,000 the smallest one took 60 to 110 ms and 10 MB of garbage waited for it."""


async def run_screen(
    fleet: Fleet,
    painted: Callable[[], None] | None = None,
    *,
    attached: bool = False,
    read_only: bool = False,
    screen: Screen | None = None,
) -> int:
    """Show the fleet until the operator leaves; the exit code is 0, or 1 after a crash.

    painted: called once the fleet is on the screen. attached: the fleet lives in another process
    and goes on without this screen. read_only: the fleet refuses commands, and the header says so.
    screen: how it looks, as the settings say.
    SIGTERM, SIGHUP, SIGINT and a terminal that is gone leave by the same path as `q`. Their
    handlers stay on the running loop, because a terminal that closes may send SIGHUP more than
    once; the caller closes the manager meanwhile. A crash prints one line, and the
    traceback goes to the program's log.

    Raises FleetError, code 2, where stdin and stdout are no terminal, and for a language that is
    not installed.
    """
    if not _has_terminal():
        raise FleetError("this needs a terminal; use `waziterm headless`", code=2)
    with _nothing_collected() as collected_again:
        from waziterm.tui.app import WazitermApp  # noqa: PLC0415 (a refusal needs no textual)
        from waziterm.tui.driver import TerminalDriver  # noqa: PLC0415
        from waziterm.tui.finish import Finish  # noqa: PLC0415

        def shown() -> None:
            collected_again()
            if painted is not None:
                painted()

        look = screen or Screen()
        with speaking(_catalog(look)):
            try:
                app = WazitermApp(
                    fleet,
                    painted=shown,
                    attached=attached,
                    read_only=read_only,
                    keymap=look.keys,
                    driver_class=TerminalDriver,
                )
            except ValueError as error:
                raise FleetError(
                    f"[screen.keys]: {error}", "bind one of them to another key", 2
                ) from error
            Finish.of(look, app.console.color_system).put_on(app)
            gc.set_threshold(*GC_THRESHOLDS)
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                loop.add_signal_handler(number, app.leave)
            watch = asyncio.create_task(_leave_when_hung_up(app.leave))
            try:
                await app.run_async(mouse=False)
            finally:
                watch.cancel()
            code = app.return_code or 0
            if code:
                said = tr(
                    "waziterm: the screen crashed; no session is lost. The details are in {log}.",
                    log=app.log_file,
                )
                _say(said)
    return code


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


async def _leave_when_hung_up(leave: Callable[[], None]) -> None:
    """SIGHUP does not reach everyone: under nohup, or outside the terminal's foreground."""
    from waziterm.tui.driver import is_hung_up  # noqa: PLC0415 (a refusal needs no textual)

    stdin = sys.__stdin__
    fd = stdin.fileno() if stdin is not None else 0
    while True:
        await asyncio.sleep(HANG_UP_CHECK_S)
        if is_hung_up(fd):
            leave()
            return


def _say(line: str) -> None:
    stderr = sys.__stderr__
    if stderr is not None:
        try:
            stderr.write(line + "\n")
            stderr.flush()
        except OSError:
            return
