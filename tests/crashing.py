"""Run as a program: waziterm itself, with keys that break its screen, each in another way.

    python -m tests.crashing [--again SECONDS] WORDS OF THE COMMAND LINE

`KEYS` names what each key breaks; what does not end is given up sooner here. --again: how long a
crash is remembered, for a test that wants more than two.
"""

import asyncio
import inspect
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, cast

from textual.binding import Binding, BindingType
from textual.widgets import Static

import waziterm.tui.app.contained
import waziterm.tui.app.terminal
from waziterm.cli.main import main
from waziterm.tui.app.app import WazitermApp
from waziterm.tui.app.driver import TerminalDriver
from waziterm.tui.state.messages import Mood

KEYS = {
    "handler": ("f2", "\x1bOQ"),
    "render": ("f3", "\x1bOR"),
    "timer": ("f4", "\x1bOS"),
    "worker": ("f5", "\x1b[15~"),
    "exit": ("f6", "\x1b[17~"),
    "interrupt": ("f7", "\x1b[18~"),
    "cancelled": ("f8", "\x1b[19~"),
    "output": ("f9", "\x1b[20~"),
    "input": ("f10", "\x1b[21~"),
    "recursion": ("f11", "\x1b[23~"),
    "end": ("f12", "\x1b[24~"),
    "size": ("ctrl+f2", "\x1b[1;5Q"),
    "app exits": ("ctrl+f4", "\x1b[1;5S"),
    "group": ("ctrl+f5", "\x1b[15;5~"),
    "memory": ("ctrl+f6", "\x1b[17;5~"),
    "widget cancelled": ("ctrl+f8", "\x1b[19;5~"),
    "group of exits": ("ctrl+f7", "\x1b[18;5~"),
}
"""What breaks: the key in Textual's words, and what a terminal sends for it."""

ENDS = {
    "stuck": ("ctrl+f9", "\x1b[20;5~"),
    "stop": ("ctrl+f10", "\x1b[21;5~"),
}
"""What does not end the screen, and breaks its end."""

BUG = "a bug for the test"


class _Broken(Static):
    """A widget that fails when it is painted, or with whatever it is told."""

    def __init__(self, paints: bool, error: BaseException | None = None) -> None:
        super().__init__()
        self._paints = paints
        self._error = error

    def on_mount(self) -> None:
        if self._error is not None:
            error = self._error
            self.call_later(_raising(error))

    def render(self) -> Any:
        if not self._paints:
            raise RuntimeError(BUG)
        return ""


class _Endless(Static):
    """A widget that never ends."""

    async def on_unmount(self) -> None:
        await asyncio.Event().wait()


class CrashingApp(WazitermApp):
    CSS_PATH = str(Path(inspect.getfile(WazitermApp)).with_name("waziterm.tcss"))
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, f"break({what!r})", priority=True) for what, (key, _) in (KEYS | ENDS).items()
    ]

    async def action_break(self, what: str) -> None:
        self.message.tell(Mood.DONE, f"broken: {what}")
        match what:
            case "handler":
                raise RuntimeError(BUG)
            case "render":
                await self.screen.mount(_Broken(paints=False))
            case "timer":
                self.set_timer(0.01, _raising(RuntimeError(BUG)))
            case "worker":
                self.run_worker(_failing())
            case "exit":
                await self.screen.mount(_Broken(True, SystemExit(7)))
            case "interrupt":
                self.set_timer(0.01, _raising(KeyboardInterrupt()))
            case "cancelled":
                raise asyncio.CancelledError
            case "widget cancelled":
                await self.screen.mount(_Broken(True, asyncio.CancelledError()))
            case "stuck":
                await asyncio.Event().wait()
            case "stop":
                driver = cast(TerminalDriver, self._driver)
                driver._disable_bracketed_paste = _raising(RuntimeError(BUG))  # type: ignore
            case "output":
                cast(TerminalDriver, self._driver).writer.write(cast(str, _Unwritable("x")))
            case "input":
                cast(TerminalDriver, self._driver).exit_event = _BrokenEvent()
            case "recursion":
                await self.screen.mount(_Broken(True, _too_deep()))
            case "end":
                await self.screen.mount(_Endless())
                raise RuntimeError(BUG)
            case "size":
                self._driver._get_terminal_size = _raising(RuntimeError(BUG))  # type: ignore
                os.kill(os.getpid(), signal.SIGWINCH)
                self.set_timer(0.05, _raising(RuntimeError(BUG)))
            case "app exits":
                raise SystemExit(0)
            case "group":
                raise ExceptionGroup(BUG, [RuntimeError(BUG), ValueError(BUG)])
            case "memory":
                raise MemoryError
            case "group of exits":
                self.run_worker(_failing(BaseExceptionGroup(BUG, [SystemExit(1)])))


class _BrokenEvent(threading.Event):
    """Fails in whatever thread asks it, but not where the screen is ended."""

    def is_set(self) -> bool:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError(BUG)
        return super().is_set()


class _Unwritable(str):
    """A text that becomes bytes which cannot be written."""

    def encode(self, encoding: str = "", errors: str = "") -> Any:
        return _Unsized()


class _Unsized:
    def __len__(self) -> int:
        return 1


def _raising(error: BaseException) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


def _too_deep() -> RecursionError:
    try:
        return _too_deep()
    except RecursionError as error:
        return error


async def _failing(error: BaseException | None = None) -> None:
    raise error or RuntimeError(BUG)


def run() -> None:
    if sys.argv[1] == "--again":
        waziterm.tui.app.terminal.AGAIN_S = float(sys.argv[2])
        del sys.argv[1:3]
    waziterm.tui.app.contained.CLOSE_S = waziterm.tui.app.contained.CANCEL_S = 0.5
    waziterm.tui.app.app.WazitermApp = CrashingApp  # type: ignore[misc]
    main()


if __name__ == "__main__":
    run()
