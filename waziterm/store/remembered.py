"""What is read of the history. Moments are seconds since the Unix epoch, UTC."""

from dataclasses import dataclass, field

from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State


@dataclass(frozen=True, slots=True)
class Transition:
    """One stored change of an instance. instance: its name. instance_id: its id.

    from_state: None for a new instance; equal to `to_state` when only the reason or the detail
    changed, or only an event was recorded. code: the number that operators know, or "".
    event: what led to it, or "".
    """

    at: float
    instance: str
    from_state: State | None
    to_state: State
    reason: Reason
    code: str
    detail: str
    event: str
    instance_id: str


@dataclass(frozen=True, slots=True)
class OfConflict:
    """A change of an instance that is a conflict, or that may tell more of one. id: its number.
    instance: its name. ended: the number of the next change by which a conflict is over, or None.
    """

    id: int
    at: float
    instance: str
    instance_id: str
    to_state: State
    reason: Reason
    detail: str
    event: str
    ended: int | None


@dataclass(frozen=True, slots=True)
class AttemptCounts:
    """Connect attempts that came to an end, and how many of them ended well."""

    total: int
    ok: int


@dataclass(frozen=True, slots=True)
class SendCounts:
    """Send-tests, and how many of them WhatsApp acknowledged."""

    total: int
    ok: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows of the history were deleted because of their age."""

    transitions: int
    attempts: int
    sends: int
    lines: int


@dataclass(frozen=True, slots=True)
class StoredAct:
    """Something that the janitor did. subject: to whom or what. why: a sentence. instance: the
    id of the instance that it was done to, if any."""

    at: float
    kind: str
    subject: str
    why: str
    instance: str | None


@dataclass(slots=True)
class Week:
    """What was counted of an instance in seven days, today the last of them.

    up_s, seen_s: see `domain.stats.hours`. last_up_s, last_seen_s: the same of the last 24 hours.
    drops: by the place of the day, 0 to 6; only of days of which anything was counted. connects:
    how many took how long, see `domain.stats.hours.bucket_of`.
    """

    up_s: float = 0.0
    seen_s: float = 0.0
    last_up_s: float = 0.0
    last_seen_s: float = 0.0
    drops: dict[int, int] = field(default_factory=dict)
    connects: dict[int, int] = field(default_factory=dict)
