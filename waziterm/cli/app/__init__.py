"""The command line: every verb with its options, by the groups of `--help`.

These modules must stay light: `waziterm list` ends in a quarter of a second because nothing here
imports textual, neonize, aiosqlite, aiohttp or httpx. Each verb imports what it needs when it is
called.
"""

from waziterm.cli.app import of_emergency, of_instances, of_run, of_see, of_setup
from waziterm.cli.app.options import app

__all__ = ["app", "of_emergency", "of_instances", "of_run", "of_see", "of_setup"]
