"""The keys: one list from which bindings, footer, help and palette are made."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from textual.binding import Binding, BindingType

from waziterm.tui.state.here import Here, Place, View
from waziterm.tui.text.lang import tr


def _always(_here: Here) -> bool:
    return True


def _with_instance(here: Here) -> bool:
    return here.instance is not None


def _with_fleet(here: Here) -> bool:
    return here.instances > 0


@dataclass(frozen=True, slots=True)
class Key:
    """A key and what it does.

    keys: Textual's names, separated by commas. shown: as printed in footer and help.
    label: its word in the footer, "" to leave it out there. about: its sentence in the help.
    when: whether it does something now, for the footer. commands: it asks the fleet to do
    something, which one that is only watched refuses. on_instance: the palette offers it for
    every instance.
    """

    keys: str
    action: str
    shown: str
    label: str
    about: str
    place: Place = Place.BOTH
    when: Callable[[Here], bool] = _always
    commands: bool = False
    on_instance: bool = False

    @property
    def id(self) -> str:
        """The name under which it can be bound to another key; one of `domain.screen.ACTIONS`."""
        return re.sub(r"\W+", "_", self.action.removeprefix("app.")).strip("_")

    def word(self, here: Here) -> str:
        """The footer's word; `s` and esc say which of the things that they do comes next."""
        if self.action == "app.start_stop" and here.instance is not None and not here.marked:
            return tr("start") if here.starts else tr("stop")
        if self.action == "back" and here.place is Place.FLEET:
            return tr("unmark") if here.marked else tr("show all") if here.hides else tr("wall")
        return tr(self.label)


KEYS = (
    Key("up,k", "move('up')", "↑ k", "", "the one above", Place.FLEET),
    Key("down,j", "move('down')", "↓ j", "", "the one below", Place.FLEET),
    Key("left", "move('left')", "←", "", "the one on the left", Place.FLEET),
    Key("right", "move('right')", "→", "", "the one on the right", Place.FLEET),
    Key("pageup", "move('page_up')", "PgUp", "", "one screen up", Place.FLEET),
    Key("pagedown", "move('page_down')", "PgDn", "", "one screen down", Place.FLEET),
    Key("home,g", "move('first')", "Home g", "", "the first one", Place.FLEET),
    Key("end,G", "move('last')", "End G", "", "the last one", Place.FLEET),
    Key("enter", "app.focus_instance", "enter", "show", "show it in full: QR code, log, facts",
        Place.FLEET, _with_instance),
    Key("1", "app.view('wall')", "1", "", "the wall: a panel for each instance"),
    Key("2", "app.view('list')", "2", "", "the list: a row for each instance"),
    Key("3", "app.focus_instance", "3", "", "one instance in full"),
    Key("4", "app.view('incidents')", "4", "", "the incidents: what happened, what was done"),
    Key("5", "app.view('queue')", "5", "", "the queue: who waits for a scan, code after code"),
    Key("slash", "filter", "/", "filter", "show only what fits; ! inverts", Place.FLEET,
        lambda here: here.arranged),
    Key("z", "only_troubled", "z", "troubled", "show only those in trouble, or all", Place.FLEET,
        lambda here: here.arranged),
    Key("o", "sort", "o", "sort", "sort by the next column", Place.FLEET,
        lambda here: here.arranged and here.view is View.LIST),
    Key("O", "reverse", "O", "", "turn the order round", Place.FLEET),
    Key("space", "mark", "space", "", "mark it; s r t c x then mean all that are marked",
        Place.FLEET),
    Key("A", "app.acknowledge", "A", "acknowledge", "acknowledge the incident, in the incidents",
        Place.FLEET, lambda here: here.open_incident, commands=True),
    Key("escape", "back", "esc", "wall", "clear the filter or the marks; back to the wall",
        Place.FLEET, lambda here: here.goes_back),
    Key("escape", "back", "esc", "back", "back to the fleet", Place.FOCUS),
    Key("Q", "switch_qr", "Q", "other QR", "draw the QR code in half blocks or in sextants",
        Place.FOCUS, lambda here: here.shows_qr),
    Key("p", "pairing_code", "p", "code", "a code to type on the phone instead of the scan",
        Place.FOCUS, lambda here: here.pairing, commands=True),
    Key("P", "save_qr", "P", "", "the QR code as a picture file, deleted when it expires",
        Place.FOCUS),
    Key("s", "app.start_stop", "s", "start/stop", "start it, or stop it",
        when=_with_instance, commands=True, on_instance=True),
    Key("r", "app.reconnect", "r", "reconnect",
        "connect now; only this shortens a cool-down or ends a hold",
        when=_with_instance, commands=True, on_instance=True),
    Key("t", "app.send_test", "t", "send-test", "send a short text to its own number",
        when=lambda here: here.connected, commands=True, on_instance=True),
    Key("c", "app.clean", "c", "clean", "move its session to the trash; asks first",
        when=_with_instance, commands=True, on_instance=True),
    Key("a", "app.add", "a", "add", "add an instance", commands=True),
    Key("l", "app.show_log", "l", "log", "its log on the whole screen, and back",
        when=_with_instance, on_instance=True),
    Key("f", "follow", "f", "follow", "follow the log, or stay where you are", Place.FOCUS,
        _with_instance),
    Key("w", "wrap", "w", "", "wrap long log lines, or cut them", Place.FOCUS),
    Key("y", "copy", "y", "copy", "copy the code that is shown, else the newest log line",
        Place.FOCUS, _with_instance),
    Key("up,k", "scroll_log('up')", "↑ k", "", "scroll the log up; stops following", Place.FOCUS),
    Key("down,j", "scroll_log('down')", "↓ j", "", "scroll the log down", Place.FOCUS),
    Key("pageup", "scroll_log('page_up')", "PgUp", "", "one page up in the log", Place.FOCUS),
    Key("pagedown", "scroll_log('page_down')", "PgDn", "", "one page down", Place.FOCUS),
    Key("home,g", "scroll_log('first')", "Home g", "", "the oldest line", Place.FOCUS),
    Key("end,G", "scroll_log('last')", "End G", "", "the newest line; follows", Place.FOCUS),
    Key("left", "neighbour(-1)", "←", "", "the instance before this one", Place.FOCUS),
    Key("right", "neighbour(1)", "→", "", "the instance after this one", Place.FOCUS),
    Key("T", "app.full_test", "T", "test", "test the connection layer by layer",
        when=_with_fleet, commands=True),
    Key("K", "app.check", "K", "check", "look for everything that is wrong or will be"),
    Key("F", "app.fix", "F", "fix", "mend what a check finds; shows first what it would do"),
    Key("R", "app.restart", "R", "restart", "stop all, check, fix, start staggered; asks first",
        when=_with_fleet, commands=True),
    Key("u", "app.undo", "u", "undo", "restore what was cleaned or removed last; asks first",
        commands=True),
    Key("x", "app.remove", "x", "remove", "clean it and take it off the list; asks first",
        when=_with_instance, commands=True),
    Key("C", "app.clean_all", "C", "", "clean every session; asks for their number",
        commands=True),
    Key("ctrl+p,colon", "app.command_palette", "^p :", "palette",
        "find any action and any instance"),
    Key("ctrl+z", "app.suspend", "^z", "", "stop here and back to the shell; fg goes on"),
    Key("question_mark", "app.show_help", "?", "help", "this list"),
    Key("q", "app.leave", "q", "quit",
        "quit, as ctrl+c; says first what that does"),
)  # fmt: skip


