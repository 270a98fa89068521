"""The keys of the emergency tools: what each asks before, and what it opens."""

import logging
import time
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from waziterm.domain.care.trash import TrashView, Why
from waziterm.domain.fleet.api import Fleet, FleetError
from waziterm.tui.app.keyorder import OrderedKeysApp
from waziterm.tui.paint.cells import inert
from waziterm.tui.state.acts import begin
from waziterm.tui.state.messages import Mood, failed_inside, log_of, refusal
from waziterm.tui.text.format import clock as hour
from waziterm.tui.text.lang import N_, tr, trn

logger = logging.getLogger(__name__)

NAMED = 8
"""So many instances a question names."""

_HOW = {
    Why.CLEANED: N_("cleaned"),
    Why.LOGGED_OUT: N_("logged out"),
    Why.REMOVED: N_("removed"),
    Why.FIXED: N_("moved here by a fix"),
    Why.COPY: N_("copied by a fix"),
}


class ToolApp(OrderedKeysApp):
    """The part of the app that holds the tools' keys; dialogs load when one is pressed."""

    _fleet: Fleet

    @property
    @abstractmethod
    def target(self) -> str | None:
        """The instance that a key acts on."""

    @property
    @abstractmethod
    def one_is_shown(self) -> bool:
        """Whether one instance fills the screen, so that a tool means that one."""

    @abstractmethod
    def meant(self) -> list[str | None]:
        """Whom a key is meant for: the marked ones, else the one that is selected."""

    @abstractmethod
    def tell(self, mood: Mood, text: str) -> None:
        """Say one sentence to the operator."""

    def action_check(self) -> None:
        from waziterm.tui.screens import dialogs_tools as tools  # noqa: PLC0415 (keeps the start fast)

        def answered(wants_fix: bool | None) -> None:
            if wants_fix:
                self.action_fix()

        self.push_screen(tools.check(self._fleet), answered)

    def action_fix(self) -> None:
        """Show the dry run; carry it out when the operator says so."""
        from waziterm.tui.screens import dialogs_tools as tools  # noqa: PLC0415 (keeps the start fast)

        def answered(yes: bool | None) -> None:
            if yes:
                self.push_screen(tools.fix(self._fleet, dry_run=False))

        self.push_screen(tools.fix(self._fleet, dry_run=True), answered)

    def action_restart(self) -> None:
        from waziterm.tui.screens import dialogs_tools as tools  # noqa: PLC0415 (keeps the start fast)

        def restart() -> None:
            self.push_screen(tools.restart(self._fleet))

        text = tr(
            "All workers stop; the sessions are checked and fixed; the log is rotated; all that"
            " ran starts again, staggered. Cool-downs, holds and bans stay as they are."
        )
        self.ask(tr("Restart the fleet?"), text, tr("restart"), tr("leave it"), restart)

    def action_full_test(self) -> None:
        """Test the instance that is shown in full, or all that are wanted to run."""
        from waziterm.domain.lifecycle.states import Wanted  # noqa: PLC0415
        from waziterm.tui.screens import dialogs_tools as tools  # noqa: PLC0415 (keeps the start fast)

        views = self._fleet.snapshot().instances
        names = [view.name for view in views if view.wanted is Wanted.RUNNING]
        if self.one_is_shown and self.target is not None:
            names = [self.target]
        if names:
            self.push_screen(tools.full_test(self._fleet, names))
        else:
            self.tell(Mood.TROUBLE, tr("there is nothing to test: no instance is wanted to run"))

    def action_undo(self) -> None:
        self._work_on(self._offer_undo, N_("undo"))

    async def _offer_undo(self) -> None:
        entry = next(filter(_can_be_undone, await self._fleet.trash()), None)
        if entry is None:
            self.tell(Mood.TROUBLE, tr("the trash holds nothing that could be restored"))
            return

        async def restore() -> None:
            name = await self._fleet.restore(entry.id)
            self.tell(Mood.DONE, tr("{name}: restored", name=name))

        day = time.strftime("%Y-%m-%d", time.localtime(entry.at))
        text = tr(
            "It was {how} on {day} at {time}. Its session comes back byte for byte, and it connects"
            " if it was running then.",
            how=tr(_HOW[entry.why]),
            day=day,
            time=hour(entry.at),
        )
        title = tr("Restore {name}?", name=inert(entry.instance))
        begin = partial(self._work_on, restore, N_("restore"))
        self.ask(title, text, tr("restore it"), tr("leave it"), begin, default=True)

    def action_remove(self) -> None:
        names = [name for name in self.meant() if name is not None]
        if not names:
            self.tell(Mood.TROUBLE, tr("there is no instance to remove"))
            return

        async def remove() -> None:
            for name in names:
                await self._fleet.remove(name)
                self.tell(Mood.DONE, tr("{name}: removed; u brings it back", name=name))

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
        self.ask(title, text, yes, no, partial(self._work_on, remove, N_("remove")))

    def action_clean_all(self) -> None:
        from waziterm.tui.screens.dialogs import NumberDialog  # noqa: PLC0415 (keeps the start fast)

        count = len(self._fleet.with_session())
        if count == 0:
            self.tell(Mood.TROUBLE, tr("there is no session to clean"))
            return

        async def clean() -> None:
            names = await self._fleet.clean_all(count)
            said = trn(
                "{n} session moved to the trash; u restores it",
                "{n} sessions moved to the trash; u restores the last",
                len(names),
            )
            self.tell(Mood.DONE, said)

        def answered(number: int | None) -> None:
            if number == count:
                self._work_on(clean, N_("clean-all"))
            elif number is not None:
                said = tr("{typed} is not {count}; nothing was cleaned", typed=number, count=count)
                self.tell(Mood.TROUBLE, said)

        text = trn(
            "All instances stop, and their {n} session moves to the trash.",
            "All instances stop, and their {n} sessions move to the trash.",
            count,
        )
        self.push_screen(NumberDialog(tr("Clean every session?"), text, count), answered)

    def ask(
        self,
        title: str,
        text: str,
        yes: str,
        no: str,
        then: Callable[[], None],
        *,
        default: bool = False,
    ) -> None:
        """Ask before something is done. then: does it. default: what enter means."""
        from waziterm.tui.screens.dialogs import ConfirmDialog  # noqa: PLC0415 (keeps the start fast)

        dialog = ConfirmDialog(title, text, yes, no, default=default)
        self.push_screen(dialog, lambda answer: then() if answer else None)

    def _work_on(self, work: Callable[[], Awaitable[None]], verb: str) -> None:
        """Do something of the tools in the background. verb: what it is called."""
        begin(self, self._told(work, verb), group="tools")

    async def _told(self, work: Callable[[], Awaitable[None]], verb: str) -> None:
        """No error of a tool is lost, and none ends the screen."""
        try:
            await work()
        except FleetError as error:
            self.tell(Mood.TROUBLE, tr("{verb} refused: {why}", verb=tr(verb), why=refusal(error)))
        except Exception:
            logger.exception("%s failed", verb)
            self.tell(Mood.TROUBLE, failed_inside(log_of(self), tr(verb)))


def _can_be_undone(entry: TrashView) -> bool:
    return entry.restorable and entry.why is not Why.COPY


def some_of(names: Sequence[str]) -> str:
    """Names for a question, not more of them than can be read."""
    return f"{', '.join(names[:NAMED])}{' …' if len(names) > NAMED else ''}"
