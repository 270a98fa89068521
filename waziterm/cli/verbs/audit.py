"""The verbs audit and note: who did what, and what they left for the next one.

`audit --json` prints an array of acts, oldest first, as `domain.fleet.audit` describes them; `note
--json` an array of notes `{id, at, who, text}`: those that nobody has dismissed.
"""

import json
import time
from pathlib import Path
from typing import Any

from waziterm.cli.show import output
from waziterm.cli.show.times import moment_of, shown
from waziterm.cli.target import ask, data_dir_of
from waziterm.domain.text import plain
from waziterm.manager.inputs import InputError

Json = dict[str, Any]


def show_audit(flag: Path | None, as_json: bool, since: str | None, by: str | None) -> int:
    """Print the acts from a moment on, by default all that are remembered. by: of one user."""
    begin = 0.0 if since is None else moment_of(since, time.time())
    found = ask(data_dir_of(flag), lambda fleet: fleet.audit(begin, by or ""))
    output.array(found, as_json, _act_line, "nobody did anything")
    return 0


def leave_note(flag: Path | None, as_json: bool, text: str | None, dismiss: bool) -> int:
    """Leave a note, or dismiss those that are there; then print those that there are. Raises
    FleetError, code 2, when both are asked for, and for a note that cannot be left."""
    if dismiss and text is not None:
        raise InputError("note takes a text, or --dismiss")
    data = data_dir_of(flag)
    if text is not None:
        ask(data, lambda fleet: fleet.note(text))
    found = ask(data, lambda fleet: fleet.notes())
    if dismiss and found:
        newest = found[-1]["id"]
        ask(data, lambda fleet: fleet.dismiss(newest))
        found = ask(data, lambda fleet: fleet.notes())
    output.array(found, as_json, _note_line, "no note")
    return 0


def _act_line(entry: Json) -> str:
    """An act in words: when, who and from where, what, and what came of it."""
    origin = " ".join(each for each in (entry["tty"], entry["from"]) if each)
    who = entry["who"] or "unknown"
    who = f"{who} ({origin})" if origin else who
    args = " ".join(f"{name}={json.dumps(value)}" for name, value in entry["args"].items())
    asked = " ".join(each for each in (entry["act"], *entry["instances"], args) if each)
    result = (entry["result"] or "under way or cut off").replace("_", " ")
    ended = f"{result}: {entry['error']}" if entry["error"] else result
    return plain(f"{shown(entry['at'])} {who} {entry['via']}: {asked}: {ended}", 600)


def _note_line(note: Json) -> str:
    return plain(f"{shown(note['at'])} {note['who'] or 'unknown'}: {note['text']}", 400)
