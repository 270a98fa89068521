"""What to do, for whoever has no keys: a sentence of ours that names a key names the verb, and a
command line that it names works in the shell in which it is read."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from waziterm.domain.text import plain

_START_AND_SCAN = "`waziterm start {name}`, then `waziterm qr {name}`"
_VERBS = {
    "start it (s) to see": f"{_START_AND_SCAN} to see",
    "start it (s) to link it again": f"{_START_AND_SCAN} to link it again",
    "start it (s) for a new code": f"{_START_AND_SCAN} for a new code",
    "start it (s) and scan": f"{_START_AND_SCAN}, and scan",
    "start it (s)": "`waziterm start {name}`",
    "reconnect (r)": "`waziterm reconnect {name} --takeover`",
    "r only if it runs nowhere else": (
        "`waziterm reconnect {name} --takeover` only if it runs nowhere else"
    ),
    "take over (r)": "`waziterm reconnect {name} --takeover`",
    "clean it (c)": "`waziterm clean {name}`",
    "then s": f"then {_START_AND_SCAN}",
    "`u` restores it": "`waziterm undo` restores it",
    "restore it": "restore it (`waziterm trash` tells what there is)",
    "scan it with the phone": "scan it with the phone (`waziterm qr {name}` draws it)",
    "see the log": "see `waziterm logs {name}`",
}
"""By the words of ours; where one begins like another one, the longer one stands first."""
_TOLD = ("next_step", "act", "hint")
"""The members of a document that say what to do; an audit's `act` is a verb, and names no key."""
_BY_KEY = re.compile("|".join(rf"{re.escape(words)}(?!\w)" for words in _VERBS))
_COMMAND = re.compile(r"`waziterm(?P<words>(?: [^`]*)?)`")
_DATA_DIR, _LAB = "--data-dir", "--lab"
ELSEWHERE = ("completion", "demo", "lab", "metrics", "schema")
"""The verbs that have no data directory."""
_WITH_LAB = ("", "headless")

_typed: ContextVar[Mapping[str, str]] = ContextVar("typed", default={})  # noqa: B039 - never changed


@contextmanager
def typed(argv: Sequence[str]) -> Iterator[None]:
    """While a command line is carried out: the command lines that sentences name say which data
    directory and which lab is meant as that one does."""
    found: dict[str, str] = {}
    for flag in (_DATA_DIR, _LAB):
        for place, word in enumerate(argv):
            if word == flag and place + 1 < len(argv):
                found[flag] = argv[place + 1]
            elif word.startswith(f"{flag}="):
                found[flag] = word.partition("=")[2]
    before = _typed.set(found)
    try:
        yield
    finally:
        _typed.reset(before)


def with_verbs(text: str, name: str = "NAME") -> str:
    """The text with the commands in the place of the keys, each with the data directory that was
    typed. name: of the instance it is about."""
    told = _BY_KEY.sub(lambda found: _VERBS[found[0]].format(name=name), text)
    return _COMMAND.sub(_pasted, told) if _typed.get() else told


def _pasted(found: re.Match[str]) -> str:
    """A command line that works where the one that was typed did."""
    words = found["words"]
    verb = next(iter(words.split()), "")
    if _DATA_DIR in words or "--help" in words or verb in ELSEWHERE:
        return found[0]
    flags = {flag: value for flag, value in _typed.get().items() if flag not in words}
    if verb not in _WITH_LAB:
        flags.pop(_LAB, None)
    said = "".join(f" {flag} {shlex.quote(plain(value))}" for flag, value in flags.items())
    return f"`waziterm{words}{said}`"


def document_with_verbs(data: Any, name: str = "NAME") -> Any:
    """The same for what a document says, wherever in it. name: of the instance that all of it is
    about; what is about another one has its name beside it, as `instance` or `name`."""
    if isinstance(data, list | tuple):
        return [document_with_verbs(each, name) for each in data]
    if not isinstance(data, Mapping):
        return data
    names = (data.get("instance"), data.get("name"))
    named = next((each for each in names if isinstance(each, str)), name)
    return {
        key: with_verbs(value, named)
        if key in _TOLD and isinstance(value, str)
        else document_with_verbs(value, named)
        for key, value in data.items()
    }
