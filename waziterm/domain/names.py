"""Instance names: what may be one, and what to say when it is not."""

import re

ALLOWED = "1 to 40 of a-z, 0-9, '-' and '_', starting with a letter or a digit"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class InvalidNameError(ValueError):
    """The text cannot be an instance name; the message says what is allowed."""


def check_name(text: str) -> str:
    """The text itself, when it may be an instance name.

    Names become file names and command words, hence the narrow alphabet.
    Raises InvalidNameError.
    """
    if _NAME.fullmatch(text) is None:
        raise InvalidNameError(f"{text[:60]!r} cannot be an instance name: {ALLOWED}")
    return text
