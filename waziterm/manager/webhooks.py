"""What the manager does for webhooks: who is told, and that instances changed their state."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import TYPE_CHECKING

from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.units import moment_text
from waziterm.domain.webhooks.event import EventType, Json
from waziterm.manager.broadcast import Subscriber
from waziterm.manager.clock import Clock
from waziterm.store.errors import AGAIN_S, StoreError

if TYPE_CHECKING:
    from waziterm.config.settings import Settings
    from waziterm.domain.care.evidence import WebhookLook
    from waziterm.domain.fleet.counts import WebhookCounts
    from waziterm.domain.webhooks.target import Target
    from waziterm.gateway.events import Events
    from waziterm.gateway.webhooks import Webhooks

log = logging.getLogger(__name__)

LOOK_S = 15.0
"""Seconds between two looks at how much waits."""


class Targets:
    """Whom webhooks tell: those of the settings, and those that clients of the facade have set.
    settings: as they are now. of_clients: the targets of the latter; raises StoreError. make: makes
    what tells them, once there is anybody."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        of_clients: Callable[[], Awaitable[tuple[Target, ...]]],
        make: Callable[[], Webhooks],
    ) -> None:
        self._settings = settings
        self._of_clients = of_clients
        self._make = make
        self._clients: tuple[Target, ...] = ()
        self._webhooks: Webhooks | None = None
        self._turn = asyncio.Lock()

    @property
    def webhooks(self) -> Webhooks:
        """What tells them."""
        if self._webhooks is None:
            self._webhooks = self._make()
        return self._webhooks

    async def changed(self) -> None:
        """Tell those that there are now, from now on."""
        self._apply()
        async with self._turn:
            try:
                self._clients = await self._of_clients()
            except StoreError as error:
                self._clients = ()
                log.warning("the webhooks of the facade's clients are not known: %s", error)
            self._apply()

    def _apply(self) -> None:
        targets = [*(each.target for each in self._settings().webhooks), *self._clients]
        if targets or self._webhooks is not None:
            self.webhooks.apply(targets)

    def counts(self) -> tuple[WebhookCounts, ...]:
        """See `gateway.webhooks.Webhooks.counts`."""
        return () if self._webhooks is None else self._webhooks.counts()

    async def looked_at(self) -> tuple[WebhookLook, ...]:
        """See `gateway.webhooks.Webhooks.looked_at`; what fails is told of the messages."""
        if self._webhooks is None:
            return ()
        try:
            return await self._webhooks.looked_at()
        except StoreError:
            return ()

    async def close(self) -> None:
        """Let all tasks end; what is under way is tried again at the next start."""
        if self._webhooks is not None:
            await self._webhooks.close()


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
    events: Events,
    webhooks: Webhooks,
    clock: Clock,
) -> None:
    """Tell of each change of an instance's state, until cancelled: at first of what changed since
    that was told last. What comes while the disk does not take it is told as it is then."""
    views: dict[str, InstanceView] = {}
    told: dict[str, tuple[str, str]] = {}
    async with subscribe() as subscriber:
        while True:
            changes = await subscriber.next()
            if changes.snapshot is not None:
                views = {view.name: view for view in changes.snapshot.instances}
            views |= {view.name: view for view in changes.changed}
            for name in changes.removed:
                views.pop(name, None)
            if not webhooks.wants(EventType.INSTANCE_STATE):
                told.clear()
                continue
            for view in views.values():
                now = view.state.value, view.reason.slug
                if told.get(view.id) != now:
                    await _tell(events, view, clock)
                    told[view.id] = now


async def _tell(events: Events, view: InstanceView, clock: Clock) -> None:
    """Tell of an instance as it is; as often as the disk needs."""
    while True:
        try:
            await events.state(view.id, view.name, state_data(view))
            return
        except StoreError as error:
            log.warning("webhooks: a state is not told yet: %s", error)
            await clock.sleep(AGAIN_S)


async def keep_telling(
    begin: asyncio.Event,
    subscribe: Callable[[], AbstractAsyncContextManager[Subscriber]],
    events: Events,
    webhooks: Webhooks,
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
            with suppress(StoreError):
                # Whoever delivers says why.
                await webhooks.look()
            await clock.sleep(LOOK_S)
