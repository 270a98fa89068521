"""The command palette: all that can be done, seen, and done to each instance."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, assert_never, cast

from textual.command import (
    CommandList,
    CommandPalette,
    DiscoveryHit,
    Hit,
    Hits,
    Provider,
)

from waziterm.domain.frozen import dataclass
from waziterm.domain.screen import Density, KeyAction
from waziterm.lang import N_, tr
from waziterm.tui.app.look_commands import LANGS, THEMES
from waziterm.tui.commands.keys import AnyKey, AppKey, FleetKey, InstanceKey, LogKey, is_refused
from waziterm.tui.paint.cells import inert
from waziterm.tui.screens.instance import FocusScreen
from waziterm.tui.screens.log import LogScreen
from waziterm.tui.state.arrange import Sort
from waziterm.tui.state.messages import Mood

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


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to be done. about: its sentence. words: what finds it beside its name, as the words
    of the command line."""

    name: str
    about: str
    do: Callable[[], object]
    words: str = ""


_WORDS = {
    KeyAction.CHECK: "doctor diagnose",
    KeyAction.EDIT: "rename set",
    KeyAction.FULL_TEST: "full layers",
    KeyAction.NOTE: "shift",
    KeyAction.SHOW_SAID: "messages lowest line",
    KeyAction.UNDO: "restore",
    KeyAction.VIEW_AUDIT: "who acts people",
    KeyAction.VIEW_INCIDENTS: "conflicts incidents alerts",
    KeyAction.VIEW_MESSAGES: "sent queue unknown",
    KeyAction.VIEW_QUEUE: "scans qr pairing",
    KeyAction.VIEW_TRASH: "restore",
}
"""What else finds a key."""
_ON_A_MESSAGE = (
    KeyAction.CANCEL_MESSAGE, KeyAction.CLOSE_MESSAGE, KeyAction.RESEND_MESSAGE,
)  # fmt: skip
"""Offered where messages are shown alone."""
_DENSITIES = {Density.ROWS: N_("rows"), Density.CARDS: N_("cards")}
_BY_THE_ARROWS = (
    KeyAction.MOVE_UP, KeyAction.MOVE_DOWN, KeyAction.MOVE_LEFT, KeyAction.MOVE_RIGHT,
    KeyAction.MOVE_PAGE_UP, KeyAction.MOVE_PAGE_DOWN, KeyAction.MOVE_FIRST, KeyAction.MOVE_LAST,
    KeyAction.SCROLL_LOG_UP, KeyAction.SCROLL_LOG_DOWN, KeyAction.SCROLL_LOG_PAGE_UP,
    KeyAction.SCROLL_LOG_PAGE_DOWN, KeyAction.SCROLL_LOG_FIRST, KeyAction.SCROLL_LOG_LAST,
    KeyAction.NEIGHBOUR_BEFORE, KeyAction.NEIGHBOUR_AFTER, KeyAction.BACK,
    KeyAction.COMMAND_PALETTE,
)  # fmt: skip
"""Keys that lead somewhere from where one is, which is no longer so after a search."""
_ABOUT_SCORE = 0.5
"""How much less a match in a sentence counts than one in a name."""


