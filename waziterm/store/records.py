"""What is written of a step of an instance. Moments are seconds since the Unix epoch, UTC."""

from waziterm.domain.fleet.history import AttemptKind
from waziterm.domain.frozen import dataclass
from waziterm.domain.incidents.incident import Incident
from waziterm.domain.lifecycle.instance import Instance


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """How a connect attempt ended. id: its number. ok: None when it was cut short and counts
    neither way."""

    id: int
    ok: bool | None


@dataclass(frozen=True, slots=True)
class Change:
    """One step of an instance, with all that is to be stored together with it.

    event: what led to it, None when that is not to be told. begins: the kind of the attempt that
    starts with it. ends: the attempt that is over with it. incident: the incident that it belongs
    to, new or grown.
    """

    instance: Instance
    event: str | None
    at: float
    begins: AttemptKind | None = None
    ends: AttemptEnd | None = None
    incident: Incident | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """The numbers that a stored change was given. attempt: None when none began."""

    attempt: int | None
    incident: Incident | None
