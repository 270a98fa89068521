"""The processes that hold a manager: the monitor and `waziterm headless`."""

import asyncio
import importlib
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from waziterm.cli.run import streams
from waziterm.cli.run.attach import has_terminal, offer_attach
from waziterm.cli.run.late import OF_MANAGER, OF_SCREEN, QUIET_S, load_late
from waziterm.cli.run.log import program_log
from waziterm.cli.run.signals import ended_by_signals
from waziterm.cli.run.systemd import Service, unit
from waziterm.cli.show import output
from waziterm.cli.target import lab_file_of
from waziterm.config import Settings, config_file, load_settings
from waziterm.domain.fleet.api import Fleet, FleetError
from waziterm.domain.fleet.audit import Via, audited
from waziterm.domain.labfile import LabFile
from waziterm.domain.listeners import Listener
from waziterm.domain.phrase import Phrase, as_it_is
from waziterm.domain.screen import Lang
from waziterm.manager.descriptors import raise_descriptors
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.files.listener import check_socket_path
from waziterm.manager.files.lock import owned_by
from waziterm.manager.files.owner import become_owner
from waziterm.manager.manager import SessionManager, open_manager
from waziterm.manager.people import myself, signaller

log = logging.getLogger(__name__)

_PATIENCE_S = 5.0
"""Seconds that a verb may have the directory."""
_PAUSE_S = 0.05


def run_monitor(data_dir: Path | None, lab: Path | None, lang: Lang | None = None) -> int:
    """The monitor with its embedded manager, or attached to the one that runs; its exit code.

    Raises FleetError: code 3 when another manager owns the directory and nobody wants to attach
    to it, code 2 without a terminal.
    """
    settings = load_settings(data_dir=data_dir)
    screen = settings.screen.speaking(lang)
    data = DataDir(settings.data_dir)
    pid = data.owner_pid()
    if pid is not None:
        return offer_attach(data, pid, lab=lab is not None, lang=lang)
    refuse_without_terminal("`waziterm headless` runs without one")
    lab_file = lab_file_of(lab)
    check_socket_path(data.socket)
    person = myself(Via.SCREEN)
    become_owner(data.root)

    raise_descriptors()

    async def show() -> int:
        painted = asyncio.Event()
        async with open_manager(data.root, settings, lab_file, begin=painted) as fleet:
            from waziterm.tui.app.terminal import (  # noqa: PLC0415 - the zygote loads meanwhile
                Headless,
                run_screen,
            )

            beside = [
                asyncio.create_task(_serve_once(painted, fleet, data, settings)),
                asyncio.create_task(_load_once(painted)),
            ]
            try:
                goes_on = Headless(data.root, data.log)
                theirs = audited(fleet, fleet.audit_log, person)
                return await run_screen(theirs, painted.set, screen=screen, headless=goes_on)
            finally:
                for task in beside:
                    task.cancel()
                await asyncio.wait(beside)

    with program_log(data.log):
        return asyncio.run(show())


def run_headless(data_dir: Path | None, lab: Path | None) -> int:
    """The manager without a screen, until SIGTERM or SIGINT; its exit code.

    SIGHUP reads the config again. Under systemd it is told how the service does.
    """
    settings = load_settings(data_dir=data_dir)
    data = DataDir(settings.data_dir)
    refuse_owned(data)
    lab_file = lab_file_of(lab)
    become_owner(data.root)
    service = Service.taken_from(os.environ)

    async def serve() -> None:
        up: list[SessionManager] = []
        hung_up = asyncio.Event()
        with ended_by_signals(hung_up.set) as ended:
            async with (
                service.watched(),
                _health(
                    settings,
                    lambda: up[0] if up else None,
                    lambda: bool(up) and up[0].is_upgraded,
                ),
                hosted(data, settings, lab_file) as manager,
                _gateway(settings, manager),
                asyncio.TaskGroup() as tasks,
            ):
                up.append(manager)
                theirs = audited(manager, manager.audit_log, signaller())
                reloading = tasks.create_task(_reload(theirs, service, hung_up))
                loading = tasks.create_task(load_late(*OF_MANAGER))
                service.ready()
                count = len(manager.snapshot().instances)
                where = f"pid {os.getpid()}, {data.root}"
                output.line(f"waziterm is ready: {count} instances, {where}")
                sys.stdout.flush()
                await ended.wait()
                service.stopping()
                reloading.cancel()
                loading.cancel()

    with program_log(data.log):
        asyncio.run(serve())
    return 0


def print_unit(data_dir: Path | None, lab: Path | None, *, of_user: bool) -> int:
    """Print a systemd unit for this installation, for the user's own systemd or the system's.

    Raises FleetError for a wrong config, and for a data directory that none can name.
    """
    data = DataDir(load_settings(data_dir=data_dir).data_dir)
    config = config_file()
    # The service's environment is not the caller's: what leads to these settings is told.
    told = "WAZITERM_CONFIG" in os.environ or "XDG_CONFIG_HOME" in os.environ
    named = config.absolute() if told and config is not None and config.exists() else None
    text = unit(data.root, lab, named, of_user=of_user)
    output.line(text.rstrip("\n"))
    sys.stdout.flush()
    return int(streams.lost() is not None)


