"""Work beside an inbox, whose failure is logged and ends nothing else."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)


def cause_of(error: BaseException) -> str:
    """What failed, in a few words for an operator: `OSError: Too many open files`."""
    said = error.strerror if isinstance(error, OSError) else ""
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


class Background:
    """Runs tasks in a task group until they end or `cancel`. name: for the log."""

    def __init__(self, tasks: asyncio.TaskGroup, name: str) -> None:
        self._group = tasks
        self._name = name
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Callable[[], Awaitable[None]]) -> None:
        task = self._group.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception:
            log.exception("%s: a background task failed", self._name)
