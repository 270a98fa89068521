"""Text that a program composes and a screen may say in another language."""

import re
from collections.abc import Callable, Iterable
from typing import Any, Self

FRACTION = "{whole}.{part}"
"""A number with a fraction, as the catalogs have it: its mark is another one elsewhere."""
_NUMBER = re.compile(r"(-?\d+)\.(\d+)")
_TEMPLATE = r"(?:[^{}]|\{[^\W\d]\w*\}|\{\{|\}\})*"


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

    def said(self, text: str) -> Self:
        """The same phrase, which is this text of another language wherever text is wanted."""
        made = super().__new__(type(self), text)
        made.template = self.template
        made.values = self.values
        return made


NOTHING = Phrase("")
"""What stands where nothing is to be said."""


def as_it_is(text: str) -> Phrase:
    """A text as a phrase; one that is none already is the same in every language."""
    return text if isinstance(text, Phrase) else Phrase("{text}", text=text)


def joined(separator: str, parts: Iterable[str]) -> Phrase:
    """The parts as one phrase."""
    named = {f"part{place}": part for place, part in enumerate(parts)}
    return Phrase(separator.join(f"{{{name}}}" for name in named), **named)


def numeral(number: str, translate: Callable[[str], str]) -> str:
    """A number for a person: its fraction after the mark of the language. Any other text stays."""
    if (found := _NUMBER.fullmatch(number)) is None:
        return number
    return translate(FRACTION).format(whole=found[1], part=found[2])


def said_in(text: str, translate: Callable[[str], str]) -> str:
    """A phrase in another language, its values too; any other text as it is.

    translate: what a template is in that language.
    """
    if not isinstance(text, Phrase):
        return text
    values = {
        name: numeral(said_in(value, translate), translate) if isinstance(value, str) else value
        for name, value in text.values.items()
    }
    return translate(text.template).format(**values)


def parts_of(text: str) -> dict[str, Any] | None:
    """What a phrase is made of, as JSON: `{template, values}`; None for any other text."""
    if not isinstance(text, Phrase):
        return None
    values = {
        name: (parts_of(value) or value) if isinstance(value, str) else value
        for name, value in text.values.items()
    }
    return {"template": text.template, "values": values}


def phrase_of(parts: dict[str, Any]) -> Phrase:
    """The phrase that `parts_of` took apart. Raises ValueError, KeyError, TypeError,
    AttributeError or RecursionError for anything else."""
    template = parts["template"]
    if re.fullmatch(_TEMPLATE, template) is None:
        raise ValueError("a template's places are names and nothing else")
    values = {
        name: phrase_of(value) if isinstance(value, dict) else value
        for name, value in parts["values"].items()
    }
    if not all(isinstance(value, str | int) for value in values.values()):
        raise ValueError("a phrase's values are texts and whole numbers")
    return Phrase(template, **values)
