"""What is shown of messages to sinks beside the incidents and the instances that they are about."""

from waziterm.domain.frozen import dataclass
from waziterm.domain.units import Moment


@dataclass(frozen=True, slots=True)
class ToldTo:
    """Who was told of an incident. at: when the first message arrived; when it was given up, or
    written, where none has arrived. ok: whether one has arrived; None while it is tried."""

    sink: str
    at: Moment
    ok: bool | None


@dataclass(frozen=True, slots=True)
class SinkCounts:
    """The messages of a sink. sent, failed: since the manager began; tries that failed are not
    counted, messages that were given up are. pending: those that wait now."""

    name: str
    sent: int = 0
    failed: int = 0
    pending: int = 0
