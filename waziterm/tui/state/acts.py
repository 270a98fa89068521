"""What the operator has asked the fleet for, and is still under way."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol, runtime_checkable

from textual.app import App


class Acts:
    """Tasks that go on when the screen from which they were begun has crashed: a fix or a restart
    of the fleet must not be cut in two while the manager lives."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def carry_out(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it; whoever waits for it here may be cancelled. Raises what the work raises."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.shield(task)

    def cancel(self) -> None:
        """End what is still under way."""
        for task in self._tasks:
            task.cancel()


@runtime_checkable
class HasActs(Protocol):
    """An app whose acts outlive it."""

    acts: Acts


def begin(app: App[Any], work: Coroutine[Any, Any, None], *, group: str) -> None:
    """Carry something out for an app. group: of Textual's workers."""
    acts = app.acts if isinstance(app, HasActs) else Acts()
    app.run_worker(acts.carry_out(work), group=group)
