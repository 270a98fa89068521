"""The processes that hold a manager: the monitor and `waziterm headless`."""

import asyncio
import importlib
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from waziterm.cli import output
from waziterm.cli.log import program_log
from waziterm.cli.signals import ended_by_signals
from waziterm.cli.target import lab_file_of
from waziterm.config import Settings, load_settings
from waziterm.control.listener import check_socket_path
from waziterm.domain.fleet import Fleet, FleetError
from waziterm.domain.labfile import LabFile
from waziterm.manager.datadir import DataDir
from waziterm.manager.lock import owned_by
from waziterm.manager.manager import open_manager

log = logging.getLogger(__name__)


def run_monitor(data_dir: Path | None, lab: Path | None) -> int:
    """The monitor with its embedded manager; its exit code.

    Raises FleetError: code 3 when another manager owns the directory, code 2 without a terminal.
    """
    settings = load_settings(data_dir=data_dir)
    data = DataDir(settings.data_dir)
    refuse_owned(data)
    refuse_without_terminal("`waziterm headless` runs without one")
    lab_file = lab_file_of(lab)

    check_socket_path(data.socket)

    async def show() -> int:
        from waziterm.tui.terminal import run_screen  # noqa: PLC0415 - textual is the screen's

        painted = asyncio.Event()
        async with open_manager(data.root, settings, lab_file, begin=painted) as fleet:
            serving = asyncio.create_task(_serve_once(painted, fleet, data.socket))
            try:
                return await run_screen(fleet, painted.set)
            finally:
                serving.cancel()
                await asyncio.wait([serving])

    with program_log(data.log):
        return asyncio.run(show())


def run_headless(data_dir: Path | None, lab: Path | None) -> int:
    """The manager without a screen, until SIGTERM or SIGINT; its exit code."""
    settings = load_settings(data_dir=data_dir)
    data = DataDir(settings.data_dir)
    refuse_owned(data)
    lab_file = lab_file_of(lab)

    async def serve() -> None:
        with ended_by_signals() as ended:
            async with hosted(data, settings, lab_file) as fleet:
                count = len(fleet.snapshot().instances)
                where = f"pid {os.getpid()}, {data.root}"
                output.line(f"waziterm is ready: {count} instances, {where}")
                sys.stdout.flush()
                await ended.wait()

    with program_log(data.log):
        asyncio.run(serve())
    return 0


async def _serve_once(painted: asyncio.Event, fleet: Fleet, socket: Path) -> None:
    """Answer verbs from when the screen is painted: loading aiohttp takes 0.16 s before that.

    Without the socket the screen works all the same, so a failure goes to the log.
    """
    await painted.wait()
    try:
        server = await asyncio.to_thread(importlib.import_module, "waziterm.control.server")
        async with server.serve_control(fleet, socket):
            await asyncio.Event().wait()
    except (FleetError, OSError):
        log.exception("verbs cannot reach this manager")


@asynccontextmanager
async def hosted(data: DataDir, settings: Settings, lab: LabFile | None) -> AsyncIterator[Fleet]:
    """A manager that owns the directory, reachable over its control socket."""
    from waziterm.control.server import serve_control  # noqa: PLC0415 - aiohttp takes 160 ms

    async with (
        open_manager(data.root, settings, lab) as manager,
        serve_control(manager, data.socket),
    ):
        yield manager


def refuse_owned(data: DataDir) -> None:
    """Raises FleetError (code 3) with the owner's pid while a manager owns the directory."""
    pid = data.owner_pid()
    if pid is not None:
        raise owned_by(pid if pid > 0 else None, data.root)


def refuse_without_terminal(instead: str) -> None:
    """Raises FleetError (code 2) where nobody could see a screen or press a key."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise FleetError("the monitor needs a terminal", instead, code=2)
