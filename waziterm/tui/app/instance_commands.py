"""The keys of the instances: whom each is meant for, what it asks before, and what it does."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from waziterm.domain.care.trash import new_act_id
from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.lifecycle.states import State
from waziterm.domain.messages.message import MessageView
from waziterm.domain.screen import KeyAction
from waziterm.lang import N_, tr, trn
from waziterm.tui.app.actions import Actions
from waziterm.tui.app.contained import ContainedApp
from waziterm.tui.app.questions import ask, choose, refuse_late, when_meant
from waziterm.tui.app.screen_commands import ScreenCommands
from waziterm.tui.paint.cells import inert
from waziterm.tui.state.here import sends, starts
from waziterm.tui.state.messages import Mood
from waziterm.tui.state.model import FleetModel
from waziterm.tui.text.keynames import key_of
from waziterm.tui.text.words import some_of
from waziterm.tui.text.words import why as why_of

_SENDS_NOTHING = (State.HELD, State.BANNED, State.LOGGED_OUT, State.PAIRING)
"""An instance in one of these takes no message."""


class InstanceCommands:
    """What keys do to instances: `targets.InstanceKeys`.

    What is meant for one that is seen is done at once, or asked for where it takes something away.
    What is meant for several, or for a marked one that is not seen, is asked for: the question
    counts them, names them, and says which of them are not seen.

    actions: asks the fleet. screens: says whom a key is meant for, and shows an instance.
    """

    def __init__(
        self,
        app: ContainedApp,
        model: FleetModel,
        actions: Actions,
        screens: ScreenCommands,
        tell: Callable[[Mood, str], None],
    ) -> None:
        self._app = app
        self._model = model
        self._actions = actions
        self._screens = screens
        self._tell = tell

    def start_stop(self, name: str | None = None) -> None:
        names = self._meant(name)
        if not self._must_ask(name, names):
            self._at_once(
                tr("start") if all(map(self._starts, names)) else tr("stop"),
                self._actions.start_stop,
                names,
            )
            return
        resting = [each for each in names if self._starts(each)]
        running = [each for each in names if each not in resting]
        start = partial(self._do_to, N_("start"), self._actions.start, resting)
        stop = partial(self._do_to, N_("stop"), self._actions.stop, running)
        to_start = tr("start {count}: {names}", count=len(resting), names=some_of(resting))
        to_stop = tr("stop {count}: {names}", count=len(running), names=some_of(running))
        if resting and running:
            title = tr("Start or stop some of {count} marked instances?", count=len(names))
            text = tr(
                "{resting} of them are stopped, {running} run: start the stopped ones, or"
                " stop the running ones.",
                resting=len(resting),
                running=len(running),
            )
            choices = (("1", to_start, start), ("2", to_stop, stop))
            choose(self._app, title, text + self._unseen(names), choices)
        elif resting:
            title = trn("Start {n} marked instance?", "Start {n} marked instances?", len(names))
            text = tr("{names}: each connects, or shows a QR code.", names=some_of(names))
            self._ask(title, text, names, tr("start"), tr("cancel"), start)
        else:
            title = trn("Stop {n} marked instance?", "Stop {n} marked instances?", len(names))
            text = tr(
                "{names}: each stops and stays so, also after a restart. What is linked stays"
                " linked.",
                names=some_of(names),
            )
            self._ask(title, text, names, tr("stop"), tr("cancel"), stop)

    def reconnect(self, name: str | None = None) -> None:
        names = self._meant(name)
        if not self._must_ask(name, names):
            self._at_once(tr("reconnect"), self._actions.reconnect, names)
            return
        title = trn("Reconnect {n} marked instance?", "Reconnect {n} marked instances?", len(names))
        open_now = sum(sends(view) for view in map(self._model.get, names) if view is not None)
        text = tr(
            "{names}: each connects now. This ends cool-downs and holds.", names=some_of(names)
        )
        if open_now:
            text += " " + trn(
                "{n} of them is connected, and is interrupted.",
                "{n} of them are connected, and are interrupted.",
                open_now,
            )
        act = partial(self._do_to, N_("reconnect"), self._actions.reconnect, names)
        self._ask(title, text, names, tr("reconnect"), tr("cancel"), act)

    def send_test(self, name: str | None = None) -> None:
        names = self._meant(name)
        if not self._must_ask(name, names):
            self._at_once(tr("send-test"), self._actions.send_test, names)
            return
        views = [view for each in names if (view := self._model.get(each)) is not None]
        senders = [view.name for view in views if sends(view)]
        if not senders:
            self._tell(Mood.REFUSED, tr("none of the marked instances is connected"))
            return
        title = trn("Send {n} message?", "Send {n} messages?", len(senders))
        text = tr("{names}: each sends one to its own number.", names=some_of(senders))
        others = [each for each in names if each not in senders]
        if others:
            text += " " + tr("Not connected, so left out: {names}.", names=some_of(others))
        act = partial(self._do_to, N_("send-test"), self._actions.send_test, senders)
        self._ask(title, text, senders, tr("send"), tr("cancel"), act)

    def clean(self, name: str | None = None) -> None:
        names = self._meant(name)
        if not names:
            return
        title = tr("Clean {name}?", name=inert(names[0]))
        text = tr(
            "The instance stops and its session moves to the trash; {u} restores it from"
            " there. After a clean it must be linked again, with a QR code.",
            u=key_of(KeyAction.UNDO),
        )
        yes, no = tr("clean it"), tr("keep it")
        if len(names) > 1:
            title = tr("Clean {count} marked instances?", count=len(names))
            text = tr(
                "{names}: they stop, and their sessions move to the trash; {u} restores them.",
                names=some_of(names),
                u=key_of(KeyAction.UNDO),
            )
            yes, no = tr("clean them"), tr("keep them")
        clean = partial(self._actions.clean, act_id=new_act_id() if len(names) > 1 else "")
        act = partial(self._do_to, N_("clean"), clean, names)
        self._ask(title, text, names if name is None else [], yes, no, act)

    def remove(self, name: str | None = None) -> None:
        names = self._meant(name)
        if not names:
            return
        title = tr("Remove {name}?", name=inert(names[0]))
        u = key_of(KeyAction.UNDO)
        text = tr(
            "It stops, its session moves to the trash, and it leaves the list. {u} undoes it.", u=u
        )
        yes, no = tr("remove it"), tr("keep it")
        if len(names) > 1:
            title = tr("Remove {count} marked instances?", count=len(names))
            text = tr(
                "{names}: they stop, their sessions move to the trash, and they leave the list."
                " {u} brings them back.",
                names=some_of(names),
                u=u,
            )
            yes, no = tr("remove them"), tr("keep them")
        remove = partial(self._actions.remove, act_id=new_act_id() if len(names) > 1 else "")
        act = partial(self._do_to, N_("remove"), remove, names)
        self._ask(title, text, names if name is None else [], yes, no, act)

    def write_message(self, name: str | None = None) -> None:
        names = self._meant(name)
        if len(names) > 1:
            esc = key_of(KeyAction.BACK)
            said = tr("one instance sends one message; {esc} takes the marks away", esc=esc)
            self._tell(Mood.TROUBLE, said)
            return
        view = self._model.get(names[0]) if names else None
        if view is None:
            return
        if view.state in _SENDS_NOTHING:
            said = tr(
                "{name} sends nothing now: {state}: {why}",
                name=inert(view.name),
                state=tr(view.state.label),
                why=why_of(view),
            )
            self._tell(Mood.TROUBLE, said)
            return
        from waziterm.tui.screens.message_write import WriteDialog  # noqa: PLC0415 (keeps the start fast)

        sender = view.name

        async def send(to: str, text: str) -> MessageView:
            refuse_late(self._app)
            return await self._actions.send_message(sender, to, text)

        self._app.push_screen(WriteDialog(sender, send), lambda _: self._screens.repaint())

    def edit(self, name: str | None = None) -> None:
        names = self._meant(name)
        if not names:
            return
        from waziterm.tui.screens.dialogs_edit import EditOne, EditSeveral  # noqa: PLC0415 (keeps the start fast)

        first = self._model.get(names[0])
        if len(names) == 1 and first is not None:

            async def edit(name: str, values: Mapping[str, str]) -> None:
                refuse_late(self._app)
                await self._actions.edit(name, values)

            async def rename(name: str, new: str, *, take: bool) -> None:
                refuse_late(self._app)
                await self._actions.rename(name, new, take=take)

            dialog = EditOne(first, edit, rename, self._model.led_to)
            self._app.push_screen(dialog, lambda _: self._screens.repaint())
            return

        async def taken(values: Mapping[str, str]) -> None:
            refuse_late(self._app)
            self._do_to(N_("edit"), partial(self._actions.edit_too, values=values), names)

        self._app.push_screen(EditSeveral(names, taken, self._unseen(names)))

    def show_log(self, name: str | None = None) -> None:
        self._on(self._screens.open_log, name or self._screens.target)

    def focus_instance(self, name: str | None = None) -> None:
        self._on(self._screens.open_focus, name or self._screens.to_show)

    def add(self) -> None:
        from waziterm.tui.screens.dialogs import AddDialog  # noqa: PLC0415 (keeps the start fast)

        async def add(name: str, phone: str | None, proxy: str | None) -> InstanceView:
            refuse_late(self._app)
            return await self._actions.add(name, phone, proxy)

        def added(view: InstanceView | None) -> None:
            if view is not None:
                self._screens.repaint()
                self._screens.open_focus(view.name)

        self._app.push_screen(AddDialog(add), added)

    # -- whom it is meant for

    def _meant(self, name: str | None) -> list[str]:
        """Whom a key is meant for; where that is nobody, say so. name: whom the palette names."""
        found: list[str] = []
        for each in self._screens.meant() if name is None else [name]:
            self._on(found.append, each)
        return found

    def _on(self, act: Callable[[str], None], name: str | None) -> None:
        """Do something to an instance; where there is none, say so."""
        if name is None:
            a = key_of(KeyAction.ADD)
            none = tr("there is no instance yet; press {a} to add an instance", a=a)
            if self._model.names:
                none = self._screens.nobody()
            self._tell(Mood.REFUSED, none)
        elif self._model.get(name) is None:
            self._tell(Mood.REFUSED, tr("{name} was removed", name=inert(name)))
        else:
            act(name)

    def _starts(self, name: str) -> bool:
        view = self._model.get(name)
        return view is not None and starts(view)

    def _must_ask(self, name: str | None, names: Sequence[str]) -> bool:
        """Whether it is asked before: for several, and for who is marked and not seen."""
        return name is None and (len(names) > 1 or bool(self._screens.unseen(names)))

    def _unseen(self, names: Sequence[str]) -> str:
        """Which of them are not seen, as a paragraph for a question; "" when all are."""
        unseen = self._screens.unseen(names)
        if not unseen:
            return ""
        said = trn(
            "{n} of them is marked and not shown now: {names}.",
            "{n} of them are marked and not shown now: {names}.",
            len(unseen),
            names=some_of(unseen),
        )
        return f"\n\n{said}"

    # -- asking, and doing it

    def _ask(
        self,
        title: str,
        text: str,
        names: Sequence[str],
        yes: str,
        no: str,
        then: Callable[[], None],
    ) -> None:
        ask(self._app, title, text + self._unseen(names), yes, no, then)

    def _at_once(self, word: str, act: Callable[[str], None], names: Sequence[str]) -> None:
        """Do without a question what is meant for one that is seen. word: what it is called."""

        def do() -> None:
            for each in names:
                act(each)

        if names:
            what = tr("{verb}: {whom}", verb=word, whom=some_of(names))
            when_meant(self._app, what, do)

    def _do_to(self, verb: str, act: Callable[[str], None], names: Sequence[str]) -> None:
        """Do it to all that a question named. Who was removed meanwhile is told as a failure."""
        if len(names) > 1:
            self._actions.begin_bulk(verb, names)
        for name in names:
            if self._model.get(name) is None:
                said = tr("{name} was removed", name=inert(name))
                self._actions.end(verb, name, Mood.TROUBLE, said)
            else:
                act(name)
