"""How many events each webhook has."""

from waziterm.domain.frozen import dataclass


@dataclass(frozen=True, slots=True)
class WebhookCounts:
    """The events of a webhook. sent: since the manager began. failed: those that were given up.
    pending: those that wait; both as of the last quarter of a minute."""

    name: str
    sent: int = 0
    failed: int = 0
    pending: int = 0