class FleetCommands(Provider):
    """First what can be done, then the instances; a search finds both together, and what can be
    done to each instance."""

    @property
    def _wapp(self) -> "WazitermApp":
        return cast("WazitermApp", self.app)

    def _entries(self) -> Iterator[Entry]:
        app = self._wapp
        seen = set()
        for key in app.keys:
            skipped = key.action in _BY_THE_ARROWS or key.action in seen
            if skipped or (key.commands and not app.model.takes_commands):
                continue
            entry = self._of_key(key)
            if entry is not None:
                seen.add(key.action)
                yield entry
        if app.model.takes_commands:
            about = tr("shows what it would clear up: old trash, waits that hang, workers")
            yield Entry(tr("janitor"), about, self._janitor, "janitor tidy up clean old files")
        for density, word in _DENSITIES.items():
            name = tr("density: {name}", name=tr(word))
            about = tr("rows or cards for healthy instances")
            yield Entry(name, about, partial(app.screens.thicken, density))
        for sort in Sort:
            name = tr("sort by {column}", column=tr(sort.value))
            yield Entry(name, tr("the order of the instances"), partial(app.screens.sort_by, sort))
        looks = app.looks
        yield Entry(tr("theme …"), tr("each is seen while it is chosen"), looks.choose_theme)
        for theme, word in THEMES.items():
            about = tr("the colours now") if theme is looks.theme else tr("the colours")
            name = tr("theme: {name}", name=tr(word))
            yield Entry(name, about, partial(looks.keep_theme, theme), theme.value)
        for lang, name in LANGS.items():
            about = tr("the language now") if lang is looks.lang else tr("the language")
            do = partial(looks.speak, lang)
            yield Entry(tr("language: {name}", name=name), about, do, f"lang {lang.value}")
        about = tr("the terms on this screen, explained")
        yield Entry(tr("glossary"), about, app.screens.show_glossary)
        show = app.screens.open_focus
        for name in app.model.names:
            about = tr("open it in full")
            yield Entry(tr("show {name}", name=inert(name)), about, partial(show, name))

    def _of_key(self, key: AnyKey) -> Entry | None:
        """The entry of a key; None where it does nothing here."""
        app, top = self._wapp, self._wapp.screens.top
        if key.action in _ON_A_MESSAGE and not app.screens.messages:
            return None
        name = tr(key.label) if key.label else key.title
        do: Callable[[], object]
        match key:
            case AppKey():
                do = partial(key.do, app.commands)
                if key.meant:
                    whom = self._whom()
                    if not whom:
                        return None
                    name = tr("{verb}: {whom}", verb=name, whom=whom)
                elif key.action is KeyAction.FULL_TEST:
                    one = app.screens.one
                    whom = tr("all") if one is None else inert(one.target or "")
                    name = tr("{verb}: {whom}", verb=name, whom=whom)
            case FleetKey():
                do = partial(app.screens.on_fleet, key.do)
            case InstanceKey():
                if not isinstance(top, FocusScreen):
                    return None
                do = partial(key.do, top)
                name = tr("{verb}: {whom}", verb=name, whom=inert(top.target or ""))
            case LogKey():
                if not isinstance(top, LogScreen):
                    return None
                do = partial(key.do, top)
            case _:
                assert_never(key)
        about = f"({key.shown})" if name == key.told else f"{key.told} ({key.shown})"
        words = f"{key.action.value.replace('_', ' ')} {_WORDS.get(key.action, '')}"
        return Entry(name, about, self._act(key, do), words)

    def _janitor(self) -> None:
        """It has no key, and asks the fleet for something all the same."""
        app = self._wapp
        if why := app.refusal():
            said = tr("{verb} was not carried out: {why}", verb=tr("janitor"), why=why)
            app.message.tell(Mood.REFUSED, said)
        else:
            app.commands.tools.janitor()

    def _whom(self) -> str:
        """Whom a key acts on now; "" for nobody."""
        names = [name for name in self._wapp.screens.meant() if name is not None]
        if len(names) > 1:
            return tr("{count} marked", count=len(names))
        return inert(names[0]) if names else ""

    def _acts(self) -> Iterator[Entry]:
        app = self._wapp
        for key in app.keys:
            if not isinstance(key, AppKey) or key.do_on is None:
                continue
            if key.commands and not app.model.takes_commands:
                continue
            label, told = tr(key.label), key.told
            for name in app.model.names:
                act = self._act(key, partial(key.do_on, app.commands, name))
                yield Entry(f"{label} {inert(name)}", told, act)

    def _act(self, key: AnyKey, do: Callable[[], object]) -> Callable[[], object]:
        """What an entry does, unless the fleet takes no commands by then."""
        app = self._wapp

        def act() -> None:
            if not is_refused(key, tr(key.label), app.refusal(), app.message.tell):
                do()

        return act

    async def discover(self) -> Hits:
        for entry in self._entries():
            yield DiscoveryHit(entry.name, entry.do, help=entry.about)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for entry in (*self._entries(), *self._acts()):
            score = matcher.match(entry.name)
            if score > 0:
                shown = matcher.highlight(entry.name)
                yield Hit(score, shown, entry.do, text=entry.name, help=entry.about)
                continue
            wanted = query.casefold()
            if wanted and any(wanted in text.casefold() for text in (entry.words, entry.about)):
                yield Hit(_ABOUT_SCORE, entry.name, entry.do, text=entry.name, help=entry.about)
