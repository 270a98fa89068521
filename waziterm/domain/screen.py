"""How an operator wants the screen to look: `[screen]` of the settings."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import assert_never

from waziterm.domain.frozen import dataclass
from waziterm.domain.keynames import keys_of_terminal
from waziterm.domain.settings import Applies, setting, table


class Theme(StrEnum):
    """The colours of the screen."""

    DARK = "dark"
    DARK_BLUE = "dark-blue"
    DARK_WARM = "dark-warm"
    LIGHT = "light"
    HIGH_CONTRAST = "high-contrast"


class Ascii(StrEnum):
    """Whether to paint ASCII alone; `auto` does where the locale is not UTF-8."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class Lang(StrEnum):
    """The language of the screen; `auto` is that of the locale."""

    AUTO = "auto"
    EN = "en"
    ID = "id"


class View(StrEnum):
    """What the first screen shows of the fleet."""

    WALL = "wall"
    LIST = "list"
    INCIDENTS = "incidents"
    QUEUE = "queue"
    TRASH = "trash"
    AUDIT = "audit"
    MESSAGES = "messages"


class Sort(StrEnum):
    """What the fleet is sorted by; the value is its word on the screen. TROUBLE: those in trouble
    first, the worst before the others. FLEET: as they were added."""

    TROUBLE = "trouble"
    FLEET = "added"
    NAME = "name"
    STATE = "state"
    SINCE = "since"
    UPTIME = "uptime"
    DROPS = "drops"
    CONFLICTS = "conflicts"


class Density(StrEnum):
    """How much room the wall gives to an instance that needs nobody: a row, or a card as to those
    that do."""

    ROWS = "rows"
    CARDS = "cards"


class KeyAction(StrEnum):
    """What a key does, by the name under which `[screen.keys]` binds it to another key."""

    ACKNOWLEDGE = "acknowledge"
    ADD = "add"
    BACK = "back"
    CANCEL_MESSAGE = "cancel_message"
    CHECK = "check"
    CLEAN = "clean"
    CLEAN_ALL = "clean_all"
    CLOSE_MESSAGE = "close_message"
    COLUMNS = "columns"
    COMMAND_PALETTE = "command_palette"
    COPY = "copy"
    DENSITY = "density"
    EDIT = "edit"
    FILTER = "filter"
    FIX = "fix"
    IMPORT = "import"
    FOCUS_INSTANCE = "focus_instance"
    FOLLOW = "follow"
    FULL_TEST = "full_test"
    LEAVE = "leave"
    MAKE_LINK = "make_link"
    MARK = "mark"
    MARK_ALL = "mark_all"
    MARK_INVERT = "mark_invert"
    MARK_RANGE = "mark_range"
    MOVE_DOWN = "move_down"
    MOVE_FIRST = "move_first"
    MOVE_LAST = "move_last"
    MOVE_LEFT = "move_left"
    MOVE_PAGE_DOWN = "move_page_down"
    MOVE_PAGE_UP = "move_page_up"
    MOVE_RIGHT = "move_right"
    MOVE_UP = "move_up"
    NEIGHBOUR_AFTER = "neighbour_1"
    NEIGHBOUR_BEFORE = "neighbour_before"
    NOTE = "note"
    ONLY_TROUBLED = "only_troubled"
    PAIRING_CODE = "pairing_code"
    RECONNECT = "reconnect"
    REMOVE = "remove"
    RESEND_MESSAGE = "resend_message"
    RESTART = "restart"
    REVERSE = "reverse"
    SAVE_QR = "save_qr"
    SCROLL_LOG_DOWN = "scroll_log_down"
    SCROLL_LOG_FIRST = "scroll_log_first"
    SCROLL_LOG_LAST = "scroll_log_last"
    SCROLL_LOG_PAGE_DOWN = "scroll_log_page_down"
    SCROLL_LOG_PAGE_UP = "scroll_log_page_up"
    SCROLL_LOG_UP = "scroll_log_up"
    SEARCH = "search"
    SEARCH_NEWER = "search_newer"
    SEARCH_OLDER = "search_older"
    SEND_TEST = "send_test"
    SHOW_HELP = "show_help"
    SHOW_LOG = "show_log"
    SHOW_NUMBERS = "show_numbers"
    SHOW_SAID = "show_said"
    SHOW_WHOSE = "show_whose"
    SORT = "sort"
    START_STOP = "start_stop"
    SUSPEND = "suspend"
    SWITCH_PANE = "switch_pane"
    SWITCH_QR = "switch_qr"
    UNDO = "undo"
    VIEW_AUDIT = "view_audit"
    VIEW_INCIDENTS = "view_incidents"
    VIEW_LIST = "view_list"
    VIEW_LOG = "view_log"
    VIEW_MESSAGES = "view_messages"
    VIEW_QUEUE = "view_queue"
    VIEW_TRASH = "view_trash"
    VIEW_WALL = "view_wall"
    WRAP = "wrap"
    WRITE_MESSAGE = "write_message"


