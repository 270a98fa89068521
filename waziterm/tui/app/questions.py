"""Questions before something is done."""

from collections.abc import Callable, Sequence
from typing import Any

from textual.app import App

NAMED = 8
"""So many instances a question names."""


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


def some_of(names: Sequence[str]) -> str:
    """Names for a question, not more of them than can be read."""
    return f"{', '.join(names[:NAMED])}{' …' if len(names) > NAMED else ''}"
