"""The app: feeds the screens from the fleet, and turns keys into commands."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, ClassVar

from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.driver import Driver
from textual.screen import Screen

from waziterm.domain.fleet.api import Fleet, FleetError
from waziterm.domain.screen import Theme
from waziterm.tui.app.actions import Actions
from waziterm.tui.app.commandapp import CommandApp
from waziterm.tui.app.driver import TerminalDriver
from waziterm.tui.commands.keys import rebound
from waziterm.tui.paint.themes import textual_theme, theme_name
from waziterm.tui.screens.base import FleetScreen
from waziterm.tui.screens.instance import FocusScreen
from waziterm.tui.screens.main import MainScreen
from waziterm.tui.state.acts import Acts, begin
from waziterm.tui.state.here import View
from waziterm.tui.state.messages import Message, Mood, details_in, log_file
from waziterm.tui.state.model import FleetModel
from waziterm.tui.text.lang import N_, tr, trn
from waziterm.tui.textual_private import driver_of

FRAME_S = 0.2
"""Shortest time between two repaints that the fleet's changes cause, in seconds."""

DAY_S = 86_400.0
LOOK_BACK_S = 60.0
"""How often the history is read, in seconds."""
SETTLE_S = 1.0
"""How long what went wrong may take to be written down, in seconds."""

logger = logging.getLogger(__name__)


def _fleet_commands() -> type[Provider]:
    from waziterm.tui.app.palette import FleetCommands  # noqa: PLC0415 (only when ctrl+p is pressed)

    return FleetCommands


