"""How an operator wants the screen to look: `[screen]` of the settings."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

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


def _action(name: str) -> str:
    """The name of an action. Raises ValueError for any other."""
    if name not in ACTIONS:
        from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

        near = ", ".join(get_close_matches(name, ACTIONS, 3)) or ", ".join(sorted(ACTIONS)[:8])
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
        example='reconnect = "ctrl+r"',
    )
    lang: Lang = setting(
        Lang.AUTO,
        "The language of the screen: en, id (Indonesian), or auto, the locale's.",
        applies=Applies.SCREEN,
    )

    def speaking(self, lang: Lang | None) -> "Screen":
        """The same in another language, where one is named."""
        return self if lang is None else replace(self, lang=lang)
