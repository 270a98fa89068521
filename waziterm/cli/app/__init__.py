"""The command line: every verb with its options, by the groups of `--help`.

These modules must stay light: `waziterm list` ends in a quarter of a second because nothing here
imports textual, neonize, aiosqlite, aiohttp or httpx. Each verb imports what it needs when it is
called.
"""

from collections.abc import Iterator

from cyclopts import App

from waziterm.cli.app import of_emergency, of_instances, of_moving, of_run, of_see, of_setup
from waziterm.cli.app.options import app

__all__ = [
    "app",
    "lines",
    "of_emergency",
    "of_instances",
    "of_moving",
    "of_run",
    "of_see",
    "of_setup",
]


def lines() -> dict[str, App]:
    """The verbs as they are typed, those of another verb too: `list`, `alerts`, `alerts test`."""
    return dict(_under(app, ""))


def _under(parent: App, before: str) -> Iterator[tuple[str, App]]:
    for name in parent:
        if not name.startswith("-"):
            yield before + name, parent[name]
            yield from _under(parent[name], f"{before}{name} ")
