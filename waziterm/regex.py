"""Regular expressions of RE2, which reads a line once whatever an expression asks for.

Python's own cannot be interrupted, and some take years for a line. Whoever needs this module loads
it late: most programs never look for anything.
"""

from typing import Any

import re2


class RegexError(ValueError):
    """What RE2 cannot read; the text says why."""


def quiet() -> Any:
    """RE2's options, without those lines about what is wrong that it writes on standard error."""
    options = re2.Options()
    options.log_errors = False
    return options


def regex_of(text: str) -> Any:
    """An expression of RE2. Raises RegexError."""
    try:
        return re2.compile(text, quiet())
    except re2.error as error:
        why = error.args[0]
        said = why.decode(errors="replace") if isinstance(why, bytes) else str(why)
        raise RegexError(said) from error
