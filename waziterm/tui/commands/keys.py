"""The keys: one list from which bindings, footer, help and palette are made.

A row holds the function that its key calls, so that the type checker names a row whose function is
missing. Textual, which finds functions by names, is given one action for all of them.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from typing import Generic, TypeVar, assert_never

from textual.binding import Binding, BindingType
from textual.keys import key_to_character

from waziterm.domain.frozen import dataclass
from waziterm.domain.screen import OUR_KEYS, KeyAction, Place
from waziterm.lang import tr
from waziterm.tui.commands.targets import Commands, OnFleet, OnInstance, OnLog
from waziterm.tui.state.here import Here, Move, View
from waziterm.tui.state.messages import Mood
from waziterm.tui.text.keynames import OURS, with_keys_named

_Target = TypeVar("_Target", Commands, OnFleet, OnInstance, OnLog)


def _always(_here: Here) -> bool:
    return True


def _with_instance(here: Here) -> bool:
    return here.instance is not None


def _with_fleet(here: Here) -> bool:
    return here.instances > 0


def _open(app: Commands) -> None:
    """Show what is selected in full: a message where they are shown, else the instance."""
    if not app.tools.read_message():
        app.instances.focus_instance()


@dataclass(frozen=True, slots=True)
class Key(Generic[_Target]):
    """A key and what it does.

    action: by which it can be bound to another key. shown: as printed in footer and help. label:
    its word in the footer, "" to leave it out there. about: its sentence in the help, with
    `{reconnect}` for the name of the key that does that. do: what it calls. place: where it works.
    when: whether it does something now, for the footer. commands: it asks the fleet to do
    something, which one that is only watched refuses. keys: Textual's names, separated by commas;
    where nobody bound it otherwise, those of `OUR_KEYS`.
    """

    action: KeyAction
    shown: str
    label: str
    about: str
    do: Callable[[_Target], None]
    place: Place = Place.BOTH
    when: Callable[[Here], bool] = _always
    commands: bool = False
    keys: str = ""

    @property
    def told(self) -> str:
        """Its sentence in the help, with the other keys as they are bound."""
        return with_keys_named(tr(self.about))

    @property
    def title(self) -> str:
        """Its sentence up to the first mark, as a name."""
        return re.split(r"[:;,]", self.told)[0]

    def word(self, here: Here) -> str:
        """The footer's word; `s` and esc say which of the things that they do comes next."""
        if self.action is KeyAction.START_STOP and here.instance is not None and not here.marked:
            return tr("start") if here.starts else tr("stop")
        if self.action is KeyAction.UNDO and here.view is View.TRASH:
            return tr("restore")
        if self.action is KeyAction.FOCUS_INSTANCE and here.view is View.MESSAGES:
            return tr("read it")
        if self.action is KeyAction.BACK and here.place is Place.FLEET:
            return tr("unmark") if here.marked else tr("show all") if here.hides else tr("wall")
        return tr(self.label)


@dataclass(frozen=True, slots=True)
class AppKey(Key[Commands]):
    """A key whose function is the app's. do_on: the same on an instance that the palette names.
    meant: it acts on the instance that is selected, or on those that are marked."""

    meant: bool = False
    do_on: Callable[[Commands, str], None] | None = None


@dataclass(frozen=True, slots=True)
class FleetKey(Key[OnFleet]):
    """A key whose function is that of the fleet's screen."""

    place: Place = field(default=Place.FLEET, init=False)


@dataclass(frozen=True, slots=True)
class LogKey(Key[OnLog]):
    """A key whose function is that of a screen that shows a log."""

    place: Place = field(default=Place.LOG, init=False)


@dataclass(frozen=True, slots=True)
class InstanceKey(Key[OnInstance]):
    """A key whose function is that of the screen of one instance."""

    place: Place = field(default=Place.FOCUS, init=False)


_ON_MARKED = (
    KeyAction.START_STOP, KeyAction.RECONNECT, KeyAction.SEND_TEST, KeyAction.CLEAN,
    KeyAction.REMOVE, KeyAction.BACK,
)  # fmt: skip
"""What acts on all that are marked, and what takes the marks away."""
_ON_MANY = (KeyAction.DENSITY, KeyAction.MARK_ALL)
"""What the footer names behind the acts on one."""
_SHORT = {"escape": "esc", "pageup": "PgUp", "pagedown": "PgDn"}
"""Keys that have a shorter name on the screen than Textual's."""

