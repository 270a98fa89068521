"""The app: feeds the screens from the fleet, and holds what their keys call."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar

from rich.console import RenderableType
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.driver import Driver
from textual.events import Event, Key
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from waziterm.domain.fleet.api import Fleet, FleetError, Notice
from waziterm.domain.screen import KeyAction
from waziterm.domain.screen import Screen as Look
from waziterm.domain.stats.strips import Recent
from waziterm.lang import tr
from waziterm.tui.app.actions import Actions
from waziterm.tui.app.contained import ContainedApp
from waziterm.tui.app.garbage import LineGarbage
from waziterm.tui.app.instance_commands import InstanceCommands
from waziterm.tui.app.keyorder import KeyOrder
from waziterm.tui.app.look_commands import LookCommands
from waziterm.tui.app.newest_message import NewestMessage
from waziterm.tui.app.painter import Painter
from waziterm.tui.app.questions import Late
from waziterm.tui.app.remembered import Memory, Remembered
from waziterm.tui.app.ringing import calls_for, title_of
from waziterm.tui.app.screen_commands import ScreenCommands
from waziterm.tui.app.tool_commands import ToolCommands
from waziterm.tui.commands.keys import names_of, press, rebound
from waziterm.tui.commands.targets import Commands
from waziterm.tui.paint.finish import Finish, only_ascii
from waziterm.tui.screens.main import MainScreen
from waziterm.tui.state.acts import Acts, begin
from waziterm.tui.state.here import Home, View
from waziterm.tui.state.messages import Mood, details_in, log_file
from waziterm.tui.state.model import FleetModel
from waziterm.tui.text.keynames import bind
from waziterm.tui.textual_private import driver_of, is_batching, painted

LATE_S = 2.0
"""What the terminal shows may be so old, in seconds; then a key that changes something asks."""
FRAME_S = 0.2
"""Shortest time between two repaints that the fleet's changes cause, in seconds."""

DAY_S = 86_400.0
LOOK_BACK_S = 60.0
"""How often the history is read, in seconds."""
TELLING_S, SOON_S = 60.0, 3.0
"""How long it is read oftener than that, and how often, while a sink is being told of something."""
MESSAGES_S = 5.0
"""How often the messages out are read anew while they are seen, in seconds."""
SETTLE_S = 1.0
"""How long what went wrong may take to be written down, in seconds."""

logger = logging.getLogger(__name__)


def _fleet_commands() -> type[Provider]:
    from waziterm.tui.app.palette import FleetCommands  # noqa: PLC0415 (only when ctrl+p is pressed)

    return FleetCommands