class Place(StrEnum):
    """Where a key works."""

    BOTH = "everywhere"
    FLEET = "on the fleet"
    FOCUS = "on one instance"
    LOG = "in a log"

    @property
    def has(self) -> tuple["Place", ...]:
        """The places whose keys work on a screen of this one; an instance's has its log."""
        match self:
            case Place.FOCUS:
                return Place.FOCUS, Place.LOG, Place.BOTH
            case Place.FLEET | Place.LOG:
                return self, Place.BOTH
            case Place.BOTH:
                return (self,)
            case _:
                assert_never(self)


OUR_KEYS: Mapping[tuple[KeyAction, Place], str] = {
    (KeyAction.MOVE_UP, Place.FLEET): "up,k",
    (KeyAction.MOVE_DOWN, Place.FLEET): "down,j",
    (KeyAction.MOVE_LEFT, Place.FLEET): "left",
    (KeyAction.MOVE_RIGHT, Place.FLEET): "right",
    (KeyAction.MOVE_PAGE_UP, Place.FLEET): "pageup",
    (KeyAction.MOVE_PAGE_DOWN, Place.FLEET): "pagedown",
    (KeyAction.MOVE_FIRST, Place.FLEET): "home,g",
    (KeyAction.MOVE_LAST, Place.FLEET): "end,G",
    (KeyAction.FOCUS_INSTANCE, Place.FLEET): "enter",
    (KeyAction.VIEW_WALL, Place.BOTH): "1",
    (KeyAction.VIEW_LIST, Place.BOTH): "2",
    (KeyAction.FOCUS_INSTANCE, Place.BOTH): "3",
    (KeyAction.VIEW_INCIDENTS, Place.BOTH): "4",
    (KeyAction.VIEW_QUEUE, Place.BOTH): "5",
    (KeyAction.VIEW_TRASH, Place.BOTH): "6",
    (KeyAction.VIEW_AUDIT, Place.BOTH): "7",
    (KeyAction.VIEW_MESSAGES, Place.BOTH): "8",
    (KeyAction.VIEW_LOG, Place.BOTH): "L",
    (KeyAction.FILTER, Place.FLEET): "slash",
    (KeyAction.ONLY_TROUBLED, Place.FLEET): "z",
    (KeyAction.SORT, Place.FLEET): "o",
    (KeyAction.REVERSE, Place.FLEET): "O",
    (KeyAction.DENSITY, Place.FLEET): "h",
    (KeyAction.MARK, Place.FLEET): "space",
    (KeyAction.COLUMNS, Place.FLEET): "w",
    (KeyAction.MARK_ALL, Place.FLEET): "asterisk",
    (KeyAction.MARK_RANGE, Place.FLEET): "v",
    (KeyAction.MARK_INVERT, Place.FLEET): "i",
    (KeyAction.ACKNOWLEDGE, Place.FLEET): "A",
    (KeyAction.CANCEL_MESSAGE, Place.FLEET): "X",
    (KeyAction.RESEND_MESSAGE, Place.FLEET): "S",
    (KeyAction.CLOSE_MESSAGE, Place.FLEET): "D",
    (KeyAction.BACK, Place.FLEET): "escape",
    (KeyAction.BACK, Place.LOG): "escape",
    (KeyAction.SWITCH_PANE, Place.FOCUS): "tab",
    (KeyAction.SHOW_WHOSE, Place.LOG): "enter",
    (KeyAction.SEARCH, Place.LOG): "slash",
    (KeyAction.SEARCH_OLDER, Place.LOG): "n",
    (KeyAction.SEARCH_NEWER, Place.LOG): "N",
    (KeyAction.SWITCH_QR, Place.FOCUS): "Q",
    (KeyAction.PAIRING_CODE, Place.FOCUS): "p",
    (KeyAction.MAKE_LINK, Place.FOCUS): "W",
    (KeyAction.SAVE_QR, Place.FOCUS): "P",
    (KeyAction.START_STOP, Place.BOTH): "s",
    (KeyAction.RECONNECT, Place.BOTH): "r",
    (KeyAction.SEND_TEST, Place.BOTH): "t",
    (KeyAction.WRITE_MESSAGE, Place.BOTH): "m",
    (KeyAction.CLEAN, Place.BOTH): "c",
    (KeyAction.ADD, Place.BOTH): "a",
    (KeyAction.EDIT, Place.BOTH): "e",
    (KeyAction.SHOW_LOG, Place.BOTH): "l",
    (KeyAction.FOLLOW, Place.LOG): "f",
    (KeyAction.WRAP, Place.LOG): "w",
    (KeyAction.COPY, Place.LOG): "y",
    (KeyAction.SCROLL_LOG_UP, Place.LOG): "up,k",
    (KeyAction.SCROLL_LOG_DOWN, Place.LOG): "down,j",
    (KeyAction.SCROLL_LOG_PAGE_UP, Place.LOG): "pageup",
    (KeyAction.SCROLL_LOG_PAGE_DOWN, Place.LOG): "pagedown",
    (KeyAction.SCROLL_LOG_FIRST, Place.LOG): "home,g",
    (KeyAction.SCROLL_LOG_LAST, Place.LOG): "end,G",
    (KeyAction.NEIGHBOUR_BEFORE, Place.FOCUS): "left",
    (KeyAction.NEIGHBOUR_AFTER, Place.FOCUS): "right",
    (KeyAction.FULL_TEST, Place.BOTH): "T",
    (KeyAction.CHECK, Place.BOTH): "K",
    (KeyAction.FIX, Place.BOTH): "F",
    (KeyAction.IMPORT, Place.BOTH): "I",
    (KeyAction.RESTART, Place.BOTH): "R",
    (KeyAction.UNDO, Place.BOTH): "u",
    (KeyAction.REMOVE, Place.BOTH): "x",
    (KeyAction.CLEAN_ALL, Place.BOTH): "C",
    (KeyAction.NOTE, Place.FLEET): "N",
    (KeyAction.SHOW_NUMBERS, Place.BOTH): "number_sign",
    (KeyAction.SHOW_SAID, Place.BOTH): "H",
    (KeyAction.COMMAND_PALETTE, Place.BOTH): "ctrl+p,colon",
    (KeyAction.SUSPEND, Place.BOTH): "ctrl+z",
    (KeyAction.SHOW_HELP, Place.BOTH): "question_mark",
    (KeyAction.LEAVE, Place.BOTH): "q",
}
"""Each action's keys where nobody bound others, in Textual's names, by where they work."""