AnyKey = AppKey | FleetKey | InstanceKey | LogKey


_ROWS: tuple[AnyKey, ...] = (
    FleetKey(KeyAction.MOVE_UP, "↑ k", "", "the one above", lambda at: at.move(Move.UP)),
    FleetKey(KeyAction.MOVE_DOWN, "↓ j", "", "the one below",
        lambda at: at.move(Move.DOWN)),
    FleetKey(KeyAction.MOVE_LEFT, "←", "", "the one on the left",
        lambda at: at.move(Move.LEFT)),
    FleetKey(KeyAction.MOVE_RIGHT, "→", "", "the one on the right",
        lambda at: at.move(Move.RIGHT)),
    FleetKey(KeyAction.MOVE_PAGE_UP, "PgUp", "", "one screen up",
        lambda at: at.move(Move.PAGE_UP)),
    FleetKey(KeyAction.MOVE_PAGE_DOWN, "PgDn", "", "one screen down",
        lambda at: at.move(Move.PAGE_DOWN)),
    FleetKey(KeyAction.MOVE_FIRST, "Home g", "", "the first one",
        lambda at: at.move(Move.FIRST)),
    FleetKey(KeyAction.MOVE_LAST, "End G", "", "the last one",
        lambda at: at.move(Move.LAST)),
    AppKey(KeyAction.FOCUS_INSTANCE, "enter", "show",
        "show it in full: QR code, log, facts", _open, place=Place.FLEET, when=_with_instance,
        meant=True),
    AppKey(KeyAction.VIEW_WALL, "1", "", "the wall",
        lambda app: app.screens.view(View.WALL)),
    AppKey(KeyAction.VIEW_LIST, "2", "", "the list",
        lambda app: app.screens.view(View.LIST)),
    AppKey(KeyAction.FOCUS_INSTANCE, "3", "", "one instance in full", _open),
    AppKey(KeyAction.VIEW_INCIDENTS, "4", "", "the incidents",
        lambda app: app.screens.view(View.INCIDENTS)),
    AppKey(KeyAction.VIEW_QUEUE, "5", "", "the queue of scans",
        lambda app: app.screens.view(View.QUEUE)),
    AppKey(KeyAction.VIEW_TRASH, "6", "", "the trash",
        lambda app: app.tools.trash()),
    AppKey(KeyAction.VIEW_AUDIT, "7", "", "the audit",
        lambda app: app.tools.audit()),
    AppKey(KeyAction.VIEW_MESSAGES, "8", "", "the messages out",
        lambda app: app.tools.messages()),
    FleetKey(KeyAction.FILTER, "/", "filter", "show only what matches; ! inverts",
        lambda at: at.filter(),
        when=lambda here: here.arranged or here.view is View.MESSAGES),
    FleetKey(KeyAction.ONLY_TROUBLED, "z", "troubled", "show only those in trouble, or all",
        lambda at: at.only_troubled(), when=lambda here: here.arranged),
    FleetKey(KeyAction.SORT, "o", "sort", "sort by next column", lambda at: at.sort(),
        when=lambda here: here.arranged and here.view is View.LIST),
    FleetKey(KeyAction.REVERSE, "O", "", "reverse the order", lambda at: at.reverse()),
    FleetKey(KeyAction.DENSITY, "h", "rows/cards",
        "rows or cards for healthy instances", lambda at: at.density(),
        when=lambda here: here.arranged and here.view is View.WALL),
    FleetKey(KeyAction.MARK, "space", "",
        "mark it; {start_stop} {reconnect} {send_test} {clean} {edit} {remove} then act on"
        " all marked ones",
        lambda at: at.mark()),
    FleetKey(KeyAction.COLUMNS, "w", "columns", "the list's columns, and the detail beside it",
        lambda at: at.choose_columns(), when=lambda here: here.view is View.LIST),
    FleetKey(KeyAction.MARK_ALL, "*", "mark all", "mark all shown, or unmark them",
        lambda at: at.mark_all(), when=lambda here: here.arranged),
    FleetKey(KeyAction.MARK_RANGE, "v", "", "mark from here to where you move; again: end",
        lambda at: at.mark_range()),
    FleetKey(KeyAction.MARK_INVERT, "i", "", "invert the marks",
        lambda at: at.mark_others()),
    AppKey(KeyAction.CANCEL_MESSAGE, "X", "cancel message",
        "cancel a message",
        lambda app: app.tools.cancel_messages(), place=Place.FLEET,
        when=lambda here: here.message_waits, commands=True),
    AppKey(KeyAction.RESEND_MESSAGE, "S", "send again",
        "send one again",
        lambda app: app.tools.resend_messages(), place=Place.FLEET,
        when=lambda here: here.message_is_open, commands=True),
    AppKey(KeyAction.CLOSE_MESSAGE, "D", "close message",
        "close a message",
        lambda app: app.tools.close_messages(), place=Place.FLEET,
        when=lambda here: here.message_is_open, commands=True),
    AppKey(KeyAction.ACKNOWLEDGE, "A", "acknowledge",
        "acknowledge the incident and go on to the next", lambda app: app.tools.acknowledge(),
        place=Place.FLEET, when=lambda here: here.open_incident, commands=True),
    FleetKey(KeyAction.BACK, "esc", "wall",
        "clear the filter or the marks; back to the wall", lambda at: at.back(),
        when=lambda here: here.goes_back),
    LogKey(KeyAction.BACK, "esc", "back", "back to where you were", lambda at: at.back()),
    InstanceKey(KeyAction.SWITCH_PANE, "tab", "",
        "scroll its details, or its log again", lambda at: at.switch_pane()),
    InstanceKey(KeyAction.SWITCH_QR, "Q", "other QR",
        "draw the QR code in half blocks or in sextants", lambda at: at.switch_qr(),
        when=lambda here: here.shows_qr),
    InstanceKey(KeyAction.PAIRING_CODE, "p", "code",
        "a code to type on the phone instead of the scan", lambda at: at.pairing_code(),
        when=lambda here: here.pairing, commands=True),
    InstanceKey(KeyAction.MAKE_LINK, "W", "link",
        "a link for a scan far away, in a browser", lambda at: at.make_link(),
        when=lambda here: here.pairing, commands=True),
    InstanceKey(KeyAction.SAVE_QR, "P", "",
        "the QR code as a picture file, until it expires", lambda at: at.save_qr()),
    AppKey(KeyAction.START_STOP, "s", "start/stop",
        "start or stop it; asks first for several",
        lambda app: app.instances.start_stop(),
        do_on=lambda app, name: app.instances.start_stop(name), when=_with_instance,
        commands=True, meant=True),
    AppKey(KeyAction.RECONNECT, "r", "reconnect",
        "connect now; ends a cool-down or a hold",
        lambda app: app.instances.reconnect(),
        do_on=lambda app, name: app.instances.reconnect(name), when=_with_instance,
        commands=True, meant=True),
    AppKey(KeyAction.SEND_TEST, "t", "send-test", "send a short message to its own number",
        lambda app: app.instances.send_test(),
        do_on=lambda app, name: app.instances.send_test(name), when=lambda here: here.connected,
        commands=True, meant=True),
    AppKey(KeyAction.CLEAN, "c", "clean", "move its session to the trash; asks first",
        lambda app: app.instances.clean(), do_on=lambda app, name: app.instances.clean(name),
        when=_with_instance,
        commands=True, meant=True),
    AppKey(KeyAction.WRITE_MESSAGE, "m", "message", "write a message",
        lambda app: app.instances.write_message(),
        do_on=lambda app, name: app.instances.write_message(name),
        when=lambda here: here.instance is not None and here.has_messages, commands=True,
        meant=True),
    AppKey(KeyAction.ADD, "a", "add", "add an instance", lambda app: app.instances.add(),
        commands=True),
    AppKey(KeyAction.EDIT, "e", "edit", "edit name, note, tags, proxy",
        lambda app: app.instances.edit(), do_on=lambda app, name: app.instances.edit(name),
        when=_with_instance, commands=True, meant=True),
    AppKey(KeyAction.SHOW_LOG, "l", "log", "its log on the whole screen, and back",
        lambda app: app.instances.show_log(), do_on=lambda app, name: app.instances.show_log(name),
        when=_with_instance, meant=True),
    AppKey(KeyAction.VIEW_LOG, "L", "log of all", "the log of the whole fleet, and back",
        lambda app: app.screens.fleet_log(), when=_with_fleet),
    LogKey(KeyAction.FOLLOW, "f", "follow", "follow the log, or stay where you are",
        lambda at: at.follow()),
    LogKey(KeyAction.SEARCH, "/", "search", "look for a text in the log",
        lambda at: at.search()),
    LogKey(KeyAction.SEARCH_OLDER, "n", "", "the next one above",
        lambda at: at.find(-1)),
    LogKey(KeyAction.SEARCH_NEWER, "N", "", "the next one below", lambda at: at.find(1)),
    LogKey(KeyAction.SHOW_WHOSE, "enter", "show", "show the instance whose line it is",
        lambda at: at.show_whose(), when=lambda here: here.place is Place.LOG),
    LogKey(KeyAction.WRAP, "w", "", "wrap long log lines, or cut them",
        lambda at: at.wrap()),
    LogKey(KeyAction.COPY, "y", "copy",
        "copy the code that is shown, else a log line", lambda at: at.copy()),
    LogKey(KeyAction.SCROLL_LOG_UP, "↑ k", "", "scroll the log up; stops following",
        lambda at: at.scroll_log(Move.UP)),
    LogKey(KeyAction.SCROLL_LOG_DOWN, "↓ j", "", "scroll the log down",
        lambda at: at.scroll_log(Move.DOWN)),
    LogKey(KeyAction.SCROLL_LOG_PAGE_UP, "PgUp", "", "one page up",
        lambda at: at.scroll_log(Move.PAGE_UP)),
    LogKey(KeyAction.SCROLL_LOG_PAGE_DOWN, "PgDn", "", "one page down",
        lambda at: at.scroll_log(Move.PAGE_DOWN)),
    LogKey(KeyAction.SCROLL_LOG_FIRST, "Home g", "", "the oldest line",
        lambda at: at.scroll_log(Move.FIRST)),
    LogKey(KeyAction.SCROLL_LOG_LAST, "End G", "", "the newest line; follows",
        lambda at: at.scroll_log(Move.LAST)),
    InstanceKey(KeyAction.NEIGHBOUR_BEFORE, "←", "", "the instance before this one",
        lambda at: at.neighbour(-1)),
    InstanceKey(KeyAction.NEIGHBOUR_AFTER, "→", "", "the instance after this one",
        lambda at: at.neighbour(1)),
    AppKey(KeyAction.FULL_TEST, "T", "test",
        "test it layer by layer; asks before it sends",
        lambda app: app.tools.full_test(), when=_with_fleet, commands=True),
    AppKey(KeyAction.CHECK, "K", "check", "find all problems, also those to come",
        lambda app: app.tools.check()),
    AppKey(KeyAction.FIX, "F", "fix", "fix what a check finds; shows it first",
        lambda app: app.tools.fix(), commands=True),
    AppKey(KeyAction.IMPORT, "I", "", "bring in sessions of other programs; shows first",
        lambda app: app.tools.import_sessions(), commands=True),
    AppKey(KeyAction.RESTART, "R", "restart",
        "stop all, check, fix, start in steps; asks first", lambda app: app.tools.restart(),
        when=_with_fleet, commands=True),
    AppKey(KeyAction.UNDO, "u", "undo", "undo the last clean, remove, set or rename; asks first",
        lambda app: app.tools.undo(), commands=True),
    AppKey(KeyAction.REMOVE, "x", "remove", "clean it and take it off the list; asks first",
        lambda app: app.instances.remove(), do_on=lambda app, name: app.instances.remove(name),
        when=_with_instance, commands=True, meant=True),
    AppKey(KeyAction.CLEAN_ALL, "C", "", "clean every session; asks for their number",
        lambda app: app.tools.clean_all(), commands=True),
    AppKey(KeyAction.NOTE, "N", "note", "a note for the next shift, or on an incident",
        lambda app: app.tools.note(), place=Place.FLEET,
        when=lambda here: here.view is View.INCIDENTS and here.instances > 0, commands=True),
    AppKey(KeyAction.SHOW_NUMBERS, "#", "", "show whole numbers for a minute, or mask them",
        lambda app: app.tools.show_numbers(), commands=True),
    AppKey(KeyAction.SHOW_SAID, "H", "", "what was said here lately",
        lambda app: app.screens.show_said()),
    AppKey(KeyAction.COMMAND_PALETTE, "^p :", "palette",
        "find any action and any instance", lambda app: app.screens.command_palette()),
    AppKey(KeyAction.SUSPEND, "^z", "", "pause and go to the shell; fg comes back",
        lambda app: app.screens.suspend()),
    AppKey(KeyAction.SHOW_HELP, "?", "help", "this list",
        lambda app: app.screens.show_help()),
    AppKey(KeyAction.LEAVE, "q", "quit", "quit, like ctrl+c; tells first what stops",
        lambda app: app.screens.leave()),
)  # fmt: skip


