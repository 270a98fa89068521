"""How an operator wants the screen to look: `[screen]` of the settings."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from waziterm.domain.keynames import keys_of_terminal
from waziterm.domain.settings import Applies, setting, table


class Theme(StrEnum):
    """The colours of the screen."""

    DARK = "dark"
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


class KeyAction(StrEnum):
    """What a key does, by the name under which `[screen.keys]` binds it to another key."""

    ACKNOWLEDGE = "acknowledge"
    ADD = "add"
    BACK = "back"
    CHECK = "check"
    CLEAN = "clean"
    CLEAN_ALL = "clean_all"
    COMMAND_PALETTE = "command_palette"
    COPY = "copy"
    FILTER = "filter"
    FIX = "fix"
    FOCUS_INSTANCE = "focus_instance"
    FOLLOW = "follow"
    FULL_TEST = "full_test"
    LEAVE = "leave"
    MARK = "mark"
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
    ONLY_TROUBLED = "only_troubled"
    PAIRING_CODE = "pairing_code"
    RECONNECT = "reconnect"
    REMOVE = "remove"
    RESTART = "restart"
    REVERSE = "reverse"
    SAVE_QR = "save_qr"
    SCROLL_LOG_DOWN = "scroll_log_down"
    SCROLL_LOG_FIRST = "scroll_log_first"
    SCROLL_LOG_LAST = "scroll_log_last"
    SCROLL_LOG_PAGE_DOWN = "scroll_log_page_down"
    SCROLL_LOG_PAGE_UP = "scroll_log_page_up"
    SCROLL_LOG_UP = "scroll_log_up"
    SEND_TEST = "send_test"
    SHOW_HELP = "show_help"
    SHOW_LOG = "show_log"
    SORT = "sort"
    START_STOP = "start_stop"
    SUSPEND = "suspend"
    SWITCH_QR = "switch_qr"
    UNDO = "undo"
    VIEW_INCIDENTS = "view_incidents"
    VIEW_LIST = "view_list"
    VIEW_QUEUE = "view_queue"
    VIEW_WALL = "view_wall"
    WRAP = "wrap"


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
        Theme.DARK, "The colours: dark, light or high-contrast.", applies=Applies.SCREEN
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
        example='reconnect = "ctrl+r"',
    )
    lang: Lang = setting(
        Lang.AUTO,
        "The language of the screen: en, id (Indonesian), or auto, the locale's.",
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
