"""The app: feeds the screens from the fleet, and turns keys into commands."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from rich.console import RenderableType
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.driver import Driver
from textual.screen import Screen
from textual.theme import Theme
from textual.worker import WorkerFailed

from waziterm.domain.fleet import Fleet, InstanceView
from waziterm.tui import look
from waziterm.tui.actions import Actions
from waziterm.tui.driver import TerminalDriver
from waziterm.tui.focus import FocusScreen
from waziterm.tui.messages import Message, Mood
from waziterm.tui.model import FleetModel
from waziterm.tui.paint import inert
from waziterm.tui.screens import FleetScreen
from waziterm.tui.toolapp import ToolApp
from waziterm.tui.wallscreen import WallScreen

FRAME_S = 0.1
"""Shortest time between two repaints that the fleet's changes cause, in seconds."""

logger = logging.getLogger(__name__)

_THEME = Theme(
    name="waziterm",
    primary=look.ACCENT,
    secondary=look.DIM,
    accent=look.ACCENT,
    success=look.GOOD,
    warning=look.WAIT,
    error=look.BAD,
    foreground=look.TEXT,
    background=look.BACKGROUND,
    surface=look.RAISED,
    panel=look.RAISED,
    dark=True,
)


def _fleet_commands() -> type[Provider]:
    from waziterm.tui.palette import FleetCommands  # noqa: PLC0415 (only when ctrl+p is pressed)

    return FleetCommands


