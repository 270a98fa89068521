"""Questions before something is done."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

from textual.app import App


class SeenLate(Protocol):
    """An app whose terminal may be at the end of a slow line."""

    @property
    def seen_late(self) -> bool:
        """Whether what is seen is too old for a key to mean what it says."""
        ...


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
    """Ask before something is done. then: does it. default: what enter means.

    An answer to a question that the terminal has not shown yet is none: it is asked again.
    """
    from waziterm.tui.screens.dialogs import ConfirmDialog  # noqa: PLC0415 (keeps the start fast)

    def answered(answer: bool | None) -> None:
        if answer and cast(SeenLate, app).seen_late:
            ask(app, title, text, yes, no, then, default=default)
        elif answer:
            then()

    app.push_screen(ConfirmDialog(title, text, yes, no, default=default), answered)


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
