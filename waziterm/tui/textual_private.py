"""Every private name of Textual that the screen depends on: elsewhere none is used.

Textual may rename them in any version. Each stands in `PRIVATE` with its reason, and a test asks
the installed Textual for all of them. A method that has to be overridden stands in its class; all
else is done here.
"""

import asyncio
import inspect
from collections.abc import Coroutine, Iterator
from types import CoroutineType
from typing import TYPE_CHECKING, Any, cast

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.driver import Driver
from textual.filter import LineFilter
from textual.message_pump import MessagePump
from textual.strip import Strip

from waziterm.domain.frozen import dataclass

if TYPE_CHECKING:
    from textual.drivers.linux_driver import LinuxDriver

_PUMP = "textual.message_pump:MessagePump"
_APP = "textual.app:App"
_DRIVER = "textual.drivers.linux_driver:LinuxDriver"


@dataclass(frozen=True, slots=True)
class Private:
    """A private name. owner: its module, or a class as `module:Class`. why: it is needed.

    overridden: it is a method that one of our classes has instead.
    """

    owner: str
    name: str
    why: str
    overridden: bool = False


PRIVATE = (
    Private("textual._ansi_sequences", "ANSI_SEQUENCES_KEYS", "which sequences of keys are whole"),
    Private("textual._xterm_parser", "XTermParser", "keys are told from whole sequences by it"),
    Private("textual._compositor", "ChopsUpdate", "what is painted of a part of the screen"),
    Private("textual._compositor", "LayoutUpdate", "what is painted of all of the screen"),
    Private(_PUMP, "_parent", "a key's way is from what has the focus up to the app"),
    Private(_PUMP, "_closing", "a widget that was told to end has not crashed"),
    Private(_PUMP, "_closed", "a widget that has ended well has not crashed"),
    Private(_PUMP, "_process_messages", "a widget's task is known by this coroutine"),
    Private(_APP, "_driver", "it is asked whether the terminal is behind, and put away"),
    Private(_APP, "_display", "paints a change several times over", overridden=True),
    Private(_APP, "_batch_count", "nothing is painted while changes belong together"),
    Private(_APP, "_sync_available", "whether the terminal can show a change all at once"),
    Private(_APP, "_filters", "a theme's colours come before Textual's own filters"),
    Private(_APP, "_return_code", "a crash ends with 1 where `exit` is too late"),
    Private(_APP, "_exception", "Textual's pilot raises it in a test"),
    Private(_APP, "_exception_event", "Textual's pilot waits for it"),
    Private(_APP, "_close_messages_no_wait", "ends the app from any of its tasks"),
    Private(_APP, "_fatal_error", "would print local variables: a QR code's text", overridden=True),
    Private(_APP, "_handle_exception", "gets what a handler raises", overridden=True),
    Private("textual.command:CommandPalette", "_action_command_list",
            "raises on a list that is not laid out yet", overridden=True),
    Private("textual.command:CommandPalette", "_action_cursor_down",
            "raises before there is a list", overridden=True),
    Private(_DRIVER, "_app", "gets what is read, in the reader's thread"),
    Private(_DRIVER, "_loop", "a thread tells the app by it that it has failed"),
    Private(_DRIVER, "_file", "what is drawn goes to a writer that never blocks"),
    Private(_DRIVER, "_key_thread", "says whether the terminal could be set up"),
    Private(_DRIVER, "_auto_restart", "says whether the screen comes back after a stop"),
    Private(_DRIVER, "_must_signal_resume", "has the app told that it was continued"),
    Private(_DRIVER, "_get_terminal_size", "believes COLUMNS and LINES", overridden=True),
    Private(_DRIVER, "_query_in_band_window_resize", "sizes could be typed", overridden=True),
    Private(_DRIVER, "_run_input_thread", "a failure would end the reader alone", overridden=True),
    Private(_DRIVER, "_sigtstp_application", "would raise in whatever runs", overridden=True),
    Private(_DRIVER, "_sigcont_application", "would begin to draw twice", overridden=True),
)  # fmt: skip


# -- keys from what a terminal sends


