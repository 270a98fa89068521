"""The verbs of alerts: the sinks, a test of them, and the messages that were given up."""

from pathlib import Path
from typing import Any

from waziterm.cli.show import output
from waziterm.cli.show.times import shown
from waziterm.cli.target import ask, data_dir_of
from waziterm.cli.verbs.silences import silence_line
from waziterm.domain.text import plain

Json = dict[str, Any]


def list_sinks(flag: Path | None, as_json: bool) -> int:
    """Print the sinks of the settings, and who is silenced. It judges nothing: always 0."""
    found = ask(data_dir_of(flag), lambda fleet: fleet.alerts())
    if as_json:
        output.document(found)
        return 0
    if not found["sinks"]:
        output.remark("nobody is told: no sink is set; see [[alerts.sinks]] of the config")
    else:
        from waziterm.cli.show.tables import print_sinks  # noqa: PLC0415 - rich takes 60 ms

        print_sinks(found["sinks"])
    for silence in found["silences"]:
        output.line(silence_line(silence))
    return 0


def try_sinks(flag: Path | None, as_json: bool, sink: str | None) -> int:
    """Send a test to a sink, or to all for None; 1 when one has not taken it."""
    found = ask(data_dir_of(flag), lambda fleet: fleet.test_alerts(sink))
    return output.tried(found, as_json, "sink")


def list_failed(flag: Path | None, as_json: bool) -> int:
    """Print the messages that were given up. It judges nothing: always 0."""
    found = ask(data_dir_of(flag), lambda fleet: fleet.failed_alerts())
    output.array(found, as_json, _given_up, "no message was given up")
    return 0


def retry_failed(flag: Path | None, as_json: bool, message: str | None) -> int:
    """Try again what was given up, and print it: one message, or all for None."""
    found = ask(data_dir_of(flag), lambda fleet: fleet.retry_alerts(message))
    nothing = "no message to try again: none was given up, or its sink is gone"
    output.array(found, as_json, _given_up, nothing)
    return 0


def _given_up(message: Json) -> str:
    when = shown(message["failed_at"])
    head = f"{message['id']}  {when}  {message['sink']}: {message['error']}"
    return f"{plain(head, 400)}\n{plain(message['text'], 400)}"
