"""What happened to a fleet: its incidents, the course of one instance, the connect attempts."""

from enum import StrEnum
from typing import Any

from waziterm.domain.alerts.told import ToldTo
from waziterm.domain.care.findings import Severity
from waziterm.domain.codec import document_of
from waziterm.domain.fleet.api import Source
from waziterm.domain.frozen import dataclass
from waziterm.domain.incidents.incident import Incident
from waziterm.domain.incidents.kinds import IncidentKind
from waziterm.domain.lifecycle.instance import OwnKey
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.phrase import parts_of
from waziterm.domain.units import Moment, Seconds, Told


@document_of(
    *("id", "reason", "code=reason.code", "sentence=reason.sentence", "detail", "began_at"),
    *("last_at", "names", "fleet", "serious=is_serious", "acknowledged_at", "done", "done_parts"),
    *("kind", "severity", "closed_at", "acknowledged_by", "note", "told"),
)
@dataclass(frozen=True, slots=True)
class IncidentView(Incident):
    """An incident as an operator reads it.

    acknowledged_at: when somebody said that he has seen it, UTC seconds, or None; an incident
    that meets another instance after that is open again. done: what was done about it so far, in
    words, or "" when the history does not tell. closed_at: when the last of its instances was
    through with it, UTC seconds; None as long as one is not. acknowledged_by: who said so last, and
    note: what they had to say about it; both "" for nobody, and both stay when it is open again.
    told: the sinks that were told of it.
    """

    acknowledged_at: Moment | None = None
    done: Told = ""
    closed_at: Moment | None = None
    acknowledged_by: str = ""
    note: str = ""
    told: tuple[ToldTo, ...] = ()

    @property
    def kind(self) -> IncidentKind:
        """What it is about."""
        return IncidentKind.of(self.reason)

    @property
    def severity(self) -> Severity:
        """A problem where an instance cannot go on at once; a warning for what passes by itself."""
        return Severity.PROBLEM if self.is_serious else Severity.WARNING

    @property
    def done_parts(self) -> dict[str, Any] | None:
        """What `done` is made of, as `{template, values}`, for another language."""
        return parts_of(self.done)


@document_of("at", "state", "reason", "code=reason.code", "sentence=reason.sentence", "detail")
@dataclass(frozen=True, slots=True)
class Moved:
    """An instance came into a state, or into another reason for it. at: UTC seconds.

    detail: the latest evidence that was found for it, or "".
    """

    at: Moment
    state: State
    reason: Reason
    detail: str = ""


class AttemptKind(StrEnum):
    """Why the program tried to connect; the value is the word in the database and in JSON."""

    PAIRING = "pairing"
    RESUME = "resume"
    ASKED = "asked"
    RETRY = "retry"
    MOVE = "move"
    GUARDED = "guarded"
    TAKEOVER = "takeover"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One connect attempt. at: when it began, UTC seconds.

    took_s: seconds to its end, None while it is under way and when the program ended before it
    did. ok: whether WhatsApp let us in or showed a QR code to let us in; None as well when a
    person cut it short, which is no verdict.
    """

    at: Moment
    instance: str
    kind: AttemptKind
    took_s: Seconds | None = None
    ok: bool | None = None


@dataclass(frozen=True, slots=True)
class FleetLine:
    """A log line with the name of its instance; else as `domain.fleet.api.LogLine`."""

    instance: str
    seq: int
    at: Moment
    source: Source
    text: str


@dataclass(frozen=True, slots=True)
class FleetLines:
    """Log lines, oldest first. last: what to ask with for those that come after them, 0 where
    nothing comes."""

    lines: tuple[FleetLine, ...]
    last: int


@dataclass(frozen=True, slots=True)
class Edit:
    """What somebody has set of one instance, or that they renamed it, which can be undone. at: UTC
    seconds. who: the name of the user, or "" where nobody is known. keys: what was set. former: the
    name that it had before a rename, else ""."""

    id: int
    at: Moment
    who: str
    instance: str
    keys: tuple[OwnKey, ...]
    former: str = ""


@dataclass(frozen=True, slots=True)
class ShiftNote:
    """What somebody left for whoever looks at the fleet next. at: UTC seconds. who: the name of
    the user, or "" where nobody is known."""

    id: int
    at: Moment
    who: str
    text: str
