"""What people ask of the queue of messages, and its counts as the instances show them."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

from waziterm.domain.errors import FleetError
from waziterm.domain.jid import Jid
from waziterm.domain.messages.message import (
    Content,
    MessageKind,
    MessageState,
    MessageText,
    MessageView,
    NewMessage,
    OptedOut,
)
from waziterm.domain.messages.queue import MessageQueue, Once, QueueCounts, Resolution
from waziterm.manager.clock import Clock
from waziterm.manager.inputs import phone_number

COUNTED_S = 0.5
"""Shortest time between two looks at the counts, in seconds."""
OLD_S = 60.0
"""How old counts may be: what was sent in the last hour changes with time alone."""


class Messaging:
    """Stands between the queue and whoever asks by name. show: tells whoever watches that the
    instance with this name is shown otherwise."""

    def __init__(self, queue: MessageQueue, clock: Clock, show: Callable[[str], None]) -> None:
        self._queue = queue
        self._clock = clock
        self._show = show
        self._counts: Mapping[str, QueueCounts] = {}

    def counts_of(self, name: str) -> QueueCounts | None:
        """How an instance's messages stood at the newest look; None where it never had any."""
        return self._counts.get(name)

    async def run(self) -> None:
        """Keep the counts current until cancelled. Of a fleet without messages nothing is looked
        at again until there are some."""
        while True:
            fresh, before = dict(self._queue.counts()), self._counts
            self._counts = fresh
            for name in {*fresh, *before}:
                if fresh.get(name) != before.get(name):
                    self._show(name)
            await self._clock.sleep(COUNTED_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(OLD_S if fresh else None):
                    await self._queue.changed()

    async def send(self, name: str, to: str, text: str) -> MessageView:
        """See `domain.fleet.protocol.Fleet.send_message`."""
        jid = to.strip() if "@" in to else str(Jid(phone_number(to).removeprefix("+")))
        return await self._queue.accept(name, NewMessage(jid, Content(MessageKind.TEXT, text)))

    async def messages(
        self, name: str | None, state: MessageState | None, limit: int, before: str | None
    ) -> tuple[MessageView, ...]:
        return await self._queue.messages(instance=name, state=state, limit=limit, before=before)

    async def cancel(self, message: str) -> MessageView:
        return await self._queue.cancel(message)

    async def resolve(self, message: str, how: Resolution) -> MessageView:
        return await self._queue.resolve(message, how)

    async def text(self, message: str) -> MessageText:
        """See `domain.fleet.protocol.Fleet.message_text`."""
        found = await self._queue.message(message)
        return MessageText(found.id, found.instance, found.to, await self._queue.text_of(message))

    async def opt_outs(self, name: str | None) -> tuple[OptedOut, ...]:
        return await self._queue.opt_outs(name)

    async def remove_opt_out(self, opt_out: str) -> OptedOut:
        return await self._queue.take_back_opt_out(opt_out)


class NoQueue:
    """The queue of a fleet that sends nothing."""

    async def accept(self, instance: str, new: NewMessage, once: Once | None = None) -> MessageView:
        raise _refused()

    async def message(self, message_id: str) -> MessageView:
        raise _refused()

    async def messages(
        self,
        *,
        instance: str | None = None,
        state: MessageState | None = None,
        ref: str | None = None,
        limit: int = 200,
        before: str | None = None,
    ) -> tuple[MessageView, ...]:
        return ()

    async def cancel(self, message_id: str) -> MessageView:
        raise _refused()

    async def resolve(self, message_id: str, how: Resolution) -> MessageView:
        raise _refused()

    async def text_of(self, message_id: str) -> str:
        raise _refused()

    def counts(self) -> Mapping[str, QueueCounts]:
        return {}

    async def changed(self) -> None:
        await asyncio.Event().wait()

    async def opt_outs(self, instance: str | None = None) -> tuple[OptedOut, ...]:
        return ()

    async def take_back_opt_out(self, opt_out_id: str) -> OptedOut:
        raise _refused()


def _refused() -> FleetError:
    return FleetError("this manager has no queue")
