"""An event that webhooks tell: its type, its place among those of its instance, and its body."""

from dataclasses import field
from enum import StrEnum
from typing import Any

from waziterm.domain.frozen import dataclass
from waziterm.domain.units import Moment

Json = dict[str, Any]

MOST_BODY = 20_000
"""Bytes of a body as it is sent; a text is cut for it, and `is_cut` says so."""
KEPT_S = 72 * 3600.0
"""So long a body stays that did not arrive."""
UNTOLD_S = 24 * 3600.0
"""So long one stays that no webhook wants."""


class EventType(StrEnum):
    """What happened. The value is the word in the config and in the body."""

    MESSAGE_RECEIVED = "message.received"
    MESSAGE_SENT = "message.sent"
    MESSAGE_FAILED = "message.failed"
    MESSAGE_UNKNOWN = "message.unknown"
    MESSAGE_DELIVERED = "message.delivered"
    MESSAGE_READ = "message.read"
    MESSAGE_LOST = "message.lost"
    INSTANCE_STATE = "instance.state"


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """Something that happened to an instance. id: `evt_…`, the same for each webhook and each try.
    instance: its id. name: what it was called then. seq: its number among the events of this
    instance, from 1, without a gap. at: UTC seconds. data: what its type says, with phone numbers
    in full."""

    id: str
    instance: str
    name: str
    seq: int
    type: EventType
    at: Moment
    data: Json = field(repr=False)
