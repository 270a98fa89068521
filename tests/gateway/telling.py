"""Webhooks that deliver, on a clock that may run fast; and events for them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from types import MappingProxyType

from tests.alerts.delivering import KEY, FastClock, becomes
from waziterm.domain.messages.inbound import InboundKind, JournalPart, Received
from waziterm.domain.secret import Secret
from waziterm.domain.webhooks.target import Target
from waziterm.domain.webhooks.views import WebhookView
from waziterm.gateway.events import Events
from waziterm.gateway.messages_file import MessagesFile, MessagesPlace
from waziterm.gateway.webhooks import Webhooks

NUMBER = "6281234567890"
TEXT = "a text that is nobody's business"
NAMES = {f"i{number}": f"shop-{number}" for number in range(50)}


class Clock(FastClock):
    """`gateway.queue_clock.Clock`; nobody sets it."""

    shift = 0.0


def target(url: str, name: str = "crm", *secrets: str) -> Target:
    return Target(name, Secret(url), tuple(Secret(each) for each in secrets or (KEY,)))


def received(number: int = 1, text: str = TEXT) -> Received:
    return Received(
        whatsapp_id=f"ID{number}",
        chat="123456789012345@lid",
        sender=f"{NUMBER}@s.whatsapp.net",
        at=1_700_000_000.0,
        kind=InboundKind.TEXT,
        text=text,
        number=NUMBER,
        push_name="\x1b[31mred\u202e",
    )


@dataclass
class Telling:
    """What is at work. taken: by instance, how much of its journal was taken."""

    file: MessagesFile
    events: Events
    webhooks: Webhooks
    taken: dict[str, int] = field(default_factory=dict)

    async def take(self, instance: str = "i1", count: int = 1, text: str = TEXT) -> None:
        """Let so many messages come in, one after the other."""
        journal = instance.rjust(16, "0")
        start = self.taken.get(instance) or await self.events.read_to(journal)
        messages = tuple(received(start + each + 1, text) for each in range(count))
        await self.events.take(instance, JournalPart(journal, start, start + count, messages))
        self.taken[instance] = start + count

    async def view(self, name: str = "crm") -> WebhookView:
        (found,) = [each for each in await self.webhooks.views() if each.name == name]
        return found

    async def settled(self, name: str = "crm", seconds: float = 20.0) -> WebhookView:
        """Wait until nothing of a webhook waits any more."""

        async def look() -> WebhookView | None:
            view = await self.view(name)
            return None if view.pending else view

        found = await becomes(look, seconds)
        assert found is not None
        return found

    async def error(self, name: str = "crm") -> str:
        """Wait until a try has failed; why."""

        async def look() -> str:
            return (await self.view(name)).last_error

        return await becomes(look)


@asynccontextmanager
async def telling(
    folder: Path,
    *targets: Target,
    speed: float = 1.0,
    names: Mapping[str, str] = NAMES,
    called: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[Telling]:
    """Webhooks at work on the `messages.db` of a directory, as a manager keeps them. called: how
    clients of Waziper call instances, by their ids."""

    async def called_of(instance: str) -> str:
        return called.get(instance, "")

    async with asyncio.TaskGroup() as tasks:
        file = MessagesFile(MessagesPlace(folder), Clock(speed))
        webhooks = Webhooks(
            file,
            Random(7),
            lambda work, name: tasks.create_task(work, name=name),
            lambda: names,
            called_of,
        )
        webhooks.apply(targets)
        webhooks.begin()
        try:
            yield Telling(file, Events(file), webhooks)
        finally:
            await webhooks.close()
            await file.close()


def public(made: Target) -> Target:
    """The same as a stranger has set it."""
    return replace(made, must_be_public=True)
