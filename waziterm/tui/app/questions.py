"""Questions before something is done."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

from textual.app import App

from waziterm.domain.fleet.api import FleetError
from waziterm.domain.frozen import dataclass
from waziterm.lang import tr


@dataclass(frozen=True, slots=True)
class Late:
    """A key was pressed on an old picture. behind_s: how old it was, in seconds."""

    key: str
    behind_s: float


@runtime_checkable
class SeenLate(Protocol):
    """An app whose terminal may be at the end of a slow line."""

    @property
    def late(self) -> Late | None:
        """Whether the last key was pressed on a picture too old for it to mean what it says."""
        ...


def _late(app: App[Any]) -> Late | None:
    return app.late if isinstance(app, SeenLate) else None


def refuse_late(app: App[Any]) -> None:
    """For a form that is sent: it stays open, to be looked at and sent again.

    Raises FleetError where the key that sends it was pressed on an old picture.
    """
    late = _late(app)
    if late is not None:
        said = tr(
            "the screen was {seconds} s behind; look at it, and press {key} again",
            key=late.key,
            seconds=round(late.behind_s),
        )
        raise FleetError(said)


def when_meant(app: App[Any], what: str, then: Callable[[], None]) -> None:
    """Do what a key says now; where it was pressed on an old picture, ask first.

    All that ends, dials or sends something for somebody comes through here, by whatever key,
    question or entry of the palette; forms come through `refuse_late`. Leaving does not: who
    leaves has had enough of the line, and sessions resume. what: says what would be done.
    """
    from waziterm.tui.screens.dialogs import ConfirmDialog  # noqa: PLC0415 (keeps the start fast)

    late = _late(app)
    if late is None:
        then()
        return
    said = tr(
        "{key} was pressed while the screen was {seconds} s behind. Is it still meant?",
        key=late.key,
        seconds=round(late.behind_s),
    )

    def answered(answer: bool | None) -> None:
        if answer:
            # The answer may have been pressed before this question was seen.
            when_meant(app, what, then)

    title, text = tr("The line is slow"), f"{what}\n\n{said}"
    dialog = ConfirmDialog(title, text, tr("yes, do it"), tr("no"), default=False)
    app.push_screen(dialog, answered)


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

    def answered(answer: bool | None) -> None:
        if answer:
            when_meant(app, title, then)

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
        for each, word, then in choices:
            if each == key:
                when_meant(app, f"{title} – {word}", then)

    words = {key: word for key, word, _ in choices}
    app.push_screen(ChoiceDialog(title, text, words, default), answered)
