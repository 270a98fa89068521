"""What waits in `messages.db` for a webhook."""

from waziterm.store.events_rows import Due
from waziterm.store.messages import MessageStore


async def heads(store: MessageStore, target: str) -> tuple[Due, ...]:
    """The first delivery that waits of each instance."""
    waiting = await store.events.waiting_since(target, 0)
    return tuple([(await store.events.next_of(target, each, 1))[0] for each in waiting])
