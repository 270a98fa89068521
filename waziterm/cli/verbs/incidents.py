"""The verb incidents: what happened to whom, whether it is over, and who has seen it."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waziterm.cli.show import output
from waziterm.cli.show.times import moment_of
from waziterm.cli.target import ask, data_dir_of

if TYPE_CHECKING:
    from waziterm.cli.show.documents import Incident

Json = dict[str, Any]


def show_incidents(flag: Path | None, as_json: bool, since: str | None, only_open: bool) -> int:
    """Print the incidents, the newest first: those that still grew at `since` or later, by default
    all that are remembered. only_open: without those that are over. It judges nothing: always 0."""
    begin = 0.0 if since is None else moment_of(since, time.time())
    found = ask(data_dir_of(flag), lambda fleet: fleet.incidents(begin))
    if only_open:
        found = [each for each in found if each["closed_at"] is None]
    _print(found, as_json)
    return 0


def _print(found: Sequence[Json], as_json: bool) -> None:
    if as_json:
        output.document([_row(each) for each in found])
    elif not found:
        output.remark("no incident")
    else:
        from waziterm.cli.show.tables import print_incidents  # noqa: PLC0415 - rich takes 60 ms

        print_incidents(found)


def _row(incident: Json) -> "Incident":
    """What the verb prints of what a manager tells."""
    return {
        "id": incident["id"],
        "kind": incident["kind"],
        "severity": incident["severity"],
        "instances": incident["names"],
        "opened": incident["began_at"],
        "closed": incident["closed_at"],
        "code": incident["code"],
        "reason": incident["reason"],
        "acknowledged": incident["acknowledged_at"],
    }
