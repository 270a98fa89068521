"""`waziterm attach`: the screen on a manager that runs in another process."""

import asyncio
import sys
from pathlib import Path

from waziterm.cli.run.late import OF_SCREEN, load_late
from waziterm.cli.run.log import program_log
from waziterm.cli.target import data_dir_of
from waziterm.config import load_settings
from waziterm.domain.errors import FleetError
from waziterm.domain.screen import Lang
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.files.listener import check_socket_path
from waziterm.manager.files.lock import owned_by
from waziterm.manager.files.owner import become_owner


def run_attach(data_dir: Path | None, read_only: bool, lang: Lang | None = None) -> int:
    """Show the fleet of the manager that owns the directory, until the operator leaves.

    Raises FleetError: code 3 when no manager runs there, code 2 without a terminal.
    """
    data = data_dir_of(data_dir)
    if data.owner_pid() is None:
        raise FleetError(
            f"no manager runs on {data.root}", "start `waziterm` or `waziterm headless`", code=3
        )
    if not has_terminal():
        raise FleetError(
            "attach needs a terminal", "`waziterm list` shows the fleet without one", code=2
        )
    return attach(data, read_only=read_only, lang=lang)


def offer_attach(data: DataDir, pid: int, *, lab: bool, lang: Lang | None = None) -> int:
    """Ask whether to attach to the manager `pid` that owns the directory, and do so.

    lab: a lab is wanted; it is refused when the manager uses the real WhatsApp.
    Raises FleetError, code 3, without a terminal and for a no.
    """
    known = pid if pid > 0 else None
    if not has_terminal():
        raise owned_by(known, data.root)
    question = f"a manager (pid {known or 'unknown'}) runs here; attach to it? [Y/n] "
    try:
        answer = input(question).strip().lower()
    except EOFError:
        answer = "n"
    if answer not in ("", "y", "yes"):
        raise owned_by(known, data.root)
    return attach(data, read_only=False, lab=lab, lang=lang)


def attach(data: DataDir, *, read_only: bool, lab: bool = False, lang: Lang | None = None) -> int:
    """Run the screen; its exit code. Raises FleetError when the manager does not answer."""
    check_socket_path(data.socket)
    screen = load_settings().screen.speaking(lang)
    become_owner(data.root)

    async def show() -> int:
        from waziterm.control.client.remote import attached  # noqa: PLC0415 - aiohttp takes 160 ms
        from waziterm.domain.fleet.readonly import read_only as watching  # noqa: PLC0415 - with the next one
        from waziterm.tui.app.terminal import run_screen  # noqa: PLC0415 - textual is the screen's

        async with attached(data.socket, data.owner_pid) as fleet:
            if lab and not fleet.snapshot().lab:
                raise FleetError(
                    "the manager that runs here uses the real WhatsApp, not a lab",
                    "leave --lab out to attach to it",
                    code=2,
                )
            shown = watching(fleet) if read_only else fleet
            loading = asyncio.create_task(load_late(*OF_SCREEN))
            try:
                return await run_screen(
                    shown,
                    attached=True,
                    read_only=read_only,
                    screen=screen,
                    data_dir=data.root,
                    silent_since=lambda: fleet.silent_since,
                )
            finally:
                loading.cancel()
                await asyncio.wait([loading])

    with program_log(data.log.with_name("attach.log")):
        return asyncio.run(show())


def has_terminal() -> bool:
    """Whether somebody can see a screen and press a key."""
    return sys.stdin.isatty() and sys.stdout.isatty()
