"""Messages in, from a journal to a webhook: through the manager's events to a receiver's answer.

A manager in this process keeps ten packed instances on the lab, and one webhook is told of all
that comes in. Parts of journals are taken at a steady rate, as the reader takes them; what is
measured is from the call until the receiver has the event, which is on the disk by then. The
receiver runs in this process too, and keeps its connections.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from aiohttp import web

from bench.figures import Figure, percentile
from bench.rig import Rig
from waziterm.domain.messages.inbound import InboundKind, JournalPart, Received
from waziterm.domain.secret import Secret
from waziterm.domain.webhooks.event import EventType
from waziterm.domain.webhooks.webhook_settings import Webhook
from waziterm.manager.manager import SessionManager

COUNT = 10
PER_S = 100
MESSAGES, QUICK_MESSAGES = 6_000, 1_500
TOLD_P95_MS = 300.0
TIMEOUT_S = 120.0
TEXT = "a text of usual length, as people write them in chats with a shop " * 2


async def to_webhook(rig: Rig) -> list[Figure]:
    """How long it takes from a journal to a webhook."""
    messages = QUICK_MESSAGES if rig.quick else MESSAGES
    told: dict[str, float] = {}
    all_told = asyncio.Event()
    async with rig.stage(COUNT, fresh=True) as stage, _receiver(told, messages, all_told) as url:
        told_of = Webhook(
            name="bench",
            url=Secret(url),
            unsigned=True,
            events=frozenset({EventType.MESSAGE_RECEIVED}),
        )
        async with stage.manager() as (fleet, _):
            fleet.apply(replace(stage.settings(), webhooks=(told_of,)))
            identities = [fleet.view(name).id for name in stage.jids]
            began = await _at_a_rate(fleet, identities, messages)
            async with asyncio.timeout(TIMEOUT_S):
                await all_told.wait()
    took = [1000 * (at - began[each]) for each, at in told.items()]
    return [
        Figure(
            f"journal to webhook, at {PER_S}/s from {COUNT} instances, p95",
            percentile(took, 0.95),
            "ms",
            TOLD_P95_MS,
            note=f"{messages} messages; median {percentile(took, 0.5):.0f} ms",
        )
    ]


async def _at_a_rate(
    fleet: SessionManager, identities: list[str], messages: int
) -> dict[str, float]:
    """Let messages come in at a steady rate; when each did, by its id."""
    began: dict[str, float] = {}
    turns = {each: asyncio.Lock() for each in identities}

    async def take(number: int) -> None:
        identity, place = identities[number % COUNT], number // COUNT
        whatsapp_id = f"3EB0{number:08X}"
        async with turns[identity]:
            began[whatsapp_id] = time.monotonic()
            chat = f"{200_000_000_000_000 + number % 40}@lid"
            message = Received(whatsapp_id, chat, chat, time.time(), InboundKind.TEXT, TEXT)
            part = JournalPart(identity[:16].rjust(16, "0"), place, place + 1, (message,))
            await fleet.events.take(identity, part)

    start = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for number in range(messages):
            wait_s = start + number / PER_S - time.monotonic()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            tasks.create_task(take(number))
    return began


@asynccontextmanager
async def _receiver(
    told: dict[str, float], messages: int, all_told: asyncio.Event
) -> AsyncIterator[str]:
    """Where events are taken in. told: by the message's id, when. all_told: set after so many."""

    async def take(request: web.Request) -> web.Response:
        event = await request.json()
        told.setdefault(event["data"]["id"], time.monotonic())
        if len(told) >= messages:
            all_told.set()
        return web.Response(status=204)

    application = web.Application()
    application.router.add_post("/", take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        (address,) = runner.addresses
        yield f"http://127.0.0.1:{address[1]}/"
    finally:
        await runner.cleanup()