KEYS: tuple[AnyKey, ...] = tuple(
    replace(row, keys=OUR_KEYS[row.action, row.place]) for row in _ROWS
)


def bindings(place: Place) -> list[BindingType]:
    """Textual's bindings for a screen: each calls the app's `action_key`, and that `press`."""
    return [
        Binding(
            key.keys,
            f"app.key({key.action.value!r})",
            key.label or key.about,
            show=False,
            id=key.action.value,
        )
        for key in KEYS
        if key.place in place.has
    ]


def press(
    action: KeyAction,
    app: Commands,
    fleet: OnFleet,
    instance: OnInstance | None,
    log: OnLog | None,
    *,
    refusal: str,
    tell: Callable[[Mood, str], None],
) -> None:
    """Call the function of a key. instance: the screen of one, and log: that of a log, each None
    while another one is shown.

    refusal: why the fleet takes no commands now, so that a key that leads to one is refused before
    anything opens; "" when it takes them. tell: says so.
    """
    place = Place.FOCUS if instance is not None else Place.FLEET if log is None else Place.LOG
    key = next(key for key in KEYS if key.action is action and key.place in place.has)
    word = key.word(fleet.here() if instance is None else instance.here())
    if is_refused(key, word, refusal, tell):
        return
    match key:
        case AppKey():
            key.do(app)
        case FleetKey():
            key.do(fleet)
        case InstanceKey():
            if instance is not None:
                key.do(instance)
        case LogKey():
            if log is not None:
                key.do(log)
        case _:
            assert_never(key)


