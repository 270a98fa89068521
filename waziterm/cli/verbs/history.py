"""The verbs logs and conflicts: what is remembered of the instances.

`logs --json` prints an array of lines `{seq, at, source, text}`, oldest first; with `--follow`
JSON lines instead: one such object per line, as they come, and an error as `{error, code, hint}`.
`conflicts --json` prints `{since, total, counts, conflicts}`: counts is how many by instance,
conflicts an array of `{at, instance, reason, code, sentence, state, who}`, oldest first.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waziterm.cli.run import streams
from waziterm.cli.show import output
from waziterm.cli.show.times import moment_of, shown
from waziterm.cli.show.verbs import document_with_verbs
from waziterm.cli.target import ask, client_of, data_dir_of
from waziterm.control.client.call import ControlClient
from waziterm.domain.errors import FleetError
from waziterm.domain.fleet.protocol import Fleet
from waziterm.domain.lifecycle.states import State
from waziterm.domain.text import plain
from waziterm.domain.units import moment_text
from waziterm.manager import inputs

if TYPE_CHECKING:
    from waziterm.cli.show.documents import Conflicts

Json = dict[str, Any]

NEWEST = 200
MOST = 5000
DAY_S = 86_400.0
_PAUSE_S = 0.5


def show_logs(
    flag: Path | None,
    as_json: bool,
    name: str,
    *,
    since: str | None,
    limit: int | None,
    follow: bool,
) -> int:
    """Print an instance's log lines, those of a manager or else of the database.

    since: a moment, see `cli.show.times`. limit: how many at most, the newest; None for 200, or as
    many as there may be from a moment on.
    """
    name = inputs.instance_name(name)
    data = data_dir_of(flag)
    limit = limit or (NEWEST if since is None else MOST)
    begin = 0.0 if since is None else moment_of(since, time.time())
    if follow:
        return _follow(client_of(data), as_json, name, begin, limit)
    lines = ask(data, lambda fleet: fleet.lines(name, limit=limit, since=begin))
    if as_json:
        output.document(lines)
        return 0
    if not lines:
        output.remark(f"{name}: no log line {'yet' if since is None else 'since then'}")
    for line in lines:
        output.line(log_line(line))
    return 0


def _follow(client: ControlClient, as_json: bool, name: str, begin: float, limit: int) -> int:
    """Print lines as they come, until ctrl+c. Raises FleetError when the manager goes away."""
    try:
        lines = client.ask(lambda fleet: fleet.lines(name, limit=limit, since=begin))
        last = 0
        while True:
            for line in lines:
                output.line(json.dumps(line) if as_json else log_line(line))
                last = line["seq"]
            sys.stdout.flush()
            if streams.lost() is not None:
                return 1
            time.sleep(_PAUSE_S)
            lines = client.ask(_after(name, begin, last))
    except KeyboardInterrupt:
        return 0
    except FleetError as error:
        if not as_json:
            raise
        output.line(json.dumps(document_with_verbs(error.document)))
        return error.code


def show_conflicts(flag: Path | None, as_json: bool, name: str | None, since: str | None) -> int:
    """Print the conflicts from a moment on, by default of the last 24 hours. Raises
    InstanceNotFoundError for a name that nobody has or had."""
    name = None if name is None else inputs.instance_name(name)
    now = time.time()
    begin = now - DAY_S if since is None else moment_of(since, now)
    data = data_dir_of(flag)
    found = summary(ask(data, lambda fleet: fleet.conflicts(begin)), begin, name)
    if name is not None and not found["total"]:
        # Nothing is said of a name that nobody has; what a removed one went through is shown.
        ask(data, lambda fleet: fleet.snapshot().instance(name))
    if as_json:
        output.document(found)
        return 0
    for line in conflict_lines(found):
        output.line(line)
    return 0


def _after(name: str, begin: float, seq: int) -> Callable[[Fleet], object]:
    """Asks for the lines with a number above `seq`."""
    return lambda fleet: fleet.lines(name, limit=MOST, since=begin, after=seq)


def summary(conflicts: list[Json], begin: float, name: str | None = None) -> "Conflicts":
    """Conflicts, counted; see the module."""
    chosen = [each for each in conflicts if name in (None, each["instance"])]
    counts = Counter(each["instance"] for each in chosen)
    return {
        "since": moment_text(begin),
        "total": len(chosen),
        "counts": dict(counts.most_common()),
        "conflicts": chosen,
    }


def conflict_lines(found: "Conflicts") -> list[str]:
    """Conflicts in words: each one, then how many by instance."""
    since = shown(found["since"])
    if not found["total"]:
        return [f"no conflict since {since}"]
    lines = [_conflict_line(each) for each in found["conflicts"]]
    counts = ", ".join(f"{name} {count}" for name, count in found["counts"].items())
    return [*lines, f"conflicts since {since}: {found['total']} ({counts})"]


def _conflict_line(conflict: Json) -> str:
    led_to = State(conflict["state"]).label
    who = f"; {conflict['who']}" if conflict["who"] else ""
    said = f"{conflict['instance']}: {conflict['sentence']} ({conflict['code']}), {led_to}{who}"
    return f"{shown(conflict['at'])} {plain(said, 400)}"


def log_line(line: Json) -> str:
    """A log line in words: when, from whom, what."""
    return f"{shown(line['at'])} {line['source']:<8} {plain(line['text'])}"
