"""The real queue behind the API, on the test's own loop; its instances send at once."""

import asyncio
from collections.abc import AsyncIterator, Collection, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

from waziterm.domain.errors import InstanceNotFoundError
from waziterm.domain.messages.message_settings import Messages, Pacing
from waziterm.domain.messages.sending import Acknowledged, Outgoing, Sent, Standing, Trace
from waziterm.gateway.messages_file import MessagesFile, MessagesPlace
from waziterm.gateway.queue import Queue
from waziterm.manager.clock import SystemClock


class Senders:
    """`domain.messages.sending.Phones`. sent: what was sent."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.sent: list[Outgoing] = []

    def standing(self, identity: str) -> Standing:
        return Standing(identity.removeprefix("id-"))

    def expect(self, identity: str) -> None:
        pass

    async def changed(self, identity: str) -> None:
        await asyncio.Event().wait()

    async def send(self, identity: str, message: Outgoing) -> Sent:
        self.sent.append(message)
        return Acknowledged(f"3EB0{len(self.sent):016X}", message.to)

    async def traces(self, identity: str, secrets: Collection[str]) -> Mapping[str, Trace]:
        return {}

    def identity_of(self, name: str) -> str:
        if name not in self.names:
            raise InstanceNotFoundError(name)
        return f"id-{name}"


@asynccontextmanager
async def real_queue(folder: Path, senders: Senders) -> AsyncIterator[Queue]:
    """A queue without pacing, in a folder."""
    async with asyncio.TaskGroup() as tasks:

        def start(work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
            return tasks.create_task(work, name=name)

        file = MessagesFile(MessagesPlace(folder), SystemClock())
        queue = Queue(
            file,
            senders,
            Random(17),
            Messages(),
            Pacing(enabled=False),
            start,
            senders.identity_of,
        )
        await queue.boot()
        queue.begin()
        try:
            yield queue
        finally:
            await queue.close()
            await file.close()
