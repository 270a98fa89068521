"""The verb full: test, conflicts, check and the logs of whoever is in trouble, with one verdict.

The verdict is that of check, and of the tests of those that check does not know as unconnected
without trouble (not linked yet, just begun).
`full --json` prints `{verdict, test, conflicts, check, logs}`: verdict is healthy or problems;
test as `test --json`, conflicts as `conflicts --json` for the last 24 hours, check as
`check --json`; logs holds the last lines, as `logs --json`, of each instance in trouble.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waziterm.cli.show import output
from waziterm.cli.show.findings import finding_lines, serious
from waziterm.cli.target import client_of, data_dir_of
from waziterm.cli.verbs.history import DAY_S, conflict_lines, log_line, summary
from waziterm.cli.verbs.tester import confirm_sending, fleet_lines, fleet_test
from waziterm.control.client.call import ControlClient
from waziterm.domain.care.findings import FindingKind
from waziterm.domain.errors import FleetError
from waziterm.manager.inputs import InputError

if TYPE_CHECKING:
    from waziterm.cli.show.documents import Full

Json = dict[str, Any]

HEALTHY = "healthy"
PROBLEMS = "problems"
LAST_LINES = 5


def show_full(flag: Path | None, as_json: bool, report: Path | None, send: bool, yes: bool) -> int:
    """Look at everything; 0 when all is well. report: a file for the same as Markdown. send: the
    test ends with a message of each to its own number, and more than one is asked for.

    Raises FleetError: code 2 when the file exists already, 1 when it cannot be written.
    """
    if report is not None and report.exists():
        raise _taken(report)
    client = client_of(data_dir_of(flag))
    if send:
        confirm_sending(client, yes)
    found = full(client, time.time(), send=send)
    if report is not None:
        _write(report, found)
    if as_json:
        output.document(found)
    else:
        for line in full_lines(found):
            output.line(line)
        if report is not None:
            output.remark(f"the report is in {report}")
    return 0 if found["verdict"] == HEALTHY else 1


def full(client: ControlClient, now: float, *, send: bool) -> "Full":
    """Ask the manager for everything; see the module. now: UTC seconds. send: as of `fleet_test`.
    Raises FleetError."""
    since = now - DAY_S
    test = fleet_test(client, send=send)
    check = client.ask(lambda fleet: fleet.check())
    grave = serious(check["findings"])
    known = [each["instance"] for each in test["instances"]] + test["skipped"]
    failed = {each["instance"] for each in test["instances"] if not each["ok"]}
    failed -= _known_unconnected(check["findings"])
    troubled = failed | {each["instance"] for each in grave}
    api = test["api"]
    well = api["answered"] == api["asked"] and not failed and not grave
    return {
        "verdict": HEALTHY if well else PROBLEMS,
        "test": test,
        "conflicts": summary(client.ask(lambda fleet: fleet.conflicts(since)), since),
        "check": check,
        "logs": {name: _last_lines(client, name) for name in known if name in troubled},
    }


def _known_unconnected(findings: list[Json]) -> set[str]:
    """Those of whom check knows why they are not connected, and calls it no trouble: nobody has
    linked them yet, or they have just begun. Their test cannot but fail."""
    grave = {each["instance"] for each in serious(findings)}
    told = {each["instance"] for each in findings if each["kind"] == FindingKind.NOT_CONNECTED}
    return told - grave


def _last_lines(client: ControlClient, name: str) -> list[Json]:
    found: list[Json] = client.ask(lambda fleet: fleet.lines(name, limit=LAST_LINES))
    return found


def full_lines(found: "Full") -> list[str]:
    """All of it in words; the verdict comes last."""
    logs = [
        line
        for name, lines in found["logs"].items()
        for line in (f"last lines of {name}:", *(f"  {log_line(each)}" for each in lines))
    ]
    findings = found["check"]["findings"]
    return [
        *fleet_lines(found["test"]),
        *logs,
        *conflict_lines(found["conflicts"]),
        *finding_lines(findings),
        f"check: {output.counted(len(findings), 'finding')}"
        if findings
        else "check: nothing is wrong",
        f"verdict: {found['verdict']}{_unjudged(found)}",
    ]


def _unjudged(found: "Full") -> str:
    """Who is not connected without being a problem: healthy says nothing of them."""
    names = sorted(_known_unconnected(found["check"]["findings"]))
    return f"; not connected yet, so not judged: {', '.join(names)}" if names else ""


def _write(path: Path, found: "Full") -> None:
    from waziterm.cli.show.report import markdown  # noqa: PLC0415 - rarely asked for

    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(markdown(found, time.time()))
    except FileExistsError:
        raise _taken(path) from None
    except OSError as error:
        raise FleetError(
            f"{path} cannot be written: {error.strerror}", "name another file"
        ) from error


def _taken(path: Path) -> InputError:
    return InputError(f"{path} exists already", "name a file that does not exist")
