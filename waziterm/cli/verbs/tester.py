"""The verb test: the truth about one instance's connection, about some, or about everyone's.

`test NAME --json` prints the report of one instance: `{instance, ok, layers}`, layers being an
array of `{name, verdict, took_s, detail, act}`; name is dns, tcp, tls, login, query or send,
verdict is ok, failed or skipped, took_s seconds or null. Several names, or a pattern, print an
array of such reports.
A message is sent only with `--to` or `--send`; the layer send is skipped otherwise.
`test --json` prints `{ok, api, instances, skipped}`: api is `{asked, answered, slowest_s}`, the
requests to the manager's own API, slowest_s null when none was answered; instances an array of
such reports; skipped the names of those that an operator stopped.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waziterm.cli.show import output
from waziterm.cli.show.verbs import with_verbs
from waziterm.cli.target import client_of, data_dir_of
from waziterm.cli.verbs.asking import confirm
from waziterm.cli.verbs.several import Act, carry_out
from waziterm.control.client.call import ControlClient
from waziterm.domain.care.layers import LayerName, Verdict
from waziterm.domain.errors import FleetError
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.text import plain
from waziterm.manager import inputs

if TYPE_CHECKING:
    from waziterm.cli.show.documents import Api, FleetTest

Json = dict[str, Any]

AT_ONCE = 8
"""So many instances are tested at the same time."""
API_REQUESTS = 5
_SENDING = (State.CONNECTED, State.DEGRADED)
"""The states in which an instance can send."""


def test_instances(
    flag: Path | None, as_json: bool, names: Sequence[str], to: str | None, send: bool, yes: bool
) -> int:
    """Test some instances, or all that should run; 0 when all is well. to: who gets a message of
    each. send: each sends one to its own number. Asks before more than one sends."""
    number = None if to is None else inputs.phone_number(to)
    sends = send or number is not None
    if names:
        whom = "to the number that --to names" if number else "to itself"
        act = Act(
            "test",
            lambda name: lambda fleet: fleet.test(name, number, send=sends),
            f"Each that is connected sends a message {whom}.",
            lambda _, report: report_lines(report),
            "well",
            partly="failed",
            code=lambda report: int(not report["ok"]),
            at_once=AT_ONCE,
        )
        return carry_out(flag, as_json, names, act, yes or not sends)
    if to is not None:
        raise inputs.InputError("--to needs the name of an instance", "waziterm test NAME --to …")
    client = client_of(data_dir_of(flag))
    if send:
        confirm_sending(client, yes)
    fleet = fleet_test(client, send=send)
    if as_json:
        output.document(fleet)
    else:
        for line in fleet_lines(fleet):
            output.line(line)
    return int(not fleet["ok"])


def confirm_sending(client: ControlClient, yes: bool) -> None:
    """Ask before more than one instance sends a message, with their number. yes: nobody is asked.
    Raises FleetError unless the operator agrees."""
    instances: list[Json] = client.ask(lambda fleet: fleet.snapshot().everyone())
    senders = [each["name"] for each in instances if each["state"] in _SENDING]
    if len(senders) > 1:
        said = "Each that is connected sends a message to itself."
        question = f"Send {len(senders)} messages: {', '.join(senders)}?"
        confirm(said, question, senders, yes)


def fleet_test(client: ControlClient, *, send: bool) -> "FleetTest":
    """Test all instances that should run, and the manager's API; see the module. send: each that
    is connected sends a message to its own number. Raises FleetError when the manager goes away."""
    instances: list[Json] = client.ask(lambda fleet: fleet.snapshot().everyone())
    stopped = [each["name"] for each in instances if _is_stopped(each)]
    names = [each["name"] for each in instances if not _is_stopped(each)]
    api = _api_test(client)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        reports = list(threads.map(lambda name: _tested(client, name, send), names))
    return {
        "ok": api["answered"] == api["asked"] and all(each["ok"] for each in reports),
        "api": api,
        "instances": reports,
        "skipped": stopped,
    }


def _is_stopped(instance: Json) -> bool:
    """Whether it does not run because an operator wants it so."""
    return bool(instance["state"] == State.STOPPED and instance["wanted"] == Wanted.STOPPED)


def _tested(client: ControlClient, name: str, send: bool) -> Json:
    try:
        report: Json = client.ask(lambda fleet: fleet.test(name, send=send))
    except FleetError as error:
        if error.code == 3:
            raise
        login = {
            "name": LayerName.LOGIN.value,
            "verdict": Verdict.FAILED.value,
            "took_s": None,
            "detail": str(error),
            "act": error.hint,
        }
        return {"instance": name, "ok": False, "layers": [login]}
    return report


def _api_test(client: ControlClient) -> "Api":
    """Ask the manager's API several times at once."""
    with ThreadPoolExecutor(API_REQUESTS) as threads:
        took = list(threads.map(lambda _: _answered(client), range(API_REQUESTS)))
    answered = [seconds for seconds in took if seconds is not None]
    return {
        "asked": len(took),
        "answered": len(answered),
        "slowest_s": round(max(answered), 3) if answered else None,
    }


def _answered(client: ControlClient) -> float | None:
    """Seconds to an answer; None without one."""
    started = time.monotonic()
    try:
        client.ask(lambda fleet: fleet.snapshot())
    except FleetError:
        return None
    return time.monotonic() - started


def fleet_lines(tested: "FleetTest") -> list[str]:
    """The test of a fleet in words: those that failed first, with their number."""
    reports = failed_first(tested["instances"])
    failed = sum(not report["ok"] for report in reports)
    lines = [f"{failed} of {len(reports)} FAILED:"] if failed else []
    lines += [line for report in reports for line in report_lines(report)]
    lines += [f"{name}: skipped, stopped by an operator" for name in tested["skipped"]]
    api = tested["api"]
    slowest = "" if api["slowest_s"] is None else f", the slowest after {api['slowest_s']:.2f} s"
    return [
        *lines,
        f"API {api['answered']}/{api['asked']}{slowest}",
        f"{len(reports) - failed} of {len(reports)} instances are well",
    ]


def failed_first(reports: Sequence[Json]) -> list[Json]:
    """The reports of instances, those that failed before those that are well."""
    return sorted(reports, key=lambda report: bool(report["ok"]))


def report_lines(report: Json) -> list[str]:
    """The test of one instance in words: a line per layer, then the first failure and what to do
    about it."""
    failed = first_failure(report)
    verdict = "ok" if failed is None else f"FAILED at {failed['name']}"
    lines = [f"{report['instance']}: {verdict}"]
    lines += [_layer_line(layer) for layer in report["layers"]]
    if failed is not None and failed["act"]:
        lines.append(f"  what to do: {plain(with_verbs(failed['act'], report['instance']), 400)}")
    return lines


def first_failure(report: Json) -> Json | None:
    """The layer that explains why a test failed."""
    layers: Sequence[Json] = report["layers"]
    return next((each for each in layers if each["verdict"] == Verdict.FAILED), None)


def _layer_line(layer: Json) -> str:
    took = "" if layer["took_s"] is None else f"{layer['took_s']:.2f} s"
    return f"  {layer['name']:<6}{layer['verdict']:<8}{took:>8}  {plain(layer['detail'], 300)}"
