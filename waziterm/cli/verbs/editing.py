"""The verb set: what differs for single instances, as words `key=value`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from waziterm.cli.verbs.several import Act, carry_out, instance_lines
from waziterm.domain.lifecycle.instance import OwnKey
from waziterm.domain.text import plain
from waziterm.manager import inputs
from waziterm.manager.inputs import InputError

Json = dict[str, Any]

_RECONNECTING = (OwnKey.PROXY, OwnKey.ISOLATE, OwnKey.RECEIPTS)
"""For these an open connection is made anew."""
_BRACES = str.maketrans({"{": "{{", "}": "}}"})
_ALLOWED = ", ".join(f"{key.value}=" for key in OwnKey)


def set_values(flag: Path | None, as_json: bool, words: Sequence[str], yes: bool) -> int:
    """Set what differs for instances. words: names and patterns, and `key=value`. Raises InputError
    for what cannot be set, before anybody is asked."""
    names = [word for word in words if "=" not in word]
    values = _values([word for word in words if "=" in word])
    inputs.own_values(**values)
    anew = [key.value for key in _RECONNECTING if key.value in values]
    whose = f"for its {' and '.join(anew)}" if anew else ""
    act = Act(
        "set",
        lambda name: lambda fleet: fleet.edit(name, **values),
        f"{_told(values)}. {_anew('each', whose)}".strip(),
        lambda name, found: [
            f"{name}: set; {_stands(found, values)}",
            *instance_lines(name, found),
        ],
        "set",
        one=f"{_told(values).translate(_BRACES)}. {_anew('{name}', whose)}" if anew else "",
    )
    return carry_out(flag, as_json, names, act, yes)


def _values(words: Sequence[str]) -> dict[str, str]:
    """The values by key; the last one counts. Raises InputError."""
    if not words:
        raise InputError("set needs something to set", f"allowed: {_ALLOWED}")
    values = {}
    for word in words:
        key, _, value = word.partition("=")
        if key not in tuple(OwnKey):
            raise InputError(f"{plain(key, 40)!r} cannot be set", f"allowed: {_ALLOWED}")
        values[key] = value
    return values


def _told(values: Mapping[str, str]) -> str:
    """What is set, in words: `note = "paid"; the proxy is cleared`. A proxy may hold a login."""
    told = []
    for key, value in values.items():
        shown = "••••" if key == OwnKey.PROXY else plain(value, 60)
        told.append(f"{key} becomes {shown}" if value else f"{key} is cleared")
    return "; ".join(told)


def _anew(whom: str, whose: str) -> str:
    if not whose:
        return ""
    tested = "A proxy is tested first, and nothing is changed when that fails. "
    return (
        tested if "proxy" in whose else ""
    ) + f"Where {whom} is connected, it connects again {whose}; no cool-down, hold or ban ends."


def _stands(found: Json, values: Mapping[str, str]) -> str:
    """What is gone by now."""
    shown = {
        OwnKey.NOTE.value: found["note"] or "no note",
        OwnKey.TAGS.value: " ".join(f"#{tag}" for tag in found["tags"]) or "no tags",
        OwnKey.PROXY.value: found["proxy"] or "no proxy",
        OwnKey.DEVICE_NAME.value: f"device name {found['device_name']}, from the next pairing on",
        OwnKey.ISOLATE.value: "a worker of its own" if found["isolated"] else "shares its worker",
        OwnKey.RECEIPTS.value: "hears receipts" if found["receipts"] else "hears no receipts",
    }
    return plain("; ".join(shown[key] for key in values), 400)
