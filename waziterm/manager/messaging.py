"""What people ask of the queue of messages by name, and its counts as the instances show them."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

from waziterm.domain.jid import Jid
from waziterm.domain.messages.message import (
    Content,
    MessageKind,
    MessageText,
    MessageView,
    NewMessage,
)
from waziterm.domain.messages.queue import MessageQueue, QueueCounts
from waziterm.manager.clock import Clock
from waziterm.manager.inputs import phone_number

COUNTED_S = 0.5
"""Shortest time between two looks at the counts, in seconds."""
OLD_S = 60.0
"""How old counts may be: what was sent in the last hour changes with time alone."""


class Messaging:
    """Keeps the counts of the queue as the instances show them. show: tells whoever watches that
    the instance with this name is shown otherwise."""

    def __init__(self, clock: Clock, show: Callable[[str], None]) -> None:
        self._clock = clock
        self._show = show
        self._counts: Mapping[str, QueueCounts] = {}

    def counts_of(self, name: str) -> QueueCounts | None:
        """How an instance's messages stood at the newest look; None where it never had any."""
        return self._counts.get(name)

    async def run(self, queue: MessageQueue) -> None:
        """Keep the counts current until cancelled. Of a queue without messages nothing is looked
        at again until there are some."""
        while True:
            fresh, before = dict(queue.counts()), self._counts
            self._counts = fresh
            for name in {*fresh, *before}:
                if fresh.get(name) != before.get(name):
                    self._show(name)
            await self._clock.sleep(COUNTED_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(OLD_S if fresh else None):
                    await queue.changed()


async def send(queue: MessageQueue, name: str, to: str, text: str) -> MessageView:
    """Put a text into the queue of an instance. to: a phone number or a JID. Raises InputError, and
    MessageRefusedError."""
    jid = to.strip() if "@" in to else str(Jid(phone_number(to).removeprefix("+")))
    return await queue.accept(name, NewMessage(jid, Content(MessageKind.TEXT, text)))


async def text_of(queue: MessageQueue, message: str) -> MessageText:
    """What a message says, with whose it is. Raises MessageRefusedError."""
    found = await queue.message(message)
    return MessageText(found.id, found.instance, found.to, await queue.text_of(message))
