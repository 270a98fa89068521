"""The names of the keys that texts speak of, as the operator has bound them.

As the language, they belong to the context in which the app runs, and its tasks inherit them.
"""

import re
from collections.abc import Mapping
from contextvars import ContextVar

from waziterm.domain.screen import KeyAction

OURS: Mapping[KeyAction, str] = {
    KeyAction.ACKNOWLEDGE: "A",
    KeyAction.ADD: "a",
    KeyAction.BACK: "esc",
    KeyAction.CLEAN: "c",
    KeyAction.COPY: "y",
    KeyAction.FIX: "F",
    KeyAction.FOCUS_INSTANCE: "enter",
    KeyAction.FOLLOW: "f",
    KeyAction.NOTE: "N",
    KeyAction.PAIRING_CODE: "p",
    KeyAction.RECONNECT: "r",
    KeyAction.REMOVE: "x",
    KeyAction.SAVE_QR: "P",
    KeyAction.SEND_TEST: "t",
    KeyAction.SHOW_HELP: "?",
    KeyAction.START_STOP: "s",
    KeyAction.UNDO: "u",
    KeyAction.VIEW_INCIDENTS: "4",
    KeyAction.VIEW_LIST: "2",
    KeyAction.VIEW_WALL: "1",
    KeyAction.WRAP: "w",
}
"""What texts speak of, where nobody bound it otherwise."""

_BY_NAME = {name: action for action, name in OURS.items()}
_NAMED = re.compile(r"\(([a-zA-Z])\)")

_bound: ContextVar[Mapping[KeyAction, str]] = ContextVar("bound", default=OURS)


def bind(names: Mapping[KeyAction, str]) -> None:
    """Speak of the keys by these names from now on, in this context and in the tasks that begin in
    it. names: of all that `OURS` has."""
    _bound.set(names)


def key_of(action: KeyAction) -> str:
    """The name of the key that does this."""
    return _bound.get()[action]


def with_keys_named(text: str) -> str:
    """A text of ours that names keys by what they do, as `{reconnect}`, with their names."""
    return text.format_map({action.value: name for action, name in _bound.get().items()})


def with_keys(text: str) -> str:
    """A sentence of the manager, which names keys as `(r)`, with the names that they have here."""

    def named(found: re.Match[str]) -> str:
        action = _BY_NAME.get(found[1])
        return found[0] if action is None else f"({key_of(action)})"

    return _NAMED.sub(named, text)