_ANSWERS = ("y", "n", "enter", "escape")
"""The keys of a question, over which the one that quits works as well."""


def clashes(keymap: Mapping[str, str]) -> dict[str, str]:
    """Which actions cannot have the key that is bound to them, and why: it does something else in
    the same place. Of two that somebody bound, the later one is told.

    keymap: by an action, its keys in Textual's names.
    """
    order = list(keymap)
    found: dict[str, str] = {}
    for key in keymap.get(KeyAction.LEAVE, "").split(","):
        if key in _ANSWERS:
            found.setdefault(KeyAction.LEAVE, f"{key} is the key of an answer to a question")
    bound = {row: keymap.get(row[0], keys) for row, keys in OUR_KEYS.items()}
    for place in (Place.FLEET, Place.FOCUS, Place.LOG):
        taken: dict[str, KeyAction] = {}
        for (action, where), keys in bound.items():
            if where not in place.has:
                continue
            for key in keys.split(","):
                first = taken.setdefault(key, action)
                if first is not action:
                    given = [each for each in (first, action) if each in keymap]
                    wrong = max(given, key=order.index)
                    other = first if wrong is action else action
                    found.setdefault(wrong, f"{key} is the key of {other} too")
    return found


def _action(name: str) -> str:
    """The name of an action. Raises ValueError for any other."""
    names = [action.value for action in KeyAction]
    if name not in names:
        from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

        near = ", ".join(get_close_matches(name, names, 3) or names[:8])
        raise ValueError(f"no such action; near it: {near}")
    return name


@dataclass(frozen=True, slots=True)
class Screen:
    """`[screen]`: how the screen looks, and which keys it has."""

    theme: Theme = setting(
        Theme.DARK,
        "The colours: dark, dark-blue, dark-warm, light or high-contrast.",
        applies=Applies.SCREEN,
    )
    ascii: Ascii = setting(
        Ascii.AUTO,
        "Paint ASCII alone: on, off, or auto, which is on where the locale is not UTF-8."
        " A QR code cannot be drawn in ASCII.",
        applies=Applies.SCREEN,
    )
    keys: Mapping[str, str] = table(
        dict,
        "Other keys than ours, by action: Textual's names, separated by commas.",
        applies=Applies.SCREEN,
        allowed="the name of an action",
        read=_action,
        read_value=keys_of_terminal,
        compare=clashes,
        example='reconnect = "ctrl+r"',
    )
    lang: Lang = setting(
        Lang.AUTO,
        "The language of the screen: en, id (Indonesian), or auto, the locale's.",
        applies=Applies.SCREEN,
    )

    view: View = setting(
        View.WALL,
        "What the screen opens with, until somebody chose another: wall, list, incidents, queue,"
        " trash, audit or messages.",
        applies=Applies.SCREEN,
    )
    sort: Sort = setting(
        Sort.TROUBLE,
        "What it is sorted by, until somebody chose otherwise: trouble, added, name, state, since,"
        " uptime, drops or conflicts.",
        applies=Applies.SCREEN,
    )
    density: Density = setting(
        Density.ROWS,
        "Whether the wall shows who needs nobody as rows or as cards, until somebody chose.",
        applies=Applies.SCREEN,
    )
    title: bool = setting(
        True,
        "Whether the terminal's title says how many instances wait for an operator.",
        applies=Applies.SCREEN,
    )
    bell: bool = setting(
        False, "Whether the terminal rings for a critical alert.", applies=Applies.SCREEN
    )
    notify: bool = setting(
        False,
        "Whether the terminal shows a critical alert as a notification of the desktop, where it"
        " can (OSC 9 and 777).",
        applies=Applies.SCREEN,
    )

    def speaking(self, lang: Lang | None) -> "Screen":
        """The same in another language, where one is named."""
        return self if lang is None else replace(self, lang=lang)