def is_refused(key: AnyKey, word: str, refusal: str, tell: Callable[[Mood, str], None]) -> bool:
    """Whether a key does nothing because it leads to a command; says so. word: of what it would
    do, "" for that of its name. refusal, tell: see `press`."""
    if not refusal or not key.commands:
        return False
    verb = word or tr(key.action.value.replace("_", "-"))
    tell(Mood.REFUSED, tr("{verb} was not carried out: {why}", verb=verb, why=refusal))
    return True


def rebound(keymap: Mapping[str, str]) -> tuple[AnyKey, ...]:
    """All keys, some of them bound otherwise. keymap: by an action, its keys in Textual's names."""
    return tuple(
        replace(key, keys=other, shown=_printed(other.split(",")[0]))
        if (other := keymap.get(key.action))
        else key
        for key in KEYS
    )


def _printed(name: str) -> str:
    """A key as an operator knows it: `?` for Textual's `question_mark`."""
    character = key_to_character(name) or ""
    if len(character) == 1 and character.isprintable() and character != " ":
        return character
    return _SHORT.get(name, name)


def names_of(keys: Iterable[AnyKey]) -> Mapping[KeyAction, str]:
    """What the keys are called in texts; of several keys for one thing, the first."""
    names: dict[KeyAction, str] = {}
    for key in keys:
        if key.action in OURS:
            names.setdefault(key.action, key.shown)
    return names


