"""The verb restart: asks, shows how far it has come, prints what came back in which time."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from waziterm.cli.show import output
from waziterm.cli.show.verbs import with_verbs
from waziterm.cli.target import ask, client_of, data_dir_of
from waziterm.cli.verbs.asking import typed
from waziterm.domain.errors import FleetError
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.text import plain

Json = dict[str, Any]


def restart_fleet(flag: Path | None, as_json: bool, clean_sessions: bool, yes: bool) -> int:
    """Restart the fleet of the running manager; 0 when all that should be back are."""
    data = data_dir_of(flag)
    count = None
    if clean_sessions:
        names = client_of(data).ask(lambda fleet: fleet.with_session())["names"]
        count = len(names)
        if count == 0:
            raise FleetError(
                "there is no session to clean: nothing was changed",
                "`waziterm restart` restarts without cleaning",
            )
        said = f"All instances stop and their {count} sessions go to the trash."
        if not yes and typed(said, f"Type {count} to do it: ", names) != str(count):
            raise FleetError("nothing was changed")
    report = _followed(ask(data, lambda fleet: fleet.restart(clean_sessions=count)))
    if as_json:
        output.document(report)
    else:
        _print_report(report)
    return 0 if report["ok"] else 1


def _followed(steps: Iterator[Json]) -> Json:
    """Show the steps on a terminal, and return the report that ends them."""
    report: Json | None = None
    if sys.stderr.isatty():
        from rich.console import Console  # noqa: PLC0415 - rich takes 60 ms
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=Console(stderr=True)) as bars:
            shown: dict[str, Any] = {}
            for told in steps:
                if "step" not in told:
                    report = told
                    continue
                step = told["step"]
                if step not in shown:
                    shown[step] = bars.add_task(step, total=told["total"])
                bars.update(shown[step], completed=told["done"], total=told["total"])
    else:
        for told in steps:
            report = None if "step" in told else told
    if report is None:
        raise FleetError("the manager ended before the restart did", "see `waziterm list`", code=3)
    return report


def _print_report(report: Json) -> None:
    for each in report["comebacks"]:
        state = State(each["state"])
        if each["took_s"] is not None:
            said = f"back after {each['took_s']:.1f} s"
        elif each["expected"]:
            said = f"NOT back: {state.label}, {Reason.of(each['reason']).sentence}"
        else:
            said = f"{state.label}: {Reason.of(each['reason']).sentence}"
        output.line(plain(f"{each['instance']}: {said}", 300))
    for step in report["fixed"]["steps"]:
        output.line(plain(f"fixed: {step['act']}{step['error'] and ': ' + step['error']}", 300))
    left = len(report["fixed"]["remaining"])
    if left:
        output.line(
            with_verbs(f"findings that a person has to decide: {left}; see `waziterm check`")
        )
    expected = [each for each in report["comebacks"] if each["expected"]]
    back = [each for each in expected if each["took_s"] is not None]
    output.line(f"{len(back)} of {len(expected)} are back; {report['took_s']:.1f} s in all")
