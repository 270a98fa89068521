"""How the webhooks stand: what is shown of each, of a test, and of what was given up."""

from waziterm.domain.alerts.alert_settings import Numbers
from waziterm.domain.codec import document_of
from waziterm.domain.frozen import dataclass
from waziterm.domain.units import Moment, Seconds
from waziterm.domain.webhooks.event import EventType
from waziterm.domain.webhooks.target import Form


@dataclass(frozen=True, slots=True)
class WebhookView:
    """A webhook, and how it stands with its events. where: its host. events: the types that it is
    told, all when empty. instances: patterns of the names of those of which it is told, all when
    empty. from_client: whether a client of the facade has set it, not the config. last_sent_at:
    when an event arrived last, UTC seconds, None when none is remembered. pending, failed: how many
    events wait, and how many were given up. last_error: why the last one that was tried did not
    arrive, "" when it did."""

    name: str
    where: str
    events: tuple[EventType, ...]
    instances: tuple[str, ...]
    numbers: Numbers
    form: Form
    signed: bool
    from_client: bool
    last_sent_at: Moment | None = None
    pending: int = 0
    failed: int = 0
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class WebhookTest:
    """Whether a webhook has taken a test. error: why not, or ""."""

    webhook: str
    ok: bool
    took_s: Seconds
    error: str = ""


@document_of(
    *("id", "webhook", "instance", "type", "seq", "at", "failed_at", "tries", "error", "is_kept")
)
@dataclass(frozen=True, slots=True)
class FailedDelivery:
    """An event that was given up for a webhook. id: of the event. instance: what it was called
    then. at: when it happened. failed_at: when it was given up. tries: how many there were. error:
    why the last one failed. is_kept: whether what it says is there still, so that it can be tried
    again."""

    id: str
    webhook: str
    instance: str
    type: EventType
    seq: int
    at: Moment
    failed_at: Moment
    tries: int
    error: str
    is_kept: bool