def bindings(place: Place) -> list[BindingType]:
    """Textual's bindings for a screen."""
    return [
        Binding(key.keys, key.action, key.label or key.about, show=False, id=key.id)
        for key in KEYS
        if key.place in (place, Place.BOTH)
    ]


def rebound(keymap: Mapping[str, str]) -> tuple[Key, ...]:
    """All keys, some of them bound otherwise. keymap: by a key's id, Textual's names of its keys.

    Raises ValueError when one key would do two things in the same place.
    """
    keys = tuple(
        replace(key, keys=other, shown=other.split(",")[0].strip())
        if (other := keymap.get(key.id))
        else key
        for key in KEYS
    )
    for place in (Place.FLEET, Place.FOCUS):
        taken: dict[str, str] = {}
        for key in keys:
            if key.place not in (place, Place.BOTH):
                continue
            for name in key.keys.split(","):
                first = taken.setdefault(name.strip(), key.id)
                if first != key.id:
                    raise ValueError(f"the key {name.strip()} is that of {first} and of {key.id}")
    return keys


def useful(keys: Iterable[Key], here: Here) -> list[tuple[str, str]]:
    """What the footer shows: the keys that do something here and now, with their words."""
    if here.typing:
        return [("enter", tr("keep the filter")), ("esc", tr("clear it"))]
    return [
        (key.shown, key.word(here))
        for key in keys
        if key.place in (here.place, Place.BOTH)
        and key.label
        and not (key.commands and here.read_only)
        and key.when(here)
    ]


def keys_of(app: object) -> tuple[Key, ...]:
    """The keys of this app, as its operator wants them."""
    keys: tuple[Key, ...] = getattr(app, "keys", KEYS)
    return keys
