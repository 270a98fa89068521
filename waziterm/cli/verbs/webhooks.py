"""The verbs of webhooks: each of them, a test, and the events that were given up."""

from pathlib import Path
from typing import Any

from waziterm.cli.show import output
from waziterm.cli.show.times import shown
from waziterm.cli.target import ask, data_dir_of
from waziterm.domain.text import plain

Json = dict[str, Any]


def list_webhooks(flag: Path | None, as_json: bool) -> int:
    """Print the webhooks, and how each stands. It judges nothing: always 0."""
    found = ask(data_dir_of(flag), lambda fleet: fleet.webhooks())
    if as_json:
        output.document(found)
    elif not found:
        output.remark("nobody is told: no webhook is set; see [[webhooks]] of the config")
    else:
        from waziterm.cli.show.tables import print_webhooks  # noqa: PLC0415 - rich takes 60 ms

        print_webhooks(found)
    return 0


def try_webhooks(flag: Path | None, as_json: bool, webhook: str | None) -> int:
    """Send a test to a webhook, or to all for None; 1 when one has not taken it."""
    found = ask(data_dir_of(flag), lambda fleet: fleet.test_webhooks(webhook))
    return output.tried(found, as_json, "webhook")


def list_failed(flag: Path | None, as_json: bool) -> int:
    """Print the events that were given up. It judges nothing: always 0."""
    found = ask(data_dir_of(flag), lambda fleet: fleet.failed_webhooks())
    output.array(found, as_json, _given_up, "no event was given up")
    return 0


def retry_failed(flag: Path | None, as_json: bool, event: str | None) -> int:
    """Try again what was given up, and print it: one event, or all for None."""
    found = ask(data_dir_of(flag), lambda fleet: fleet.retry_webhooks(event))
    nothing = "no event to try again: none was given up that is kept, or its webhook is gone"
    output.array(found, as_json, _given_up, nothing)
    return 0


def _given_up(event: Json) -> str:
    when = shown(event["failed_at"])
    what = f"{event['type']} of {event['instance']}"
    kept = "" if event["is_kept"] else "; it is kept no longer"
    return plain(f"{event['id']}  {when}  {event['webhook']}: {what}: {event['error']}{kept}", 400)
