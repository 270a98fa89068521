"""The documents that the API answers with; `waziterm.gateway.api.openapi` describes them."""

from typing import TypedDict

from waziterm.domain.codec import document_of
from waziterm.domain.messages.message import MessageView
from waziterm.domain.webhooks.event import EventType


@document_of("id", "state", "instance", "to", "due")
class Accepted(MessageView):
    """A message that was taken. id: by which it is asked for. instance: its name. to: masked. due:
    when it is sent at the earliest, UTC, or null when nobody can know yet."""

    __slots__ = ()


class MessagePage(TypedDict):
    """Messages, the newest first. next: what to ask for as `before` to get the older ones, null
    when there are none."""

    messages: list[MessageView]
    next: str | None


class Event(TypedDict):
    """An event, as webhooks tell it. type: such as `message.received`. timestamp: UTC. seq: its
    number among those of its instance. data: what its type says, with phone numbers masked."""

    type: EventType
    timestamp: str
    instance: str
    seq: int
    data: dict[str, object]


class EventPage(TypedDict):
    """Events, the oldest first. next: what to ask for as `after` to get the newer ones."""

    events: list[Event]
    next: int


class Uploaded(TypedDict):
    """A file that was taken. id: by which a message names it, as `media`. bytes: its size."""

    id: str
    bytes: int


class Failure(TypedDict):
    """What was refused, or failed. error: one sentence. code: a word for it. hint: what to do, or
    ""."""

    error: str
    code: str
    hint: str