def is_key(sequence: str) -> bool:
    """Whether this is all of a sequence that Textual knows as keys."""
    return sequence in ANSI_SEQUENCES_KEYS


def new_parser() -> XTermParser:
    """A parser that has read nothing yet."""
    return XTermParser()


# -- what sends and gets messages


def parent_of(pump: MessagePump) -> MessagePump | None:
    """What gets a message that this one has not stopped; None above the app."""
    return pump._parent


def is_ending(pump: MessagePump) -> bool:
    """Whether it has ended, or was told to."""
    return pump._closing or pump._closed


def pump_of(work: Coroutine[Any, Any, Any]) -> MessagePump | None:
    """The widget or screen whose messages this coroutine, not begun yet, is to process."""
    if not isinstance(work, CoroutineType) or work.__name__ != "_process_messages":
        return None
    owner = inspect.getcoroutinelocals(work).get("self")
    return owner if isinstance(owner, MessagePump) else None


# -- the app


def driver_of(app: App[Any]) -> Driver | None:
    """The terminal under an app; None while it does not run."""
    return app._driver


def filters_of(app: App[Any]) -> list[LineFilter]:
    """What changes each line that an app paints; the list itself, to be added to."""
    return app._filters


def is_batching(app: App[Any]) -> bool:
    """Whether nothing is to be painted now, because more changes follow that belong together."""
    return bool(app._batch_count)


def shows_at_once(app: App[Any]) -> bool:
    """Whether the terminal can hold back what it shows until all of it has come."""
    return app._sync_available


@dataclass(frozen=True, slots=True)
class Painted:
    """What Textual wants to be painted.

    whole: all of the screen. pieces: of each its column, its line, and its cells.
    """

    whole: bool
    pieces: Iterator[tuple[int, int, Strip]]


def painted(renderable: object) -> Painted | None:
    """What an app hands to `_display`, where it is one of a whole screen's updates."""
    match renderable:
        case LayoutUpdate():
            return Painted(True, _of_lines(renderable))
        case ChopsUpdate():
            return Painted(False, _of_chops(renderable))
    return None


def _of_lines(update: LayoutUpdate) -> Iterator[tuple[int, int, Strip]]:
    for y, line in enumerate(update.strips, update.region.y):
        x = update.region.x
        for strip in line:
            yield x, y, strip
            x += strip.cell_length


def _of_chops(update: ChopsUpdate) -> Iterator[tuple[int, int, Strip]]:
    """The same cells as `ChopsUpdate.render_segments` writes."""
    for y, x1, x2 in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is None or x > x2 or end <= x1:
                continue
            yield x, y, strip if x1 <= x < x2 and end <= x2 else strip.crop(0, min(end, x2) - x)


def end_with_error(app: App[Any]) -> None:
    """Have `return_code` say 1."""
    app._return_code = 1


def close(app: App[Any]) -> None:
    """End an app without waiting for it."""
    app._close_messages_no_wait()


def keep_for_tests(app: App[Any], error: Exception) -> None:
    """Let a test that runs the app by Textual's pilot raise the first error."""
    if app._exception is None:
        app._exception = error
        app._exception_event.set()


# -- the driver


def app_of(driver: Driver) -> App[Any]:
    """The app that a driver draws."""
    return driver._app


def loop_of(driver: Driver) -> asyncio.AbstractEventLoop:
    """The event loop of a driver's app."""
    return driver._loop


def draw_on(driver: "LinuxDriver", file: object) -> None:
    """Have a driver write to this, which has a file's methods."""
    driver._file = cast(Any, file)


def forget_reader(driver: "LinuxDriver") -> None:
    """Have `has_reader` say no until the next thread that reads keys is started."""
    driver._key_thread = None


def has_reader(driver: "LinuxDriver") -> bool:
    """Whether a thread that reads keys was started."""
    return driver._key_thread is not None


def comes_back(driver: Driver) -> bool:
    """Whether the screen is opened again when this process is continued."""
    return driver._auto_restart


def tell_of_resume(driver: "LinuxDriver") -> None:
    """Have the app told, at the next start, that it was continued."""
    driver._must_signal_resume = True
