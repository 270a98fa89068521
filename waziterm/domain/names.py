"""Names: of instances, of tags, of devices; what may be one, and what to say when it is not."""

import re

from waziterm.domain.phrase import Phrase
from waziterm.domain.text import plain

ALLOWED = Phrase("1 to 40 of a-z, 0-9, '-' and '_', starting with a letter or a digit")
TAGS = Phrase("up to 10 tags, each 1 to 24 of a-z, 0-9, '-' and '_'")
DEVICE_NAMES = Phrase("1 to 40 printable characters")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class InvalidNameError(ValueError):
    """The text cannot be an instance name; the message says what is allowed."""


def check_name(text: str) -> str:
    """The text itself, when it may be an instance name.

    Names become file names and command words, hence the narrow alphabet.
    Raises InvalidNameError.
    """
    if _NAME.fullmatch(text) is None:
        raise InvalidNameError(
            Phrase(
                "{text} cannot be an instance name: {allowed}",
                text=repr(text[:60]),
                allowed=ALLOWED,
            )
        )
    return text


MOST_PATTERNS = 100
_PATTERN = re.compile(r"[a-z0-9_*?\[\]!-]{1,60}")


def is_pattern(text: str) -> bool:
    """Whether it may be the name of an instance, or a pattern of names (`fnmatch`)."""
    return _PATTERN.fullmatch(text) is not None


_TAG = re.compile(r"[a-z0-9][a-z0-9_-]{0,23}")
_MOST_TAGS = 10
_LONGEST_DEVICE_NAME = 40


def check_tags(text: str) -> tuple[str, ...]:
    """The tags that a text names, with commas or blanks between them, each once; in lower case and
    with a `#` before it or without. Raises ValueError."""
    tags = tuple(dict.fromkeys(each.lstrip("#") for each in text.lower().replace(",", " ").split()))
    for tag in tags:
        if _TAG.fullmatch(tag) is None:
            raise ValueError(
                Phrase("{text} cannot be a tag: {allowed}", text=repr(plain(tag, 60)), allowed=TAGS)
            )
    if len(tags) > _MOST_TAGS:
        raise ValueError(
            Phrase("{count} tags are too many: {allowed}", count=len(tags), allowed=TAGS)
        )
    return tags


def check_device_name(text: object) -> str:
    """The text itself, when it may be what a phone shows of a linked device. Raises TypeError for
    any other."""
    if not isinstance(text, str) or text != plain(text, _LONGEST_DEVICE_NAME) or not text:
        raise TypeError(text)
    return text
