"""The keys of the instances: whom each is meant for, what it asks before, and what it does."""

from collections.abc import Callable

from waziterm.domain.fleet.api import InstanceView
from waziterm.tui.app.actions import Actions
from waziterm.tui.app.contained import ContainedApp
from waziterm.tui.app.questions import ask, some_of
from waziterm.tui.app.screen_commands import ScreenCommands
from waziterm.tui.paint.cells import inert
from waziterm.tui.state.messages import Mood
from waziterm.tui.state.model import FleetModel
from waziterm.tui.text.lang import tr


class InstanceCommands:
    """What keys do to instances: `targets.InstanceKeys`.

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
        self._on_each(self._actions.start_stop, name)

    def reconnect(self, name: str | None = None) -> None:
        self._on_each(self._actions.reconnect, name)

    def send_test(self, name: str | None = None) -> None:
        self._on_each(self._actions.send_test, name)

    def clean(self, name: str | None = None) -> None:
        meant = self._screens.meant() if name is None else [name]
        names = [each for each in meant if each is not None]
        if len(names) > 1:
            self._ask_clean(names)
        else:
            one = names[0] if names else self._screens.target
            self._on(lambda each: self._ask_clean([each]), one)

    def show_log(self, name: str | None = None) -> None:
        self._on(self._screens.open_log, name or self._screens.target)

    def focus_instance(self, name: str | None = None) -> None:
        self._on(self._screens.open_focus, name or self._screens.target)

    def add(self) -> None:
        from waziterm.tui.screens.dialogs import AddDialog  # noqa: PLC0415 (keeps the start fast)

        def added(view: InstanceView | None) -> None:
            if view is not None:
                self._screens.repaint()
                self._screens.open_focus(view.name)

        self._app.push_screen(AddDialog(self._actions.add), added)

    def _on_each(self, act: Callable[[str], None], name: str | None) -> None:
        """Do something to an instance, or to each that a key is meant for."""
        for each in self._screens.meant() if name is None else [name]:
            self._on(act, each)

    def _on(self, act: Callable[[str], None], name: str | None) -> None:
        """Do something to an instance; where there is none, say so."""
        if name is None:
            none = tr("there is no instance yet; press a to add an instance")
            if self._model.names:
                none = tr("nothing is selected; press a to add an instance")
            self._tell(Mood.TROUBLE, none)
        elif self._model.get(name) is None:
            self._tell(Mood.TROUBLE, tr("{name} was removed", name=inert(name)))
        else:
            act(name)

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
        ask(self._app, title, text, yes, no, clean)
