"""The verbs logs and conflicts: what is remembered of the instances.

`logs --json` prints an array of lines `{seq, at, source, text}`, oldest first, with `--all` each
`{instance, seq, at, source, text}`; with `--follow` JSON lines instead: one such object per line,
as they come, and an error as `{error, code, hint}`.
`conflicts --json` prints `{since, total, counts, conflicts}`: counts is how many by instance,
conflicts an array of `{at, instance, reason, code, sentence, state, who}`, oldest first.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waziterm.cli.app.options import LogLevel
from waziterm.cli.run import streams
from waziterm.cli.show import output
from waziterm.cli.show.times import moment_of, shown
from waziterm.cli.show.verbs import document_with_verbs
from waziterm.cli.target import ask, client_of, data_dir_of
from waziterm.domain.errors import FleetError
from waziterm.domain.fleet.protocol import Fleet
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.states import State
from waziterm.domain.text import plain, storable
from waziterm.domain.units import moment_text
from waziterm.manager import inputs

if TYPE_CHECKING:
    from waziterm.cli.show.documents import Conflicts

Json = dict[str, Any]
Source = Callable[[Callable[[Fleet], object]], Any]
"""Asks the fleet, or the files."""

NEWEST = 200
MOST = 5000
DAY_S = 86_400.0
_PAUSE_S = 0.5


@dataclass(frozen=True, slots=True)
class WantedLines:
    """Which lines are printed. since: a moment, see `cli.show.times`. limit: how many at most, the
    newest; None for 200, or as many as there may be from a moment on. grep: a regular expression
    of RE2. level: the lowest one."""

    since: str | None
    limit: int | None
    grep: str | None
    level: LogLevel | None


def show_logs(
    flag: Path | None, as_json: bool, name: str | None, wanted: WantedLines, *, follow: bool
) -> int:
    """Print log lines of an instance, or for None of all by time: those of a manager or else of
    the database."""
    name = None if name is None else inputs.instance_name(name)
    data = data_dir_of(flag)
    limit = wanted.limit or (NEWEST if wanted.since is None else MOST)
    begin = 0.0 if wanted.since is None else moment_of(wanted.since, time.time())
    keeps = _filter(wanted)
    # What is left out must not count.
    fetched = MOST if wanted.grep is not None or wanted.level is not None else limit
    if follow:
        return _follow(client_of(data).ask, as_json, name, begin, fetched, limit, keeps)
    found = ask(data, lambda fleet: fleet.fleet_lines(limit=fetched, since=begin, name=name))
    lines = _shown(found["lines"], name, keeps)[-limit:]
    if as_json:
        output.document(lines)
        return 0
    if not lines:
        whose = "all instances" if name is None else name
        what = "no log line" if fetched == limit else "no such log line"
        output.remark(f"{whose}: {what} {'yet' if wanted.since is None else 'since then'}")
    for line in lines:
        output.line(log_line(line))
    return 0


def _filter(wanted: WantedLines) -> Callable[[Json], bool]:
    """Whether a line is printed. Raises InputError for what is no regular expression."""
    levels = list(LogLevel)
    least = 0 if wanted.level is None else levels.index(wanted.level)
    if wanted.grep is None:
        return lambda line: levels.index(level_of(line)) >= least
    if storable(wanted.grep) != wanted.grep:
        raise inputs.InputError("--grep holds bytes that are no UTF-8")
    from waziterm.regex import RegexError, regex_of  # noqa: PLC0415 - only to look for something

    try:
        regex = regex_of(wanted.grep)
    except RegexError as error:
        raise inputs.InputError(
            f"--grep is no regular expression of RE2: {plain(str(error), 200)}"
        ) from error
    return lambda line: levels.index(level_of(line)) >= least and bool(regex.search(line["text"]))


def level_of(line: Json) -> LogLevel:
    """How much a line matters, as the library's lines say it at their beginning."""
    word, mark, _ = line["text"].partition(": ")
    if mark and word in (LogLevel.WARNING, LogLevel.ERROR):
        return LogLevel(word)
    return LogLevel.INFO


def _shown(lines: Sequence[Json], name: str | None, keeps: Callable[[Json], bool]) -> list[Json]:
    """The lines that are wanted; those of one instance that was named do not tell its name."""
    kept = [line for line in lines if keeps(line)]
    if name is None:
        return kept
    return [{key: line[key] for key in line if key != "instance"} for line in kept]


def _follow(
    source: Source,
    as_json: bool,
    name: str | None,
    begin: float,
    fetched: int,
    limit: int,
    keeps: Callable[[Json], bool],
) -> int:
    """Print lines as they come, until ctrl+c. Raises FleetError when the manager goes away, and
    when the instance is removed."""
    try:
        found = source(lambda fleet: fleet.fleet_lines(limit=fetched, since=begin, name=name))
        lines = _shown(found["lines"], name, keeps)[-limit:]
        while True:
            for line in lines:
                output.line(json.dumps(line) if as_json else log_line(line))
            sys.stdout.flush()
            if streams.lost() is not None:
                return 1
            time.sleep(_PAUSE_S)
            # What came while the answer was made is in the next one too.
            told, last = found["lines"], found["last"]
            found = source(partial(_after, name, last))
            lines = _shown([each for each in found["lines"] if each not in told], name, keeps)
    except KeyboardInterrupt:
        return 0
    except FleetError as error:
        if not as_json:
            raise
        output.line(json.dumps(document_with_verbs(error.document)))
        return error.code


def _after(name: str | None, last: int, fleet: Fleet) -> object:
    return fleet.fleet_lines(limit=MOST, name=name, after=last)


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
    """A log line in words: when, of which instance when that is told, from whom, what."""
    whose = f"{line['instance']} " if "instance" in line else ""
    return f"{shown(line['at'])} {whose}{line['source']:<8} {plain(line['text'])}"
