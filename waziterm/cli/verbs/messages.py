"""The verbs of messages out: how they stand, what a person makes of one, who opted out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from waziterm.cli.app.options import MessageState as StateWord
from waziterm.cli.show import output
from waziterm.cli.show.times import shown
from waziterm.cli.target import ask, data_dir_of
from waziterm.domain.messages.message import MessageState
from waziterm.domain.messages.queue import Resolution
from waziterm.domain.text import plain

Json = dict[str, Any]


def list_messages(
    flag: Path | None,
    as_json: bool,
    name: str | None,
    state: StateWord | None,
    limit: int,
    before: str | None,
) -> int:
    """Print messages, the newest first. It judges nothing: always 0."""
    wanted = None if state is None else MessageState(state.value)
    found = ask(
        data_dir_of(flag),
        lambda fleet: fleet.messages(name, state=wanted, limit=limit, before=before),
    )
    if as_json:
        output.document(found)
    elif not found:
        output.remark("no message" if wanted is None else f"no message is {wanted.value}")
    else:
        from waziterm.cli.show.tables import print_messages  # noqa: PLC0415 - rich takes 60 ms

        print_messages(found)
    return 0


def cancel(flag: Path | None, as_json: bool, message: str) -> int:
    """Take back a message that waits, and print it."""
    found = ask(data_dir_of(flag), lambda fleet: fleet.cancel_message(message))
    return _print(found, as_json)


def resend(flag: Path | None, as_json: bool, message: str) -> int:
    """Send a message again, and print it."""
    return _resolve(flag, as_json, message, Resolution.RESEND)


def close(flag: Path | None, as_json: bool, message: str) -> int:
    """Leave a message as it is, and print it."""
    return _resolve(flag, as_json, message, Resolution.CLOSE)


def list_opt_outs(flag: Path | None, as_json: bool, name: str | None) -> int:
    """Print who asked to be sent no more. It judges nothing: always 0."""
    found: Sequence[Json] = ask(data_dir_of(flag), lambda fleet: fleet.opt_outs(name))
    output.array(found, as_json, _opted_out, "nobody asked to be sent no more")
    return 0


def remove_opt_out(flag: Path | None, as_json: bool, opt_out: str) -> int:
    """Let somebody be sent to again, and print who it is."""
    found = ask(data_dir_of(flag), lambda fleet: fleet.remove_opt_out(opt_out))
    if as_json:
        output.document(found)
    else:
        output.line(plain(f"{found['instance']}: {found['to']} can be sent to again", 400))
    return 0


def _resolve(flag: Path | None, as_json: bool, message: str, how: Resolution) -> int:
    found = ask(data_dir_of(flag), lambda fleet: fleet.resolve_message(message, how))
    return _print(found, as_json)


def _print(message: Json, as_json: bool) -> int:
    if as_json:
        output.document(message)
        return 0
    then = "; ".join(each for each in (message["reason"], message["next_step"]) if each)
    said = f"{message['instance']}: to {message['to']}: {message['state']}"
    output.line(plain(f"{message['id']}  {said}{': ' if then else ''}{then}", 400))
    return 0


def _opted_out(each: Json) -> str:
    return plain(f"{each['id']}  {shown(each['at'])}  {each['instance']}: {each['to']}", 400)