def useful(keys: Iterable[AnyKey], here: Here) -> list[tuple[str, str]]:
    """What the footer shows: the keys that do something here and now, with their words."""
    if here.typing:
        kept = tr("find it") if here.place is not Place.FLEET else tr("keep the filter")
        return [("enter", kept), ("esc", tr("clear it"))]
    keys = _after_acts(keys)
    if here.marked:
        # On a narrow screen the footer ends early: what acts on the marked ones comes first.
        keys = sorted(keys, key=lambda key: key.action not in _ON_MARKED)
    return [
        (key.shown, key.word(here))
        for key in keys
        if key.place in here.place.has
        and key.label
        and not (key.commands and here.read_only)
        and key.when(here)
    ]


def _after_acts(keys: Iterable[AnyKey]) -> list[AnyKey]:
    """The same, with what arranges many behind what is done to one, which a narrow screen needs."""
    listed = list(keys)
    behind = [key for key in listed if key.action in _ON_MANY]
    first = [key for key in listed if key.action not in _ON_MANY]
    place = next((at for at, key in enumerate(first, 1) if key.action is KeyAction.CLEAN), 0)
    return [*first[:place], *behind, *first[place:]]


def keys_of(app: object) -> tuple[AnyKey, ...]:
    """The keys of this app, as its operator wants them."""
    keys: tuple[AnyKey, ...] = getattr(app, "keys", KEYS)
    return keys
