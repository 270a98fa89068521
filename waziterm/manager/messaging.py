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
from waziterm.domain.messages.queue import MessageQueue, MessageRefusedError, RefusalCode
from waziterm.domain.messages.queue_counts import QueueCounts
from waziterm.domain.phrase import Phrase
from waziterm.manager.clock import Clock
from waziterm.manager.inputs import InputError, phone_number

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
    """Put a text into the queue of an instance. to: a phone number as people write it, or a JID.
    Raises MessageRefusedError."""
    return await queue.accept(name, NewMessage(_jid_of(to), Content(MessageKind.TEXT, text)))


def _jid_of(to: str) -> str:
    if "@" in to:
        return to.strip()
    try:
        return str(Jid(phone_number(to).removeprefix("+")))
    except InputError:
        # What was written may be the text by mistake, and errors are kept in the audit.
        raise MessageRefusedError(
            RefusalCode.WRONG_RECIPIENT,
            Phrase(
                "a message goes to a number like +4915112345678, or to the JID of a person or group"
            ),
        ) from None


async def text_of(queue: MessageQueue, message: str) -> MessageText:
    """What a message says, with whose it is. Raises MessageRefusedError."""
    found = await queue.message(message)
    return MessageText(found.id, found.instance, found.to, await queue.text_of(message))
