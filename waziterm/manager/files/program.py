"""The program's own files: whether they are still those that this process was started from."""

import asyncio
import errno
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import waziterm
from waziterm.manager.clock import Clock

log = logging.getLogger(__name__)

UPGRADED = "upgraded on disk: restart"
"""The word for it, on the screen, in the log and in refusals."""
LOOK_S = 60.0
"""Seconds between two looks."""
SETTLED_S = 10.0
"""Files that are still being written are no reason to restart: what a look finds has to be there
that much later too."""

_Marks = Mapping[str, tuple[int, int]]


class Program:
    """The package as it was when this object was made. root: its folder.

    What is looked at is the size and the time of each of its source files: a package that was
    replaced or removed shows there, and so does a work tree that was brought up to date. Inodes
    are not looked at, as there are file systems that change them by themselves.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._root = root or Path(waziterm.__file__).parent
        self._was = _marks(self._root)
        self._seen: tuple[_Marks, float] | None = None
        self.upgraded = False
        """Whether it has changed for good, as of the last look."""

    def is_changed(self) -> bool:
        """Whether what would be started now is something else. Blocks for some milliseconds.
        Raises OSError when no file can be opened at all."""
        return _marks(self._root) != self._was

    def look(self, now: float) -> bool:
        """Look whether it has changed for good. now: seconds of a clock that is never set.
        Blocks for some milliseconds."""
        try:
            marks = _marks(self._root)
        except OSError:
            # Nothing can be seen for now, which says nothing of the program.
            return self.upgraded
        if marks == self._was:
            self._seen, self.upgraded = None, False
        elif self._seen is None or self._seen[0] != marks:
            self._seen = (marks, now)
        elif now - self._seen[1] >= SETTLED_S:
            self.upgraded = True
        return self.upgraded


async def watch(program: Program, clock: Clock, tell: Callable[[], None]) -> None:
    """Look once a minute until it has changed for good, and tell it once."""
    while not program.upgraded:
        await clock.sleep(LOOK_S)
        try:
            await asyncio.to_thread(program.look, clock.elapsed())
        except Exception:
            # A look that fails, for want of a thread for example, must not end the fleet.
            log.exception("it could not be looked whether the program was upgraded")
    log.warning("%s", UPGRADED)
    tell()


def _marks(root: Path) -> _Marks:
    marks: dict[str, tuple[int, int]] = {}
    folders = [str(root)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.name.endswith(".py"):
                        found = entry.stat()
                        marks[entry.path] = (found.st_size, found.st_mtime_ns)
                    elif entry.name != "__pycache__" and entry.is_dir():
                        folders.append(entry.path)
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                raise
            # It is being replaced right now; what is missing is a change too.
            continue
    return marks
