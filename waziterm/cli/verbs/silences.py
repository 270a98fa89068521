"""The verbs silence and silences: of whom no sink is told for a time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from waziterm.cli.show import output
from waziterm.cli.show.times import seconds_of, shown
from waziterm.cli.target import ask, data_dir_of
from waziterm.cli.verbs.several import Act, carry_out
from waziterm.domain.text import plain
from waziterm.manager.inputs import InputError

Json = dict[str, Any]


def silence_instances(
    flag: Path | None,
    as_json: bool,
    names: Sequence[str],
    lasts: str | None,
    end: bool,
    yes: bool,
) -> int:
    """Silence instances for a time, or end that. Raises FleetError, code 2 when it is not said
    which."""
    if end == (lasts is not None):
        raise InputError("silence takes --for TIME, or --end", "for example --for 2h")
    seconds = 0 if lasts is None else seconds_of(lasts)
    if lasts is not None and seconds == 0:
        raise InputError("a silence lasts from 1 second to 30 days", "--end ends one")
    act = Act(
        "silence",
        lambda name: lambda fleet: fleet.silence(name, seconds),
        "No sink is told of what happens to them." if seconds else "Sinks are told of them again.",
        lambda _, answer: [silence_line(answer)],
        "silenced" if seconds else "silenced no more",
    )
    return carry_out(flag, as_json, names, act, yes)


def show_silences(flag: Path | None, as_json: bool) -> int:
    """Print the silences that last, the first to end first."""
    found = ask(data_dir_of(flag), lambda fleet: fleet.silences())
    output.array(found, as_json, silence_line, "nobody is silenced")
    return 0


def silence_line(silence: Json) -> str:
    """One silence as a line."""
    if silence["until"] == silence["at"]:
        return plain(f"{silence['instance']}: silenced no more")
    by = f", by {silence['who']}" if silence["who"] else ""
    return plain(f"{silence['instance']}: silenced until {shown(silence['until'])}{by}")