class WazitermApp(CommandApp):
    """The monitor's screen on a fleet that lives in the same event loop or behind a socket.

    fleet: all that the screen knows and asks. clock: UTC seconds, the fleet's own if left out.
    painted: called once the fleet is on the screen. attached: the fleet goes on without this
    screen. read_only: it takes no commands. keymap: other keys than ours, see `keys.rebound`.
    acts: where what is asked of the fleet goes on after a crash. reopened: there was one.
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
        clock: Callable[[], float] | None = None,
        painted: Callable[[], None] | None = None,
        attached: bool = False,
        read_only: bool = False,
        keymap: Mapping[str, str] | None = None,
        driver_class: type[Driver] | None = None,
        acts: Acts | None = None,
        reopened: bool = False,
    ) -> None:
        super().__init__(driver_class=driver_class)
        self.register_theme(textual_theme(Theme.DARK))
        self.theme = theme_name(Theme.DARK)
        self.animation_level = "none"
        self.model = FleetModel(fleet, read_only=read_only)
        self.model.load()
        self._fleet = fleet
        clock = clock or fleet.now
        self._clock = clock
        self._painted = painted
        self._attached = attached
        self.acts = acts or Acts()
        self._reopened = reopened
        self.log_file = log_file(attached=attached)
        self.keys = rebound(keymap or {})
        self.set_keymap(dict(keymap or {}))
        self._message: Message | None = None
        self._news = asyncio.Event()
        self._main = MainScreen(self.model, clock, self.tell)
        self._actions = Actions(
            fleet,
            self.model,
            clock,
            lambda work: begin(self, work, group="commands"),
            self.tell,
            self.log_file,
        )

    # -- the fleet's changes

    def get_default_screen(self) -> Screen[None]:
        return self._main

    def on_mount(self) -> None:
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))
        if self._painted is not None:
            self.call_after_refresh(self._painted)
        if self._reopened:
            details = details_in(self.log_file)
            said = tr("the screen crashed and was opened anew; {details}", details=details)
            self.call_after_refresh(self.tell, Mood.TROUBLE, said)
        self.run_worker(self._follow(), group="feed")
        self.run_worker(self._tick(), group="feed")
        self.run_worker(self._look_back(), group="feed")

    async def _follow(self) -> None:
        """Take in the fleet's changes, at most one repaint per frame."""
        async with self._fleet.subscribe() as subscription:
            while True:
                changes = await subscription.next()
                self.model.apply(changes)
                self._actions.settle(changes)
                if any(view.state.is_trouble for view in changes.changed):
                    self._news.set()
                self.repaint()
                await asyncio.sleep(FRAME_S)

    async def _tick(self) -> None:
        """Once a second, on the second: clock, countdowns, and messages that are over."""
        while True:
            await asyncio.sleep(1.0 - self._clock() % 1.0)
            if self._message is not None and self._message.is_over(self._clock()):
                self._show(None)
            self.repaint()

    async def _look_back(self) -> None:
        """Ask for the history every minute, and soon after something went wrong."""
        while True:
            now = self._clock()
            try:
                conflicts = await self._fleet.conflicts(now - DAY_S)
                self.model.conflicts = Counter(each.instance for each in conflicts)
                self.model.incidents = await self._fleet.incidents(now - 7 * DAY_S)
            except FleetError as error:
                # It is asked again in a minute; that the manager is gone is told elsewhere.
                logger.warning("the history cannot be read: %s", error)
            self.repaint()
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_BACK_S):
                    await self._news.wait()
            await asyncio.sleep(SETTLE_S)

    def repaint(self) -> None:
        """Paint what changed on the fleet's screen that is seen, unless the terminal is behind."""
        driver = driver_of(self)
        if isinstance(driver, TerminalDriver) and driver.writer.is_behind:
            return
        for screen in reversed(self.screen_stack):
            if isinstance(screen, FleetScreen):
                if screen.is_mounted:
                    screen.repaint()
                return

    # -- messages

    def tell(self, mood: Mood, text: str) -> None:
        """Say one sentence to the operator, if the screen is still there."""
        if self.over.is_set():
            return
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

    def action_view(self, view: str) -> None:
        """Show the fleet in another way."""
        while isinstance(self.screen, FocusScreen):
            self.pop_screen()
        self._main.show(View(view))

    def action_acknowledge(self) -> None:
        incident = self._main.incidents.incident
        if self._main.view_shown is not View.INCIDENTS or incident is None:
            self.tell(Mood.TROUBLE, tr("A acknowledges an incident; 4 shows them"))
            return

        async def acknowledge() -> None:
            await self._fleet.acknowledge(incident.id)
            self._news.set()

        self._work_on(acknowledge, N_("acknowledge"))

    def open_focus(self, name: str, *, log_only: bool = False) -> None:
        """Show one instance in full."""
        self._main.wall.select(name)
        if isinstance(self.screen, FocusScreen):
            self.pop_screen()
        screen = FocusScreen(
            name, self._fleet, self.model, self._clock, self.tell, log_only=log_only
        )
        self.push_screen(screen)

    def _open_log(self, name: str) -> None:
        screen = self.screen
        if isinstance(screen, FocusScreen) and screen.target == name:
            screen.toggle_log()
        else:
            self.open_focus(name, log_only=True)

    def action_show_help(self) -> None:
        from waziterm.tui.screens.help import HelpDialog  # noqa: PLC0415 (keeps the start fast)

        self.push_screen(HelpDialog())

    def show_glossary(self) -> None:
        from waziterm.tui.screens.glossary import GlossaryDialog  # noqa: PLC0415 (keeps the start fast)

        self.push_screen(GlossaryDialog())

    def action_suspend(self) -> None:
        """Back to the shell until `fg`, where nothing but this screen stops meanwhile."""
        if self._attached:
            self.action_suspend_process()
            return
        self.tell(
            Mood.TROUBLE,
            tr(
                "not stopped: the manager runs in this program and would stop with it; for a shell"
                " meanwhile, use tmux, or waziterm headless and waziterm attach"
            ),
        )

    # -- leaving

    def action_leave(self) -> None:
        """Quit; when sessions are live and would stop, say so first."""
        from waziterm.tui.screens.dialogs import ConfirmDialog  # noqa: PLC0415 (keeps the start fast)

        live = 0 if self._attached else sum(view.state.is_live for view in self.model.views)
        if not live or (isinstance(self.screen, ConfirmDialog) and self.screen.is_quit):
            self.leave()
            return
        text = trn(
            "{n} session is live. It stops with the program and resumes at its next start, without"
            " a new QR code. The verb headless keeps it running without a screen.",
            "{n} sessions are live. They stop with the program and resume at its next start,"
            " without a new QR code. The verb headless keeps them running without a screen.",
            live,
        )
        title = tr("Quit waziterm?")
        dialog = ConfirmDialog(title, text, tr("quit"), tr("stay"), default=True, is_quit=True)
        self.push_screen(dialog, lambda yes: self.leave() if yes else None)

    def action_command_palette(self) -> None:
        from waziterm.tui.app.palette import Palette  # noqa: PLC0415 (keeps the start fast)

        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(tr("Search for commands…")))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """None of Textual's own: a screenshot would write QR codes to a file."""
        return ()
