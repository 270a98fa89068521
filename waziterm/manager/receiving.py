"""Messages in: has the journals of the workers read, once there are any."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from waziterm.manager.clock import Clock
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.instances import Instances

if TYPE_CHECKING:
    from waziterm.gateway.events import Events
    from waziterm.gateway.inbox import Inbox

log = logging.getLogger(__name__)


class Receiving:
    """Loads what reads journals when the first one is there. events: keeps what they tell, made
    when it is asked for. start: makes a task. roll: see `gateway.inbox.Inbox`."""

    def __init__(
        self,
        data: DataDir,
        clock: Clock,
        instances: Instances,
        events: Callable[[], "Events"],
        start: Callable[[Coroutine[object, object, None], str], asyncio.Task[None]],
        roll: Callable[[str], Awaitable[None]],
    ) -> None:
        self._data = data
        self._clock = clock
        self._instances = instances
        self._events = events
        self._start = start
        self._roll = roll
        self._inbox: Inbox | None = None
        self._grew = asyncio.Event()

    @property
    def troubles(self) -> Mapping[str, str]:
        """See `Survey.inbox`."""
        troubles = {} if self._inbox is None else self._inbox.troubles
        found = ((self._instances.with_id(each), each, why) for each, why in troubles.items())
        return {one.instance.name if one else each: why for one, each, why in found}

    def grew(self, identity: str) -> None:
        """There may be something new in the journal of the instance with this id."""
        if self._inbox is None:
            self._grew.set()
        else:
            self._inbox.grew(identity)

    async def begin(self, may: asyncio.Event) -> None:
        """Begin to read, once there is anything. may: the instances may connect from then on."""
        await may.wait()
        while True:
            self._grew.clear()
            await self._open()
            if self._inbox is not None:
                break
            await self._grew.wait()
        try:
            await self._inbox.look()
        except OSError as error:
            log.error("the journals of messages in cannot be read: %s", error)

    async def open_for_the_end(self) -> None:
        """Be able to take at the end what nobody has begun to read. Where there is nothing, nothing
        is waited for."""
        if self._inbox is None and self._data.has_journals():
            await self._open()

    async def close(self) -> None:
        """Take what is left, when no worker runs any more."""
        if self._inbox is not None:
            await self._inbox.close()

    async def _open(self) -> None:
        """Have somebody who reads journals, if there are any."""
        if not await asyncio.to_thread(self._data.has_journals):
            return
        # It takes 0.1 s, which the loop has not.
        for each in ("waziterm.gateway.queue", "waziterm.gateway.events"):
            await asyncio.to_thread(import_module, each)
        module = await asyncio.to_thread(import_module, "waziterm.gateway.inbox")
        if self._inbox is not None:
            return
        self._inbox = module.Inbox(
            self._data.inbox,
            self._events(),
            self._clock,
            self._start,
            self._roll,
            lambda identity: self._instances.with_id(identity) is not None,
        )
