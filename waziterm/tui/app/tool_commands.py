"""The keys of the emergency tools and of incidents: what each asks before, and what it opens."""

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from textual.app import App

from waziterm.domain.care.trash import Why, can_be_undone
from waziterm.domain.fleet.api import Fleet, FleetError
from waziterm.tui.app.questions import ask, some_of
from waziterm.tui.app.screen_commands import ScreenCommands
from waziterm.tui.paint.cells import inert
from waziterm.tui.state.acts import begin
from waziterm.tui.state.messages import Mood, failed_inside, log_of, refusal
from waziterm.tui.text.format import clock as hour
from waziterm.tui.text.format import day
from waziterm.tui.text.lang import N_, tr, trn

logger = logging.getLogger(__name__)

_HOW = {
    Why.CLEANED: N_("cleaned"),
    Why.LOGGED_OUT: N_("logged out"),
    Why.REMOVED: N_("removed"),
    Why.FIXED: N_("moved here by a fix"),
    Why.COPY: N_("copied by a fix"),
}


class ToolCommands:
    """What the tools' keys do: `targets.ToolKeys`. Dialogs load when a key is pressed.

    screens: says whom a key is meant for. news: called when the history has changed.
    """

    def __init__(
        self,
        app: App[Any],
        fleet: Fleet,
        screens: ScreenCommands,
        tell: Callable[[Mood, str], None],
        news: Callable[[], None],
    ) -> None:
        self._app = app
        self._fleet = fleet
        self._screens = screens
        self._tell = tell
        self._news = news

    def check(self) -> None:
        from waziterm.tui.screens import dialogs_tools as tools  # noqa: PLC0415 (keeps the start fast)

        def answered(wants_fix: bool | None) -> None:
            if wants_fix:
                self.fix()

        self._app.push_screen(tools.check(self._fleet), answered)

    def fix(self) -> None:
        from waziterm.tui.screens import dialogs_tools as tools  # noqa: PLC0415 (keeps the start fast)

        def answered(yes: bool | None) -> None:
            if yes:
                self._app.push_screen(tools.fix(self._fleet, dry_run=False))

        self._app.push_screen(tools.fix(self._fleet, dry_run=True), answered)

    def restart(self) -> None:
        from waziterm.tui.screens import dialogs_tools as tools  # noqa: PLC0415 (keeps the start fast)

        def restart() -> None:
            self._app.push_screen(tools.restart(self._fleet))

        text = tr(
            "All workers stop; the sessions are checked and fixed; the log is rotated; all that"
            " ran starts again, staggered. Cool-downs, holds and bans stay as they are."
        )
        title = tr("Restart the fleet?")
        ask(self._app, title, text, tr("restart"), tr("leave it"), restart)

    def full_test(self) -> None:
        from waziterm.domain.lifecycle.states import Wanted  # noqa: PLC0415
        from waziterm.tui.screens import dialogs_tools as tools  # noqa: PLC0415 (keeps the start fast)

        views = self._fleet.snapshot().instances
        names = [view.name for view in views if view.wanted is Wanted.RUNNING]
        one = self._screens.one
        if one is not None and one.target is not None:
            names = [one.target]
        if names:
            self._app.push_screen(tools.full_test(self._fleet, names))
        else:
            self._tell(Mood.TROUBLE, tr("there is nothing to test: no instance is wanted to run"))

    def undo(self) -> None:
        self._work_on(self._offer_undo, N_("undo"))

    async def _offer_undo(self) -> None:
        found = await self._fleet.trash()
        undoable = (each for each in found if can_be_undone(each.why, restorable=each.restorable))
        entry = next(undoable, None)
        if entry is None:
            self._tell(Mood.TROUBLE, tr("the trash holds nothing that could be restored"))
            return

        async def restore() -> None:
            name = await self._fleet.restore(entry.id)
            self._tell(Mood.DONE, tr("{name}: restored", name=name))

        text = tr(
            "It was {how} on {day} at {time}. Its session comes back byte for byte, and it connects"
            " if it was running then.",
            how=tr(_HOW[entry.why]),
            day=day(entry.at),
            time=hour(entry.at),
        )
        title = tr("Restore {name}?", name=inert(entry.instance))
        begin = partial(self._work_on, restore, N_("restore"))
        ask(self._app, title, text, tr("restore it"), tr("leave it"), begin, default=True)

    def remove(self) -> None:
        names = [name for name in self._screens.meant() if name is not None]
        if not names:
            self._tell(Mood.TROUBLE, tr("there is no instance to remove"))
            return

        async def remove() -> None:
            for name in names:
                await self._fleet.remove(name)
                self._tell(Mood.DONE, tr("{name}: removed; u brings it back", name=name))

        title = tr("Remove {name}?", name=names[0])
        text = tr("It stops, its session moves to the trash, and it leaves the list. u undoes it.")
        yes, no = tr("remove it"), tr("keep it")
        if len(names) > 1:
            title = tr("Remove {count} marked instances?", count=len(names))
            text = tr(
                "{names}: they stop, their sessions move to the trash, and they leave the list."
                " u brings them back, the last one first.",
                names=some_of(names),
            )
            yes, no = tr("remove them"), tr("keep them")
        ask(self._app, title, text, yes, no, partial(self._work_on, remove, N_("remove")))

    def clean_all(self) -> None:
        from waziterm.tui.screens.dialogs import NumberDialog  # noqa: PLC0415 (keeps the start fast)

        count = len(self._fleet.with_session())
        if count == 0:
            self._tell(Mood.TROUBLE, tr("there is no session to clean"))
            return

        async def clean() -> None:
            names = await self._fleet.clean_all(count)
            said = trn(
                "{n} session moved to the trash; u restores it",
                "{n} sessions moved to the trash; u restores the last",
                len(names),
            )
            self._tell(Mood.DONE, said)

        def answered(number: int | None) -> None:
            if number == count:
                self._work_on(clean, N_("clean-all"))
            elif number is not None:
                said = tr("{typed} is not {count}; nothing was cleaned", typed=number, count=count)
                self._tell(Mood.TROUBLE, said)

        text = trn(
            "All instances stop, and their {n} session moves to the trash.",
            "All instances stop, and their {n} sessions move to the trash.",
            count,
        )
        self._app.push_screen(NumberDialog(tr("Clean every session?"), text, count), answered)

    def acknowledge(self) -> None:
        incident = self._screens.incident
        if incident is None:
            self._tell(Mood.TROUBLE, tr("A acknowledges an incident; 4 shows them"))
            return

        async def acknowledge() -> None:
            await self._fleet.acknowledge(incident.id)
            self._news()

        self._work_on(acknowledge, N_("acknowledge"))

    def _work_on(self, work: Callable[[], Awaitable[None]], verb: str) -> None:
        """Do something of the tools in the background. verb: what it is called."""
        begin(self._app, self._told(work, verb), group="tools")

    async def _told(self, work: Callable[[], Awaitable[None]], verb: str) -> None:
        """No error of a tool is lost, and none ends the screen."""
        try:
            await work()
        except FleetError as error:
            self._tell(Mood.TROUBLE, tr("{verb} refused: {why}", verb=tr(verb), why=refusal(error)))
        except Exception:
            logger.exception("%s failed", verb)
            self._tell(Mood.TROUBLE, failed_inside(log_of(self._app), tr(verb)))
