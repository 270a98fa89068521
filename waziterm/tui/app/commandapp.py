"""The keys of the instances: whom each is meant for, what it asks before, and what it does."""

from abc import abstractmethod

from waziterm.domain.fleet.api import InstanceView
from waziterm.tui.app.actions import Actions
from waziterm.tui.app.toolapp import ToolApp, some_of
from waziterm.tui.paint.cells import inert
from waziterm.tui.state.messages import Mood
from waziterm.tui.state.model import FleetModel
from waziterm.tui.text.lang import tr


class CommandApp(ToolApp):
    """The part of the app that holds the keys of single instances."""

    model: FleetModel
    _actions: Actions

    @abstractmethod
    def open_focus(self, name: str, *, log_only: bool = False) -> None:
        """Show one instance in full."""

    @abstractmethod
    def _open_log(self, name: str) -> None:
        """Show an instance's log on the whole screen, or the instance again."""

    @abstractmethod
    def repaint(self) -> None:
        """Paint what changed."""

    def act(self, action: str, name: str | None) -> None:
        """Do what the key of this action does, on an instance."""
        if name is None:
            none = tr("there is no instance yet; press a to add an instance")
            if self.model.names:
                none = tr("nothing is selected; press a to add an instance")
            self.tell(Mood.TROUBLE, none)
            return
        if self.model.get(name) is None:
            self.tell(Mood.TROUBLE, tr("{name} was removed", name=inert(name)))
            return
        match action:
            case "start_stop":
                self._actions.start_stop(name)
            case "reconnect":
                self._actions.reconnect(name)
            case "send_test":
                self._actions.send_test(name)
            case "clean":
                self._ask_clean([name])
            case "show_log":
                self._open_log(name)
            case "focus_instance":
                self.open_focus(name)

    def meant(self) -> list[str | None]:
        """Whom a key is meant for: the marked ones, else the one that is selected."""
        if self.one_is_shown or not self.model.marked:
            return [self.target]
        return [name for name in self.model.names if name in self.model.marked]

    def action_start_stop(self) -> None:
        for name in self.meant():
            self.act("start_stop", name)

    def action_reconnect(self) -> None:
        for name in self.meant():
            self.act("reconnect", name)

    def action_send_test(self) -> None:
        for name in self.meant():
            self.act("send_test", name)

    def action_clean(self) -> None:
        names = [name for name in self.meant() if name is not None]
        if len(names) > 1:
            self._ask_clean(names)
        else:
            self.act("clean", self.target if not names else names[0])

    def action_show_log(self) -> None:
        self.act("show_log", self.target)

    def action_focus_instance(self) -> None:
        self.act("focus_instance", self.target)

    def _ask_clean(self, names: list[str]) -> None:
        def clean() -> None:
            for name in names:
                self._actions.clean(name)

        title = tr("Clean {name}?", name=names[0])
        text = tr(
            "The instance stops and its session moves to the trash, from where u restores it."
            " After that it must be linked anew, with a QR code."
        )
        yes, no = tr("clean it"), tr("keep it")
        if len(names) > 1:
            title = tr("Clean {count} marked instances?", count=len(names))
            text = tr(
                "{names}: they stop, and their sessions move to the trash, from where they can be"
                " restored.",
                names=some_of(names),
            )
            yes, no = tr("clean them"), tr("keep them")
        self.ask(title, text, yes, no, clean)

    def action_add(self) -> None:
        from waziterm.tui.screens.dialogs import AddDialog  # noqa: PLC0415 (keeps the start fast)

        def added(view: InstanceView | None) -> None:
            if view is not None:
                self.repaint()
                self.open_focus(view.name)

        self.push_screen(AddDialog(self._actions.add), added)
