"""The verbs qr --link and qr --unlink: a scan from far away."""

from pathlib import Path

from waziterm.cli.show import output
from waziterm.cli.show.times import seconds_of, shown
from waziterm.cli.target import ask, data_dir_of
from waziterm.domain.text import plain
from waziterm.manager import inputs


def make_link(flag: Path | None, as_json: bool, name: str, lasts: str | None) -> int:
    """Make a link to the scan page and print it, alone on stdout: it is told this once. lasts: for
    how long, None for the usual time."""
    name = inputs.instance_name(name)
    data = data_dir_of(flag)
    if lasts is None:
        made = ask(data, lambda fleet: fleet.make_link(name))
    else:
        seconds = seconds_of(lasts)
        made = ask(data, lambda fleet: fleet.make_link(name, seconds))
    if as_json:
        output.document(made)
    else:
        output.line(made["url"])
        until = shown(made["expires_at"])
        output.remark(plain(f"{name}: until {until}, for the browser that opens it first"))
    return 0


def end_link(flag: Path | None, as_json: bool, name: str) -> int:
    """End the link that was made for an instance."""
    name = inputs.instance_name(name)
    done = ask(data_dir_of(flag), lambda fleet: fleet.end_link(name))
    if as_json:
        output.document(done)
    else:
        output.line(plain(f"{name}: its link was ended"))
    return 0
