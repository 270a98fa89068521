"""When Python looks for garbage, while log lines come and go."""

import gc

LINES = 10_000
OLDER = 5
"""Every fifth time it looks at what outlived the last ones too, which takes 20 to 30 ms."""


class LineGarbage:
    """Has Python look for garbage each time that so many lines have come.

    By itself it begins when there are so many objects more than after the last time. Where an old
    line goes for each that comes there are none, and what came since grows to hundreds of thousands
    of them: a look at those stopped the loop for 0.1 to 0.3 s.
    """

    def __init__(self) -> None:
        self._came = 0
        self._looks = 0

    def came(self, lines: int) -> None:
        """So many lines were taken in."""
        self._came += lines
        if self._came < LINES:
            return
        self._came = 0
        self._looks += 1
        gc.collect(0 if self._looks % OLDER else 1)
