"""The keys of the emergency tools and of incidents: what each asks before, and what it opens."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, assert_never

from textual.app import App

from waziterm.domain.care.trash import TrashView, Why, can_be_undone, undoable
from waziterm.domain.fleet.api import Fleet, FleetError
from waziterm.domain.fleet.history import Edit, ShiftNote
from waziterm.domain.fleet.protocol import MOST_MESSAGES
from waziterm.domain.lifecycle.instance import OwnKey
from waziterm.domain.messages.message import MessageState, MessageView
from waziterm.domain.messages.queue import Resolution
from waziterm.domain.screen import KeyAction
from waziterm.lang import N_, tr, trn
from waziterm.tui.app.questions import ask, choose, when_meant
from waziterm.tui.app.screen_commands import ScreenCommands
from waziterm.tui.paint.cells import inert
from waziterm.tui.state.acts import begin
from waziterm.tui.state.here import View, sends
from waziterm.tui.state.messages import Mood, failed_inside, log_of, refusal
from waziterm.tui.state.model import FleetModel
from waziterm.tui.text.format import clock as hour
from waziterm.tui.text.format import day
from waziterm.tui.text.keynames import key_of
from waziterm.tui.text.of_messages import whom as whom_of
from waziterm.tui.text.words import HOW, note_line, some_of

if TYPE_CHECKING:
    from waziterm.tui.screens.dialogs_tools import Left, ToolDialog, Tools

REVEALED_S = 60.0
"""So long whole numbers are on the screen."""
AUDIT_S = 7 * 86_400.0
"""So far back the audit is read, in seconds."""

logger = logging.getLogger(__name__)


_KEYS: Mapping[OwnKey, str] = {
    OwnKey.NOTE: N_("Note"),
    OwnKey.TAGS: N_("Tags"),
    OwnKey.PROXY: N_("Proxy"),
    OwnKey.DEVICE_NAME: N_("Device"),
    OwnKey.ISOLATE: N_("Alone"),
}


class ToolCommands:
    """What the tools' keys do: `targets.ToolKeys`. Dialogs load when a key is pressed.

    screens: says whom a key is meant for. show: shows an instance in full. news: called when the
    history has changed.
    """

    def __init__(
        self,
        app: App[Any],
        fleet: Fleet,
        model: FleetModel,
        screens: ScreenCommands,
        tell: Callable[[Mood, str], None],
        show: Callable[[str], None],
        news: Callable[[], None],
    ) -> None:
        self._app = app
        self._fleet = fleet
        self._model = model
        self._screens = screens
        self._tell = tell
        self._show = show
        self._news = news

    def _tools(self) -> "Tools":
        from waziterm.tui.screens.dialogs_tools import Tools  # noqa: PLC0415 (keeps the start fast)

        return Tools(self._fleet, self._tell, self._model.get)

    def _run(self, dialog: "ToolDialog", then: Callable[[], None] | None = None) -> None:
        """Open a tool. then: what follows when the operator takes what it offers."""

        def left(how: "Left | None") -> None:
            if how is not None and how.takes and then is not None:
                when_meant(self._app, tr("fix"), then)
            elif how is not None and how.to is not None:
                self._show(how.to)

        self._app.push_screen(dialog, left)

    def check(self) -> None:
        self._run(self._tools().check(offer=not self._model.read_only), self.fix)

    def fix(self) -> None:
        tools = self._tools()
        self._run(tools.fix(dry_run=True), lambda: self._run(tools.fix(dry_run=False)))

    def janitor(self) -> None:
        tools = self._tools()
        self._run(tools.janitor(dry_run=True), lambda: self._run(tools.janitor(dry_run=False)))

    def import_sessions(self) -> None:
        from waziterm.tui.screens.dialogs import ImportAsked, ImportDialog  # noqa: PLC0415 (keeps the start fast)

        def answered(given: ImportAsked | None) -> None:
            if given is not None:
                tools = self._tools()
                work = partial(tools.import_sessions, given)
                self._run(work(dry_run=True), lambda: self._run(work(dry_run=False)))

        self._app.push_screen(ImportDialog(), answered)

    def restart(self) -> None:
        text = tr(
            "All workers stop; the sessions are checked and fixed; the log is rotated; all"
            " that ran starts again, in steps. Cool-downs, holds and bans stay as they are."
        )
        title = tr("Restart the fleet?")
        begin = partial(self._run, self._tools().restart())
        ask(self._app, title, text, tr("restart"), tr("cancel"), begin)

    def full_test(self) -> None:
        from waziterm.domain.lifecycle.states import Wanted  # noqa: PLC0415

        views = [view for view in self._model.views if view.wanted is Wanted.RUNNING]
        one = self._screens.one
        if one is not None and (shown := self._model.get(one.target)) is not None:
            views = [shown]
        if not views:
            said = tr("there is nothing to test: no instance is set to run")
            self._tell(Mood.REFUSED, said)
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
        self._run(self._tools().full_test(names, send=send))

    def trash(self) -> None:
        self._screens.view(View.TRASH)
        self._work_on(self._read_trash, N_("trash"))

    async def _read_trash(self) -> None:
        self._model.trash = await self._fleet.trash()
        self._screens.repaint()

    def audit(self) -> None:
        self._screens.view(View.AUDIT)
        self._work_on(self._read_audit, N_("audit"))

    async def _read_audit(self) -> None:
        self._model.audit = await self._fleet.audit(self._fleet.now() - AUDIT_S)
        self._screens.repaint()

    async def read_shown(self) -> None:
        """Read anew what the view that is shown tells. Raises FleetError."""
        match self._screens.shown:
            case View.TRASH:
                await self._read_trash()
            case View.AUDIT:
                await self._read_audit()
            case View.MESSAGES:
                await self.read_messages()
            case View.WALL | View.LIST | View.INCIDENTS | View.QUEUE:
                pass
            case _:
                assert_never(self._screens.shown)

    # -- messages out

    def messages(self) -> None:
        self._screens.view(View.MESSAGES)
        self._work_on(self.read_messages, N_("messages"))

    def renew_messages(self) -> None:
        """Read them anew in the background."""
        self._work_on(self.read_messages, N_("messages"))

    async def read_messages(self) -> None:
        """Read the newest messages anew, and those that wait for a person, however old they are.
        Raises FleetError."""
        found = {each.id: each for each in await self._fleet.messages(limit=MOST_MESSAGES)}
        if len(found) == MOST_MESSAGES:
            for state in (MessageState.UNKNOWN, MessageState.FAILED):
                older = await self._fleet.messages(state=state, limit=MOST_MESSAGES)
                found |= {each.id: each for each in older if each.waits_for_person}
        fresh = tuple(sorted(found.values(), key=lambda each: -each.at))
        if fresh != self._model.messages:
            self._model.messages = fresh
        self._screens.repaint()

    def read_message(self) -> bool:
        if self._screens.shown is not View.MESSAGES or self._screens.one is not None:
            return False
        message = self._screens.message
        if message is None:
            self._tell(Mood.TROUBLE, tr("no message is selected here"))
        else:
            self._work_on(partial(self._open, message), N_("message"))
        return True

    async def _open(self, message: MessageView) -> None:
        from waziterm.tui.screens.message_text import MessageDialog  # noqa: PLC0415 (keeps the start fast)

        if not self._model.takes_commands:
            # It changes nothing, but it is written down who read it.
            said = tr("this screen only watches; the text is for who may act")
            self._tell(Mood.TROUBLE, said)
            return
        text = await self._fleet.message_text(message.id)
        self._app.push_screen(MessageDialog(message, text))

    def cancel_messages(self) -> None:
        meant = [each for each in self._meant_messages() if each.state is MessageState.QUEUED]
        title = trn("Cancel {n} message?", "Cancel {n} messages?", len(meant))
        said = tr("What waits is not sent, and its text is deleted.")
        self._ask_about(meant, title, said, tr("cancel it"), self._fleet.cancel_message)

    def resend_messages(self) -> None:
        meant = [each for each in self._meant_messages() if each.waits_for_person]
        title = trn("Send {n} message again?", "Send {n} messages again?", len(meant))
        said = tr("It goes back into the queue.")
        unknown = sum(each.state is MessageState.UNKNOWN for each in meant)
        if unknown:
            said += " " + trn(
                "{n} of them may have arrived: then it arrives twice.",
                "{n} of them may have arrived: then they arrive twice.",
                unknown,
            )
        again = partial(self._fleet.resolve_message, how=Resolution.RESEND)
        self._ask_about(meant, title, said, tr("send it again"), again)

    def close_messages(self) -> None:
        meant = [each for each in self._meant_messages() if each.waits_for_person]
        title = trn("Close {n} message?", "Close {n} messages?", len(meant))
        said = tr("It stays as it is and waits for nobody any more; its text is deleted.")
        close = partial(self._fleet.resolve_message, how=Resolution.CLOSE)
        self._ask_about(meant, title, said, tr("close it"), close)

    def _meant_messages(self) -> Sequence[MessageView]:
        """Those that a key is meant for; where none are shown, say where they are."""
        meant = self._screens.messages
        if not meant:
            view = key_of(KeyAction.VIEW_MESSAGES)
            self._tell(Mood.TROUBLE, tr("no message is selected; {view} shows them", view=view))
        return meant

    def _ask_about(
        self,
        messages: Sequence[MessageView],
        title: str,
        said: str,
        yes: str,
        do: Callable[[str], Awaitable[MessageView]],
    ) -> None:
        """Ask, and do something to messages, each of which may refuse it."""
        if not messages:
            if self._screens.messages:
                self._tell(Mood.TROUBLE, tr("not this one: it is past that, or not that far"))
            return
        whom = some_of([f"{each.instance} → {whom_of(each)}" for each in messages])
        act = partial(self._work_on, partial(self._do_to, messages, do), N_("messages"))
        ask(self._app, title, f"{whom}.\n\n{said}", yes, tr("leave it"), act)

    async def _do_to(
        self, messages: Sequence[MessageView], do: Callable[[str], Awaitable[MessageView]]
    ) -> None:
        done, why = 0, ""
        for each in messages:
            try:
                await do(each.id)
                done += 1
            except FleetError as error:
                why = refusal(error)
        self._screens.unmark_messages()
        said = trn("done with {n} message", "done with {n} messages", done)
        if why:
            failed = len(messages) - done
            said = trn("{n} message: {why}", "{n} messages: {why}", failed, why=why)
            if done:
                said = tr("{done} done; {said}", done=done, said=said)
        self._tell(Mood.TROUBLE if why else Mood.DONE, said)
        await self.read_messages()

    def undo(self) -> None:
        entry = self._screens.entry
        if entry is None:
            self._work_on(self._offer_undo, N_("undo"))
        elif not entry.restorable:
            said = tr("{name}: its keys are gone, so it cannot be restored", name=entry.instance)
            self._tell(Mood.REFUSED, inert(said))
        else:
            self._ask_restore([entry])

    async def _offer_undo(self) -> None:
        found = await self._fleet.trash()
        acts = undoable(
            [
                (
                    each.act_id,
                    can_be_undone(each.why, restorable=each.restorable, paired=each.paired),
                    each.restorable,
                )
                for each in found
            ]
        )
        edits = await self._fleet.edits()
        if edits and (not acts or edits[0].at > found[acts[0].back[-1]].at):
            self._offer_undo_edit(edits[0])
            return
        if not acts:
            self._tell(Mood.REFUSED, tr("the trash holds nothing that could be restored"))
            return
        last, *others = acts
        following = found[others[0].back[0]] if others else None
        self._ask_restore(
            [found[place] for place in last.back],
            [found[place] for place in last.lost],
            sum(len(act.back) for act in others),
            following,
        )

    def _ask_restore(
        self,
        back: Sequence[TrashView],
        lost: Sequence[TrashView] = (),
        left: int = 0,
        following: TrashView | None = None,
    ) -> None:
        """Ask, and restore what one act took; see `_bring_back`."""
        entry, count = back[-1], len(back)
        text = tr(
            "It was {how} on {day} at {time}. Its session comes back byte for byte, and it connects"
            " if it was running then.",
            how=tr(HOW[entry.why]),
            day=day(entry.at, self._fleet.now()),
            time=hour(entry.at),
        )
        if entry.why is Why.COPY:
            old = tr("It is a copy: the keys of messages since then are lost with it.")
            text = f"{text} {old}"
        title = tr("Restore {name}?", name=inert(entry.instance))
        yes, no = tr("restore it"), tr("cancel")
        if count > 1:
            title = tr("Restore {count} instances?", count=count)
            text = tr(
                "{names}: one act took them on {day} at {time} ({how}). Their sessions come back"
                " byte for byte, and they connect if they were running then.",
                names=some_of([each.instance for each in back]),
                how=tr(HOW[entry.why]),
                day=day(entry.at, self._fleet.now()),
                time=hour(entry.at),
            )
            yes, no = tr("restore them"), tr("cancel")
        if lost:
            names = some_of([each.instance for each in lost])
            text += " " + tr("Not restored, because the device is unlinked: {names}.", names=names)
        work = partial(self._bring_back, back, lost, left, following)
        begin = partial(self._work_on, work, N_("restore"))
        ask(self._app, title, text, yes, no, begin, default=True)

    async def _bring_back(
        self,
        back: Sequence[TrashView],
        lost: Sequence[TrashView],
        left: int,
        following: TrashView | None,
    ) -> None:
        """Restore each, whatever becomes of the others. lost: what the same act took and is
        unlinked. left: how many other entries can be brought back, following: the next of them."""
        restored, refused = [], [inert(each.instance) for each in lost]
        why = tr("the device is unlinked") if lost else ""
        for each in back:
            try:
                restored.append(await self._fleet.restore(each.id))
            except FleetError as error:
                if len(back) == 1:
                    raise
                refused.append(inert(each.instance))
                why = refusal(error)
        said = tr("{name}: restored", name=inert(restored[0])) if restored else ""
        if len(restored) + len(refused) > 1:
            names = some_of(restored) or "–"
            said = tr("{count} restored: {names}", count=len(restored), names=names)
        if refused:
            names = some_of(refused)
            said += "; " + tr("not restored: {names} ({why})", names=names, why=why)
        if following is not None:
            more = trn(
                "{n} more can be undone; {u} undoes the next: {name}",
                "{n} more can be undone; {u} undoes the next: {name}",
                left,
                u=key_of(KeyAction.UNDO),
                name=inert(following.instance),
            )
            said = f"{said}; {more}"
        self._tell(Mood.TROUBLE if refused else Mood.DONE, said)
        if self._model.trash is not None:
            await self._read_trash()

    def show_numbers(self) -> None:
        if self._model.reveals:
            self._hide_numbers()
            return

        async def reveal() -> None:
            found = await self._fleet.numbers()
            self._model.reveal({each.instance: each.number for each in found})
            self._screens.repaint()
            self._app.set_timer(REVEALED_S, self._hide_numbers)
            key = key_of(KeyAction.SHOW_NUMBERS)
            said = tr("numbers are shown for a minute; {key} masks them again", key=key)
            self._tell(Mood.DONE, said)

        self._work_on(reveal, N_("numbers"))

    def _hide_numbers(self) -> None:
        if self._model.reveals:
            self._model.reveal({})
            self._screens.repaint()

    def _offer_undo_edit(self, edit: Edit) -> None:
        name = inert(edit.instance)

        former = inert(edit.former)

        async def undo() -> None:
            view = await self._fleet.undo_edit(edit.instance, edit.id)
            if not former:
                # A new name comes with the fleet's next snapshot.
                self._model.update(view)
            self._screens.repaint()
            self._tell(Mood.DONE, tr("{name}: the change is undone", name=inert(view.name)))

        text = tr(
            "{what} was set on {day} at {time}, by {who}. The old value comes back; when its"
            " proxy or worker changes, it connects again.",
            what=", ".join(tr(_KEYS[key]) for key in edit.keys),
            day=day(edit.at, self._fleet.now()),
            time=hour(edit.at),
            who=inert(edit.who) or tr("an unknown person"),
        )
        title = tr("Undo the change of {name}?", name=name)
        if former:
            title = tr("Undo the rename of {name}?", name=name)
            text = tr(
                "{former} was renamed to {name} on {day} at {time}, by {who}. It gets its name"
                " back, and stops for a moment where it is connected.",
                former=former,
                name=name,
                day=day(edit.at, self._fleet.now()),
                time=hour(edit.at),
                who=inert(edit.who) or tr("an unknown person"),
            )
        begin = partial(self._work_on, undo, N_("undo"))
        ask(self._app, title, text, tr("undo it"), tr("cancel"), begin, default=True)

    def clean_all(self) -> None:
        from waziterm.tui.screens.dialogs import NumberDialog  # noqa: PLC0415 (keeps the start fast)

        count = len(self._fleet.with_session())
        if count == 0:
            self._tell(Mood.REFUSED, tr("there is no session to clean"))
            return

        async def clean() -> None:
            names = await self._fleet.clean_all(count)
            said = trn(
                "{n} session moved to the trash; {u} restores it",
                "{n} sessions moved to the trash; {u} restores them",
                len(names),
                u=key_of(KeyAction.UNDO),
            )
            self._tell(Mood.DONE, said)

        def answered(number: int | None) -> None:
            if number == count:
                work = partial(self._work_on, clean, N_("clean-all"))
                when_meant(self._app, tr("Clean every session?"), work)
            elif number is not None:
                said = tr("{typed} is not {count}; nothing was cleaned", typed=number, count=count)
                self._tell(Mood.REFUSED, said)

        text = trn(
            "All instances stop, and their {n} session moves to the trash.",
            "All instances stop, and their {n} sessions move to the trash.",
            count,
        )
        self._app.push_screen(NumberDialog(tr("Clean every session?"), text, count), answered)

    def acknowledge(self, note: str = "") -> None:
        meant = [each for each in self._screens.incidents if note or each.acknowledged_at is None]
        if not meant:
            said = tr(
                "{A} acknowledges an incident; {view} shows them",
                A=key_of(KeyAction.ACKNOWLEDGE),
                view=key_of(KeyAction.VIEW_INCIDENTS),
            )
            if self._screens.incidents:
                said = tr("already acknowledged; {N} adds a note", N=key_of(KeyAction.NOTE))
            self._tell(Mood.REFUSED, said)
            return
        ids = [each.id for each in meant]

        async def acknowledge() -> None:
            for each in ids:
                await self._fleet.acknowledge(each, note=note)
                self._model.acknowledged(each, self._fleet.now(), note)
                self._screens.repaint()
            self._news()

        self._screens.move_on(ids)
        self._work_on(acknowledge, N_("acknowledge"))

    def note(self) -> None:
        incidents = self._screens.incidents
        if incidents:
            title = trn("Note on {n} incident", "Note on {n} incidents", len(incidents))
            said = tr("What others should know about it. The incident is acknowledged with it.")
            self._ask_text(title, said, tr("save the note"), self.acknowledge)
            return
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
        def answered(text: str) -> None:
            async def leave() -> None:
                left = await self._fleet.note(text)
                self._tell(Mood.DONE, tr("saved: every screen shows it until it is dismissed"))
                self._show_notes((*self._model.notes, left))

            self._work_on(leave, N_("note"))

        said = tr("One line for the next operator.")
        self._ask_text(tr("Write a note"), said, tr("save the note"), answered)

    def _ask_text(self, title: str, text: str, verb: str, then: Callable[[str], None]) -> None:
        """Ask for one line. verb: what enter does. then: takes what was typed."""
        from waziterm.tui.screens.dialogs import TextDialog  # noqa: PLC0415 (keeps the start fast)

        def answered(text: str | None) -> None:
            if text:
                then(text)

        self._app.push_screen(TextDialog(title, text, verb), answered)

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
