"""The keys of the emergency tools: what each asks before, and what it opens."""

import logging
import time
from abc import abstractmethod
from collections.abc import Awaitable, Callable

from textual.app import App

from waziterm.domain.fleet import Fleet, FleetError
from waziterm.domain.trash import TrashView, Why
from waziterm.tui.format import clock as hour
from waziterm.tui.messages import Mood, refusal
from waziterm.tui.paint import inert

logger = logging.getLogger(__name__)


class ToolApp(App[None]):
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
    def tell(self, mood: Mood, text: str) -> None:
        """Say one sentence to the operator."""

    def action_check(self) -> None:
        from waziterm.tui import tools  # noqa: PLC0415 (keeps the start fast)

        def answered(wants_fix: bool | None) -> None:
            if wants_fix:
                self.action_fix()

        self.push_screen(tools.check(self._fleet), answered)

    def action_fix(self) -> None:
        """Show the dry run; carry it out when the operator says so."""
        from waziterm.tui import tools  # noqa: PLC0415 (keeps the start fast)

        def answered(yes: bool | None) -> None:
            if yes:
                self.push_screen(tools.fix(self._fleet, dry_run=False))

        self.push_screen(tools.fix(self._fleet, dry_run=True), answered)

    def action_restart(self) -> None:
        from waziterm.tui import tools  # noqa: PLC0415 (keeps the start fast)
        from waziterm.tui.dialogs import ConfirmDialog  # noqa: PLC0415

        def answered(yes: bool | None) -> None:
            if yes:
                self.push_screen(tools.restart(self._fleet))

        text = (
            "All workers stop; the sessions are checked and fixed; the log is rotated; all that"
            " ran starts again, staggered. Cool-downs, holds and bans stay as they are."
        )
        dialog = ConfirmDialog("Restart the fleet?", text, "restart", "leave it", default=False)
        self.push_screen(dialog, answered)

    def action_full_test(self) -> None:
        """Test the instance that is shown in full, or all that are wanted to run."""
        from waziterm.domain.states import Wanted  # noqa: PLC0415
        from waziterm.tui import tools  # noqa: PLC0415 (keeps the start fast)

        views = self._fleet.snapshot().instances
        names = [view.name for view in views if view.wanted is Wanted.RUNNING]
        if self.one_is_shown and self.target is not None:
            names = [self.target]
        if names:
            self.push_screen(tools.full_test(self._fleet, names))
        else:
            self.tell(Mood.TROUBLE, "there is nothing to test: no instance is wanted to run")

    def action_undo(self) -> None:
        self.run_worker(self._told(self._offer_undo, "undo"), group="tools")

    async def _offer_undo(self) -> None:
        from waziterm.tui.dialogs import ConfirmDialog  # noqa: PLC0415 (keeps the start fast)

        entry = next(filter(_can_be_undone, await self._fleet.trash()), None)
        if entry is None:
            self.tell(Mood.TROUBLE, "the trash holds nothing that could be restored")
            return

        async def restore() -> None:
            name = await self._fleet.restore(entry.id)
            self.tell(Mood.DONE, f"{name}: restored")

        def answered(yes: bool | None) -> None:
            if yes:
                self.run_worker(self._told(restore, "restore"), group="tools")

        day = time.strftime("%Y-%m-%d", time.localtime(entry.at))
        how = {Why.FIXED: "moved here by a fix"}.get(entry.why, entry.why.value)
        text = (
            f"It was {how} on {day} at {hour(entry.at)}. Its session comes back byte"
            " for byte, and it connects if it was running then."
        )
        name = inert(entry.instance)
        self.push_screen(
            ConfirmDialog(f"Restore {name}?", text, "restore it", "leave it", default=True),
            answered,
        )

    def action_remove(self) -> None:
        from waziterm.tui.dialogs import ConfirmDialog  # noqa: PLC0415 (keeps the start fast)

        name = self.target
        if name is None:
            self.tell(Mood.TROUBLE, "there is no instance to remove")
            return

        async def remove() -> None:
            await self._fleet.remove(name)
            self.tell(Mood.DONE, f"{name}: removed; u brings it back")

        def answered(yes: bool | None) -> None:
            if yes:
                self.run_worker(self._told(remove, "remove"), group="tools")

        text = "It stops, its session moves to the trash, and it leaves the list. u undoes it."
        self.push_screen(
            ConfirmDialog(f"Remove {name}?", text, "remove it", "keep it", default=False), answered
        )

    def action_clean_all(self) -> None:
        from waziterm.tui.dialogs import NumberDialog  # noqa: PLC0415 (keeps the start fast)

        count = len(self._fleet.with_session())
        if count == 0:
            self.tell(Mood.TROUBLE, "there is no session to clean")
            return

        async def clean() -> None:
            names = await self._fleet.clean_all(count)
            self.tell(Mood.DONE, f"{len(names)} sessions moved to the trash; u restores the last")

        def answered(number: int | None) -> None:
            if number == count:
                self.run_worker(self._told(clean, "clean-all"), group="tools")
            elif number is not None:
                self.tell(Mood.TROUBLE, f"{number} is not {count}; nothing was cleaned")

        text = f"All instances stop, and their {count} sessions move to the trash."
        self.push_screen(NumberDialog("Clean every session?", text, count), answered)

    async def _told(self, work: Callable[[], Awaitable[None]], verb: str) -> None:
        """No error of a tool is lost, and none ends the screen."""
        try:
            await work()
        except FleetError as error:
            self.tell(Mood.TROUBLE, f"{verb} refused: {refusal(error)}")
        except Exception:
            logger.exception("%s failed", verb)
            said = f"{verb} failed inside the program; waziterm.log has the details"
            self.tell(Mood.TROUBLE, said)


def _can_be_undone(entry: TrashView) -> bool:
    return entry.restorable and entry.why is not Why.COPY
