"""Which lines of an instance's log are routine: the library writes them at each connect, and an
operator learns nothing by them. Panels leave them out; the log itself shows them all.

Source: whatsmeow `connectionevents.go`, `prekeys.go`.
"""

import re

from waziterm.domain.fleet.api import LogLine, Source

_ROUTINE = re.compile(
    r"Successfully authenticated$"
    r"|Uploading \d+ new prekeys to server$"
    r"|Got 515 code, reconnecting\.\.\.$"
)


def is_routine(line: LogLine) -> bool:
    """Whether a line is of those. What the program or a person says never is."""
    return line.source is Source.LIBRARY and _ROUTINE.match(line.text) is not None
