"""Events: what came in and what became of instances, kept until webhooks have told it."""

import logging
from collections.abc import Sequence

from waziterm.domain.messages.inbound import JournalPart
from waziterm.domain.webhooks.event import KEPT_S, UNTOLD_S, Json, WebhookEvent
from waziterm.domain.webhooks.target import Target
from waziterm.gateway.messages_file import MessagesFile
from waziterm.store.errors import StoreError
from waziterm.store.events import EventStore

log = logging.getLogger(__name__)


class Events:
    """`domain.messages.inbound.TakesInbound`, and the events of the instances' states.
    `messages.db` is made for the first of them."""

    def __init__(self, file: MessagesFile) -> None:
        self._file = file

    # -- TakesInbound -------------------------------------------------------------------------

    async def read_to(self, journal: str) -> int:
        store = await self._file.opened_if_there()
        return 0 if store is None else await store.events.read_to(journal)

    async def take(self, identity: str, part: JournalPart) -> None:
        store, telling = await self._file.opened(), self._file.telling()
        name = telling.names.get(identity, "")
        now = self._file.clock.now()
        if await store.events.take(identity, name, part, now, telling):
            self._file.written()

    async def forget(self, journal: str) -> None:
        store = await self._file.opened_if_there()
        if store is not None:
            await store.events.forget(journal)

    # -- states -------------------------------------------------------------------------------

    async def state(self, identity: str, name: str, data: Json) -> None:
        """An instance is in this state now; told unless it was told last. Raises StoreError."""
        store, telling = await self._file.opened(), self._file.telling()
        if await store.events.tell_state(identity, name, data, self._file.clock.now(), telling):
            self._file.written()

    # -- looking, tidying ---------------------------------------------------------------------

    async def after(self, identity: str, seq: int, limit: int) -> tuple[WebhookEvent, ...]:
        """The events of an instance that rest, with a greater number than `seq`. Raises
        StoreError."""
        store = await self._file.opened_if_there()
        return () if store is None else await store.events.events_after(identity, seq, limit)

    async def tidy(self, keep_s: float, *, is_calm: bool) -> None:
        """Delete what is kept no longer. keep_s: how long what was given up is listed. is_calm: the
        clock can be believed for long times. Raises StoreError."""
        try:
            store = await self._file.opened_if_there()
        except StoreError:
            # It was said why, and is tried again at the next round.
            return
        if store is None:
            return
        await self._file.clock_set()
        await give_up_strays(store.events, self._file.telling().targets, self._file.clock.now())
        if not is_calm:
            return
        gone = await store.events.tidy(self._file.clock.now(), KEPT_S, UNTOLD_S, keep_s)
        if gone:
            log.info("%d events are kept no longer", gone)


async def give_up_strays(store: EventStore, targets: Sequence[Target], now: float) -> None:
    """Give up what waits for targets other than these. Raises StoreError."""
    if count := await store.give_up_strays([each.name for each in targets], now):
        log.warning("webhooks: %d events are given up: their webhooks are gone", count)
