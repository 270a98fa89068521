"""The keys of the emergency tools and of incidents: what each asks before, and what it opens."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from textual.app import App

from waziterm.domain.care.trash import Why, can_be_undone
from waziterm.domain.fleet.api import Fleet, FleetError
from waziterm.domain.fleet.history import Edit, ShiftNote
from waziterm.domain.lifecycle.instance import OwnKey
from waziterm.domain.screen import KeyAction
from waziterm.lang import N_, tr, trn
from waziterm.tui.app.questions import ask, choose
from waziterm.tui.app.screen_commands import ScreenCommands
from waziterm.tui.paint.cells import inert
from waziterm.tui.state.acts import begin
from waziterm.tui.state.here import sends
from waziterm.tui.state.messages import Mood, failed_inside, log_of, refusal
from waziterm.tui.state.model import FleetModel
from waziterm.tui.text.format import clock as hour
from waziterm.tui.text.format import day
from waziterm.tui.text.keynames import key_of
from waziterm.tui.text.words import note_line

logger = logging.getLogger(__name__)

_HOW = {
    Why.CLEANED: N_("cleaned"),
    Why.LOGGED_OUT: N_("logged out"),
    Why.REMOVED: N_("removed"),
    Why.FIXED: N_("moved here by a fix"),
    Why.COPY: N_("copied by a fix"),
    Why.DAMAGED: N_("damaged"),
}


_KEYS: Mapping[OwnKey, str] = {
    OwnKey.NOTE: N_("Note"),
    OwnKey.TAGS: N_("Tags"),
    OwnKey.PROXY: N_("Proxy"),
    OwnKey.DEVICE_NAME: N_("Device"),
    OwnKey.ISOLATE: N_("Alone"),
}


class ToolCommands:
    """What the tools' keys do: `targets.ToolKeys`. Dialogs load when a key is pressed.

    screens: says whom a key is meant for. news: called when the history has changed.
    """

    def __init__(
        self,
        app: App[Any],
        fleet: Fleet,
        model: FleetModel,
        screens: ScreenCommands,
        tell: Callable[[Mood, str], None],
        news: Callable[[], None],
    ) -> None:
        self._app = app
        self._fleet = fleet
        self._model = model
        self._screens = screens
        self._tell = tell
        self._news = news

    def check(self) -> None:
        from waziterm.tui.screens import dialogs_tools as tools  # noqa: PLC0415 (keeps the start fast)

        def answered(wants_fix: bool | None) -> None:
            if wants_fix:
                self.fix()

        self._app.push_screen(tools.check(self._fleet, offer=not self._model.read_only), answered)

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

        views = [view for view in self._model.views if view.wanted is Wanted.RUNNING]
        one = self._screens.one
        if one is not None and (shown := self._model.get(one.target)) is not None:
            views = [shown]
        if not views:
            said = tr("there is nothing to test: no instance is wanted to run")
            self._tell(Mood.TROUBLE, said)
            return
        names, messages = [view.name for view in views], sum(map(sends, views))
        if not messages:
            self._test(names, send=False)
            return
        title = trn("Test {n} instance?", "Test {n} instances?", len(names))
        text = trn(
            "The test can end with {n} message, of who is connected to its own number. It works"
            " without it too.",
            "The test can end with {n} messages, of each that is connected to its own number. It"
            " works without them too.",
            messages,
        )
        send = trn("test and send {n} message", "test and send {n} messages", messages)
        choices = (
            ("y", send, partial(self._test, names, send=True)),
            ("n", tr("test, send nothing"), partial(self._test, names, send=False)),
        )
        choose(self._app, title, text, choices, default="n")

    def _test(self, names: list[str], *, send: bool) -> None:
        from waziterm.tui.screens import dialogs_tools as tools  # noqa: PLC0415 (keeps the start fast)

        self._app.push_screen(tools.full_test(self._fleet, names, send=send))

    def undo(self) -> None:
        self._work_on(self._offer_undo, N_("undo"))

    async def _offer_undo(self) -> None:
        found = await self._fleet.trash()
        undoable = [
            each
            for each in found
            if can_be_undone(each.why, restorable=each.restorable, paired=each.paired)
        ]
        edits = await self._fleet.edits()
        if edits and (not undoable or edits[0].at > undoable[0].at):
            self._offer_undo_edit(edits[0])
            return
        if not undoable:
            self._tell(Mood.TROUBLE, tr("the trash holds nothing that could be restored"))
            return
        entry, *others = undoable

        async def restore() -> None:
            said = tr("{name}: restored", name=await self._fleet.restore(entry.id))
            if others:
                more = trn(
                    "{n} more can be brought back; {u} takes the next, {name}",
                    "{n} more can be brought back; {u} takes the next, {name}",
                    len(others),
                    u=key_of(KeyAction.UNDO),
                    name=inert(others[0].instance),
                )
                said = f"{said}; {more}"
            self._tell(Mood.DONE, said)

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

    def _offer_undo_edit(self, edit: Edit) -> None:
        name = inert(edit.instance)

        async def undo() -> None:
            self._model.update(await self._fleet.undo_edit(edit.instance, edit.id))
            self._screens.repaint()
            self._tell(Mood.DONE, tr("{name}: as it was before", name=name))

        text = tr(
            "{what} was set on {day} at {time}, by {who}. It becomes what it was before; another"
            " proxy or worker makes an open connection anew.",
            what=", ".join(tr(_KEYS[key]) for key in edit.keys),
            day=day(edit.at),
            time=hour(edit.at),
            who=inert(edit.who) or tr("nobody that is known"),
        )
        begin = partial(self._work_on, undo, N_("undo"))
        title = tr("Undo what was set of {name}?", name=name)
        ask(self._app, title, text, tr("undo it"), tr("leave it"), begin, default=True)

    def clean_all(self) -> None:
        from waziterm.tui.screens.dialogs import NumberDialog  # noqa: PLC0415 (keeps the start fast)

        count = len(self._fleet.with_session())
        if count == 0:
            self._tell(Mood.TROUBLE, tr("there is no session to clean"))
            return

        async def clean() -> None:
            names = await self._fleet.clean_all(count)
            said = trn(
                "{n} session moved to the trash; {u} restores it",
                "{n} sessions moved to the trash; {u} restores the last",
                len(names),
                u=key_of(KeyAction.UNDO),
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
            self._tell(
                Mood.TROUBLE,
                tr(
                    "{A} acknowledges an incident; {view} shows them",
                    A=key_of(KeyAction.ACKNOWLEDGE),
                    view=key_of(KeyAction.VIEW_INCIDENTS),
                ),
            )
            return

        async def acknowledge() -> None:
            await self._fleet.acknowledge(incident.id)
            self._news()

        self._work_on(acknowledge, N_("acknowledge"))

    def note(self) -> None:
        if not self._model.notes:
            self._ask_note()
            return
        newest = self._model.notes[-1].id

        async def dismiss() -> None:
            await self._fleet.dismiss(newest)
            self._tell(Mood.DONE, tr("the notes are dismissed"))
            self._show_notes(tuple(each for each in self._model.notes if each.id > newest))

        told = "\n".join(map(note_line, self._model.notes))
        choices = (
            ("d", tr("dismiss them for everybody"), lambda: self._work_on(dismiss, N_("dismiss"))),
            ("w", tr("write another one"), self._ask_note),
        )
        choose(self._app, tr("Notes"), told, choices)

    def _ask_note(self) -> None:
        from waziterm.tui.screens.dialogs import TextDialog  # noqa: PLC0415 (keeps the start fast)

        def answered(text: str | None) -> None:
            if not text:
                return

            async def leave() -> None:
                left = await self._fleet.note(text)
                self._tell(Mood.DONE, tr("noted: every screen shows it until it is dismissed"))
                self._show_notes((*self._model.notes, left))

            self._work_on(leave, N_("note"))

        said = tr("One line for whoever looks next. enter leaves it there, esc does not.")
        self._app.push_screen(TextDialog(tr("Leave a note"), said), answered)

    def _show_notes(self, notes: tuple[ShiftNote, ...]) -> None:
        """Show these at once, without waiting for the next look at the history."""
        self._model.notes = notes
        self._screens.repaint()

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
