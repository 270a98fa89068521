"""Log lines that nobody has looked through yet."""

import asyncio
from collections import deque

MOST = 20_000
"""So many wait at most, the newest."""


class FreshLines:
    """Takes lines in as they come, and gives them out together."""

    def __init__(self) -> None:
        self._lines: deque[tuple[str, str]] = deque(maxlen=MOST)
        self._some = asyncio.Event()

    def add(self, identity: str, text: str) -> None:
        """Take in a line of the instance with this id."""
        self._lines.append((identity, text))
        self._some.set()

    async def come(self) -> None:
        """Wait until there are some."""
        await self._some.wait()

    def take(self, limit: int) -> list[tuple[str, str]]:
        """The oldest lines, at most `limit`: the id of the instance, and the text."""
        taken = [self._lines.popleft() for _ in range(min(limit, len(self._lines)))]
        if not self._lines:
            self._some.clear()
        return taken
