"""By what the clients of Waziper call instances."""

import re
import secrets
from collections.abc import Iterable

from waziterm.domain.names import InvalidNameError, check_name

_ID = re.compile(r"[0-9A-Fa-f]{13}", re.ASCII)
_ANY = "*"


def waziper_id(text: str) -> str | None:
    """The id of 13 hex digits that a text is, as it is kept; None for any other text."""
    return text.upper() if _ID.fullmatch(text) else None


def new_waziper_id() -> str:
    """An id that nobody can guess."""
    return secrets.token_hex(7)[:13].upper()


def name_for(called: str, patterns: Iterable[str]) -> str | None:
    """A name for a new instance with an id, of those that a token is for: the id in place of the
    one `*` of a pattern; None where no pattern leaves room for it."""
    for each in patterns:
        if each.count(_ANY) != 1:
            continue
        try:
            return check_name(each.replace(_ANY, called.lower()))
        except InvalidNameError:
            continue
    return None