async def _reload(fleet: Fleet, service: Service, hung_up: asyncio.Event) -> None:
    """Read the config again whenever SIGHUP comes. A wrong one changes nothing and says so."""
    while True:
        await hung_up.wait()
        hung_up.clear()
        service.reloading()
        await fleet.reload()
        service.ready()


@asynccontextmanager
async def _health(
    settings: Settings, fleet: Callable[[], Fleet | None], upgraded: Callable[[], bool]
) -> AsyncIterator[None]:
    """Health over TCP, where the config names an address. Raises FleetError when it is taken."""
    address = settings.health.address
    if address is None:
        yield
        return
    from waziterm.health.answers import serve_health  # noqa: PLC0415 - aiohttp takes 160 ms

    async with serve_health(address, fleet, upgraded):
        yield


_SERVED_BY: Mapping[Listener, str] = {
    Listener.API: "waziterm.gateway.api.serving",
    Listener.FACADE: "waziterm.gateway.facade.answering",
    Listener.WEB: "waziterm.gateway.web.scan_page",
}
"""The module whose `serve` answers; it takes 0.2 s to load."""


@asynccontextmanager
async def _gateway(settings: Settings, fleet: SessionManager) -> AsyncIterator[None]:
    """All that the config names an address for. What keeps one from answering is told, and the
    fleet goes on without it."""
    async with AsyncExitStack() as opened:
        for which, listening in settings.listeners.items():
            if listening.address is None or which not in _SERVED_BY:
                continue
            module = await asyncio.to_thread(importlib.import_module, _SERVED_BY[which])
            try:
                await opened.enter_async_context(module.serve(fleet, settings))
            except FleetError as error:
                fleet.listener_failed(which, as_it_is(error.told), as_it_is(error.hint))
        yield


async def _serve_once(
    painted: asyncio.Event, fleet: SessionManager, data: DataDir, settings: Settings
) -> None:
    """Answer verbs from a moment after the screen is painted: loading aiohttp takes 0.18 s, by
    which the first paint would come later, and then the fleet's connects. Verbs wait for it.

    Without the socket the screen works all the same, so a failure goes to the log.
    """
    await painted.wait()
    await asyncio.sleep(QUIET_S)
    server = await asyncio.to_thread(importlib.import_module, "waziterm.control.server.app")
    try:
        async with (
            server.serve_control(
                fleet, data.socket, lambda: fleet.is_upgraded, fleet.audit_log, fleet.refuse_moved
            ),
            _gateway(settings, fleet),
        ):
            await _serve_health(settings, fleet)
    except (FleetError, OSError):
        log.exception("verbs cannot reach this manager")


async def _load_once(painted: asyncio.Event) -> None:
    await painted.wait()
    await load_late(*OF_MANAGER, *OF_SCREEN)


async def _serve_health(settings: Settings, fleet: SessionManager) -> None:
    """Health over TCP until cancelled; verbs do not suffer from an address that is taken."""
    try:
        async with _health(settings, lambda: fleet, lambda: fleet.is_upgraded):
            await asyncio.Event().wait()
    except FleetError as error:
        log.error("%s (%s)", error, error.hint)
        fleet.announce(Phrase("{what}; {hint}", what=str(error), hint=error.hint), trouble=True)
        await asyncio.Event().wait()


@asynccontextmanager
async def hosted(
    data: DataDir, settings: Settings, lab: LabFile | None
) -> AsyncIterator[SessionManager]:
    """A manager that owns the directory, reachable over its control socket."""
    raise_descriptors()
    async with open_manager(data.root, settings, lab) as manager:
        # It takes 0.16 s, in which the first workers start.
        server = await asyncio.to_thread(importlib.import_module, "waziterm.control.server.app")
        async with server.serve_control(
            manager,
            data.socket,
            lambda: manager.is_upgraded,
            manager.audit_log,
            manager.refuse_moved,
        ):
            yield manager


def refuse_owned(data: DataDir) -> None:
    """Raises FleetError (code 3) with the owner's pid while a manager owns the directory.

    A verb that works on the files has the lock for a moment, and no socket: it is waited for.
    """
    end = time.monotonic() + _PATIENCE_S
    while (pid := data.owner_pid()) is not None:
        if data.socket.exists() or time.monotonic() >= end:
            raise owned_by(pid if pid > 0 else None, data.root)
        time.sleep(_PAUSE_S)


def refuse_without_terminal(instead: str) -> None:
    """Raises FleetError (code 2) where nobody could see a screen or press a key."""
    if not has_terminal():
        raise FleetError("the monitor needs a terminal", instead, code=2)
