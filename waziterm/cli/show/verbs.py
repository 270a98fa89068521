"""What to do, for whoever has no keys: a sentence of ours that names a key names the verb."""

import re

_VERBS = {
    "start it (s)": "`waziterm start {name}`",
    "reconnect (r)": "`waziterm reconnect {name} --takeover`",
    "take over (r)": "`waziterm reconnect {name} --takeover`",
    "clean it (c)": "`waziterm clean {name}`",
    "then s": "then `waziterm start {name}`",
}
_BY_KEY = re.compile("|".join(rf"{re.escape(words)}(?!\w)" for words in _VERBS))


def with_verbs(text: str, name: str = "NAME") -> str:
    """The text with the commands in the place of the keys. name: of the instance it is about."""
    return _BY_KEY.sub(lambda found: _VERBS[found[0]].format(name=name), text)
