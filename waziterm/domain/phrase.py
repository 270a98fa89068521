"""Text that a program composes and a screen may say in another language."""

from collections.abc import Iterable
from typing import Self


class Phrase(str):
    """English text, and what it was made of: a constant template and the values at its places.

    It is that text wherever text is wanted: stored, logged, sent. A value that is a phrase itself
    can be translated too; any other value stays as it is.
    """

    __slots__ = ("template", "values")

    template: str
    values: dict[str, str | int]

    def __new__(cls, template: str, **values: str | int) -> Self:
        made = super().__new__(cls, template.format(**values))
        made.template = template
        made.values = values
        return made


def joined(separator: str, parts: Iterable[str]) -> Phrase:
    """The parts as one phrase."""
    named = {f"part{place}": part for place, part in enumerate(parts)}
    return Phrase(separator.join(f"{{{name}}}" for name in named), **named)
