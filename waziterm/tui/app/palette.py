"""The command palette: every action, and every action on every instance."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import (
    CommandList,
    CommandPalette,
    DiscoveryHit,
    Hit,
    Hits,
    Provider,
)

from waziterm.domain.screen import KeyAction, Place
from waziterm.lang import tr
from waziterm.tui.commands.keys import AppKey, is_refused

if TYPE_CHECKING:
    from waziterm.tui.app.app import WazitermApp


class Palette(CommandPalette):
    """Textual's palette, which bears keys before its list is there, and before it is laid out."""

    def __init__(self, asks: str) -> None:
        super().__init__(placeholder=asks, id="--command-palette")

    def _action_command_list(self, action: str) -> None:
        # A page of a list without lines raises KeyError.
        if any(each.scrollable_content_region for each in self.query(CommandList)):
            super()._action_command_list(action)

    def _action_cursor_down(self) -> None:
        if self.query(CommandList):
            super()._action_cursor_down()


class FleetCommands(Provider):
    """First the actions of the screen, then the instances; a search finds both together."""

    def _entries(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        app = cast("WazitermApp", self.app)
        for key in app.keys:
            if not isinstance(key, AppKey) or key.action is KeyAction.COMMAND_PALETTE:
                continue
            if key.commands and not app.model.takes_commands:
                continue
            if key.place is Place.BOTH and key.label:
                about = f"{key.told} ({key.shown})"
                yield tr(key.label), about, self._act(key, partial(key.do, app.commands))
        about = tr("the words of the field, explained")
        yield tr("glossary"), about, app.screens.show_glossary
        show = app.screens.open_focus
        for name in app.model.names:
            yield tr("show {name}", name=name), tr("open it in full"), partial(show, name)

    def _acts(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        app = cast("WazitermApp", self.app)
        for name in app.model.names:
            for key in app.keys:
                if key.commands and not app.model.takes_commands:
                    continue
                if isinstance(key, AppKey) and key.do_on is not None:
                    act = self._act(key, partial(key.do_on, app.commands, name))
                    yield f"{tr(key.label)} {name}", key.told, act

    def _act(self, key: AppKey, do: Callable[[], object]) -> Callable[[], object]:
        """What an entry does, unless the fleet takes no commands by then."""
        app = cast("WazitermApp", self.app)

        def act() -> None:
            if not is_refused(key, tr(key.label), app.refusal(), app.message.tell):
                do()

        return act

    async def discover(self) -> Hits:
        for name, about, act in self._entries():
            yield DiscoveryHit(name, act, help=about)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, about, act in (*self._entries(), *self._acts()):
            score = matcher.match(name)
            if score > 0:
                yield Hit(score, matcher.highlight(name), act, text=name, help=about)
