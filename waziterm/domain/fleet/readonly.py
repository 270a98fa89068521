"""A fleet to look at: every command is refused with one line, whoever asks for it."""

from typing import Any, cast

from waziterm.domain.fleet.api import Fleet, FleetError
from waziterm.domain.fleet.verbs import ByVerb, Verb, refusal
from waziterm.domain.phrase import Phrase


def read_only(fleet: Fleet) -> Fleet:
    """The same fleet to look at. What only looks, dry runs too, is passed on; anything else raises
    FleetError with code 2."""

    def carry_out(verb: Verb, arguments: dict[str, Any]) -> Any:
        if not verb.is_change(arguments):
            return getattr(fleet, verb.name)(**arguments)
        said = Phrase("this screen only watches: {verb} was not carried out", verb=verb.word)
        return refusal(verb, FleetError(said, Phrase("attach without --read-only"), 2))

    return cast(Fleet, ByVerb(Fleet, carry_out))
