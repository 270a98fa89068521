"""Writing down which verb a call asks for, instead of carrying it out: a verb of the command line
asks with `lambda fleet: fleet.stop(name)`, which the type checker checks, whoever answers."""

from collections.abc import Callable
from typing import Any, cast

from waziterm.domain.fleet.protocol import Fleet, Shown
from waziterm.domain.fleet.verbs import ByVerb, Verb
from waziterm.domain.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Asked:
    """A call of a verb. owner: the protocol that declares it: `Fleet` or `Shown`."""

    owner: type
    verb: Verb
    arguments: dict[str, Any]


class _AskedSnapshot(ByVerb):
    """The snapshot was asked for, or something that is read out of it."""

    def __init__(self, asked: Asked) -> None:
        super().__init__(Shown, lambda verb, arguments: Asked(Shown, verb, arguments))
        self.asked = asked


def asked_of(call: Callable[[Fleet], object]) -> Asked:
    """The one verb that `call` asks of the fleet it is given."""

    def note(verb: Verb, arguments: dict[str, Any]) -> object:
        asked = Asked(Fleet, verb, arguments)
        return _AskedSnapshot(asked) if verb.name == "snapshot" else asked

    asked = call(cast(Fleet, ByVerb(Fleet, note)))
    if isinstance(asked, _AskedSnapshot):
        return asked.asked
    if not isinstance(asked, Asked):
        raise TypeError("the call asks for no verb of the fleet")
    return asked
