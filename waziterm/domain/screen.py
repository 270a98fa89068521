"""How an operator wants the screen to look: `[screen]` of the settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum


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


ACTIONS = frozenset(
    {
        "acknowledge",
        "add",
        "back",
        "check",
        "clean",
        "clean_all",
        "command_palette",
        "copy",
        "filter",
        "fix",
        "focus_instance",
        "follow",
        "full_test",
        "leave",
        "mark",
        "move_down",
        "move_first",
        "move_last",
        "move_left",
        "move_page_down",
        "move_page_up",
        "move_right",
        "move_up",
        "neighbour_1",
        "only_troubled",
        "pairing_code",
        "reconnect",
        "remove",
        "restart",
        "reverse",
        "save_qr",
        "scroll_log_down",
        "scroll_log_first",
        "scroll_log_last",
        "scroll_log_page_down",
        "scroll_log_page_up",
        "scroll_log_up",
        "send_test",
        "show_help",
        "show_log",
        "sort",
        "start_stop",
        "suspend",
        "switch_qr",
        "undo",
        "view_incidents",
        "view_list",
        "view_queue",
        "view_wall",
        "wrap",
    }
)
"""What a key can be bound to in `[screen.keys]`; each is the name of an action of the screen."""


@dataclass(frozen=True, slots=True)
class Screen:
    """`[screen]`: the theme, ASCII alone or not, the language, and other keys than ours.

    keys: by action, Textual's names of its keys, separated by commas: `{"reconnect": "ctrl+r"}`.
    """

    theme: Theme = Theme.DARK
    ascii: Ascii = Ascii.AUTO
    keys: Mapping[str, str] = field(default_factory=dict)
    lang: Lang = Lang.AUTO

    def speaking(self, lang: Lang | None) -> "Screen":
        """The same in another language, where one is named."""
        return self if lang is None else replace(self, lang=lang)
