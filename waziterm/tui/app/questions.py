"""Questions before something is done."""

from collections.abc import Callable, Sequence
from typing import Any

from textual.app import App


def ask(
    app: App[Any],
    title: str,
    text: str,
    yes: str,
    no: str,
    then: Callable[[], None],
    *,
    default: bool = False,
) -> None:
    """Ask before something is done. then: does it. default: what enter means."""
    from waziterm.tui.screens.dialogs import ConfirmDialog  # noqa: PLC0415 (keeps the start fast)

    dialog = ConfirmDialog(title, text, yes, no, default=default)
    app.push_screen(dialog, lambda answer: then() if answer else None)


def choose(
    app: App[Any],
    title: str,
    text: str,
    choices: Sequence[tuple[str, str, Callable[[], None]]],
    *,
    default: str = "",
) -> None:
    """Ask which of several things is to be done, or none of them.

    choices: of each its key, its word, and what does it. default: the key that enter means.
    """
    from waziterm.tui.screens.dialogs import ChoiceDialog  # noqa: PLC0415 (keeps the start fast)

    def answered(key: str | None) -> None:
        for each, _, then in choices:
            if each == key:
                then()

    words = {key: word for key, word, _ in choices}
    app.push_screen(ChoiceDialog(title, text, words, default), answered)
