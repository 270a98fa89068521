"""The keys that show another screen or none: fleet, one instance, help, palette, and the end."""

from collections.abc import Callable, Collection, Iterable, Sequence

from waziterm.domain.care.trash import TrashView
from waziterm.domain.fleet.api import Fleet
from waziterm.domain.fleet.history import IncidentView
from waziterm.domain.messages.message import MessageView
from waziterm.domain.screen import Density, KeyAction
from waziterm.lang import tr, trn
from waziterm.tui.app.contained import ContainedApp
from waziterm.tui.app.driver import TerminalDriver
from waziterm.tui.commands.targets import OnFleet
from waziterm.tui.screens.base import FleetScreen
from waziterm.tui.screens.instance import FocusScreen
from waziterm.tui.screens.log import LogScreen
from waziterm.tui.screens.main import MainScreen
from waziterm.tui.state.arrange import Sort
from waziterm.tui.state.here import ARRANGED, View
from waziterm.tui.state.messages import Message, Mood
from waziterm.tui.state.model import FleetModel
from waziterm.tui.text.keynames import key_of
from waziterm.tui.textual_private import driver_of


class ScreenCommands:
    """Which screens are shown, whom keys are meant for there, and `targets.ScreenKeys`.

    main: the fleet's screen, below all others. said: what was said, oldest first. attached: the
    fleet goes on without the app.
    """

    def __init__(
        self,
        app: ContainedApp,
        main: MainScreen,
        fleet: Fleet,
        model: FleetModel,
        clock: Callable[[], float],
        tell: Callable[[Mood, str], None],
        said: Callable[[], Sequence[Message]],
        *,
        attached: bool,
    ) -> None:
        self._app = app
        self._main = main
        self._fleet = fleet
        self._model = model
        self._clock = clock
        self._tell = tell
        self._said = said
        self._attached = attached

    # -- whom a key is meant for

    @property
    def one(self) -> FocusScreen | None:
        """The screen of one instance where it is on top, so that a tool means that one."""
        screen = self._app.screen
        return screen if isinstance(screen, FocusScreen) else None

    @property
    def log(self) -> LogScreen | None:
        """The screen with a log where one is on top."""
        screen = self._app.screen
        return screen if isinstance(screen, LogScreen) else None

    @property
    def top(self) -> FleetScreen:
        """The screen that is seen, below a dialog or the palette where one is open."""
        stack = reversed(self._app.screen_stack)
        return next((each for each in stack if isinstance(each, FleetScreen)), self._main)

    @property
    def shown(self) -> View:
        """How the fleet is shown."""
        return self._main.view_shown

    @property
    def target(self) -> str | None:
        """The instance that a key acts on."""
        return self.top.target

    @property
    def to_show(self) -> str | None:
        """The instance that is shown in full: the target, or the one that is selected on wall and
        list where a view has no row at all."""
        if self.top is self._main and self._main.is_empty:
            return self._model.selected or next(iter(self._model.shown), None)
        return self.target

    def meant(self) -> list[str | None]:
        """Whom a key is meant for: the marked ones, else the one that is selected."""
        if isinstance(self.top, LogScreen) or not self._model.marked:
            return [self.target]
        return [name for name in self._model.names if name in self._model.marked]

    def unseen(self, names: Iterable[str]) -> list[str]:
        """Which of these are marked, and hidden by the filter or by a view without marks."""
        if isinstance(self.top, LogScreen):
            return []
        shown = self._model.shown if self._main.view_shown in ARRANGED else []
        return [name for name in names if name in self._model.marked and name not in shown]

    def nobody(self) -> str:
        """Why no instance is selected although there are some, and what to do."""
        if self.top is self._main and self._main.view_shown in ARRANGED:
            return tr("nothing matches the filter; {esc} clears it", esc=key_of(KeyAction.BACK))
        return tr(
            "no instance is selected here; {wall} or {list} shows them all",
            wall=key_of(KeyAction.VIEW_WALL),
            list=key_of(KeyAction.VIEW_LIST),
        )

    @property
    def incidents(self) -> list[IncidentView]:
        """The incidents that a key acts on; none where they are not shown."""
        shown = self.top is self._main and self._main.view_shown is View.INCIDENTS
        return self._main.incidents.meant if shown else []

    def move_on(self, done: Collection[int]) -> None:
        """Select the next incident that waits for somebody. done: those that do not any more."""
        self._main.incidents.move_on(done)

    @property
    def message(self) -> MessageView | None:
        """The message out that is selected; None where they are not shown."""
        return self._main.messages.message if self._shows_messages else None

    @property
    def messages(self) -> list[MessageView]:
        """The messages out that a key acts on; none where they are not shown."""
        return self._main.messages.meant if self._shows_messages else []

    @property
    def _shows_messages(self) -> bool:
        return self.top is self._main and self._main.view_shown is View.MESSAGES

    def unmark_messages(self) -> None:
        """What was meant for the marked ones is under way."""
        self._main.messages.marked.clear()

    @property
    def entry(self) -> TrashView | None:
        """The entry of the trash that is selected; None where the trash is not shown."""
        shown = self.top is self._main and self._main.view_shown is View.TRASH
        return self._main.trash.entry if shown else None

    # -- the screens of the fleet

    def repaint(self) -> None:
        """Paint what changed on the fleet's screen that is seen, unless the terminal is behind."""
        driver = driver_of(self._app)
        if isinstance(driver, TerminalDriver) and driver.writer.is_behind:
            return
        for screen in reversed(self._app.screen_stack):
            if isinstance(screen, FleetScreen):
                if screen.is_mounted:
                    screen.repaint()
                return

    def view(self, view: View) -> None:
        while self.log is not None:
            self._app.pop_screen()
        self._main.show(view)

    def on_fleet(self, do: Callable[[OnFleet], None]) -> None:
        """Do something that is of the fleet's screen, on that. do: as the key does it."""
        self.view(self._main.view_shown)
        do(self._main)

    def sort_by(self, sort: Sort) -> None:
        """Sort the instances, and show them where they are not shown."""
        self.view(self._main.view_shown if self._main.view_shown in ARRANGED else View.LIST)
        self._model.sort_by(sort)
        self._main.repaint()

    def thicken(self, density: Density) -> None:
        """Show the wall in this density."""
        self._model.density = density
        self.view(View.WALL)
        self._main.repaint()

    def open_focus(self, name: str, *, log_only: bool = False) -> None:
        """Show one instance in full."""
        self._main.wall.select(name)
        if self.one is not None:
            self._app.pop_screen()
        screen = FocusScreen(
            name, self._fleet, self._model, self._clock, self._tell, log_only=log_only
        )
        self._app.push_screen(screen)

    def open_log(self, name: str) -> None:
        """Show an instance's log on the whole screen, or the instance again."""
        if self.one is not None and self.one.target == name:
            self.one.toggle_log()
        else:
            self.open_focus(name, log_only=True)

    def fleet_log(self) -> None:
        """Show the log of the whole fleet, or what was shown before."""
        from waziterm.tui.screens.log_of_all import FleetLogScreen  # noqa: PLC0415 (keeps the start fast)

        if isinstance(self._app.screen, FleetLogScreen):
            self._app.pop_screen()
            return
        if any(isinstance(screen, FleetLogScreen) for screen in self._app.screen_stack):
            while not isinstance(self._app.screen, FleetLogScreen):
                self._app.pop_screen()
            return
        screen = FleetLogScreen(self._model, self._fleet, self._clock, self._tell, self.open_focus)
        self._app.push_screen(screen)

    # -- what stands over them

    def show_help(self) -> None:
        from waziterm.tui.screens.help import HelpDialog  # noqa: PLC0415 (keeps the start fast)

        self._app.push_screen(HelpDialog())

    def show_glossary(self) -> None:
        from waziterm.tui.screens.glossary import GlossaryDialog  # noqa: PLC0415 (keeps the start fast)

        self._app.push_screen(GlossaryDialog())

    def show_said(self) -> None:
        from waziterm.tui.screens.said import SaidDialog  # noqa: PLC0415 (keeps the start fast)

        self._app.push_screen(SaidDialog(self._said(), self._clock()))

    def command_palette(self) -> None:
        from waziterm.tui.app.palette import Palette  # noqa: PLC0415 (keeps the start fast)

        if not isinstance(self._app.screen, Palette):
            self._app.push_screen(Palette(tr("Search for commands…")))

    # -- leaving

    def suspend(self) -> None:
        if self._attached:
            self._app.action_suspend_process()
            return
        self._tell(
            Mood.REFUSED,
            tr(
                "not stopped: the manager runs in this program and would stop with it; for a shell"
                " meanwhile, use tmux, or waziterm headless and waziterm attach"
            ),
        )

    def leave(self) -> None:
        from waziterm.tui.screens.dialogs import ConfirmDialog  # noqa: PLC0415 (keeps the start fast)

        live = [] if self._attached else [view for view in self._model.views if view.state.is_live]
        screen = self._app.screen
        if not live or (isinstance(screen, ConfirmDialog) and screen.is_quit):
            self._app.leave()
            return
        linked = sum(view.paired for view in live)
        text = "\n\n".join(told for told in (_resumes(linked), _is_cut(len(live) - linked)) if told)
        title = tr("Quit waziterm?")
        dialog = ConfirmDialog(title, text, tr("quit"), tr("stay"), default=True, is_quit=True)
        self._app.push_screen(dialog, lambda yes: self._app.leave() if yes else None)


def _resumes(linked: int) -> str:
    """What becomes of linked sessions that are live when the program ends."""
    if not linked:
        return ""
    return trn(
        "{n} session is live. It stops with the program and resumes at its next start, without"
        " a new QR code. The verb headless keeps it running without a screen.",
        "{n} sessions are live. They stop with the program and resume at its next start,"
        " without a new QR code. The verb headless keeps them running without a screen.",
        linked,
    )


def _is_cut(linking: int) -> str:
    """What becomes of instances that are not linked yet."""
    if not linking:
        return ""
    return trn(
        "{n} instance is not linked yet. Its pairing stops with the program and does not"
        " resume: {s} starts it again.",
        "{n} instances are not linked yet. Their pairing stops with the program and does not"
        " resume: {s} starts it again.",
        linking,
        s=key_of(KeyAction.START_STOP),
    )
