"""The verbs incidents and acknowledge: what happened to whom, whether it is over, who has seen it.

Both print with `--json` an array of incidents, as `cli.show.documents` describes them.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waziterm.cli.show import output
from waziterm.cli.show.times import moment_of, shown
from waziterm.cli.target import ask, data_dir_of
from waziterm.domain.errors import FleetError
from waziterm.domain.fleet.protocol import Fleet
from waziterm.domain.text import plain
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.inputs import InputError

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


def acknowledge(
    flag: Path | None, as_json: bool, ids: Sequence[int], every: bool, note: str
) -> int:
    """Note that the incidents with these numbers were seen, and print them as they are then.

    every: all that nobody has acknowledged, instead. note: what there is to say about them, which
    those get too that were acknowledged already; "" for nothing. Raises FleetError, code 2, before
    anything is done: when there is no such incident, and when it is not said which.
    """
    if every == bool(ids):
        raise InputError(
            "acknowledge takes the numbers of incidents, or --all",
            "`waziterm incidents` lists them",
        )
    data = data_dir_of(flag)
    known = _by_number(data)
    chosen = [each["id"] for each in known.values() if each["acknowledged_at"] is None]
    if not every:
        chosen = list(dict.fromkeys(ids))
    for number in chosen:
        if number not in known:
            said = f"there is no incident {number}"
            raise FleetError(said, "see `waziterm incidents`", code=2)
    for number in chosen:
        if note or known[number]["acknowledged_at"] is None:
            ask(data, _acknowledging(number, note))
    now = _by_number(data)
    if as_json:
        output.document([_row(now[number]) for number in chosen if number in now])
    elif not chosen:
        output.remark("every incident is acknowledged")
    for number in () if as_json else chosen:
        output.line(_acknowledged(known[number], note))
    return 0


def _by_number(data: DataDir) -> dict[int, Json]:
    return {each["id"]: each for each in ask(data, lambda fleet: fleet.incidents())}


def _acknowledging(number: int, note: str) -> Callable[[Fleet], object]:
    return lambda fleet: fleet.acknowledge(number, note=note)


def _acknowledged(was: Json, note: str) -> str:
    """What became of an incident. was: the incident before. note: as it was given."""
    before = was["acknowledged_at"]
    is_new = before is None or note
    done = "acknowledged" if is_new else f"acknowledged already, {shown(before)}"
    names = ", ".join(was["names"]) or "this machine"
    return plain(f"{was['id']}: {names}: {was['sentence']}: {done}", 400)


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
        "by": incident["acknowledged_by"],
        "note": incident["note"],
        "told": incident["told"],
    }
