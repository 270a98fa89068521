"""A time in which nothing is told of an instance."""

from waziterm.domain.codec import document_of
from waziterm.domain.frozen import dataclass
from waziterm.domain.units import Moment


@document_of("instance", "at", "until", "who")
@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing is told of an instance until a moment. instance: its name. who: whoever asked for
    it, as the machine names him, or "". id: see `Instance`."""

    instance: str
    at: Moment
    until: Moment
    who: str
    id: str = ""
