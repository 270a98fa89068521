"""What a command fails with. It stands alone, so that a verb can fail without loading the fleet."""

from typing import Any

from waziterm.domain.phrase import Phrase, parts_of, phrase_of


class FleetError(Exception):
    """A command was refused or failed. str(): one line. hint: what to do. code: exit code.

    A message or a hint that is a `Phrase` is read in the language of the screen that shows it.
    told: the message as it was made.
    """

    def __init__(self, message: str, hint: str = "", code: int = 1) -> None:
        super().__init__(message)
        self.told = message
        self.hint = hint
        self.code = code

    @property
    def document(self) -> dict[str, str | int]:
        """The JSON of it, on stdout and on the socket: `{error, code, hint}`."""
        return {"error": str(self), "code": self.code, "hint": str(self.hint)}

    @property
    def exact(self) -> dict[str, Any]:
        """The same for a screen: with what its phrases were made of, as `error_parts` and
        `hint_parts`."""
        made = {"error_parts": parts_of(self.told), "hint_parts": parts_of(self.hint)}
        return {**self.document, **{key: parts for key, parts in made.items() if parts is not None}}


def told_in(document: dict[str, Any], member: str) -> str:
    """A member of an error's `exact` form; its plain text where it is no sound phrase."""
    try:
        text: str = phrase_of(document[f"{member}_parts"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        text = str(document.get(member) or "")
    return text


class UnwritableError(FleetError):
    """A file or a directory refuses to be written; it may be possible to look all the same."""


class InstanceNotFoundError(FleetError):
    """No instance of the fleet has this name. now: how the one is called that had it before."""

    def __init__(self, name: str, now: str | None = None) -> None:
        shown = repr(name[:60])
        if now is None:
            said = Phrase("no instance is called {name}", name=shown)
            super().__init__(said, Phrase("see `waziterm list`"), code=2)
        else:
            renamed = Phrase("it was renamed to {now}", now=now)
            said = Phrase("no instance is called {name} any more", name=shown)
            super().__init__(said, renamed, code=2)


class ManagerEndingError(FleetError):
    """The manager takes no orders any more: it is letting its workers go."""

    def __init__(self) -> None:
        super().__init__(Phrase("the manager is ending"), Phrase("ask the next one"), code=3)
