"""What to do, for whoever has no keys: a sentence of ours that names a key names the verb."""

import re
from collections.abc import Mapping
from typing import Any

_VERBS = {
    "start it (s)": "`waziterm start {name}`",
    "reconnect (r)": "`waziterm reconnect {name} --takeover`",
    "take over (r)": "`waziterm reconnect {name} --takeover`",
    "clean it (c)": "`waziterm clean {name}`",
    "then s": "then `waziterm start {name}`",
    "`u` restores it": "`waziterm undo` restores it",
}
_TOLD = ("next_step", "act", "hint")
"""The members of a document that say what to do; an audit's `act` is a verb, and names no key."""
_BY_KEY = re.compile("|".join(rf"{re.escape(words)}(?!\w)" for words in _VERBS))


def with_verbs(text: str, name: str = "NAME") -> str:
    """The text with the commands in the place of the keys. name: of the instance it is about."""
    return _BY_KEY.sub(lambda found: _VERBS[found[0]].format(name=name), text)


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
