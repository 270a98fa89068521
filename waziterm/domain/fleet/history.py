"""What happened to a fleet: its incidents, the course of one instance, the connect attempts."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from waziterm.domain.incidents.incident import Incident
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State


@dataclass(frozen=True, slots=True)
class IncidentView(Incident):
    """An incident as an operator reads it.

    acknowledged_at: when somebody said that he has seen it, UTC seconds, or None; an incident
    that meets another instance after that is open again. done: what was done about it so far, in
    words, or "" when the history does not tell.
    """

    acknowledged_at: float | None = None
    done: str = ""


@dataclass(frozen=True, slots=True)
class Moved:
    """An instance came into a state, or into another reason for it. at: UTC seconds.

    detail: the evidence that was known in that moment, or "".
    """

    at: float
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

    at: float
    instance: str
    kind: AttemptKind
    took_s: float | None = None
    ok: bool | None = None


class History(Protocol):
    """What is remembered of a fleet, as long as the settings say. All raise FleetError."""

    async def incidents(self, since: float = 0.0) -> tuple[IncidentView, ...]:
        """The incidents that still grew at `since` (UTC seconds) or later, newest first."""
        ...

    async def acknowledge(self, incident: int) -> None:
        """Note that the incident with this number was seen. The first time counts.

        Raises FleetError when there is no such incident.
        """
        ...

    async def timeline(self, name: str, since: float = 0.0, limit: int = 200) -> tuple[Moved, ...]:
        """The newest `limit` moves of an instance, oldest first.

        They begin with the one before `since` (UTC seconds), if there is one: it tells how the
        instance stood then.
        """
        ...

    async def attempts(self, since: float, name: str | None = None) -> tuple[Attempt, ...]:
        """The connect attempts that began at `since` (UTC seconds) or later, oldest first.

        name: of one instance only.
        """
        ...