class WazitermApp(ContainedApp):
    """The monitor's screen on a fleet that lives in the same event loop or behind a socket.

    fleet: all that the screen knows and asks. clock: UTC seconds, the fleet's own if left out.
    painted: called once the fleet is on the screen. attached: the fleet goes on without this
    screen. read_only: it takes no commands. keymap: other keys than ours, see `keys.rebound`.
    acts: where what is asked of the fleet goes on after a crash. reopened: there was one.
    silent_since: when the fleet told something last, UTC seconds, while it tells nothing any more.
    look: how it calls whoever looks elsewhere; None: not at all. home: where the fleet lives.
    memory: how somebody looked at the fleet last; None: nothing is remembered.

    commands: what its keys and its palette call. screens: which are shown. message: says something.
    """

    CSS_PATH = "waziterm.tcss"
    # Ours is opened by a key of ours; Textual's would keep ctrl+p, whatever that is bound to.
    ENABLE_COMMAND_PALETTE = False
    COMMANDS: ClassVar[set[Any]] = {_fleet_commands}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c,ctrl+q", "leave", priority=True, show=False),
        Binding("ctrl+l", "redraw", priority=True, show=False),
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
        silent_since: Callable[[], float | None] = lambda: None,
        look: Look | None = None,
        home: Home | None = None,
        memory: Memory | None = None,
    ) -> None:
        super().__init__(driver_class=driver_class)
        self._look = look
        self._title = ""
        self.finish = Finish()
        self.finish.put_on(self)
        self.animation_level = "none"
        self.model = FleetModel(fleet, read_only=read_only, home=home)
        self.model.load()
        self._fleet = fleet
        clock = clock or fleet.now
        self._clock = clock
        self._silent_since = silent_since
        self._painted = painted
        self.acts = acts or Acts()
        self._reopened = reopened
        self.log_file = log_file(attached=attached)
        self.keys = rebound(keymap or {})
        bind(names_of(self.keys), acts=not read_only)
        self.set_keymap(dict(keymap or {}))
        self._key_order = KeyOrder(self, self._take_in)
        self._painter = Painter(self)
        self._key: Key | None = None
        self._news = asyncio.Event()
        self._messages_seen: tuple[object, ...] = ()
        self.message = NewestMessage(self, self.model, clock)
        tell = self.message.tell
        self._memory = memory or Memory(None)
        known = self._memory.read(Remembered.of(look or Look()))
        self.model.remember(known.sort, known.density)
        self.model.columns, self.model.detail = known.columns, known.detail
        self._main = MainScreen(self.model, fleet, self._seen_at, tell, known.view)
        self._actions = Actions(
            fleet,
            self.model,
            clock,
            lambda work: begin(self, work, group="commands"),
            tell,
            self.log_file,
        )
        self.screens = ScreenCommands(
            *(self, self._main, fleet, self.model, self._seen_at, tell),
            lambda: tuple(self.message.said),
            attached=attached,
        )
        instances = InstanceCommands(self, self.model, self._actions, self.screens, tell)
        self.looks = LookCommands(self, self.message)
        self._tools = ToolCommands(
            *(self, fleet, self.model, self.screens),
            *(tell, instances.focus_instance, self._news.set),
        )
        self.commands = Commands(instances, self._tools, self.screens)

    # -- what is seen

    def _seen_at(self) -> float:
        """The moment that the screens show: it stands still while there is no news."""
        return self._clock() if self.model.as_of is None else self.model.as_of

    def _repaint(self) -> None:
        self.model.hear(self._silent_since())
        self.screens.repaint()

    @property
    def late(self) -> Late | None:
        """The last key, where it was pressed on a picture that was over LATE_S old."""
        if self._key is None:
            return None
        behind_s = self._painter.behind_s(self._key.time)
        return Late(_shown(self._key), behind_s) if behind_s > LATE_S else None

    def refusal(self) -> str:
        """Why the fleet takes no commands now; "" when it does."""
        if self.model.read_only:
            return tr("this screen only watches; attach without --read-only")
        return "" if self.model.as_of is None else tr("no manager answers")

    # -- the fleet's changes

    def get_default_screen(self) -> Screen[None]:
        return self._main

    def on_mount(self) -> None:
        self.app_resume_signal.subscribe(self, lambda _: self._resumed())
        if self._painted is not None:
            self.call_after_refresh(self._painted)
        if self._reopened:
            details = details_in(self.log_file)
            said = tr("the screen crashed and was opened again; {details}", details=details)
            self.call_after_refresh(self.message.tell, Mood.TROUBLE, said)
        self.run_worker(self._follow(), group="feed")
        self.run_worker(self._tick(), group="feed")
        self.run_worker(self._look_back(), group="feed")
        self.run_worker(self._look_at_days(), group="feed")

    async def _follow(self) -> None:
        """Take in the fleet's changes, at most one repaint per frame."""
        garbage = LineGarbage()
        async with self._fleet.subscribe() as subscription:
            while True:
                changes = await subscription.next()
                self.model.apply(changes)
                garbage.came(sum(map(len, changes.lines.values())))
                self._actions.settle(changes)
                self.message.take_away()
                self._call(changes.notices)
                if any(view.state.is_trouble for view in changes.changed):
                    self._news.set()
                self._repaint()
                await asyncio.sleep(FRAME_S)

    def _call(self, notices: Sequence[Notice]) -> None:
        """Call an operator who looks elsewhere, by the terminal's title and as he wants it."""
        driver, look = driver_of(self), self._look
        if driver is None or look is None:
            return
        ascii_only = only_ascii(self)
        states = (view.state for view in self.model.views)
        title = title_of(states, ascii_only=ascii_only) if look.title else ""
        called = calls_for(notices, look, ascii_only=ascii_only)
        if called := called + ("" if title == self._title else title):
            driver.write(called)
        self._title = title

    async def _tick(self) -> None:
        """Once a second, on the second: clock, countdowns, and messages that are over."""
        while True:
            await asyncio.sleep(1.0 - self._clock() % 1.0)
            self.message.take_away()
            self._renew()
            self._renew_messages()
            self._repaint()
            await self.remember()

    async def remember(self) -> None:
        """Keep how the fleet is looked at, where that has changed."""
        model = self.model
        seen = Remembered(
            self._main.view_shown,
            model.arrangement.sort,
            model.density,
            model.columns,
            model.detail,
        )
        if seen != self._memory.kept:
            await asyncio.to_thread(self._memory.keep, seen)

    def _renew(self) -> None:
        """While the queue of scans is seen, the one whose turn it is shows a code."""
        # While the app leaves there is no screen any more.
        name = self._main.to_renew() if self._main in self.screen_stack[-1:] else None
        if name is not None:
            self._actions.start(name)

    def _renew_messages(self) -> None:
        """While the messages are seen, read them anew when the counts are others, and every few
        seconds: a receipt changes no count."""
        if self._main.view_shown is not View.MESSAGES or self._main not in self.screen_stack[-1:]:
            return
        seen = (
            tuple(view.messages for view in self.model.views),
            int(self._clock() // MESSAGES_S),
        )
        if seen != self._messages_seen and self.model.as_of is None:
            self._messages_seen = seen
            self._tools.renew_messages()

    async def _look_back(self) -> None:
        """Ask for the history every minute, and soon after something went wrong; first when
        something is seen, for the first paint does not wait for it."""
        await asyncio.sleep(FRAME_S)
        while True:
            now = self._clock()
            try:
                conflicts = await self._fleet.conflicts(now - DAY_S)
                # Not those of an instance that was removed, and whose name another one has.
                there = {(view.name, view.id) for view in self.model.views}
                self.model.conflicts = Counter(
                    each.instance
                    for each in conflicts
                    if (each.instance, each.instance_id) in there
                )
                self.model.incidents = await self._fleet.incidents(now - 7 * DAY_S)
                self.model.notes = await self._fleet.notes()
                await self._tools.read_shown()
            except FleetError as error:
                # It is asked again in a minute; that the manager is gone is told elsewhere.
                logger.warning("the history cannot be read: %s", error)
            self._repaint()
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._look_again_s(now)):
                    await self._news.wait()
            await asyncio.sleep(SETTLE_S)

    async def _look_at_days(self) -> None:
        """Ask for the last hours and days of all, once a minute; first when something is seen, for
        the first paint does not wait for them."""
        await asyncio.sleep(FRAME_S)
        while True:
            try:
                self.model.recent = await self._recent()
            except FleetError as error:
                logger.warning("the last days cannot be read: %s", error)
            self._repaint()
            await asyncio.sleep(LOOK_BACK_S)

    async def _recent(self) -> Mapping[str, Recent]:
        """As many at once as are told; in between the loop does other things. Raises FleetError."""
        found: dict[str, Recent] = {}
        after = ""
        while told := await self._fleet.recent(after):
            found.update((each.instance, each) for each in told)
            after = told[-1].instance
        return found

    def _look_again_s(self, now: float) -> float:
        """How long the history may stand as it is."""
        sinks = (each for incident in self.model.incidents for each in incident.told)
        telling = any(each.ok is None and now - each.at < TELLING_S for each in sinks)
        return SOON_S if telling else LOOK_BACK_S

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Paint by way of the cells that the terminal has; Textual's own way paints them all."""
        update = None if self.is_headless or is_batching(self) else painted(renderable)
        if update is None:
            super()._display(screen, renderable)
        elif self.is_running:
            self._painter.take(update, screen.outer_size)
            self.post_display_hook()

    def _resumed(self) -> None:
        self._painter.begin_anew()
        self.refresh(layout=True)

    def on_resize(self) -> None:
        """A terminal moves its lines about when its size changes, each in its own way."""
        self._painter.forget()

    # -- what Textual calls by name

    def action_redraw(self) -> None:
        """Paint all of the screen, over what somebody else has written on it."""
        self._painter.forget()
        self.refresh(layout=True)

    def action_key(self, name: str) -> None:
        """Do what a key does. name: of its `KeyAction`, as its binding has it."""
        press(
            KeyAction(name),
            self.commands,
            self._main,
            self.screens.one,
            self.screens.log,
            refusal=self.refusal(),
            tell=self.message.tell,
        )

    def action_leave(self) -> None:
        """ctrl+c, over a dialog too."""
        self.screens.leave()

    async def on_event(self, event: Event) -> None:
        if isinstance(event, Key) and not event.is_forwarded and not _is_typed_into(self.focused):
            self._painter.taken(_shown(event))
        await self._key_order.on_event(event)

    async def _take_in(self, event: Event) -> None:
        """An event whose turn has come."""
        if isinstance(event, Key) and not event.is_forwarded:
            self._key = event
            self.message.go_on()
        await super().on_event(event)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """None of Textual's own: a screenshot would write QR codes to a file."""
        return ()


def _is_typed_into(widget: Widget | None) -> bool:
    """Whether keys are letters there. What has several lines says so: it is loaded late."""
    return isinstance(widget, Input) or getattr(widget, "typed", False) is True


def _shown(key: Key) -> str:
    """A key as an operator knows it."""
    return (key.is_printable and key.character) or key.key
