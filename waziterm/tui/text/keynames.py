"""The names of the keys that texts speak of, as the operator has bound them.

As the language, they belong to the context in which the app runs, and its tasks inherit them.
"""

import re
from collections.abc import Mapping
from contextvars import ContextVar

from waziterm.domain.screen import KeyAction
from waziterm.lang import N_, tr

OURS: Mapping[KeyAction, str] = {
    KeyAction.ACKNOWLEDGE: "A",
    KeyAction.ADD: "a",
    KeyAction.BACK: "esc",
    KeyAction.CANCEL_MESSAGE: "X",
    KeyAction.CHECK: "K",
    KeyAction.CLEAN: "c",
    KeyAction.CLOSE_MESSAGE: "D",
    KeyAction.COMMAND_PALETTE: "^p :",
    KeyAction.COPY: "y",
    KeyAction.EDIT: "e",
    KeyAction.FIX: "F",
    KeyAction.FOCUS_INSTANCE: "enter",
    KeyAction.FOLLOW: "f",
    KeyAction.FULL_TEST: "T",
    KeyAction.NOTE: "N",
    KeyAction.PAIRING_CODE: "p",
    KeyAction.RECONNECT: "r",
    KeyAction.REMOVE: "x",
    KeyAction.RESEND_MESSAGE: "S",
    KeyAction.RESTART: "R",
    KeyAction.SAVE_QR: "P",
    KeyAction.SEND_TEST: "t",
    KeyAction.SHOW_HELP: "?",
    KeyAction.SHOW_LOG: "l",
    KeyAction.SHOW_NUMBERS: "#",
    KeyAction.SHOW_SAID: "H",
    KeyAction.START_STOP: "s",
    KeyAction.SWITCH_PANE: "tab",
    KeyAction.UNDO: "u",
    KeyAction.VIEW_AUDIT: "7",
    KeyAction.VIEW_INCIDENTS: "4",
    KeyAction.VIEW_LIST: "2",
    KeyAction.VIEW_MESSAGES: "8",
    KeyAction.VIEW_QUEUE: "5",
    KeyAction.VIEW_TRASH: "6",
    KeyAction.VIEW_WALL: "1",
    KeyAction.WRAP: "w",
    KeyAction.WRITE_MESSAGE: "m",
}
"""What texts speak of, where nobody bound it otherwise."""

_ACT = (KeyAction.START_STOP, KeyAction.RECONNECT, KeyAction.CLEAN)
"""What a sentence of the manager may ask for that acts on an instance."""
_BY_NAME = {name: action for action, name in OURS.items()}
_NAMED = re.compile(r" ?\(([a-zA-Z])\)")
_COMMAND = re.compile(r"`waziterm ([a-z-]+)((?: (?!-)[^ `]+)?)(?: --takeover)?`")
"""A command for one instance or for none, with nothing that its key does not do."""
_KEYS_OF: Mapping[str, tuple[KeyAction, str]] = {
    "audit": (KeyAction.VIEW_AUDIT, N_("audit")),
    "check": (KeyAction.CHECK, N_("check")),
    "clean": (KeyAction.CLEAN, N_("clean")),
    "conflicts": (KeyAction.VIEW_INCIDENTS, N_("incidents")),
    "fix": (KeyAction.FIX, N_("fix")),
    "incidents": (KeyAction.VIEW_INCIDENTS, N_("incidents")),
    "list": (KeyAction.VIEW_LIST, N_("list")),
    "logs": (KeyAction.SHOW_LOG, N_("log")),
    "messages": (KeyAction.VIEW_MESSAGES, N_("messages")),
    "qr": (KeyAction.FOCUS_INSTANCE, N_("show")),
    "reconnect": (KeyAction.RECONNECT, N_("reconnect")),
    "remove": (KeyAction.REMOVE, N_("remove")),
    "restart": (KeyAction.RESTART, N_("restart")),
    "restore": (KeyAction.VIEW_TRASH, N_("trash")),
    "start": (KeyAction.START_STOP, N_("start")),
    "status": (KeyAction.FOCUS_INSTANCE, N_("show")),
    "test": (KeyAction.FULL_TEST, N_("test")),
    "trash": (KeyAction.VIEW_TRASH, N_("trash")),
}
"""What a verb of the command line is on the screen: its key, and the word of that."""

_bound: ContextVar[Mapping[KeyAction, str]] = ContextVar("bound", default=OURS)
_acts: ContextVar[bool] = ContextVar("acts", default=True)


def bind(names: Mapping[KeyAction, str], *, acts: bool = True) -> None:
    """Speak of the keys by these names from now on, in this context and in the tasks that begin in
    it. names: of all that `OURS` has. acts: whether a key that acts on an instance does so here;
    where none does, a sentence that says what to do names none."""
    _bound.set(names)
    _acts.set(acts)


def acts() -> bool:
    """Whether a key that acts on an instance does so here; see `bind`."""
    return _acts.get()


def key_of(action: KeyAction) -> str:
    """The name of the key that does this."""
    return _bound.get()[action]


def with_keys_named(text: str) -> str:
    """A text of ours that names keys by what they do, as `{reconnect}`, with their names."""
    return text.format_map({action.value: name for action, name in _bound.get().items()})


def with_keys(text: str) -> str:
    """A sentence of the manager with the keys as they are called here, see `bind`: it names some as
    `(r)`, and for what has a key it names the command, as `waziterm reconnect shop`."""

    def named(found: re.Match[str]) -> str:
        action = _BY_NAME.get(found[1])
        if action is None:
            return found[0]
        before = found[0].partition("(")[0]
        return f"{before}({key_of(action)})" if acts() or action not in _ACT else ""

    def pressed(found: re.Match[str]) -> str:
        if found[1] not in _KEYS_OF:
            return found[0]
        action, word = _KEYS_OF[found[1]]
        if action in _ACT and not acts():
            return found[0]
        return f"{key_of(action)} ({tr(word)})"

    return _COMMAND.sub(pressed, _NAMED.sub(named, text))
