"""What is loaded late on purpose: not before the first paint, and not as late as it is needed.

By then the program may have been upgraded on disk, and what a running manager would load is of
another version, or gone. So a quiet moment after the start all of it is loaded, in a thread and one
module after the other. Two things are too large for that, and whoever needs one says so instead
when it is gone: the HTTP client (8 MB) of the connection test, of the search for WhatsApp's current
version and of webhooks, and Apprise (20 MB) of those sinks that go by it.
"""

import asyncio
import importlib
import logging
from collections.abc import Mapping
from types import MappingProxyType

log = logging.getLogger(__name__)

QUIET_S = 1.0
"""Seconds after the start: first the fleet connects."""

OF_MANAGER: Mapping[str, str] = MappingProxyType(
    {
        "psutil": "looks for whoever took a session",
        "phonenumbers": "reads an operator's number, and takes 40 ms",
        "waziterm.manager.rivals.search": "looks for whoever took a session",
        "waziterm.store.remembered": "a list of the history",
        "waziterm.manager.history.statistics": "sums of the history",
        "waziterm.manager.care.ages": "the ages of what lies in the trash",
        "waziterm.manager.history.conflicts": "a list of conflicts",
        "waziterm.manager.care.carrying": "an export or an import",
        "waziterm.gateway.messages_file": "the first message, in or out",
        "waziterm.gateway.queue": "the first message out",
        "waziterm.gateway.inbox": "the first message in",
        "waziterm.gateway.events": "the first message in, and the first webhook",
        "waziterm.gateway.webhooks": "the first webhook",
        "waziterm.gateway.webhook_deliveries": "the first webhook",
        "waziterm.manager.care.backups": "backups, a minute after the start",
        "waziterm.manager.care.checkup": "an emergency tool",
        "waziterm.manager.care.evidence": "an emergency tool",
        "waziterm.manager.care.restart": "an emergency tool",
        "waziterm.manager.care.importing": "sessions of other programs",
        "waziterm.manager.care.editing": "what a person sets of an instance",
        "waziterm.manager.care.links": "links to the scan page",
        "waziterm.store.links": "links to the scan page",
        "waziterm.manager.care.tokens": "who may ask the API",
        "waziterm.manager.care.facade": "how clients of Waziper call instances",
        "waziterm.manager.files.manifest": "an entry of the trash",
        "waziterm.domain.care.evidence": "a look at a session file",
        "waziterm.manager.care.layer_test": "the connection test",
        "waziterm.manager.care.measuring": "the alerts that measure, a minute after the start",
        "waziterm.manager.care.route": "the connection test, and WhatsApp's page",
        "waziterm.manager.files.table": "a table of new instances",
        "waziterm.health.metrics": "most managers are never asked, and it takes 80 ms",
        "waziterm.config.reading": "a reload",
        "waziterm.config.changes": "a reload",
        "waziterm.manager.care.telling": "the alerts, once the screen is painted",
        "waziterm.domain.alerts.alert_memory": "the alerts",
        "waziterm.domain.alerts.routing": "the alerts",
        "waziterm.alerts.sinks": "a list of the sinks",
        "waziterm.alerts.carrier": "a sink",
        "waziterm.alerts.webhook": "a sink",
        "waziterm.alerts.command": "a sink",
        "waziterm.alerts.apprise": "a sink",
        "waziterm.regex": "patterns in a config that is reloaded",
        "waziterm.manager.care.patterns": "patterns in the log",
        "zoneinfo": "a sink's quiet hours in one",
        "waziterm.cli.run.crash": "the last words",
    }
)
"""Module: what it is for, which is not the first paint."""
OF_SCREEN: Mapping[str, str] = MappingProxyType(
    {
        "waziterm.qrcode": "draws a code",
        "waziterm.tui.app.palette": "ctrl+p",
        "waziterm.tui.instance.qrfile": "a code's picture",
        "waziterm.tui.state.filtering": "a filter",
        "waziterm.tui.screens.choosing": "a dialog",
        "waziterm.tui.screens.column_choice": "the dialog for the columns of the list",
        "waziterm.tui.screens.dialogs": "dialogs",
        "waziterm.tui.screens.dialogs_edit": "the dialog for what is set of an instance",
        "waziterm.tui.screens.dialogs_tools": "the emergency tools' dialogs",
        "waziterm.tui.screens.log_of_all": "the log of all",
        "waziterm.tui.screens.glossary": "help",
        "waziterm.tui.screens.help": "help",
        "waziterm.tui.screens.message_text": "what a message out says",
        "waziterm.tui.screens.message_write": "the dialog for a message out",
        "waziterm.tui.screens.pairing": "the dialog for a pairing code",
        "waziterm.tui.screens.scan_link": "a link to the scan page",
        "waziterm.tui.screens.said": "what was said",
        "waziterm.cli.run.crash": "the last words",
    }
)
"""The same of the screen."""


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