class WazitermApp(ToolApp):
    """The monitor's screen on a fleet that lives in the same event loop or behind a socket.

    fleet: all that the screen knows and asks. clock: UTC seconds, another one in tests.
    painted: called once the fleet is on the screen. attached: the fleet goes on without this
    screen. read_only: it takes no commands.
    """

    CSS_PATH = "waziterm.tcss"
    ENABLE_COMMAND_PALETTE = True
    COMMANDS: ClassVar[set[Any]] = {_fleet_commands}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c,ctrl+q", "leave", priority=True, show=False)
    ]

    def __init__(
        self,
        fleet: Fleet,
        *,
        clock: Callable[[], float] = time.time,
        painted: Callable[[], None] | None = None,
        attached: bool = False,
        read_only: bool = False,
        driver_class: type[Driver] | None = None,
    ) -> None:
        super().__init__(driver_class=driver_class)
        self.register_theme(_THEME)
        self.theme = "waziterm"
        self.animation_level = "none"
        self.model = FleetModel(fleet, read_only=read_only)
        self.model.load()
        self._fleet = fleet
        self._clock = clock
        self._painted = painted
        self._attached = attached
        self._message: Message | None = None
        self._wall = WallScreen(self.model, clock)
        self._actions = Actions(
            fleet,
            self.model,
            clock,
            lambda work: self.run_worker(work, group="commands"),
            self.tell,
        )

    # -- the fleet's changes

    def get_default_screen(self) -> Screen[None]:
        return self._wall

    def on_mount(self) -> None:
        if self._painted is not None:
            self.call_after_refresh(self._painted)
        self.run_worker(self._follow(), group="feed")
        self.run_worker(self._tick(), group="feed")

    async def _follow(self) -> None:
        """Take in the fleet's changes, at most one repaint per frame."""
        async with self._fleet.subscribe() as subscription:
            while True:
                changes = await subscription.next()
                self.model.apply(changes)
                if changes.changed:
                    self.model.count_attempts()
                self._actions.settle(changes)
                self.repaint()
                await asyncio.sleep(FRAME_S)

    async def _tick(self) -> None:
        """Once a second, on the second: clock, countdowns, and messages that are over."""
        while True:
            await asyncio.sleep(1.0 - self._clock() % 1.0)
            if self._message is not None and self._message.until <= self._clock():
                self._show(None)
            self.repaint()

    def repaint(self) -> None:
        """Paint what changed on the fleet's screens, unless the terminal is behind already."""
        if isinstance(self._driver, TerminalDriver) and self._driver.writer.is_behind:
            return
        for screen in self.screen_stack:
            if isinstance(screen, FleetScreen) and screen.is_mounted:
                screen.repaint()

    # -- messages

    def tell(self, mood: Mood, text: str) -> None:
        """Say one sentence to the operator."""
        self._show(Message.say(mood, text, self._clock()))

    def _show(self, message: Message | None) -> None:
        self._message = message
        for screen in self.screen_stack:
            if isinstance(screen, FleetScreen) and screen.is_mounted:
                screen.show_message(message)

    # -- keys

    @property
    def target(self) -> str | None:
        """The instance that a key acts on."""
        screens = [screen for screen in self.screen_stack if isinstance(screen, FleetScreen)]
        return screens[-1].target if screens else None

    @property
    def one_is_shown(self) -> bool:
        return isinstance(self.screen, FocusScreen)

    def act(self, action: str, name: str | None) -> None:
        """Do what the key of this action does, on an instance."""
        if name is None:
            self.tell(Mood.TROUBLE, "there is no instance yet; press a to add one")
            return
        if self.model.get(name) is None:
            self.tell(Mood.TROUBLE, f"{inert(name)} was removed")
            return
        match action:
            case "start_stop":
                self._actions.start_stop(name)
            case "reconnect":
                self._actions.reconnect(name)
            case "send_test":
                self._actions.send_test(name)
            case "clean":
                self._ask_clean(name)
            case "show_log":
                self._open_log(name)
            case "focus_instance":
                self.open_focus(name)

    def action_start_stop(self) -> None:
        self.act("start_stop", self.target)

    def action_reconnect(self) -> None:
        self.act("reconnect", self.target)

    def action_send_test(self) -> None:
        self.act("send_test", self.target)

    def action_clean(self) -> None:
        self.act("clean", self.target)

    def action_show_log(self) -> None:
        self.act("show_log", self.target)

    def action_focus_instance(self) -> None:
        self.act("focus_instance", self.target)

    def open_focus(self, name: str, *, log_only: bool = False) -> None:
        """Show one instance in full."""
        self._wall.wall.select(name)
        if isinstance(self.screen, FocusScreen):
            self.pop_screen()
        screen = FocusScreen(name, self.model, self._clock, self.tell, log_only=log_only)
        self.push_screen(screen)

    def _open_log(self, name: str) -> None:
        screen = self.screen
        if isinstance(screen, FocusScreen) and screen.target == name:
            screen.toggle_log()
        else:
            self.open_focus(name, log_only=True)

    def _ask_clean(self, name: str) -> None:
        from waziterm.tui.dialogs import ConfirmDialog  # noqa: PLC0415 (keeps the start fast)

        def answered(yes: bool | None) -> None:
            if yes:
                self._actions.clean(name)

        text = (
            "The instance stops and its session moves to the trash, from where it can be restored."
            " After that it must be linked anew, with a QR code."
        )
        dialog = ConfirmDialog(f"Clean {name}?", text, "clean it", "keep it", default=False)
        self.push_screen(dialog, answered)

    def action_add(self) -> None:
        from waziterm.tui.dialogs import AddDialog  # noqa: PLC0415 (keeps the start fast)

        def added(view: InstanceView | None) -> None:
            if view is not None:
                self.repaint()
                self.open_focus(view.name)

        self.push_screen(AddDialog(self._actions.add), added)

    def action_show_help(self) -> None:
        from waziterm.tui.dialogs import HelpDialog  # noqa: PLC0415 (keeps the start fast)

        self.push_screen(HelpDialog())

    # -- leaving

    def action_leave(self) -> None:
        """Quit; when sessions are live and would stop, say so first."""
        from waziterm.tui.dialogs import ConfirmDialog  # noqa: PLC0415 (keeps the start fast)

        live = 0 if self._attached else sum(view.state.is_live for view in self.model.views)
        if not live or (isinstance(self.screen, ConfirmDialog) and self.screen.is_quit):
            self.leave()
            return
        sessions = "1 session is" if live == 1 else f"{live} sessions are"
        text = (
            f"{sessions} live. They stop with the program and resume at its next start, without a"
            " new QR code. The verb headless keeps them running without a screen."
        )
        dialog = ConfirmDialog("Quit waziterm?", text, "quit", "stay", default=True, is_quit=True)
        self.push_screen(dialog, lambda yes: self.leave() if yes else None)

    def leave(self) -> None:
        """End the screen now, with the terminal restored. Signals come here too."""
        self.exit()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """None of Textual's own: a screenshot would write QR codes to a file."""
        return ()

    # -- crashes

    def _fatal_error(self) -> None:
        """End without printing a traceback: its local variables may hold a QR code's text."""
        self._close_messages_no_wait()

    def _handle_exception(self, error: Exception) -> None:
        cause = error.error if isinstance(error, WorkerFailed) else error
        logger.critical("the screen crashed", exc_info=cause)
        super()._handle_exception(error)
        self._exit_renderables.clear()

    def panic(self, *renderables: RenderableType) -> None:
        self._return_code = 1
        self._fatal_error()
