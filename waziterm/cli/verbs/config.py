"""The verbs config and reload.

The documents that they print with `--json` are in `cli.show.documents` and `domain.reload`.
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waziterm.cli.show import output
from waziterm.cli.show.verbs import with_verbs
from waziterm.cli.target import client_of
from waziterm.config.reading import read, with_set
from waziterm.config.source import Source
from waziterm.config.toml import effective, entry_json, example_file
from waziterm.domain.errors import FleetError
from waziterm.domain.reload import ConfigProblem, Reloaded
from waziterm.manager.files.datadir import DataDir
from waziterm.store.peek import peek_own

if TYPE_CHECKING:
    from waziterm.cli.show.documents import ConfigWarning
    from waziterm.config.settings import Settings, Web
    from waziterm.domain.alerts.alert_settings import Pattern

Json = dict[str, Any]
_MANY_LINES = 2_000
"""So many lines a second a noisy fleet has."""


def show_config(flag: Path | None, as_json: bool, *, check: bool, example: bool) -> int:
    """Print every setting as it is gone by, each with its origin: what was set of an instance too,
    where its database can be read.

    check: print all that is wrong instead, what costs much and what makes nothing; 1 when anything
    is wrong. example: print a config file.

    Raises ConfigError unless one of them is asked for, and FleetError for what makes no sense.
    """
    if example:
        if check or as_json:
            raise FleetError("--example prints TOML and nothing else", "use it alone", code=2)
        output.line(example_file().rstrip("\n"))
        return 0
    reading = read(Source(flag))
    if check:
        warnings = [
            *_half_set(reading.settings),
            *_of_the_page(reading.settings.web),
            *_warnings(reading.settings.alerts.patterns),
        ]
        return _print_problems(reading.problems, warnings, as_json)
    data = DataDir(reading.checked().data_dir)
    entries = with_set(reading.entries, peek_own(data.database))
    if as_json:
        output.document([entry_json(entry) for entry in entries])
    else:
        for line in effective(entries):
            output.line(line)
    return 0


def _half_set(settings: "Settings") -> "list[ConfigWarning]":
    """What is allowed and makes nothing: a backup that knows only where, or only for whom."""
    there = {"directory": settings.backup.directory, "recipient": settings.backup.recipient}
    missing = [key for key, value in there.items() if not value]
    if len(missing) != 1:
        return []
    said = "is not set, so no regular backup is made: set both directory and recipient"
    return [{"setting": f"backup.{missing[0]}", "warning": said}]


def _of_the_page(web: "Web") -> "list[ConfigWarning]":
    """What is allowed and makes links that lead nowhere, or that others can read on their way."""
    said = ""
    if web.public_url and web.address is None:
        said = "leads nowhere: set address in [web], or the scan page does not answer"
    elif web.leaks_links:
        said = "links would cross the network openly: let it begin with https"
    return [{"setting": "web.public_url", "warning": said}] if said else []


def _warnings(patterns: "tuple[Pattern, ...]") -> "list[ConfigWarning]":
    """What is allowed and may not be meant: patterns of which looking for them costs much."""
    if not patterns:
        return []
    from waziterm.manager.care.pattern_cost import costly  # noqa: PLC0415 - only where some are set

    return [
        {
            "setting": f"alerts.patterns.{each.name}.regex",
            "warning": f"takes {took_s * 1e6:.0f} µs for a line of the log, which is"
            f" {took_s * _MANY_LINES:.0%} of a core at {_MANY_LINES:,} lines a second:"
            " use smaller repeats",
        }
        for each, took_s in costly(patterns)
    ]


def _print_problems(
    problems: tuple[ConfigProblem, ...], warnings: "list[ConfigWarning]", as_json: bool
) -> int:
    if as_json:
        errors = [asdict(problem) for problem in problems]
        output.document({"errors": errors, "warnings": warnings})
        return int(bool(problems))
    for problem in problems:
        output.line(problem.error)
    for warning in warnings:
        output.line(f"warning: {warning['setting']}: {warning['warning']}")
    if not problems and not warnings:
        output.line("nothing is wrong in the config")
    return int(bool(problems))


def reload_config(flag: Path | None, as_json: bool) -> int:
    """Let the manager read the config again, and print what came of it; 1 when it is wrong.

    Raises FleetError, code 3, when no manager runs.
    """
    reading = read(Source(flag))
    data = DataDir(reading.settings.data_dir)
    if data.owner_pid() is None and reading.problems:
        # Whatever is wrong may be the very line that names the manager's directory.
        answer: Json = asdict(Reloaded(errors=reading.problems))
    else:
        answer = client_of(data).ask(lambda fleet: fleet.reload())
    if as_json:
        output.document(answer)
    elif answer["errors"]:
        for error in answer["errors"]:
            output.remark(f"waziterm: {error['error']}")
        output.remark(
            with_verbs("nothing was changed; correct the config, then `waziterm reload` again")
        )
    else:
        _print_reloaded(answer)
    return int(bool(answer["errors"]))


def _print_reloaded(answer: Json) -> None:
    said = {
        "changed": "changed",
        "next_screen": "changed for the next screen",
        "needs_restart": "changed at the next start only",
    }
    for name, words in said.items():
        if answer[name]:
            output.line(f"{words}: {', '.join(answer[name])}")
    if not any(answer[name] for name in said):
        output.line("nothing has changed")
