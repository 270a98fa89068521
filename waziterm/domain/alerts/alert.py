"""What is told of an incident: one message, and the closed sets of its words."""

from enum import StrEnum

from waziterm.domain.frozen import dataclass
from waziterm.domain.units import Moment


class AlertRule(StrEnum):
    """Why an incident is told; the value is the word in the config and in the body."""

    HELD = "held"
    CONFLICT = "conflict"
    LOGGED_OUT = "logged_out"
    BANNED = "banned"
    OUTDATED = "outdated"
    VERSION = "version"
    PASSKEY = "passkey"
    DEAF = "deaf"
    CRASH_LOOP = "crash_loop"
    DOWN = "down"
    SUCCESS = "success"
    UPTIME = "uptime"
    DROPS = "drops"
    DISK = "disk"
    MEMORY = "memory"
    PHONE = "phone"
    PATTERN = "pattern"
    BACKUP = "backup"
    FLEET = "fleet"


class AlertSeverity(StrEnum):
    """How much an alert matters, the least first."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class AlertState(StrEnum):
    """Whether the incident goes on, or is over."""

    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Alert:
    """One message about an incident, as it is stored in the outbox for each sink that gets it.

    id: the incident's, the same in all of its messages. instance: the one instance's name, None
    where it is about several or none. number: `+62…` in full; a sink that is not told "full" masks
    it. reason: its slug. text: what happened, to whom, since when, what the program does and what
    to do; at most 240 characters, without a number in full. next: what to do, one sentence.
    met: the ids of the instances; the order per instance and sink goes by them.
    """

    id: str
    at: Moment
    rule: AlertRule
    severity: AlertSeverity
    state: AlertState
    instance: str | None
    instances: tuple[str, ...]
    number: str | None
    reason: str
    code: str
    since: Moment
    text: str
    next: str
    met: tuple[str, ...] = ()
