"""What the manager does for webhooks: who is told, and that instances changed their state."""

import asyncio
import importlib
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.units import moment_text
from waziterm.domain.webhooks.event import EventType, Json
from waziterm.manager.broadcast import Subscriber
from waziterm.manager.clock import Clock
from waziterm.store.errors import StoreError

if TYPE_CHECKING:
    from waziterm.gateway.events import Events
    from waziterm.gateway.webhooks import Webhooks

log = logging.getLogger(__name__)

LOOK_S = 15.0
"""Seconds between two looks at how much waits."""
_DISK_S = 5.0
"""The pause before the database is tried again."""


def state_data(view: InstanceView) -> Json:
    """What is told of an instance's state, in the words of `list --json`."""
    following = view.next_attempt
    return {
        "state": view.state.value,
        "reason": view.reason.slug,
        "code": view.reason.code,
        "next_step": str(view.next_step),
        "since": moment_text(view.since),
        "next_attempt": None if following is None else moment_text(following),
    }


async def tell_states(
    subscribe: Callable[[], AbstractAsyncContextManager[Subscriber]],
    events: "Events",
    webhooks: "Webhooks",
    clock: Clock,
) -> None:
    """Tell of each change of an instance's state, until cancelled: at first of what changed since
    that was told last. What comes while the disk does not take it is told as it is then."""
    told: dict[str, tuple[str, str]] = {}
    async with subscribe() as subscriber:
        while True:
            changes = await subscriber.next()
            whole = changes.snapshot
            if not webhooks.wants(EventType.INSTANCE_STATE):
                told.clear()
                continue
            for view in changes.changed if whole is None else whole.instances:
                now = view.state.value, view.reason.slug
                if told.get(view.id) == now:
                    continue
                while True:
                    try:
                        await events.state(view.id, view.name, state_data(view))
                        break
                    except StoreError as error:
                        log.warning("webhooks: a state is not told yet: %s", error)
                        await clock.sleep(_DISK_S)
                told[view.id] = now


async def keep_telling(
    begin: asyncio.Event,
    subscribe: Callable[[], AbstractAsyncContextManager[Subscriber]],
    events: "Events",
    webhooks: "Webhooks",
    clock: Clock,
) -> None:
    """Deliver what webhooks have to tell, from the moment on at which the instances may connect,
    until cancelled."""
    await begin.wait()
    # It takes 20 ms.
    await asyncio.to_thread(importlib.import_module, "waziterm.gateway.webhook_deliveries")
    webhooks.begin()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(tell_states(subscribe, events, webhooks, clock), name="webhook states")
        while True:
            try:
                await webhooks.look()
            except StoreError as error:
                log.warning("webhooks: %s", error)
            await clock.sleep(LOOK_S)
