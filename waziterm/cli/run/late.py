"""What is loaded late on purpose: not before the first paint, and not as late as it is needed.

By then the program may have been upgraded on disk, and what a running manager would load is of
another version, or gone. So a quiet moment after the start all of it is loaded, in a thread and one
module after the other. One thing is too large for that, and whoever needs it says "upgraded on
disk: restart" instead when it is gone: the HTTP client (8 MB) of the connection test and of the
search for WhatsApp's current version.
"""

import asyncio
import importlib
import logging

log = logging.getLogger(__name__)

QUIET_S = 1.0
"""Seconds after the start: first the fleet connects."""

OF_MANAGER = (
    "psutil",
    "waziterm.manager.care.checkup",
    "waziterm.manager.care.restart",
    "waziterm.manager.care.layer_test",
    "phonenumbers",
    "waziterm.health.metrics",
    "waziterm.config.reading",
    "waziterm.config.changes",
    "waziterm.cli.run.crash",
)
"""The search for whoever took a session, the emergency tools, a reload, and the last words."""
OF_SCREEN = (
    "segno",
    "textual.command",
    "waziterm.tui.app.palette",
    "waziterm.tui.instance.qrfile",
    "waziterm.tui.screens.dialogs",
    "waziterm.tui.screens.dialogs_tools",
    "waziterm.tui.screens.glossary",
    "waziterm.tui.screens.help",
    "waziterm.tui.screens.pairing",
    "waziterm.cli.run.crash",
)
"""Dialogs and pictures."""


async def load_late(*modules: str) -> None:
    """Load these modules, a moment after now."""
    await asyncio.sleep(QUIET_S)
    for name in modules:
        try:
            await asyncio.to_thread(importlib.import_module, name)
        except Exception:
            # Half a program on the disk, no file descriptor left, whatever it is: whoever needs it
            # says so again, and the fleet goes on.
            log.exception("%s cannot be loaded", name)
