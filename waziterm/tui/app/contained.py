"""A crash of the screen ends the screen, never the event loop that it shares with the manager.

Textual ends the app after an exception in a handler, and knows nothing of what asyncio passes on to
the whole loop (`SystemExit` in a task ends `asyncio.run`), of a handler that is cancelled, or of an
end that does not come.
"""

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from rich.console import RenderableType
from textual.app import App
from textual.driver import Driver
from textual.worker import WorkerFailed

from waziterm.tui.textual_private import (
    close,
    end_with_error,
    is_ending,
    keep_for_tests,
    pump_of,
)

CLOSE_S = 3.0
"""How long a screen that was told to end may take, in seconds."""
CANCEL_S = 1.0
"""How long it may take after it was cancelled."""

_inside: ContextVar["ContainedApp | None"] = ContextVar("contained_app", default=None)

logger = logging.getLogger(__name__)


class ContainedApp(App[None]):
    """An app that tells how it ends.

    left: the operator, or a signal, has ended it. over: set when it was, and when it has crashed.
    """

    def __init__(self, driver_class: type[Driver] | None = None) -> None:
        super().__init__(driver_class=driver_class)
        self.left = False
        self.over = asyncio.Event()

    def leave(self) -> None:
        """End the screen now, with the terminal restored."""
        self.left = True
        self.over.set()
        self.exit()

    def crash(self, error: BaseException) -> None:
        """End the screen because of an error, which goes to the log."""
        logger.critical("the screen crashed", exc_info=error)
        end_with_error(self)
        self.over.set()
        self._fatal_error()

    def on_load(self) -> None:
        # Textual has set the loop's task factory by now, where Python has an eager one.
        if _inside.get() is self:
            loop = asyncio.get_running_loop()
            loop.set_task_factory(_containing(loop.get_task_factory()))

    def _fatal_error(self) -> None:
        """End without printing a traceback: its local variables may hold a QR code's text."""
        close(self)

    def _handle_exception(self, error: Exception) -> None:
        keep_for_tests(self, error)
        cause = error.error if isinstance(error, WorkerFailed) else error
        self.crash(cause)

    def panic(self, *renderables: RenderableType) -> None:
        self.crash(RuntimeError("a thread of the screen has failed"))


async def run_contained(app: ContainedApp, leaving: asyncio.Event) -> bool:
    """Run an app to its end; whether it was left, however well it ended then.

    leaving: makes it end. Nothing that happens in the app is raised; a screen that does not end
    in time is given up.
    """
    with _same_task_factory():
        running = asyncio.create_task(_run(app))
        asked = asyncio.create_task(leaving.wait())
        over = asyncio.create_task(app.over.wait())
        try:
            await asyncio.wait((running, asked, over), return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked.cancel()
            over.cancel()
            if leaving.is_set() or not (running.done() or app.over.is_set()):
                app.leave()
            await _ended(running)
    return app.left


async def _run(app: ContainedApp) -> None:
    _inside.set(app)
    try:
        await app.run_async(mouse=False)
    except BaseException as error:  # noqa: BLE001 - SystemExit and its like end the screen alone
        app.crash(error)
    else:
        if not app.over.is_set():
            app.crash(RuntimeError("the screen has ended without being asked to"))


async def _ended(running: asyncio.Task[None]) -> None:
    """Wait for the end, but not for long."""
    await asyncio.wait((running,), timeout=CLOSE_S)
    if running.done():
        return
    logger.error("the screen does not end; it is given up")
    running.cancel()
    await asyncio.wait((running,), timeout=CANCEL_S)


@contextmanager
def _same_task_factory() -> Iterator[None]:
    """What the app sets for its tasks is gone with it."""
    loop = asyncio.get_running_loop()
    before = loop.get_task_factory()
    try:
        yield
    finally:
        loop.set_task_factory(before)


def _containing(make: Any) -> Any:
    """A task factory that contains what is started by the app, and leaves all others alone.

    make: the factory before it, None for asyncio's own.
    """

    def factory(
        loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **options: Any
    ) -> asyncio.Future[Any]:
        app = _inside.get()
        if app is not None:
            work = _contained(work, app)
        if make is None:
            return asyncio.Task(work, loop=loop, **options)
        made: asyncio.Future[Any] = make(loop, work, **options)
        return made

    return factory


async def _contained(work: Coroutine[Any, Any, Any], app: ContainedApp) -> Any:
    pump = pump_of(work)
    try:
        done = await work
    except (Exception, asyncio.CancelledError, GeneratorExit):
        # Textual, or whoever waits for it, takes care of these.
        raise
    except BaseException as error:  # noqa: BLE001 - asyncio would end the whole loop
        # Not raised: what waits for this task is about to end with the app, and must get so far.
        app.crash(error)
        return None
    if pump is not None and not (is_ending(pump) or app.over.is_set()):
        # A handler that was cancelled takes its widget with it: keys would go there for ever.
        app.crash(RuntimeError(f"{type(pump).__name__} has ended by itself"))
    return done
